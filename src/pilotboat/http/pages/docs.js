// Swagger UI over this server's own openapi.json.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const dye = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dye);
dye();

async function show() {
  const response = await fetch("./openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const spec = await response.json();
  // Behind a proxy the API begins where this page does, not at the root of the host.
  const here = new URL(".", document.baseURI);
  if (!spec.servers?.length && here.pathname !== "/") spec.servers = [{ url: here.href }];
  SwaggerUIBundle({
    spec,
    dom_id: "#docs",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
  });
}

show().catch((error) => {
  const said = document.createElement("p");
  said.textContent = `openapi.json cannot be shown: ${error.message}.`;
  document.getElementById("docs").replaceChildren(said);
});
