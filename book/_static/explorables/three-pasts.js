// Three pasts of chapter 9: what an LSTM, a minGRU and attention have of one string of the
// embedded Reber grammar, step by step, and what each would answer.
"use strict";

explorable.start("three-pasts", (figure, numbers) => {
  const { make, button, disable, row, slider, field, power } = explorable;
  const { drawing, walk } = grammar(numbers);
  const { past } = threeNetworks(numbers);
  const { levels, least, heats, bars, panels, longest, sizes, transitions } = numbers;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#pasts-${id}`);
  const [left, width] = numbers.panel;
  const HEATS = Object.keys(heats);
  const BEGUN = 2; // symbols that are read before the inner string
  const opening = { string: numbers.string, at: numbers.string.length, guess: BEGUN, shown: false, states: false };
  const state = explorable.recall("three-pasts", opening); // the string up to the question
  let read; // what the networks have of it

  const other = (string) => `B${string[1] === "T" ? "P" : "T"}${string.slice(2)}`;
  const column = () => width / (state.string.length + 1);
  const x = (t) => left + column() * (t - 0.5); // the middle of step t, from 1
  const largest = (values) => values.reduce((most, value, k) => (value > values[most] ? k : most), 0);
  const step = (t) => `step ${t}, ${state.string[t - 1]}`;

  // The networks after T, after P, and the difference.
  function prepare() {
    const [own, twin] = [state.string, other(state.string)].map(past);
    const sign = state.string[1] === "T" ? 1 : -1;
    const all = ({ cell, states }) => [cell, ...states];
    const minus = (a, b) => a.map((a_t, t) => a_t.map((value, j) => sign * (value - b[t][j])));
    const apart = all(own).map((values, i) => minus(values, all(twin)[i]));
    const most = apart.map((values) => values.map((row) => largest(row.map(Math.abs))));
    read = { ...own, values: all(own), apart, most };
  }

  // As in explorable_pictures.py: a path for each shade, of lines that fill squares.
  function shades(values) {
    const level = (value) => Math.sign(value) * levels.filter((least) => Math.abs(value) > least).length;
    return [1, -1].flatMap((sign) =>
      levels.map((_, i) => {
        let path = "";
        values[0].forEach((_, j) =>
          values.forEach((row, t) => {
            if (level(row[j]) === sign * (i + 1)) path += `M${t} ${j}.5h1`;
          }),
        );
        return path;
      }),
    );
  }

  function show() {
    const { string, at, guess, shown, states } = state;
    const n = string.length;
    svg.classList.toggle("asking", !shown);
    part("above").textContent = states ? "above 0" : "more after T";
    part("below").textContent = states ? "below 0" : "more after P";
    const [letter] = part("symbols").children;
    part("symbols").replaceChildren(
      ...[...string, "?"].map((symbol, k) => {
        const text = letter.cloneNode();
        text.setAttribute("x", x(k + 1));
        text.setAttribute("class", `small ${k === 1 ? `named ${symbol === "T" ? "input" : "output"}` : ""}`);
        text.classList.toggle("later", k >= at && k < n);
        text.textContent = symbol;
        return text;
      }),
    );

    // A dot stands at the unit that differs most, where it differs by more than a little.
    const gaps = read.most.map((units, i) => units.map((j, t) => Math.abs(read.apart[i][t][j])));
    HEATS.forEach((name, i) => {
      const [top, high] = heats[name];
      const heat = part(name);
      heat.setAttribute("transform", `translate(${left} ${top}) scale(${column()} ${high})`);
      const values = (states ? read.values : read.apart)[i].slice(0, at);
      shades(values).forEach((path, k) => heat.children[k].setAttribute("d", path));
      const dots = read.most[i].map((j, t) => (t < at && gaps[i][t] > least ? `M${x(t + 1)} ${top + high * (j + 0.5)}h0` : ""));
      part(`most-${name}`).setAttribute("d", dots.join(""));
    });
    const kept = read.kept.map((rows, i) =>
      rows.map((row, t) => (t < at && gaps[i + 1][t] > least ? row[read.most[i + 1][t]] : 0)),
    );
    const looked = read.weights.map((rows) => rows[at - 1]);
    Object.entries(bars).forEach(([name, [foot, high]], i) => {
      const lines = [...kept, ...looked][i].map((value, t) => `M${x(t + 1)} ${foot}v${(-high * value).toFixed(2)}`);
      part(name).setAttribute("d", lines.join(""));
      part(name).setAttribute("stroke-width", 0.7 * column());
    });
    part("now").setAttribute("d", panels.map(([top, high]) => `M${left + column() * at} ${top}v${high}`).join(""));
    part("guess").setAttribute("transform", `translate(${x(guess)} 0)`);

    const rest = numbers.endings[walk(string.slice(0, at)).states.at(-1)];
    const shares = past(string.slice(0, at) + rest).answers;
    const told = shares.map((share, i) => {
      const [symbol, of] = share < 0.5 ? ["P", 1 - share] : ["T", share];
      part(`answer-${i}`).setAttribute("width", numbers.answer[1] * share);
      part(`share-${i}`).textContent = `${symbol} ${of.toFixed(2)}`;
      return `${symbol} ${of.toFixed(2)}`;
    });
    const held = [sizes[0], sizes[1], sizes[2] * at];
    held.forEach((size, i) => (part(`size-${i}`).textContent = `${size.toLocaleString("en")} numbers`));

    guesses.input.max = position.input.max = n;
    guesses.input.value = guess;
    guesses.write(step(guess));
    position.input.value = at;
    position.write(`${at} of ${n}`);
    disable(reveal, shown);
    disable(previous, at === BEGUN);
    disable(next, at === n);
    values.setAttribute("aria-pressed", String(states));
    explorable.keep("three-pasts", state);

    let text = "The string is read, and the next symbol is asked for. Which step will attention look at? Guess, then show.";
    if (shown) {
      const apart = (i) => `unit ${read.most[i][at - 1] + 1}${i ? " of layer 2" : ""} (by ${power(gaps[i][at - 1], 2)})`;
      const looks = looked.map((weights) => `${step(largest(weights) + 1)} (${Math.max(...weights).toFixed(2)})`);
      const yours = looked.map((weights) => weights[guess - 1]?.toFixed(2));
      const keeps = read.kept[1][at - 1][read.most[2][at - 1]].toFixed(3);
      text =
        `${rest && `Still ${rest} to come. `}LSTM: ${told[0]}; T and P differ most in ${apart(0)}. ` +
        `minGRU: ${told[1]}; in ${apart(2)}, kept ${keeps}. ` +
        `Attention: ${told[2]}; it looks at ${looks[0]}, in layer 2 at ${looks[1]}.` +
        (at < n ? "" : ` Your step ${guess}: ${yours.join(" and ")}.`);
    }
    say(text);
    svg.setAttribute("aria-label", `What three networks have of ${string}, after ${at} of ${n} symbols. ${text}`);
  }

  const within = (value, least) => Math.min(Math.max(Math.round(value), least), state.string.length);
  function go(to) {
    state.at = within(to, BEGUN);
    show();
  }

  // Another string is guessed before it is shown, the same with P for T is not.
  function take(string, changes = { shown: false, at: string.length }) {
    Object.assign(state, { string, ...changes });
    state.guess = within(state.guess, 1);
    line.value = string;
    line.setAttribute("aria-invalid", "false");
    prepare();
    show();
  }

  function draw(fewest) {
    const string = drawing(fewest + 4)({ random: Math.random }).slice(0, -2);
    return string.length > longest + BEGUN ? draw(fewest) : string;
  }

  function typed() {
    const text = line.value.trim().toUpperCase();
    const { states, wrong } = walk(text);
    const asked = states.findIndex((at) => numbers.endings[at] === "");
    const may = Object.keys(transitions[states.at(-1)]).join(" or ");
    line.setAttribute("aria-invalid", String(wrong >= 0 || asked < 0 || asked > longest + BEGUN));
    if (wrong >= 0) say(`${text[wrong]} cannot follow ${text.slice(0, wrong) || "nothing"}: ${may || "nothing"} may.`);
    else if (asked > longest + BEGUN) say(`The inner string must have at most ${longest} symbols.`);
    else if (asked < 0) say(`After ${text || "nothing"}, ${may} may follow.`);
    else {
      take(text.slice(0, asked));
      line.value = text;
    }
  }

  const guesses = slider("Guess: it looks at", 1, 1, () => {
    state.guess = Number(guesses.input.value);
    show();
  });
  guesses.input.min = 1;
  const reveal = button("Show", () => {
    state.shown = true;
    show();
  });
  const previous = button("Back", () => go(state.at - 1));
  const next = button("Next", () => go(state.at + 1));
  const position = slider("Symbols read", 1, 1, () => go(Number(position.input.value)));
  position.input.min = BEGUN;
  const [label, line] = field("String, up to the question", { autocomplete: "off", spellcheck: "false" }, typed);
  const swap = button("T ↔ P", () => take(other(state.string), {}));
  const values = button("States", () => {
    state.states = !state.states;
    show();
  });
  const lags = [5, 10, 20].map((fewest) => button(`≥ ${fewest}`, () => take(draw(fewest))));
  const say = explorable.control(
    figure,
    row("Guess first", guesses.label, reveal),
    row("Step through", previous, next, position.label),
    row("The string", label, swap),
    row("Another string, and what is shown", make("span", {}, "Draw, lag"), ...lags, values),
  );
  explorable.drag(svg, svg, (to) => {
    const t = (to - left) / column() + 0.5;
    if (state.shown) return go(t);
    state.guess = within(t, 1);
    show();
  });
  svg.classList.add("live");
  take(state.string, {});
});
