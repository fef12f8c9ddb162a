// The API key that this tab uses, and the form that asks for one. It goes when the tab is closed.

import { element } from "./dom.js";

const NAME = "pilotboat-api-key";
const FIT = /^[\x21-\x7e]{1,1024}$/;

let held = read();

function read() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // a browser that keeps nothing: the key lasts as long as the page
  }
}

function hold(key) {
  held = key;
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    // as above
  }
}

export const key = () => held;
export const keyHeaders = () => (held ? { "x-api-key": held } : {});
export const forget = () => hold("");

// A form for the key; `then` is called with it held. One that was held has been refused.
export function keyForm(then) {
  const fault = element("p", { class: "fault", id: "key-fault", role: "alert" }, held ? "The server does not know this key." : "");
  const input = element("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    placeholder: "pb_…",
    "aria-describedby": "key-fault",
    "aria-invalid": held ? "true" : null,
  });
  const form = element(
    "form",
    { class: "key", novalidate: true },
    element("label", { for: "key" }, "API key"),
    input,
    fault,
    element("button", { type: "submit" }, "Use this key"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = input.value.trim();
    if (FIT.test(typed)) {
      hold(typed);
      then();
      return;
    }
    fault.textContent = typed ? "A key has letters, digits, hyphens and underscores." : "Type or paste a key.";
    input.setAttribute("aria-invalid", "true");
    input.focus();
  });
  return form;
}

export const KEY_TITLE = "An API key is needed";
export const KEY_TEXT = "This server answers to those who have a key. It stays in this tab, and is forgotten with it.";
