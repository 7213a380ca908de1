// The Reber walker of chapter 5: the automaton and the trained network read what is
// pressed.
"use strict";

explorable.start("reber-walker", (figure, net) => {
  const { make, button, row } = explorable;
  const symbols = [...net.symbols];
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#${id}`);
  const [TOP, FULL] = ["y", "height"].map((key) => Number(part("frame-B").getAttribute(key)));
  const LONGEST = 40;
  let { read } = explorable.recall("reber-walker", net);

  const { walk } = grammar(net);

  const N = networks();
  const n = symbols.length;
  const elman = N.network("elman", { n_in: n, n_hid: net.h0.length, n_out: n });
  for (const name in elman.parameters) elman.parameters[name].set(net[name].flat());

  // The seven outputs after a string, from 0 to 1.
  function outputs(string) {
    const T = string.length;
    elman.forward([...string].map((symbol) => symbols.indexOf(symbol)), T);
    return [...elman.o.subarray(T * n, (T + 1) * n)].map(N.sigmoid);
  }

  const legal = (state) => symbols.filter((symbol) => symbol in net.transitions[state]);

  // The states whose legal symbols fit the outputs best, by cross-entropy.
  function fits(p) {
    const inner = net.transitions.slice(1, -1).map((_, i) => i + 1);
    const losses = inner.map((state) =>
      symbols.reduce((sum, symbol, k) => {
        const q = Math.min(Math.max(p[k], 1e-12), 1 - 1e-12);
        return sum - Math.log(symbol in net.transitions[state] ? q : 1 - q);
      }, 0),
    );
    return inner.filter((_, i) => losses[i] < Math.min(...losses) + 1e-9);
  }

  const or = (list) => list.join(" or ");
  const say3 = (value) => value.toFixed(3);

  function show() {
    const { states, wrong } = walk(read);
    const state = states.at(-1);
    const ended = read.endsWith("E");
    const p = ended ? symbols.map(() => 0) : outputs(read);
    const fitting = ended ? [] : fits(p);
    const expected = wrong < 0 ? legal(state) : [];

    net.transitions.forEach((moves, number) => {
      const mark = part(`state-${number}`).classList;
      mark.toggle("here", number === state && wrong < 0);
      mark.toggle("left", number === state && wrong >= 0);
      mark.toggle("said", fitting.includes(number));
      for (const symbol in moves) {
        const last = wrong < 0 && number === states.at(-2) && symbol === read.at(-1);
        part(`arrow-${number}${symbol}`).classList.toggle("taken", last);
      }
    });
    symbols.forEach((symbol, k) => {
      const bar = part(`bar-${symbol}`);
      bar.setAttribute("height", FULL * p[k]);
      bar.setAttribute("y", TOP + FULL * (1 - p[k]));
      part(`output-${symbol}`).textContent = ended ? "–" : say3(p[k]);
      part(`frame-${symbol}`).classList.toggle("hide", !expected.includes(symbol));
    });

    const marked = [...read].map((symbol, i) =>
      i === wrong ? make("mark", {}, symbol) : symbol,
    );
    letters.replaceChildren("Read: ", ...marked);
    for (const key of keys) explorable.disable(key, ended || read.length >= LONGEST);
    explorable.disable(back, read.length < 2);
    explorable.disable(again, read.length < 2);

    const strongest = symbols
      .map((symbol, k) => [symbol, p[k]])
      .sort((a, b) => b[1] - a[1])
      .slice(0, 3)
      .map(([symbol, value]) => `${symbol} ${say3(value)}`);
    const where = fitting.length > 1 ? `states ${fitting.join(" and ")}` : `state ${fitting}`;
    const here = `The network’s outputs (${strongest.join(", ")}) fit ${where}.`;
    let text;
    if (wrong >= 0) {
      const found = read[wrong];
      const before = say3(outputs(read.slice(0, wrong))[symbols.indexOf(found)]);
      text =
        `${read} is not in the grammar; position ${wrong}: expected ${or(legal(state)) || "the end"}, found ${found}. ` +
        `The automaton stays in state ${state}. The network gave this ${found} ${before}` +
        (ended ? "." : ` and read it all the same. ${here}`);
    } else if (ended) {
      text = `${read} is in the grammar: the automaton is in state ${state}, the end. Nothing follows E.`;
    } else {
      text = `After ${read} the automaton is in state ${state}: ${or(legal(state))} may follow. ${here}`;
    }
    say(text);
    explorable.keep("reber-walker", { read });
    const all = symbols.map((symbol, k) => `${symbol} ${say3(p[k])}`).join(", ");
    svg.setAttribute(
      "aria-label",
      `The automaton of the Reber grammar, ` +
        (wrong < 0 ? `now in state ${state}. ` : `left in state ${state}. `) +
        (ended ? "The string has ended." : `The seven outputs of the network: ${all}.`),
    );
  }

  function to(string) {
    read = string;
    show();
  }

  // A symbol drawn from the outputs divided by their sum, as in the chapter.
  function draw() {
    const p = outputs(read);
    let left = Math.random() * p.reduce((sum, value) => sum + value);
    return symbols[p.findIndex((value) => (left -= value) < 0)] ?? symbols.at(-1);
  }

  const press = symbols.map((symbol) => button(symbol, () => to(read + symbol)));
  const speak = button("Network’s turn", () => to(read + draw()));
  const back = button("Back", () => to(read.slice(0, -1)));
  const again = button("Start again", () => to("B"));
  const keys = [...press, speak];
  const letters = make("p", { class: "explorable-read" });
  const seven = row("Read a symbol", ...press);
  seven.classList.add("symbols");
  const say = explorable.control(figure, seven, row("Walk", speak, back, again), letters);
  svg.classList.add("live");
  show();
});
