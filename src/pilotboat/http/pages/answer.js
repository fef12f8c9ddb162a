// What the server said, drawn: a prediction with its probabilities, or why there is none.

import { element, rounded, shown } from "./dom.js";

const BARS = 10;

// `answer` is one row's answer in the plural form; `outputs` are the model's outputs.
export function prediction(answer, outputs, milliseconds) {
  const value = answer.predictions[0];
  const chances = answer.probabilities?.[0];
  const several = value !== null && typeof value === "object";
  const parts = several
    ? Object.entries(value).map(([key, one]) => headline(outputs[key]?.name ?? key, one))
    : [headline(outputs[0]?.name ?? "prediction", value)];
  return element(
    "div",
    { class: "prediction" },
    ...parts,
    ...bars(chances),
    element(
      "p",
      { class: "meta" },
      element("span", {}, `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms there and back`),
      answer.version == null ? null : element("span", {}, `version ${answer.version}`),
      answer.id ? element("span", { class: "id", title: "Request id" }, answer.id) : null,
    ),
  );
}

function headline(name, value) {
  const exact = shown(value);
  const short = typeof value === "number" ? rounded(value) : exact;
  return element(
    "p",
    { class: "headline" },
    element("span", { class: "what" }, name),
    element("strong", { class: short.length > 24 ? "long" : null }, short),
    short === exact ? null : element("span", { class: "exact" }, `exactly ${exact}`),
  );
}

// One list of bars; several for a model that answers several outputs.
function bars(chances) {
  if (chances === null || typeof chances !== "object") return [];
  const entries = Object.entries(chances);
  if (entries.some(([, chance]) => chance !== null && typeof chance === "object")) {
    return entries.flatMap(([, group]) => bars(group));
  }
  const sorted = entries.filter(([, chance]) => Number.isFinite(chance)).sort((one, other) => other[1] - one[1]);
  const list = element("ul", { class: "bars", "aria-label": "Probabilities" }, ...sorted.slice(0, BARS).map(bar));
  const rest = sorted.length - BARS;
  return rest > 0 ? [list, element("p", { class: "muted" }, `and ${rest} more, each less likely`)] : [list];
}

function bar([name, chance]) {
  const fill = element("span", { class: "fill" });
  fill.style.width = `${Math.min(Math.max(chance, 0), 1) * 100}%`;
  return element(
    "li",
    {},
    element("span", { class: "class" }, name),
    element("span", { class: "chance" }, percent(chance)),
    element("span", { class: "track", "aria-hidden": "true" }, fill),
  );
}

function percent(chance) {
  const digits = chance > 0.999 || chance < 0.001 ? 3 : 1;
  return `${(chance * 100).toFixed(digits).replace(/\.0+$/, "")} %`;
}

// `rest`: the errors that no field shows.
export function problem(body, status, rest) {
  return element(
    "div",
    { class: "problem" },
    element("p", { class: "headline" }, element("strong", {}, body.title ?? "No answer")),
    element("p", {}, body.detail ?? "The server gave no reason."),
    rest.length ? element("ul", {}, ...rest.map((error) => element("li", {}, `${error.pointer ?? ""} ${error.detail ?? ""}`.trim()))) : null,
    element("p", { class: "meta" }, element("span", {}, `status ${status}`), body.code ? element("span", {}, body.code) : null),
  );
}

export function nothingYet() {
  return element("p", { class: "muted" }, "Fill in the row and press Predict.");
}
