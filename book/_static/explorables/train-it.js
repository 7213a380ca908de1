// Train it of chapter 5: its network learns in the page, as many as 20 seeds side by side.
// It is trained in a worker (training.js); here is what is seen and pressed.
"use strict";

explorable.start("train-it", (figure, numbers) => {
  const { make, button, disable, row, slider, power } = explorable;
  const { transitions, updates, every, plots } = numbers;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#train-${id}`);
  const grip = part("guess");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const { wrongAt } = grammar(numbers);
  figure.id = "train-it";

  const INITIAL = { unit_singular_value: "singular value 1", uniform: "uniform" };
  Object.assign(INITIAL, { orthogonal: "orthogonal", normal: "normal, 0.01", zero: "all zero" });
  const FIELDS = {
    rate: ["Rate", [0, 100]],
    optimiser: ["Optimiser", { sgd: "SGD", momentum: "momentum 0.9", adam: "Adam" }],
    loss: ["Loss over outputs", { mean: "mean", sum: "sum" }],
    init: ["Initialisation", INITIAL],
    clip: ["Clipping", { none: "none", norm: "by norm", value: "by value" }],
    limit: ["Clipped at", [0, 1000]],
    units: ["Units", [1, 50, true]],
    first: ["First seed", [0, 9999, true]],
    pace: ["Updates a second", { 1000: "1,000", 100: "100", Infinity: "as many as it can" }],
    seeds: ["Seeds at once", [1, 20, true]],
  };
  const usual = { ...numbers.setting, first: 0, seeds: 1, pace: calm.matches ? "Infinity" : "1000" };

  const { values: setting, labels, link, change } = explorable.settings(
    "train-it",
    FIELDS,
    usual,
    (key) => (key === "pace" ? run.running && run.go(Number(setting.pace)) : again()),
    (sentence) => say(sentence),
  );

  // The worker and what it reports

  const scripts = [networks, moreStarts, numpyRandom, grammar, reberTraining];
  const run = explorable.training(scripts, numbers, {
    calm: 1000,
    tell: () => tell(),
    draw: () => draw(),
  });
  const { now } = run;
  const of = (at, name) => at.seeds.map((seed) => seed[name]);
  const middle = (at, name) => median(of(at, name));

  // Pictures

  const count = (k) => k.toLocaleString("en");
  const percent = (share) => `${(100 * share).toFixed(share < 0.995 || share === 1 ? 0 : 1)}%`;
  const [low, high] = plots.decades;
  const foot = plots.top + plots.height;
  const y = {
    loss(value) {
      const decade = Math.min(Math.max(Math.log10(value), low), high);
      return plots.top + ((plots.height - plots.floor) * (high - decade)) / (high - low);
    },
    share: (value) => foot - plots.height * value,
  };

  function line(values, name) {
    const left = plots.left[name === "loss" ? 0 : 1];
    const finite = values.filter(([, value]) => Number.isFinite(value));
    const place = ([k, value]) =>
      `${(left + (plots.width * k) / updates).toFixed(1)} ${y[name](value).toFixed(1)}`;
    return finite.length ? `M${finite.map(place).join("L")}${finite.length > 1 ? "" : "h3"}` : "";
  }

  const lines = (name) =>
    now().seeds.map((_, i) => line(run.points.map((at) => [at.k, at.seeds[i][name]]), name)).join("");

  // The record lies behind, and the run before.
  function behind(name) {
    const { at, low: lowest, median: middle, high: highest } = numbers.record[setting.loss][name];
    const pairs = (values) => at.map((k, i) => [k, values[i]]);
    const back = line(pairs(highest).reverse(), name).replace("M", "L");
    part(`band-${name}`).setAttribute("d", `${line(pairs(lowest), name)}${back}z`);
    part(`median-${name}`).setAttribute("d", line(pairs(middle), name));
  }

  function keep() {
    for (const name of run.points.length > 1 ? ["loss", "share"] : []) {
      const path = line(run.points.map((at) => [at.k, middle(at, name)]), name);
      part(`last-${name}`).setAttribute("d", path);
    }
  }

  function write(text, string) {
    const wrong = wrongAt(string);
    const shown = string.length > numbers.cut ? `${string.slice(0, numbers.cut - 1)}…` : string;
    if (wrong < 0) return text.replaceChildren(`✓ ${shown}`);
    const at = Math.min(wrong, shown.length - 1);
    const bad = document.createElementNS(svg.namespaceURI, "tspan");
    bad.setAttribute("class", "bad");
    bad.textContent = shown[at];
    text.replaceChildren(`✗ ${shown.slice(0, at)}`, bad, shown.slice(at + 1));
  }

  function draw() {
    if (!now()) return;
    const { k, seeds: all } = now();
    const [{ strings }] = all;
    for (const name of ["loss", "share"]) part(name).setAttribute("d", lines(name));
    transitions.forEach((moves, state) => {
      const legal = Object.keys(moves);
      const given = legal.map((symbol) => {
        const j = numbers.symbols.indexOf(symbol);
        return all.reduce((sum, { said }) => sum + said[state][j], 0) / all.length;
      });
      const never = !state || !legal.length; // where the network is not asked
      const sum = never ? 1 : given.reduce((a, b) => a + b);
      part(`state-${state}`).setAttribute("fill-opacity", (0.4 * sum).toFixed(3));
      legal.forEach((symbol, i) => {
        const bright = 0.12 + 0.88 * Math.min(never ? 1 : given[i] * legal.length, 1);
        part(`arrow-${state}${symbol}`).style.opacity = bright.toFixed(3);
      });
    });
    svg.querySelectorAll(".written").forEach((text, i) => write(text, strings[i] ?? "…"));
    const when = k ? `After ${count(k)} update${k === 1 ? "" : "s"}` : "Untrained";
    part("when").textContent = `${when}, it writes`;
    const guessed = plots.left[1] + (plots.width * guess()) / updates;
    grip.setAttribute("transform", `translate(${guessed} 0)`);
    start.textContent = run.running ? "Pause" : "Start";
    [start, one].forEach((key) => disable(key, run.over()));
    guesses.input.disabled = k > 0;
    guesses.write(`${count(guess())} updates`);
    many.write(setting.seeds);
    check.show(now(), setting);
  }

  function tell() {
    if (!now()) return;
    const { k, last } = now();
    const [loss, share] = ["loss", "share"].map((name) => of(now(), name));
    const lost = loss.filter((value) => !Number.isFinite(value)).length;
    const spread = (values, form) =>
      values.length > 1
        ? `median ${form(median(values))}, from ${form(Math.min(...values))} to ${form(Math.max(...values))}`
        : form(values[0]);
    const sentences = [];
    if (!k) sentences.push("Untrained.");
    else if (last && !run.running && k < updates) {
      sentences.push(`Update ${count(k)} was on ${last.string}, whose loss was ${power(last.loss)}.`);
    } else sentences.push(`After ${count(k)} updates.`);
    sentences.push(`Test loss: ${spread(loss, power)} (floor: 0). In the grammar: ${spread(share, percent)} of its strings.`);
    if (lost) sentences.push(`${lost} of ${loss.length} networks have left the finite numbers.`);
    const guessed = `you guessed ${count(guess())}`;
    if (!k) sentences.push("Guess, then start.");
    const half = run.points.find((at) => middle(at, "share") >= 0.5);
    if (half) sentences.push(`Half of them were after ${count(half.k)} updates; ${guessed}.`);
    else if (k >= updates) sentences.push(`Half of them never were; ${guessed}.`);
    const text = sentences.join(" ");
    say(text);
    svg.setAttribute("aria-label", `The automaton, the loss and the strings of the network. ${text}`);
  }

  // Controls

  function go() {
    svg.classList.remove("asking");
    run.go(run.running ? 0 : Number(setting.pace));
    draw();
  }

  function again() {
    keep();
    run.begin(setting);
    ["loss", "share"].forEach(behind);
  }

  const guess = () => every * Number(guesses.input.value);
  const guesses = slider("Guess: half grammatical after", updates / every, 4, () => draw());
  const many = slider(FIELDS.seeds[0], 20, setting.seeds, () => change("seeds", many.input.value, many.input));
  many.input.min = 1;
  const start = button("Start", go);
  const one = button("One step", () => {
    svg.classList.remove("asking");
    if (run.running) go();
    say("One update …");
    run.step();
  });
  const { seeds, ...others } = labels; // which has a slider instead
  const settings = make("div", { class: "explorable-fields" }, ...Object.values(others), link);
  const check = explorable.gradientCheck(numbers);
  const say = explorable.control(
    figure,
    row("Guess first", guesses.label),
    row("Train", start, one, button("Reset", again), many.label),
  );
  const folded = make("details", {}, make("summary", {}, "Settings"), settings);
  figure.querySelector(".explorable-controls").append(folded, check.element);

  // The guess is also dragged in the picture.
  explorable.drag(grip, svg, (x) => {
    if (guesses.input.disabled) return;
    guesses.input.value = ((x - plots.left[1]) / plots.width) * (updates / every);
    draw();
  });

  svg.classList.add("live", "asking");
  again();
  if (location.hash === "#train-it") figure.scrollIntoView();
});
