// "Was it right?": what turned out to be right, said of the answer that is shown.

import { element, shown } from "./dom.js";

const BUTTONS = 6;

// A question below an answer. `send` takes the actual value, and answers "" or why it was not taken.
// Nothing for a model with several outputs: what they were takes more than a click.
export function verdict(outputs, send) {
  if (outputs.length !== 1) return [];
  const control = controlOf(outputs[0]);
  const said = element("p", { class: "said", role: "status" });
  const form = element(
    "form",
    { class: "verdict", novalidate: true, autocomplete: "off" },
    element("h3", { id: "verdict-title" }, "Was it right?"),
    element("p", { class: "muted", id: "verdict-hint" }, "Say what it really was, once you know: it is kept with the prediction."),
    element("div", { class: "choices", role: "group", "aria-labelledby": "verdict-title", "aria-describedby": "verdict-hint" }, ...control.elements),
    said,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    const actual = control.value(event.submitter);
    said.classList.toggle("fault", actual === undefined);
    said.textContent = actual === undefined ? "Type a number." : "";
    if (actual === undefined) return;
    form.setAttribute("aria-busy", "true");
    const refused = await send(actual);
    form.removeAttribute("aria-busy");
    said.classList.toggle("fault", Boolean(refused));
    said.textContent = refused || `Noted: it was ${shown(actual)}.`;
    if (!refused) control.mark(actual);
  });
  return [form];
}

function controlOf(output) {
  const classes = output.categories ?? [];
  if (classes.length && classes.length <= BUTTONS) return buttons(classes);
  if (classes.length) return select(classes);
  return output.type === "text" ? field({ type: "text" }, String) : field({ type: "number", step: "any" }, number);
}

// The pressed one is what was said last; another may be pressed after it.
function buttons(classes) {
  const elements = classes.map((value, index) => element("button", { type: "submit", class: "quiet small", value: index, "aria-pressed": "false" }, shown(value)));
  return {
    elements,
    value: (pressed) => classes[(pressed ?? elements[0]).value],
    mark: (actual) => elements.forEach((one, index) => one.setAttribute("aria-pressed", String(classes[index] === actual))),
  };
}

function select(classes) {
  const options = classes.map((value, index) => element("option", { value: index }, shown(value)));
  const control = element("select", { "aria-label": "What it really was" }, ...options);
  return { elements: [control, submit()], value: () => classes[control.value], mark: () => {} };
}

function field(attributes, typed) {
  const control = element("input", { ...attributes, "aria-label": "What it really was" });
  return { elements: [control, submit()], value: () => typed(control.value), mark: () => {} };
}

function number(text) {
  return text.trim() && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

const submit = () => element("button", { type: "submit", class: "quiet small" }, "Note it");
