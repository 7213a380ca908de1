// "Is the gradient right?" of Train it: one weight is shifted, and the slope of the loss
// of one string stands beside the gradient that backpropagation through time gives.
"use strict";

explorable.gradientCheck = (numbers) => {
  const { make, row, slider, power } = explorable;
  const N = networks();
  const STRING = "BTXXVVE"; // the one that the chapter walks by hand
  const { T, x, y } = grammar(numbers).example(STRING);
  const n = numbers.symbols.length;
  const [LEFT, TOP, WIDTH, HEIGHT, WIDEST] = [226, 24, 190, 176, 88]; // of the plot; a map
  const NS = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, ...children) => {
    const element = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  let [net, weight, theta, scale] = [undefined, 0, undefined, 1];

  const lossAt = (k, value) => {
    const kept = net.theta[k];
    net.theta[k] = value;
    net.forward(x, T);
    const loss = N.sigmoidLoss(net, y, T, scale / T);
    net.theta[k] = kept;
    return loss;
  };

  // The parameter with the number k: its name, and its place in its matrix.
  function place(k) {
    for (const [name, values] of Object.entries(net.parameters)) {
      const width = name === "W_ho" ? n : net.n_hid;
      if (k < values.length) return { name, i: Math.floor(k / width), j: k % width };
      k -= values.length;
    }
    return undefined;
  }

  function called(k) {
    const { name, i, j } = place(k);
    const [from, to] = { W_ih: [numbers.symbols[i], `unit ${j + 1}`], W_ho: [`unit ${i + 1}`, numbers.symbols[j]] }[
      name
    ] ?? [`unit ${i + 1}`, `unit ${j + 1}`];
    if (name.startsWith("W")) return `${name}, from ${from} to ${to}`;
    return `${name} of ${name === "b_o" ? numbers.symbols[j] : `unit ${j + 1}`}`;
  }

  // The three matrices, a square for each weight, the darker the longer its gradient.
  function maps() {
    const size = WIDEST / Math.max(net.n_hid, n);
    const largest = Math.max(...net.d_theta.map(Math.abs)) || 1;
    const corners = { W_ih: [4, TOP], W_hh: [4, TOP + 112], W_ho: [112, TOP] };
    const squares = [...net.theta.keys()].flatMap((k) => {
      const { name, i, j } = place(k);
      if (!corners[name]) return [];
      const [left, top] = corners[name];
      const square = draw("rect", {
        x: left + size * j,
        y: top + size * i,
        width: size,
        height: size,
        class: `gradient filled square${k === weight ? " chosen" : ""}`,
        "fill-opacity": (0.06 + 0.94 * Math.sqrt(Math.abs(net.d_theta[k]) / largest)).toFixed(3),
      });
      square.addEventListener("click", () => choose(k));
      return k === weight ? [] : [square];
    });
    const { name, i, j } = place(weight);
    const [left, top] = corners[name] ?? [-99, 0];
    squares.push(draw("rect", { x: left + size * j, y: top + size * i, width: size, height: size, class: "chosen" }));
    const names = Object.entries(corners).map(([called_, [left_, top_]]) =>
      draw("text", { x: left_, y: top_ - 7, class: "start small" }, called_),
    );
    return [...names, ...squares];
  }

  // The loss over the weight, the tangent by the gradient, and the two shifted points.
  function curve(w, s, gradient) {
    const shifts = Array.from({ length: 41 }, (_, i) => (i - 20) / 20);
    const losses = shifts.map((shift) => lossAt(weight, w + shift));
    const here = lossAt(weight, w);
    const [least, most] = [Math.min(...losses), Math.max(...losses)];
    const room = Math.max(most - least, 1e-12);
    const across = (shift) => LEFT + (WIDTH * (shift + 1)) / 2;
    const down = (loss) => TOP + HEIGHT * (0.9 - (0.8 * (loss - least)) / room);
    const path = (values) => `M${values.map(([u, v]) => `${across(u).toFixed(1)} ${down(v).toFixed(1)}`).join("L")}`;
    const points = [-s, s].map((shift) => [shift, lossAt(weight, w + shift)]);
    const clipped = draw("svg", { x: LEFT, y: TOP, width: WIDTH, height: HEIGHT, viewBox: `${LEFT} ${TOP} ${WIDTH} ${HEIGHT}` });
    clipped.append(
      draw("path", { class: "output drawn thick", d: path(shifts.map((shift, i) => [shift, losses[i]])) }),
      draw("path", { class: "gradient drawn dashed", d: path([-1, 1].map((u) => [u, here + gradient * u])) }),
      draw("path", { class: "target drawn", d: path(points) }),
      ...points.map(([u, v]) => draw("circle", { class: "target filled", r: 4, cx: across(u), cy: down(v) })),
    );
    return [
      draw("path", { class: "line", d: `M${LEFT} ${TOP}V${TOP + HEIGHT}h${WIDTH}` }),
      clipped,
      draw("text", { x: LEFT, y: TOP - 7, class: "start small" }, `loss of ${STRING}`),
      ...["−1", "shift", "+1"].map((label, i) =>
        draw("text", { x: across(i - 1), y: TOP + HEIGHT + 17, class: ["start", "", "end"][i] + " small" }, label),
      ),
    ];
  }

  function update() {
    if (!element.open || !theta) return;
    net.theta.set(theta);
    net.forward(x, T);
    N.sigmoidLoss(net, y, T, scale / T);
    net.backward(x, T);
    weight = Math.min(weight, theta.length - 1);
    const [w, s, gradient] = [theta[weight], 10 ** -Number(shift.input.value), net.d_theta[weight]];
    const slope = (lossAt(weight, w + s) - lossAt(weight, w - s)) / (2 * s);
    chosen.input.max = theta.length - 1;
    chosen.input.value = weight;
    chosen.write(called(weight));
    shift.write(`±${power(s)}`);
    svg.replaceChildren(...maps(), ...curve(w, s, gradient));
    answer.textContent =
      `Gradient by backpropagation: ${power(gradient, 7)}. Slope between the two points: ${power(slope, 7)}. ` +
      `They differ by ${power(Math.abs(slope - gradient), 2)}.`;
  }

  function choose(k) {
    weight = k;
    update();
  }

  const svg = draw("svg", { class: "picture train", viewBox: "0 0 420 226", width: 420, height: 226, "aria-hidden": "true" });
  const chosen = slider("Weight", 1, 0, () => choose(Number(chosen.input.value)));
  const shift = slider("Shift", 12, 1, update);
  const answer = make("p", { class: "explorable-answer", "aria-live": "polite" });
  const element = make(
    "details",
    { toggle: update },
    make("summary", {}, "Is the gradient right?"),
    svg,
    row("Which weight, and how far", chosen.label, shift.label),
    answer,
  );
  // Of the first seed's network, as it is now.
  const show = (now, { units, loss }) => {
    if (net?.n_hid !== units) net = N.network("elman", { n_in: n, n_hid: units, n_out: n });
    scale = loss === "mean" ? 1 / n : 1;
    theta = now.theta;
    update();
  };
  return { element, show };
};
