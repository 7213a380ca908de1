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

  // u W + b for a row u, a matrix W as a list of rows, and a row b.
  affine: (u, W, b) => b.map((b_j, j) => u.reduce((sum, u_i, i) => sum + u_i * W[i][j], b_j)),
};
