// The model page: which models there are, a form for the chosen one, and what it answers.

import { nothingYet, prediction, problem } from "./answer.js";
import { chip, element, range } from "./dom.js";
import { Row } from "./form.js";
import { forget, key, keyForm, keyHeaders, KEY_TEXT, KEY_TITLE } from "./key.js";
import { verdict } from "./verdict.js";

const VALUES_SHOWN = 12;
// Whether the server keeps predictions, and takes what they turned out to be.
const KEEPS = "keeps" in document.body.dataset;
const at = (id) => document.getElementById(id);

let models = [];
let chosen = "";
let model = null;
let row = null;

// Fetches JSON. An answer that is none, or no answer at all, becomes a problem of the same shape.
async function ask(path, options = {}) {
  const start = performance.now();
  try {
    const headers = { accept: "application/json", ...keyHeaders(), ...options.headers };
    const response = await fetch(path, { ...options, headers });
    const text = await response.text();
    const milliseconds = performance.now() - start;
    return { ok: response.ok, status: response.status, milliseconds, body: parsed(text, response) };
  } catch {
    const detail = "The server cannot be reached. Is it still running?";
    return { ok: false, status: "none", milliseconds: 0, body: { title: "No connection", detail } };
  }
}

function parsed(text, response) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (response.ok) throw error;
    return { title: response.statusText || "No answer", detail: "The server answered without a reason." };
  }
}

async function start() {
  const [answer, ready] = await Promise.all([ask("v1/models"), ask("readyz")]);
  if (answer.status === 401) return sayKey();
  at("forget").hidden = !key();
  if (!answer.ok) return say(answer.body.title, answer.body.detail);
  models = answer.body.models ?? [];
  drawModels();
  const name = wanted();
  if (name === undefined) return ready.ok || ready.body.code === "no-models" ? sayEmpty() : sayNotReady(ready.body);
  at("notice").hidden = ready.ok;
  at("notice").textContent = ready.ok ? "" : ready.body.detail;
  return choose(name);
}

// The model that the address names (#/titanic), else the first. Other fragments (#main) are
// places in the page, and change nothing.
function wanted() {
  if (!location.hash) return models[0];
  try {
    if (location.hash.startsWith("#/")) return decodeURIComponent(location.hash.slice(2));
  } catch {
    // an address that somebody typed
  }
  return chosen || models[0];
}

async function choose(name) {
  chosen = name;
  for (const link of at("models").querySelectorAll("a")) {
    if (link.dataset.model === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const answer = await ask(`v1/models/${encodeURIComponent(name)}`);
  if (chosen !== name) return;
  if (answer.status === 401) return sayKey();
  model = answer.body;
  if (answer.ok && model.ready && model.inputs) drawModel();
  else if (answer.ok || answer.status === 503) sayNotReady(answer.body, name);
  else say(answer.body.title, answer.body.detail);
}

function drawModels() {
  const links = models.map((name) => element("a", { href: `#/${encodeURIComponent(name)}`, "data-model": name }, name));
  at("models").replaceChildren(...links);
  at("models").hidden = models.length < 2;
}

function drawModel() {
  document.title = `${model.name} · Pilotboat`;
  at("name").textContent = model.name;
  const badges = [`version ${model.version}`, `${model.engine} engine`, model.default && models.length > 1 && "default model"];
  at("badges").replaceChildren(...badges.filter(Boolean).map((text) => element("li", {}, text)));
  row = new Row(model.inputs, model.example);
  at("fields").replaceChildren(...row.elements);
  at("answer").replaceChildren(nothingYet());
  at("verdict").replaceChildren();
  at("inputs").replaceChildren(...model.inputs.map(inputRow));
  at("outputs").replaceChildren(...model.outputs.flatMap(outputEntry));
  drawCurl();
  at("state").hidden = true;
  at("model").hidden = false;
}

function inputRow(input) {
  const cell = (label, ...content) => element("td", { role: "cell", "data-label": label }, ...content);
  return element(
    "tr",
    { role: "row" },
    element("th", { role: "rowheader", scope: "row" }, input.name),
    cell("Type", input.type),
    cell("Gaps", input.nullable ? "allowed (null)" : "no"),
    cell("Known values", ...knownValues(input)),
    cell("Seen in training", ...seen(input)),
  );
}

function knownValues(input) {
  if (input.type === "boolean") return ["true, false"];
  if (!input.categories) return ["any"];
  const words = input.categories.slice(0, VALUES_SHOWN).map(chip);
  const more = input.categories.length - words.length;
  const notes = [more > 0 && `and ${more} more`, !input.closed && "others are answered too"].filter(Boolean);
  return [element("span", { class: "values" }, ...words, notes.length ? element("span", { class: "muted" }, notes.join("; ")) : null)];
}

function seen(input) {
  const examples = input.examples ?? [];
  if (range(input)) return [range(input)];
  if (input.type === "boolean" || input.categories || !examples.length) return ["–"];
  return [element("span", { class: "values" }, "for example", ...examples.map(chip))];
}

function outputEntry(output) {
  const classes = (output.categories ?? []).slice(0, VALUES_SHOWN).map(chip);
  const more = (output.categories ?? []).length - classes.length;
  const described = classes.length ? [element("span", { class: "values" }, ...classes, more > 0 ? `and ${more} more` : null)] : [`a ${output.type}`];
  const chances = model.probabilities && classes.length ? " with a probability for each" : null;
  return [element("dt", {}, output.name), element("dd", {}, ...described, chances)];
}

const predictPath = () => `v1/models/${encodeURIComponent(model.name)}:predict`;
const requestBody = () => `{"instances": [${row.json()}]}`;

function drawCurl() {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  at("curl").textContent = [
    `curl -sS ${quoted(new URL(predictPath(), document.baseURI).href)}`,
    "  -H 'Content-Type: application/json'",
    ...(key() ? ['  -H "X-API-Key: $PILOTBOAT_KEY"'] : []),
    `  -d ${quoted(requestBody())}`,
  ].join(" \\\n");
}

async function predict() {
  const asked = row;
  const button = at("predict");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  asked.clear();
  const answer = await ask(predictPath(), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: requestBody(),
  });
  button.removeAttribute("aria-disabled");
  if (asked !== row) return;
  if (answer.status === 401) {
    sayKey();
    return;
  }
  const drawn = answer.ok
    ? prediction(answer.body, model.outputs, answer.milliseconds)
    : problem(answer.body, answer.status, asked.mark(answer.body.errors ?? []));
  at("answer").classList.remove("stale");
  at("answer").replaceChildren(drawn);
  at("verdict").replaceChildren(...(answer.ok && KEEPS ? verdict(model.outputs, tell(answer.body)) : []));
  if (answer.ok) at("answer").scrollIntoView({ block: "nearest" });
}

// What sends the actual value of a prediction; it answers why that was not taken, or "".
function tell({ id, model }) {
  return async (actual) => {
    const answer = await ask("v1/feedback", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id, model, actual }),
    });
    return answer.ok ? "" : `It was not noted: ${answer.body.detail ?? answer.body.title}`;
  };
}

