// Two memories of chapter 6: two networks read an inner string after BT and after BP, and
// say at each symbol how it would end. The networks are those of
// helpers/networks/elman.py and helpers/networks/gated.py with sigmoid outputs.
"use strict";

explorable.start("two-memories", (figure, numbers) => {
  const { make, button, row, slider, affine, power } = explorable;
  const symbols = [...numbers.symbols];
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#memory-${id}`);
  const [left, width] = numbers.panel.slice(0, 2);
  const height = numbers.panel[2];
  const BEGINNINGS = ["T", "P"];
  const NETWORKS = { tanh: "elman", ReLU: "relu" };
  let inner = numbers.inner;
  let upper = numbers.upper;
  let at = inner.length; // all of it, as in the picture without scripts

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  // One step: from what a network carries, a list of vectors, to what it carries then.
  function step(network, symbol, [h, c]) {
    const net = numbers.networks[network].parameters;
    const x_W = net.W_ih[symbols.indexOf(symbol)]; // its row: x is one-hot
    const a = affine(h, net.W_hh, net.b_h).map((value, i) => value + x_W[i]);
    if (network === "elman") return [a.map(Math.tanh)];
    if (network === "relu") return [a.map((value) => Math.max(value, 0))];
    const n = h.length;
    const [i, f, o, g] = [0, 1, 2, 3].map((block) => a.slice(block * n, (block + 1) * n));
    const cell = c.map((c_j, j) => sigmoid(f[j]) * c_j + sigmoid(i[j]) * Math.tanh(g[j]));
    return [cell.map((c_j, j) => sigmoid(o[j]) * Math.tanh(c_j)), cell];
  }

  function share(network, [h]) {
    const net = numbers.networks[network].parameters;
    const [T, P] = [..."TP"].map((symbol) => symbols.indexOf(symbol));
    const p = affine(h, net.W_ho, net.b_o).map(sigmoid);
    return p[T] / (p[T] + p[P]);
  }

  // The share of T after each symbol, for both beginnings, and how far apart they are.
  function beliefs(network) {
    const { h0, c0 } = numbers.networks[network].parameters;
    const read = (string, carried) =>
      [...string].reduce((before, symbol) => step(network, symbol, before), carried);
    const [T, P] = BEGINNINGS.map((beginning) => {
      let carried = read(`B${beginning}`, c0 ? [h0, c0] : [h0]);
      let state = 0;
      const places = [...inner, ""].map((symbol) => {
        const place = { carried, share: share(network, read(numbers.endings[state], carried)) };
        if (symbol) {
          carried = step(network, symbol, carried);
          state = numbers.transitions[state][symbol];
        }
        return place;
      });
      return places;
    });
    const apart = T.map((place, k) =>
      Math.hypot(...place.carried.flat().map((value, i) => value - P[k].carried.flat()[i])),
    );
    return { T: T.map((place) => place.share), P: P.map((place) => place.share), apart };
  }

  function show() {
    const x = (k) => left + (width * k) / inner.length;
    const shown = [upper, numbers.lower].map((network, panel) => {
      const top = numbers.tops[panel];
      const values = beliefs(network);
      for (const beginning of BEGINNINGS) {
        const points = values[beginning]
          .slice(0, at + 1)
          .map((value, k) => `${x(k)} ${top + height * (1 - value)}`);
        // A point is drawn as a line of no length with round ends.
        part(`${panel}-${beginning}`).setAttribute("d", `M${points.join("L")}${at ? "" : "h0"}`);
      }
      const { title } = numbers.networks[network];
      part(`title-${panel}`).textContent = title;
      part(`apart-${panel}`).textContent = `states ${power(values.apart[at], 2)} apart`;
      const [T, P] = BEGINNINGS.map((beginning) => values[beginning][at].toFixed(2));
      return `${title}: ${T} after BT, ${P} after BP, states ${power(values.apart[at], 2)} apart.`;
    });
    part("now").setAttribute("d", numbers.tops.map((top) => `M${x(at)} ${top}v${height}`).join(""));

    for (const [name, choice] of choices) {
      choice.setAttribute("aria-pressed", String(NETWORKS[name] === upper));
    }
    position.input.max = String(inner.length);
    position.input.value = String(at);
    position.write(`${at} of ${inner.length}`);
    explorable.disable(previous, at === 0);
    explorable.disable(next, at === inner.length);
    const state = [...inner.slice(0, at)].reduce((s, a) => numbers.transitions[s][a], 0);
    const ending = numbers.endings[state];
    const where = ending
      ? `${inner.slice(0, at) || "Nothing"} of the inner string read; ${ending} would end it`
      : "The inner string is read, and the question is asked";
    say(`${where}. Share of T: ${shown.join(" ")}`);
    svg.setAttribute("aria-label", `Share of T, position ${at} of ${inner.length}. ${shown.join(" ")}`);
  }

  function go(to) {
    at = to;
    show();
  }

  // An inner string of the grammar, all of its choices equally likely.
  function draw(least) {
    for (;;) {
      let [string, state] = ["", 0];
      while (state < numbers.transitions.length - 1) {
        const moves = Object.entries(numbers.transitions[state]);
        const [symbol, after] = moves[Math.floor(Math.random() * moves.length)];
        string += symbol;
        state = after;
      }
      if (string.length >= least && string.length <= numbers.longest) return string;
    }
  }

  // The symbols under the panels; the first two, T over P, stay.
  function read(string) {
    inner = string;
    const [first] = part("symbols").querySelectorAll("text:not(.named)");
    part("symbols").replaceChildren(
      ...part("symbols").querySelectorAll("text.named"),
      ...[...inner].map((symbol, k) => {
        const text = first.cloneNode();
        text.setAttribute("x", left + (width * (k + 1)) / inner.length);
        text.textContent = symbol;
        return text;
      }),
    );
    go(inner.length);
  }

  const previous = button("Back", () => go(at - 1));
  const next = button("Next", () => go(at + 1));
  const position = slider("Symbols read", inner.length, at, () => go(Number(position.input.value)));
  const choices = Object.keys(NETWORKS).map((name) => [
    name,
    button(name, () => {
      upper = NETWORKS[name];
      show();
    }),
  ]);
  const lags = [5, 10, 20].map((least) => button(`at least ${least}`, () => read(draw(least))));
  const say = explorable.control(
    figure,
    row("Step through", previous, next, position.label),
    row("The upper network", make("span", {}, "Above:"), ...choices.map(([, choice]) => choice)),
    row("Another inner string", make("span", {}, "Another string, lag"), ...lags),
  );
  show();
});
