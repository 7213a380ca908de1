// Reddit on tap of chapter 8: the language model of the book writes in the page, by the
// rules of helpers/lm/generation.py. Its weights are a script of their own, made by
// helpers/press/model_in_page.py, that is loaded when it is asked for.
"use strict";

const redditScript = document.currentScript.src;

explorable.start("reddit-on-tap", (figure, numbers) => {
  const { make, button, disable, row, slider, field } = explorable;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#reddit-${id}`);
  const [LONGEST, LARGEST] = [50, 999999]; // words of a sentence, seed
  const [START, END, UNKNOWN] = ["SENTENCE_START", "SENTENCE_END", "UNKNOWN_TOKEN"];
  const full = Number(svg.querySelector(".all").getAttribute("width"));
  let model; // once it is loaded
  let read = []; // the words so far, each with the state after it
  let filtered = true;
  let number = 1; // seed

  function open(delivered) {
    const { words, unsuitable, h0 } = delivered;
    const sizes = { n_in: words.length, n_hid: h0.length, n_out: words.length };
    const net = networks().network("elman", sizes);
    for (const [name, values] of Object.entries(net.parameters)) {
      values.set(delivered[name].digits ? redditNumbers(delivered[name]) : delivered[name]);
    }
    model = { words, unsuitable, net, index: new Map(words.map((word, i) => [word, i])) };
  }

  // The state after a word, and the logits of the next.
  function advance(word, h) {
    const { net } = model;
    net.forward([word], 1, { h });
    return { h: net.h.slice(net.n_hid, 2 * net.n_hid), o: net.o.slice(net.n_out, 2 * net.n_out) };
  }

  // What the word after `count` words is drawn from, at this temperature.
  function probabilities({ o }, count, temperature) {
    const never = new Set([START, UNKNOWN].map((word) => model.index.get(word)));
    if (filtered) model.unsuitable.forEach((word) => never.add(word));
    if (count < 1) never.add(model.index.get(END));
    const allowed = o.map((o_j, word) => (never.has(word) ? -Infinity : o_j));
    return redditSoftmax(allowed, temperature);
  }

  const readable = (word) => numbers.readable[word] ?? word;

  // Tokens as pieces of text, with the spaces between.
  function pieces(words) {
    return words.map((word, i) => (i && !redditJoined(words[i - 1], word) ? " " : "") + readable(word));
  }

  const percent = (p) => (p < 0.0005 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);

  const temperature = () => (Number(heat.input.value) + 1) / 10;
  const ended = () => read.length > LONGEST || read.at(-1).word === END;
  const written = () => read.slice(1); // without START

  function push(word, drawn) {
    const index = model.index.get(word) ?? model.index.get(UNKNOWN);
    const { h } = read.at(-1) ?? { h: model.net.parameters.h0 };
    read.push({ word, drawn, ...advance(index, h) });
  }

  function next() {
    const p = probabilities(read.at(-1), read.length - 1, temperature());
    let left = 1 - redditDraws(number, LONGEST)[read.length - 1];
    let word = p.findIndex((value) => (left -= value) <= 0);
    if (word < 0) word = p.findLastIndex((value) => value > 0);
    push(model.words[word], true);
    return p[word];
  }

  function begin() {
    read = [];
    push(START, false);
    redditTokens(beginning.value)
      .slice(0, LONGEST - 1)
      .forEach((word) => push(word, false));
  }

  function restart() {
    begin();
    const lacking = written().filter(({ word }) => !model.index.has(word));
    const names = lacking.map(({ word }) => `“${word}”`).join(", ");
    show(names && `The model does not know ${names}: it reads UNKNOWN instead.`);
  }

  // What was there when the page was left.
  function recall() {
    const usual = { text: numbers.beginning, number, heat: heat.input.value, filtered, drawn: [] };
    const kept = explorable.recall("reddit-on-tap", usual);
    ({ number, filtered } = kept);
    [beginning.value, seed.value, heat.input.value] = [kept.text, kept.number, kept.heat];
    restart();
    kept.drawn.forEach((word) => push(word, true));
    if (kept.drawn.length) show("As you left it.");
  }

  function reseed() {
    const fits = seed.value !== "" && seed.checkValidity();
    seed.setAttribute("aria-invalid", String(!fits));
    if (!fits) return say(`The seed must be a whole number from 0 to ${LARGEST}; it is still ${number}.`);
    number = Number(seed.value);
    restart();
  }

  function one() {
    const p = next();
    show(`Drawn: “${readable(read.at(-1).word)}”, which had ${percent(p)}.`);
  }

  function rest() {
    while (!ended()) next();
    show("Written to the end.");
  }

  function anew() {
    seed.value = String((number + 1) % (LARGEST + 1));
    reseed();
    rest();
  }

  function back() {
    read.pop();
    show(`Back to ${written().length} words.`);
  }

  function show(done) {
    const over = ended();
    const p = over ? [] : probabilities(read.at(-1), read.length - 1, temperature());
    const likeliest = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, numbers.likeliest);
    const bars = likeliest.map((i) => [readable(model.words[i]), p[i]]);
    const others = 1 - bars.reduce((sum, [, value]) => sum + value, 0);
    for (let k = 0; k <= numbers.likeliest; k++) {
      const last = k === numbers.likeliest;
      const [word, value] = last ? ["all others", over ? 0 : others] : bars[k] ?? ["–", 0];
      part(`word-${k}`).textContent = word.length > 16 ? `${word.slice(0, 15)}…` : word;
      part(`bar-${k}`).setAttribute("width", full * value);
      part(`p-${k}`).textContent = over ? "–" : percent(value);
    }
    const text = pieces(written().map(({ word }) => word));
    const tail = text.join("").trim();
    const after = tail.length > 32 ? `…${tail.slice(-31)}` : tail;
    part("after").textContent = over ? "The sentence has ended." : `After “${after}”, what next?`;
    const place = Math.min(Number(back_at.input.value), written().length);
    back_at.input.max = written().length;
    const ids = read.slice(0, place + 1).map((one) => model.index.get(one.word) ?? model.index.get(UNKNOWN));
    const shares = place ? redditLeaning(model.net, ids) : [];
    sentence.replaceChildren(
      ...written().flatMap(({ word, drawn }, i) => {
        const bare = text[i].trimStart();
        const kind = drawn ? "b" : model.index.has(word) ? "span" : "mark";
        const lean = { style: `--lean: ${(shares[i + 1] ?? 0).toFixed(3)}`, class: i + 1 === place ? "asked" : "" };
        return [text[i].slice(0, -bare.length), make(kind, { ...lean, click: () => ask(i + 1) }, bare)];
      }),
    );
    back_at.write(place ? `“${readable(read[place].word)}”` : "no word");
    const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 3);
    const leant = order.map((i) => `“${i ? readable(read[i].word) : "(start)"}” ${percent(shares[i])}`);
    if (leant.length) done = `“${readable(read[place].word)}” leaned on ${leant.join(", ")}.`;
    heat.write(temperature().toFixed(1));
    filter.setAttribute("aria-pressed", String(filtered));
    disable(step, over);
    disable(finish, over);
    disable(undo, read.length < 2 || !read.at(-1).drawn);
    const top = bars.slice(0, 3).map(([word, value]) => `“${word}” ${percent(value)}`);
    const kept = { text: beginning.value, number, heat: heat.input.value, filtered };
    const words = written().filter(({ drawn }) => drawn);
    explorable.keep("reddit-on-tap", { ...kept, drawn: words.map(({ word }) => word) });
    say([done, over ? "" : `Likeliest next: ${top.join(", ")}.`].join(" ").trim());
    const all = bars.map(([word, value]) => `${word} ${percent(value)}`);
    svg.setAttribute(
      "aria-label",
      over
        ? `The sentence has ended: ${tail}`
        : `Probabilities after “${tail}”: ${all.join(", ")}, all others ${percent(others)}.`,
    );
  }

  // Controls

  const change = () => show("");
  function ask(place) {
    back_at.input.value = place;
    change();
  }
  const [beginningLabel, beginning] = field(
    "Begin with",
    { type: "text", value: numbers.beginning, autocomplete: "off", spellcheck: "false" },
    restart,
  );
  const [seedLabel, seed] = field("Seed number", { type: "number", min: 0, max: LARGEST, value: 1 }, reseed);
  const heat = slider("Temperature", 19, 9, change);
  const back_at = slider("What did it lean on?", 1, 0, change);
  const step = button("Next word", one);
  const finish = button("Write the rest", rest);
  const undo = button("Back", back);
  const again = button("Draw anew", anew);
  const filter = button("Word filter", () => {
    filtered = !filtered;
    change();
  });
  const load = button(`Load the model (${numbers.megabytes} MB)`, () => {
    disable(load, true);
    say("Loading …");
    const script = make("script", { src: new URL("reddit-on-tap-model.js", redditScript) });
    script.addEventListener("error", () => {
      disable(load, false);
      say("The model could not be loaded. Press the button to try again.");
      script.remove();
    });
    script.addEventListener("load", () => {
      open(explorable.delivered);
      delete explorable.delivered;
      const focused = document.activeElement === load;
      loading.remove();
      rows.forEach((hidden) => (hidden.hidden = false));
      if (focused) beginning.focus();
      recall();
    });
    document.head.append(script);
  });
  const loading = row("Load", load);
  const text = { class: "explorable-text", "aria-live": "polite", "aria-label": "What is written", role: "group", tabindex: 0 };
  const sentence = make("p", text);
  const rows = [
    row("The beginning and the draws", beginningLabel, seedLabel),
    row("What is drawn from", heat.label, filter),
    row("Write", step, finish, undo, again),
    sentence,
    row("Look back", back_at.label),
  ];
  rows.forEach((hidden) => (hidden.hidden = true));
  const say = explorable.control(figure, loading, ...rows);
});
