// Two memories of chapter 6: two networks read an inner string after BT and after BP, and
// say at each symbol how it would end.
"use strict";

explorable.start("two-memories", (figure, numbers) => {
  const { make, button, row, slider, power } = explorable;
  const { drawing, walk } = grammar(numbers);
  const symbols = [...numbers.symbols];
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#memory-${id}`);
  const [left, width] = numbers.panel.slice(0, 2);
  const height = numbers.panel[2];
  const BEGINNINGS = ["T", "P"];
  const NETWORKS = { tanh: "elman", ReLU: "relu" };
  // All of the string is read, as in the picture without scripts.
  const begun = { inner: numbers.inner, upper: numbers.upper, at: numbers.inner.length };
  let { inner, upper, at } = explorable.recall("two-memories", begun);

  // The networks, and what each carries and says after a string.
  const N = networks(gatedCells);
  const nets = {};
  for (const [name, { parameters }] of Object.entries(numbers.networks)) {
    const n = symbols.length;
    nets[name] = N.network(name, { n_in: n, n_hid: parameters.h0.length, n_out: n });
    for (const key in parameters) nets[name].parameters[key].set(parameters[key].flat());
  }
  const [T, P] = [..."TP"].map((symbol) => symbols.indexOf(symbol));

  function after(name, string) {
    const net = nets[name];
    const at = string.length;
    net.forward([...string].map((symbol) => symbols.indexOf(symbol)), at);
    const row = (values, n) => [...values.subarray(at * n, (at + 1) * n)];
    const p = row(net.o, net.n_out).map(N.sigmoid);
    return { share: p[T] / (p[T] + p[P]), carried: [...row(net.h, net.n_hid), ...row(net.c, net.n_hid)] };
  }

  // The share of T after each symbol, for both beginnings, and how far apart they are.
  function beliefs(name) {
    const states = walk(inner).states;
    const begun = states.map((_, k) => inner.slice(0, k));
    const [after_T, after_P] = BEGINNINGS.map((beginning) => begun.map((start) => `B${beginning}${start}`));
    const shares = (strings) => strings.map((string, k) => after(name, string + numbers.endings[states[k]]).share);
    const apart = after_T.map((string, k) => {
      const other = after(name, after_P[k]).carried;
      return Math.hypot(...after(name, string).carried.map((value, j) => value - other[j]));
    });
    return { T: shares(after_T), P: shares(after_P), apart };
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
      const [t, p] = BEGINNINGS.map((beginning) => values[beginning][at].toFixed(2));
      return `${title}: ${t} after BT, ${p} after BP, states ${power(values.apart[at], 2)} apart.`;
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
    const ending = numbers.endings[walk(inner).states[at]];
    const where = ending
      ? `${inner.slice(0, at) || "Nothing"} of the inner string read; ${ending} would end it`
      : "The inner string is read, and the question is asked";
    explorable.keep("two-memories", { inner, upper, at });
    say(`${where}. Share of T: ${shown.join(" ")}`);
    svg.setAttribute("aria-label", `Share of T, position ${at} of ${inner.length}. ${shown.join(" ")}`);
  }

  function go(to) {
    at = Math.min(Math.max(Math.round(to), 0), inner.length);
    show();
  }

  function draw(least) {
    const string = drawing(least)({ random: Math.random });
    return string.length > numbers.longest ? draw(least) : string;
  }

  // The symbols under the panels; the first two, T over P, stay.
  function read(string, to = string.length) {
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
    go(to);
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
  // The line of what is read is dragged in the picture.
  explorable.drag(svg, svg, (x) => go(((x - left) / width) * inner.length));
  read(inner, at);
});
