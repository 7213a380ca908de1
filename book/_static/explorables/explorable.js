// What the explorables share. Each script NAME.js calls
//
//   explorable.start("NAME", (figure, numbers) => ...)
//
// with the figure that holds the picture and what NAME.json says. Scripts of this kind,
// and not modules, run also where the book is opened as a file.
"use strict";

const explorable = {
  start(name, run) {
    const figure = document.querySelector(`figure[data-explorable="${name}"]`);
    run(figure, JSON.parse(document.getElementById(`${name}-numbers`).textContent));
  },

  // An element with attributes and children; a function as attribute is a listener.
  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(key, value);
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  },

  // A button that, while disabled, keeps the focus and does nothing.
  button(text, press, attributes = {}) {
    const button = explorable.make("button", { type: "button", ...attributes }, text);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") press();
    });
    return button;
  },

  disable(button, whether) {
    button.setAttribute("aria-disabled", String(whether));
  },

  row(label, ...children) {
    const attributes = { class: "explorable-row", role: "group", "aria-label": label };
    return explorable.make("div", attributes, ...children);
  },

  // A slider from 0 to `most` under its name and what it says, which `write` sets. An
  // <output> for that would speak beside the line of control().
  slider(name, most, value, change) {
    const now = explorable.make("b");
    const attributes = { type: "range", min: 0, max: most, step: 1, value };
    const input = explorable.make("input", { ...attributes, input: change });
    const label = explorable.make("label", { class: "explorable-slider" }, `${name} `, now, input);
    const write = (text) => {
      now.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    return { input, label, write };
  },

  // A line to write in, or a choice among `options`, with its name: [label, input].
  field(name, attributes, change) {
    const input = explorable.make("input", { type: "text", ...attributes, input: change });
    return [explorable.make("label", { class: "explorable-field" }, name, input), input];
  },

  choice(name, options, change) {
    const all = Object.entries(options).map(([value, text]) => explorable.make("option", { value }, text));
    const select = explorable.make("select", { input: change }, ...all);
    return [explorable.make("label", { class: "explorable-field" }, name, select), select];
  },

  // Call move(x, y) with the place in the picture where a finger or the mouse presses
  // `part` and as long as it is held. Up and down still scrolls the page.
  drag(part, picture, move) {
    const at = (event) => {
      const box = picture.getBoundingClientRect();
      const scale = picture.viewBox.baseVal.width / box.width;
      move((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    };
    part.classList.add("dragged");
    part.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      part.setPointerCapture(event.pointerId);
      at(event);
    });
    part.addEventListener("pointermove", (event) => {
      if (part.hasPointerCapture(event.pointerId)) at(event);
    });
  },

  // What the page keeps in this tab, so that Back finds an explorable as it was left.
  keep(name, state) {
    try {
      sessionStorage.setItem(name, JSON.stringify(state));
    } catch {
      // Where nothing may be kept, it opens as ever.
    }
  },

  recall(name, usual) {
    try {
      return { ...usual, ...JSON.parse(sessionStorage.getItem(name)) };
    } catch {
      return usual;
    }
  },

  // Put the controls under the picture, and after them a line that screen readers read
  // out whenever it changes. Returns what sets this line.
  control(figure, ...rows) {
    const said = explorable.make("p", { class: "explorable-said", role: "status" });
    const controls = explorable.make("div", { class: "explorable-controls" }, ...rows);
    controls.append(said);
    figure.querySelector("figcaption").before(controls);
    return (text) => {
      said.textContent = text;
    };
  },

  // A number with so many digits, and a power of ten where it would be long: 0.0295,
  // −1.95·10⁻²⁵.
  power(value, digits = 3) {
    if (!Number.isFinite(value)) return String(value);
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    const plain = value === 0 || (exponent > -4 && exponent < digits);
    const raised = [...exponent.replace("+", "")].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
    const times = Number(mantissa) === 1 ? "10" : `${mantissa}·10`;
    return (plain ? value.toPrecision(digits) : times + raised.join("")).replace("-", "−");
  },
};
