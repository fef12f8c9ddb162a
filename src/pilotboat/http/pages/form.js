// A form for one row, made from a model's inputs. Every value keeps its type on the way to JSON.

import { element, range, shown } from "./dom.js";

const GAP = "unknown (null)";
const NUMERAL = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;

// The row: its fields, and its JSON text.
export class Row {
  constructor(inputs, example) {
    this.inputs = inputs;
    this.example = example ?? {};
    this.fields = inputs.map((input, index) => makeField(input, `field-${index}`));
    this.reset();
  }

  get elements() {
    return this.fields.map((field) => field.element);
  }

  // JSON is written by hand so that a number stays as it was typed, digit by digit.
  json() {
    const members = this.fields
      .map((field) => [field.input.name, field.literal()])
      .filter(([, literal]) => literal !== undefined)
      .map(([name, literal]) => `${JSON.stringify(name)}: ${literal}`);
    return `{${members.join(", ")}}`;
  }

  reset() {
    for (const field of this.fields) {
      field.set(first(field.input, this.example));
      field.mark("");
    }
  }

  clear() {
    for (const field of this.fields) field.mark("");
  }

  // Marks the fields that `errors` point to; answers the errors that point to none of them.
  mark(errors) {
    this.clear();
    const rest = [];
    for (const error of errors) {
      const name = nameAt(error.pointer ?? "");
      const field = this.fields.find((candidate) => candidate.input.name === name);
      if (field) field.mark(error.detail ?? error.code ?? "This value is refused.");
      else rest.push(error);
    }
    this.fields.find((field) => field.faulty)?.control.focus();
    return rest;
  }
}

// The input that a JSON pointer such as /instances/0/age leads to.
function nameAt(pointer) {
  const parts = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts[0] === "instances" ? parts[2] : parts[0];
}

// What a field holds before anybody touched it.
function first(input, example) {
  if (Object.hasOwn(example, input.name)) return example[input.name];
  if (input.examples?.length) return input.examples[0];
  if (input.nullable) return null;
  return known(input)[0] ?? (input.type === "boolean" ? false : "");
}

function known(input) {
  return (input.categories ?? []).filter((value) => value !== null);
}

function makeField(input, id) {
  if (input.type === "boolean") return new Choice(input, id, [true, false]);
  if (input.type === "category" && input.closed && known(input).length) return new Choice(input, id, known(input));
  if (input.type === "number" || input.type === "integer") return new NumberField(input, id);
  return input.type === "category" ? new OpenChoice(input, id) : new TextField(input, id);
}

// What all fields share: a label, a hint, a place for the fault, and the switch for a gap.
class Field {
  constructor(input, id, control, { hint = "", gapSwitch = input.nullable, type = input.type } = {}) {
    this.input = input;
    this.control = control;
    this.fault = element("p", { class: "fault", id: `${id}-fault`, hidden: true });
    const described = hint ? `${id}-hint ${id}-fault` : `${id}-fault`;
    for (const [name, value] of Object.entries({ id, "aria-describedby": described })) control.setAttribute(name, value);
    this.gap = gapSwitch ? element("input", { type: "checkbox", id: `${id}-gap`, "aria-label": `${input.name}: ${GAP}` }) : null;
    this.gap?.addEventListener("change", () => this.gapChanged());
    this.element = element(
      "div",
      { class: input.type === "text" ? "field wide" : "field" },
      element("div", { class: "head" }, element("label", { for: id }, input.name), element("span", { class: "type" }, type)),
      control,
      hint || this.gap
        ? element(
            "div",
            { class: "foot" },
            element("span", { id: `${id}-hint` }, hint),
            this.gap && element("label", { class: "gap" }, this.gap, GAP),
          )
        : null,
      this.fault,
    );
    this.element.addEventListener("input", () => this.mark(""));
  }

  get faulty() {
    return !this.fault.hidden;
  }

  mark(text) {
    this.fault.textContent = text;
    this.fault.hidden = !text;
    this.control.toggleAttribute("aria-invalid", Boolean(text));
    if (text) this.control.setAttribute("aria-invalid", "true");
  }

  gapChanged() {
    this.control.disabled = this.gap.checked;
    if (!this.gap.checked) this.control.focus();
  }

  set(value) {
    if (this.gap) {
      this.gap.checked = value === null;
      this.control.disabled = this.gap.checked;
    }
    this.control.value = value === null ? "" : value;
  }

  // The value as JSON text; undefined leaves it out of the record.
  literal() {
    return this.gap?.checked ? "null" : this.typed(this.control.value);
  }

  typed(text) {
    return JSON.stringify(text);
  }
}

class TextField extends Field {
  constructor(input, id) {
    super(input, id, element("textarea", { rows: 3 }));
  }
}

class NumberField extends Field {
  constructor(input, id) {
    // A keyboard with digits only has no minus sign on some telephones.
    const positive = input.minimum != null && input.minimum >= 0;
    const whole = input.type === "integer";
    const inputmode = positive ? (whole ? "numeric" : "decimal") : null;
    const seen = range(input);
    const hint = seen && `seen: ${seen}`;
    super(input, id, element("input", { type: "number", step: whole ? "1" : "any", inputmode }), { hint });
  }

  typed(text) {
    const numeral = numeralOf(text);
    if (numeral !== undefined) return numeral;
    return this.input.nullable && !this.control.validity.badInput ? "null" : undefined;
  }
}

// A select; the options carry indices, so a value of any type comes back as it was.
class Choice extends Field {
  constructor(input, id, values) {
    const options = values.map((value, index) => element("option", { value: index }, shown(value)));
    if (input.nullable) options.push(element("option", { value: "gap" }, GAP));
    super(input, id, element("select", {}, ...options), { gapSwitch: false });
    this.values = values;
  }

  set(value) {
    this.control.value = value === null ? "gap" : Math.max(this.values.indexOf(value), 0);
  }

  typed(chosen) {
    return chosen === "gap" ? "null" : JSON.stringify(this.values[chosen]);
  }
}

// Free input with the known values on offer. What is typed gets the type that they have.
class OpenChoice extends Field {
  constructor(input, id) {
    const values = known(input);
    const control = element("input", { type: "text", list: `${id}-known`, autocapitalize: "none", spellcheck: "false" });
    const others = input.closed ? "" : "others are answered too";
    super(input, id, control, { hint: values.length ? `${values.length} known; ${others}` : others });
    this.element.append(
      element("datalist", { id: `${id}-known` }, ...values.map((value) => element("option", { value: String(value) }))),
    );
    this.values = values;
    this.numeric = values.length > 0 && values.every((value) => typeof value === "number");
  }

  typed(text) {
    const same = this.values.find((value) => String(value) === text);
    if (same !== undefined) return JSON.stringify(same);
    return this.numeric ? numeralOf(text) ?? (text ? JSON.stringify(text) : undefined) : JSON.stringify(text);
  }
}

// The text as a JSON number, digit by digit; undefined where it is none.
function numeralOf(text) {
  const trimmed = text.trim().replace(/^\+/, "");
  if (NUMERAL.test(trimmed)) return trimmed;
  return /^-?[\d.]+(e[+-]?\d+)?$/i.test(trimmed) && Number.isFinite(Number(trimmed)) ? String(Number(trimmed)) : undefined;
}
