// Elements and words. Text only ever becomes a text node: names and values are not ours.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const CHIP = 60;
const OTHER_KIND = /^\s*$|^\s|\s$|^(true|false|null|[+-]?[\d.]+(e[+-]?\d+)?)$/i;

// A value in words. Text that could be taken for something else (or for nothing) is quoted.
export function shown(value) {
  if (typeof value !== "string") return JSON.stringify(value);
  return OTHER_KIND.test(value) ? JSON.stringify(value) : value;
}

// A value as a small label, cut where it is long.
export function chip(value) {
  const text = shown(value);
  return element("code", { title: text.length > CHIP ? text : null }, text.length > CHIP ? `${text.slice(0, CHIP)}…` : text);
}

// A number short enough to read.
export function rounded(number) {
  return Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(6)));
}

export function range(field) {
  if (field.minimum == null || field.maximum == null) return "";
  return `${rounded(field.minimum)} to ${rounded(field.maximum)}`;
}
