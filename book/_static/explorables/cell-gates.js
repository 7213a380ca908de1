// The cell, gate by gate, of chapter 6: its gates are drawn by hand, and it carries a bit
// over 20 steps, and the error of the last back.
"use strict";

explorable.start("cell-gates", (figure, numbers) => {
  const { button, disable, row, slider, choice, power } = explorable;
  const { candidates, across, rows, row: HEIGHT } = numbers;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#gates-${id}`);
  const STEPS = candidates.length;
  const STAGES = ["A sum", "+ input gate", "+ output gate", "+ forget gate"];
  const state = explorable.recall("cell-gates", { stage: 0, guess: 50, seen: [], gates: numbers.gates });

  // The cell after T (1) or P (-1), as tanh(c) and as h, and the derivative of the last h
  // with each c. A gate that is not there yet is open.
  function read(bit) {
    const gate = (k, t) => (k < state.stage ? state.gates[k][t] : 1);
    let c = 0;
    const held = candidates.map((g, t) => Math.tanh((c = gate(2, t) * c + gate(0, t) * (t ? g : bit * g))));
    const h = held.map((value, t) => gate(1, t) * value);
    const error = [gate(1, STEPS - 1) * (1 - Math.tanh(c) ** 2)];
    for (let t = STEPS - 1; t > 0; t--) error.unshift(error[0] * gate(2, t));
    return { held, h, error };
  }

  const x = (t) => across[0] + across[1] * t;
  const line = (values, y) => `M${values.map((value, t) => `${x(t)} ${y(value).toFixed(1)}`).join("L")}`;
  const [top, height] = numbers.shown;
  const shownAt = (value) => top + (height * (1 - value)) / 2;
  const errorAt = (value) => {
    const [low, high] = numbers.decades;
    const decade = Math.max(Math.log10(value), low);
    return numbers.error[0] + (numbers.error[1] * (high - decade)) / (high - low);
  };
  const percent = (share) => `${power(100 * share)}%`;
  const whole = Math.tanh(candidates[0]); // half of what the bit makes, shown at once

  function show() {
    const { stage, guess, seen, gates } = state;
    const [T, P] = [read(1), read(-1)];
    const asking = !seen[stage];
    svg.classList.toggle("asking", asking);
    for (const [name, { held, h }] of Object.entries({ T, P })) {
      part(name).setAttribute("d", line(held, shownAt));
      part(`h-${name}`).setAttribute("d", line(h, shownAt));
    }
    part("error").setAttribute("d", line(T.error, errorAt));
    const span = (height / 2) * whole * (guess / 100);
    const middle = top + height / 2;
    part("guess").firstElementChild.setAttribute("d", `M${x(STEPS - 0.5)} ${middle - span}V${middle + span}`);
    part("guess").lastElementChild.setAttribute("cy", middle - span);
    gates.forEach((values, k) => {
      part(`row-${k}`).classList.toggle("absent", k >= stage);
      values.forEach((value, t) => {
        const bar = part(`${k}-${t}`);
        bar.setAttribute("y", rows[k + 1] + HEIGHT * (1 - value));
        bar.setAttribute("height", HEIGHT * value);
      });
    });
    stages.forEach((pressed, i) => pressed.setAttribute("aria-pressed", String(i === stage)));
    disable(reveal, !asking);
    guesses.write(`${guess}%`);
    controls.style.visibility = stage ? "visible" : "hidden"; // it keeps its place
    if (stage) {
      const value = gates[stage - 1][Number(when.value)];
      level.input.value = 100 * value;
      level.write(value.toFixed(2));
    }

    const left = (T.h[STEPS - 1] - P.h[STEPS - 1]) / (2 * whole);
    const product = stage > 2 ? gates[2].slice(1).reduce((a, b) => a * b) : 1;
    const told = asking
      ? `${STAGES[stage]}. How much of the bit will be shown at step ${STEPS}? Guess, then show.`
      : `${STAGES[stage]}: at step ${STEPS}, ${percent(left)} of the bit is shown; you guessed ${guess}%. ` +
        `Of the last error ${percent(T.error[0])} comes back to step 1.` +
        (stage > 2 ? ` The ${STEPS - 1} forget gates multiply to ${power(product, 2)}: on average ${(product ** (1 / (STEPS - 1))).toFixed(3)} each.` : "");
    say(told);
    svg.setAttribute("aria-label", `A cell over ${STEPS} steps. ${told}`);
    explorable.keep("cell-gates", state);
  }

  function set(k, t, value) {
    state.gates[k][t] = Math.min(Math.max(Math.round(100 * value) / 100, 0), 1);
  }

  const stages = STAGES.map((name, i) => button(name, () => show((state.stage = i))));
  const reveal = button("Show", () => {
    state.seen[state.stage] = true;
    show();
  });
  const guess = (value) => {
    state.guess = Math.min(Math.max(Math.round(value), 0), 100);
    guesses.input.value = state.guess;
    show();
  };
  const guesses = slider("Guess: shown of the bit", 100, state.guess, () => guess(Number(guesses.input.value)));
  // By keyboard, the newest gate at one step, or from one step on.
  const level = slider("Newest gate open", 100, 0, () => {
    const from = Number(when.value);
    for (let t = from; t < (from ? from + 1 : STEPS); t++) set(state.stage - 1, t, level.input.value / 100);
    show();
  });
  const [whenLabel, when] = choice(
    "At step",
    Object.fromEntries(candidates.map((_, t) => [t, t ? t + 1 : "all"])),
    () => show(),
  );
  const controls = row("Set a gate", whenLabel, level.label);
  const say = explorable.control(figure, row("Build it up", ...stages), row("Guess first", guesses.label, reveal), controls);

  // Gates are drawn with the finger: across the steps, up and down. So is the guess.
  numbers.gates.forEach((_, k) =>
    explorable.drag(part(`row-${k}`), svg, (at, down) => {
      const t = Math.min(Math.max(Math.round((at - across[0]) / across[1]), 0), STEPS - 1);
      set(k, t, 1 - (down - rows[k + 1]) / HEIGHT);
      show();
    }),
  );
  explorable.drag(part("guess"), svg, (_, down) =>
    guess((100 * (top + height / 2 - down)) / ((height / 2) * whole)),
  );
  svg.classList.add("live");
  show();
});
