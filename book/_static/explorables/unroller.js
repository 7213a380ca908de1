// The unroller of chapter 2: the network that is run by hand there, step by step, first
// forwards, then backwards from the last output.
"use strict";

explorable.start("unroller", (figure, net) => {
  const { make, button, row, slider } = explorable;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`[id="${id}"]`);
  const T = net.x.length;
  const LAST = 3 * T + 1; // two positions a step forwards, one a state backwards
  const sub = (t) => "₀₁₂₃₄₅₆₇₈₉"[t];
  const signed = (value) => value.toFixed(3).replace("-0.000", "0.000").replace("-", "−");
  const pair = (values) => `(${values.map(signed).join(", ")})`;
  // u W + b for a row u, a matrix W as a list of rows, and a row b.
  const affine = (u, W, b) => b.map((b_j, j) => u.reduce((sum, u_i, i) => sum + u_i * W[i][j], b_j));
  const transpose = (W) => W[0].map((_, j) => W.map((w) => w[j]));

  // The inputs, the position and each weight are settings. W_hh₂₁ leads from unit 2 to 1.
  const fields = { at: ["Position", [0, LAST, true]] };
  const usual = { at: 0 };
  const weights = {}; // the place of each in its matrix or row: [where, index]
  net.x.forEach((value, i) => {
    fields[`x${i + 1}`] = [`x${sub(i + 1)}`, { 0: "0", 1: "1" }];
    usual[`x${i + 1}`] = String(value);
  });
  for (const [name, n_in] of Object.entries({ W_ih: 1, W_hh: 2, b_h: 0, W_ho: 2, b_o: 0 })) {
    const rows = n_in ? net[name] : [net[name]];
    rows.forEach((values, i) =>
      values.forEach((value, j) => {
        const key = `${name}${n_in > 1 ? i + 1 : ""}${values.length > 1 ? j + 1 : ""}`;
        fields[key] = [key.replace(/\d/g, sub), [-10, 10]];
        usual[key] = value;
        weights[key] = [values, j];
      }),
    );
  }
  const { values: setting, labels, link, change } = explorable.settings(
    "unroller",
    fields,
    usual,
    () => show(),
    (sentence) => say(sentence),
  );

  function values() {
    const x = inputs.map((_, i) => Number(setting[`x${i + 1}`]));
    for (const [key, [where, j]] of Object.entries(weights)) where[j] = setting[key];
    const a = [null];
    const h = [net.h0];
    for (const x_t of x) {
      const sums = affine([x_t], net.W_ih, affine(h.at(-1), net.W_hh, net.b_h));
      a.push(sums);
      h.push(sums.map(Math.tanh));
    }
    const o = h.map((h_t) => affine(h_t, net.W_ho, net.b_o)[0]);
    // How the last output changes with each state, from the last one back.
    const nothing = net.h0.map(() => 0);
    const d = [];
    d[T] = net.W_ho.map(([w]) => w);
    for (let t = T; t > 0; t--) {
      const d_a = d[t].map((d_i, i) => d_i * (1 - h[t][i] ** 2));
      d[t - 1] = affine(d_a, transpose(net.W_hh), nothing);
    }
    return { x, a, h, o, d };
  }

  function show() {
    const { x, a, h, o, d } = values();
    const { at } = setting;
    const back = at > 2 * T ? 3 * T + 1 - at : -1; // the state that an error has reached
    const write = (id, shown, content) => {
      const text = part(`value-${id}`);
      text.textContent = content;
      text.classList.toggle("hide", !shown);
    };
    for (let t = 0; t <= T; t++) {
      h[t].forEach((value, i) => write(`h${t}-${i}`, at >= 2 * t - 1, signed(value)));
      d[t].forEach((value, i) => write(`d${t}-${i}`, back >= 0 && t >= back, signed(value)));
      if (t === 0) continue;
      write(`x${t}-0`, true, signed(x[t - 1]));
      write(`o${t}-0`, at >= 2 * t, signed(o[t]));
    }

    const used = [];
    let text;
    let node;
    if (at === 0) {
      node = "h0";
      text = `h₀ = ${pair(h[0])}: the state before the first step.`;
    } else if (at <= 2 * T) {
      const t = Math.ceil(at / 2);
      const [now, before] = [sub(t), sub(t - 1)];
      if (at % 2) {
        node = `h${t}`;
        used.push(`W_ih-${t}`, `W_hh-${t}`);
        text =
          `Step ${t}: h${now} = tanh(x${now} W_ih + h${before} W_hh + b_h) = tanh${pair(a[t])} = ${pair(h[t])}. ` +
          `W_ih, W_hh and b_h are the same at every step.`;
      } else {
        node = `o${t}`;
        used.push(`W_ho-${t}`);
        text = `Step ${t}: o${now} = h${now} W_ho + b_o = ${signed(o[t])}. W_ho and b_o are the same at every step.`;
      }
    } else {
      node = `h${back}`;
      const by = (t) => `∂o${sub(T)}/∂h${sub(t)}`;
      if (back === T) {
        used.push(`W_ho-${T}`);
        text = `Backwards: how does o${sub(T)} change with the states? ${by(T)} = W_hoᵀ = ${pair(d[T])}.`;
      } else {
        const after = sub(back + 1);
        used.push(`W_hh-${back + 1}`);
        text = `Backwards: ${by(back)} = (${by(back + 1)} ⊙ (1 − h${after}²)) W_hhᵀ = ${pair(d[back])}.`;
      }
    }
    for (const edge of svg.querySelectorAll(".edge")) {
      const name = edge.id.replace("edge-", "");
      edge.classList.toggle("used", used.includes(name));
      edge.classList.toggle("back", back >= 0 && used.includes(name));
    }
    for (const box of svg.querySelectorAll("[id^=node-]")) {
      box.classList.toggle("now", box.id === `node-${node}`);
    }
    inputs.forEach((input, i) => {
      input.textContent = `x${sub(i + 1)} = ${x[i]}`;
    });
    position.input.value = String(at);
    position.write(`${at} of ${LAST}`);
    explorable.disable(previous, at === 0);
    explorable.disable(next, at === LAST);
    say(text);
    svg.setAttribute("aria-label", `The unrolled network, position ${at} of ${LAST}. ${text}`);
  }

  const go = (to) => change("at", String(to));
  const inputs = net.x.map((_, i) => {
    const key = `x${i + 1}`;
    return button("", () => change(key, String(1 - setting[key])));
  });
  const previous = button("Back", () => go(setting.at - 1));
  const next = button("Next", () => go(setting.at + 1));
  const position = slider("Position", LAST, setting.at, () => go(position.input.value));
  const changed = make("div", { class: "explorable-fields" }, ...Object.keys(weights).map((key) => labels[key]), link);
  const say = explorable.control(
    figure,
    row("Step through", previous, next, position.label),
    row("Change an input", ...inputs),
  );
  const folded = make("details", {}, make("summary", {}, "Weights"), changed);
  figure.querySelector(".explorable-controls").append(folded);
  // A value that is pressed in the picture is the position: o, h, or below, backwards.
  explorable.drag(svg, svg, (x, y) => {
    const t = Math.min(Math.max(Math.round((x - 44) / 84), 0), T);
    go(y > 298 ? LAST - t : Math.max(2 * t - (y > 97), 0));
  });
  figure.id = "unroller";
  show();
});