async function copy() {
  const text = at("curl").textContent;
  getSelection().selectAllChildren(at("curl"));
  try {
    // Only a secure context has a clipboard; elsewhere the selection is copied.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else document.execCommand("copy");
    at("copied").textContent = "Copied";
    at("copy").textContent = "Copied";
  } catch {
    at("copied").textContent = "Selected: copy it with the keyboard";
  }
  setTimeout(() => {
    at("copy").textContent = "Copy";
    at("copied").textContent = "";
  }, 2000);
}

// A card instead of a model: what is the matter, and what to do.
function say(title, ...paragraphs) {
  const again = element("button", { type: "button" }, "Look again");
  again.addEventListener("click", start);
  const texts = paragraphs.map((item) => (typeof item === "string" ? element("p", {}, item) : item));
  at("state").replaceChildren(element("h1", {}, title), ...texts, again);
  at("state").hidden = false;
  at("model").hidden = true;
}

function sayKey() {
  at("state").replaceChildren(element("h1", {}, KEY_TITLE), element("p", {}, KEY_TEXT), keyForm(start));
  at("state").hidden = false;
  at("model").hidden = true;
  at("models").hidden = true;
  at("forget").hidden = true;
  at("key").focus();
}

function sayEmpty() {
  say(
    "No model here yet",
    "The server is up, and its repository is empty. Pack what your training left behind:",
    packCommand("NAME"),
    "Then start the server again.",
  );
}

function sayNotReady(body, name) {
  say(
    name ? `${name} is not ready` : "No model is ready",
    body.detail ?? "It is there, but it cannot answer yet.",
    "Where it does not come by itself, the server's log says why. A bundle that cannot be opened is packed again:",
    packCommand(name ?? "NAME"),
    "Then start the server again.",
  );
}

function packCommand(name) {
  return element("pre", { tabindex: "0" }, `pilotboat pack model.joblib --data train.csv --target COLUMN --name ${name}`);
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  predict();
});
for (const kind of ["input", "change"]) {
  at("form").addEventListener(kind, () => {
    drawCurl();
    at("answer").classList.add("stale");
  });
}
at("reset").addEventListener("click", () => {
  row.reset();
  drawCurl();
  at("answer").replaceChildren(nothingYet());
  at("verdict").replaceChildren();
});
at("copy").addEventListener("click", copy);
at("forget").addEventListener("click", () => {
  forget();
  sayKey();
});
addEventListener("hashchange", () => {
  const name = wanted();
  if (name !== undefined && name !== chosen) choose(name);
});
start();
