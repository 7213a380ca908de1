// A grammar as an automaton, as in helpers/tasks/reber.py: its strings, from the same
// random numbers, and what a network reads of them and should say.
"use strict";

function grammar({ symbols, transitions }) {
  const n_out = symbols.length;
  const ways = transitions.map((moves) => Object.entries(moves));
  const examples = new Map(); // by string: most are drawn again and again

  // A function that draws a string of at least so many symbols: each choice is weighted
  // by the chance that what follows is still long enough.
  function drawing(least = 0) {
    let reach = ways.map(() => 1); // the chance that so many symbols follow, by state
    const choices = Array.from({ length: least + 1 }, (_, needed) => {
      const before = reach;
      const weights = ways.map((moves) => moves.map(([, after]) => before[after] / moves.length));
      const sums = weights.map((row) => row.reduce((a, b) => a + b, 0));
      if (needed) reach = sums;
      return weights.map((row, state) => {
        let sum = 0;
        return row.map((weight) => (sum += weight) / sums[state]);
      });
    });
    return ({ random }) => {
      let [string, state] = ["", 0];
      while (ways[state].length) {
        const shares = choices[Math.max(0, least - string.length)][state];
        const chosen = random();
        const [symbol, after] = ways[state].find((_, i) => chosen < shares[i]) ?? ways[state].at(-1);
        string += symbol;
        state = after;
      }
      return string;
    };
  }

  // The states from the start on, as far as the string goes, and where it leaves the
  // grammar, counted from 0; -1 where it does not.
  function walk(string) {
    const states = [0];
    for (const symbol of string) {
      const after = transitions[states.at(-1)][symbol];
      if (after === undefined) return { states, wrong: states.length - 1 };
      states.push(after);
    }
    return { states, wrong: -1 };
  }

  // The same for a whole string, which must not end too early.
  function wrongAt(string) {
    const { states, wrong } = walk(string);
    return wrong < 0 && ways[states.at(-1)].length ? string.length : wrong;
  }

  // What a network reads of a string, T symbols as numbers; the states after them; and
  // the targets, a 1 for each symbol that may follow.
  function example(string) {
    if (!examples.has(string)) {
      const T = string.length - 1;
      const states = walk(string).states.slice(1, T + 1);
      const x = [...string].slice(0, T).map((symbol) => symbols.indexOf(symbol));
      const y = Float64Array.from(states.flatMap((state) => [...symbols].map((symbol) => symbol in transitions[state])));
      examples.set(string, { string, T, x, y, states });
    }
    return examples.get(string);
  }
  return { drawing, walk, wrongAt, example };
}
