// Can you make it remember? of chapter 6: a network of a chosen cell learns the embedded
// grammar in a worker (embedded-training.js); here is what is seen and pressed.
"use strict";

explorable.start("remember", (figure, numbers) => {
  const { make, button, disable, row, slider, power } = explorable;
  const { updates, lengths, seeds: OF, house, plots, solved: SOLVED } = numbers;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#remember-${id}`);
  figure.id = "remember";

  const CELLS = { elman: "Elman", lstm: "LSTM", gru: "GRU" };
  const OPTIMISERS = { sgd: "SGD", sum: "SGD, loss summed", adam: "Adam" };
  const FIELDS = {
    cell: ["Cell", CELLS],
    lag: ["Least lag", { 5: "5, all", 10: "10", 20: "20" }],
    optimiser: ["Optimiser", OPTIMISERS],
    first: ["First seed", [0, 9999, true]],
    seeds: ["Seeds at once", [1, OF, true]],
  };
  const usual = { ...numbers.setting, first: 0, seeds: 1 };
  const { values: setting, labels, link, change } = explorable.settings(
    "remember",
    FIELDS,
    usual,
    () => again(),
    (sentence) => say(sentence),
  );
  const scripts = [networks, gatedCells, numpyRandom, grammar, median, embeddedTraining];
  const run = explorable.training(scripts, numbers, {
    calm: 5000,
    tell: () => tell(),
    draw: () => draw(),
  });

  // What was found, by setting: for each seed whether it is solved. Kept with Back.
  const found = explorable.recall("remember", {});
  const key = () => `${CELLS[setting.cell]}, ${OPTIMISERS[setting.optimiser]}, lag ${setting.lag}`;
  const tally = (seeds) => `${Object.values(seeds).filter(Boolean).length} of ${Object.keys(seeds).length}`;
  const record = () => house[setting.cell][setting.optimiser]?.[setting.lag];
  const bet = () => Number(bets.input.value);
  const started = () => run.running || run.now()?.k > 0;

  // Pictures

  const count = (k) => k.toLocaleString("en");
  const percent = (share) => `${Math.round(100 * share)}%`;
  const [low, high] = plots.decades;
  const between = (from, to, value) => Math.min(Math.max((value - from) / (to - from), 0), 1);
  const up = (share) => plots.top + plots.height * (1 - share);
  const [left, right] = plots.left;
  const learned = (k, share) => [left + (plots.width * k) / updates, up(between(plots.least, 1, share))];
  const arrived = (lag, norm) => [
    right + plots.width * between(lengths[0], lengths.at(-1), lag),
    up(between(low, high, Math.log10(norm))),
  ];
  const path = (points) => {
    const finite = points.filter((point) => point.every(Number.isFinite));
    const text = finite.map((point) => point.map((value) => value.toFixed(1)).join(" ")).join("L");
    return finite.length ? `M${text}${finite.length > 1 ? "" : "h3"}` : "";
  };
  const byLag = (norms) => path(norms.map((norm, i) => arrived(lengths[i], norm)));

  // The house's record lies behind, where it has one.
  function behind() {
    const { looks, reach } = record() ?? {};
    const points = (name) => looks[name].map((share, i) => learned(looks.at[i], share));
    const band = looks ? `${path([...points("low"), ...points("high").reverse()])}z` : "";
    part("band").setAttribute("d", band);
    part("median").setAttribute("d", looks ? path(points("median")) : "");
    part("house-reach").setAttribute("d", reach ? byLag(reach) : "");
  }

  function draw() {
    if (!run.now()) return;
    const each = run.now().seeds;
    const course = (i) => path(run.points.map((at) => learned(at.k, at.seeds[i].right)));
    part("right").setAttribute("d", each.map((_, i) => course(i)).join(""));
    part("reach").setAttribute("d", each.map(({ reach }) => byLag(reach)).join(""));
    const first = lengths.map((_, i) => median(run.points[0].seeds.map(({ reach }) => reach[i])));
    part("start").setAttribute("d", byLag(first));
    for (let i = 0; i < OF; i++) {
      part(`seed-${i}`).classList.toggle("bet", i < bet());
      part(`seed-${i}`).classList.toggle("won", started() && i < record()?.solved);
    }
    part("bet").setAttribute("transform", `translate(${plots.seeds[0] + plots.seeds[1] * (bet() - 0.5)} 0)`);
    svg.classList.toggle("asking", !started());
    start.textContent = run.running ? "Pause" : "Start";
    [start, one].forEach((pressed) => disable(pressed, run.over()));
    bets.input.disabled = started();
    bets.write(`${bet()} of ${OF} seeds`);
    many.write(setting.seeds);
  }

  function tell() {
    if (!run.now()) return;
    const { k, seeds, last } = run.now();
    const of = (values, form) => {
      const middle = form(median(values));
      return values.length > 1 ? `${middle} (median of ${values.length})` : middle;
    };
    const sentences = [k ? `After ${count(k)} update${k === 1 ? "" : "s"}:` : "Untrained:"];
    sentences.push(`right at the question in ${of(seeds.map((seed) => seed.right), percent)} of 200 strings; guessing, 50%.`);
    const [near, far] = [0, lengths.indexOf(20)].map((i) => power(median(seeds.map(({ reach }) => reach[i])), 2));
    sentences.push(`Gradient at the symbol: ${near} at lag 5, ${far} at lag 20.`);
    if (!k) sentences.push("Bet, then start.");
    else if (last && !run.running && !run.over()) sentences.push(`The last string was ${last.string}, its loss ${power(last.loss)}.`);
    if (run.over()) {
      found[key()] = { ...found[key()] };
      seeds.forEach(({ end }, i) => (found[key()][setting.first + i] = end >= SOLVED));
      explorable.keep("remember", found);
      conclude();
    }
    const text = sentences.join(" ");
    say(text);
    svg.setAttribute("aria-label", `Right answers by update, and the gradient at the second symbol by lag. ${text}`);
  }

  // What the reader found out.
  function conclude() {
    const { [key()]: now, ...others } = found;
    const sentences = [];
    if (now && run.over()) {
      const had = record() ? `the house had ${record().solved} of ${OF}` : "the house has no record of this";
      sentences.push(
        `You found: with ${key()} and more, ${tally(now)} networks remember the symbol after ` +
          `${count(updates)} updates. You bet ${bet()} of ${OF}; ${had}.`,
      );
    }
    const before = Object.entries(others).map(([name, seeds]) => `${name}: ${tally(seeds)}`);
    if (before.length) sentences.push(`Found before: ${before.join("; ")}.`);
    findings.textContent = sentences.join(" ");
  }

  // Controls

  function go() {
    run.go(run.running ? 0 : Infinity);
    draw();
  }

  function again() {
    run.begin(setting);
    behind();
    conclude();
  }

  const bets = slider("Your bet: it learns in", OF, OF / 2, () => draw());
  const many = slider(FIELDS.seeds[0], OF, setting.seeds, () => change("seeds", many.input.value, many.input));
  many.input.min = 1;
  const start = button("Start", go);
  const one = button("One step", () => {
    if (run.running) go();
    say("One update …");
    run.step();
  });
  const choices = row("What learns", labels.cell, labels.lag, labels.optimiser);
  choices.classList.add("choices");
  const findings = make("p", { class: "explorable-answer", "aria-live": "polite" });
  const say = explorable.control(
    figure,
    choices,
    row("Bet first", bets.label),
    row("Train", start, one, button("Reset", again), many.label),
  );
  const folded = make("details", {}, make("summary", {}, "Seeds and link"));
  folded.append(make("div", { class: "explorable-fields" }, labels.first, link));
  figure.querySelector(".explorable-controls").append(findings, folded);

  // The bet is also dragged in the picture.
  explorable.drag(part("bets"), svg, (x) => {
    if (bets.input.disabled) return;
    bets.input.value = (x - plots.seeds[0]) / plots.seeds[1] + 0.5;
    draw();
  });

  svg.classList.add("live", "asking");
  again();
  if (location.hash === "#remember") figure.scrollIntoView();
});
