// Swagger UI over this server's own openapi.json.

import { key, keyForm, keyHeaders, KEY_TEXT, KEY_TITLE } from "./key.js";
import { element } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const dye = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dye);
dye();

async function show() {
  const response = await fetch("./openapi.json", { headers: keyHeaders() });
  if (response.status === 401) {
    askForKey();
    return;
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  const spec = await response.json();
  // Behind a proxy the API begins where this page does, not at the root of the host.
  const here = new URL(".", document.baseURI);
  if (!spec.servers?.length && here.pathname !== "/") spec.servers = [{ url: here.href }];
  const swagger = SwaggerUIBundle({
    spec,
    dom_id: "#docs",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    onComplete: () => key() && swagger.preauthorizeApiKey("ApiKey", key()),
  });
}

function askForKey() {
  const asked = element("section", { class: "asked" }, element("h1", {}, KEY_TITLE), element("p", {}, KEY_TEXT), keyForm(again));
  document.getElementById("docs").replaceChildren(asked);
  document.getElementById("key").focus();
}


function again() {
  show().catch((error) => {
    const said = element("p", {}, `openapi.json cannot be shown: ${error.message}.`);
    document.getElementById("docs").replaceChildren(said);
  });
}

again();
