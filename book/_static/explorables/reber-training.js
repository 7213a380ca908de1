// The training of chapter 5, as helpers/experiments/ch05_reber_runs.py does it, from the
// same random numbers; and the worker that trains several seeds side by side.
"use strict";

// `grammar` has `symbols` and `transitions`. All works with networks() and numpyRandom().
function reberTraining({ symbols, transitions }) {
  const N = networks();
  const [STRINGS, TESTS, SAMPLES, PATIENCE] = [1000, 500, 200, 100];
  const END = symbols.indexOf("E");
  const n_out = symbols.length;
  const ways = transitions.map((moves) => Object.entries(moves));
  const examples = new Map(); // by string: most are drawn again and again

  function draw({ random }) {
    let [string, state] = ["", 0];
    while (state < transitions.length - 1) {
      const moves = ways[state];
      const [symbol, after] = moves[Math.floor(random() * moves.length)];
      string += symbol;
      state = after;
    }
    return string;
  }

  // What a network reads of a string, T symbols as numbers; the states after them; and
  // the targets, a 1 for each symbol that may follow.
  function example(string) {
    if (examples.has(string)) return examples.get(string);
    const T = string.length - 1;
    const [x, states, y] = [[], [], new Float64Array(T * n_out)];
    let state = 0;
    for (let t = 0; t < T; t++) {
      x.push(symbols.indexOf(string[t]));
      states.push((state = transitions[state][string[t]]));
      for (const symbol in transitions[state]) y[t * n_out + symbols.indexOf(symbol)] = 1;
    }
    examples.set(string, { string, T, x, y, states });
    return examples.get(string);
  }

  const draws = (n, seed, stream) => {
    const generator = numpyRandom(seed, stream);
    return [Array.from({ length: n }, () => draw(generator)), generator];
  };

  // Where a string leaves the grammar, counted from 0; -1 where it does not.
  function wrongAt(string) {
    let state = 0;
    for (const [position, symbol] of [...string].entries()) {
      state = transitions[state][symbol];
      if (state === undefined) return position;
    }
    return state < transitions.length - 1 ? string.length : -1;
  }

  // Strings that the network makes, each symbol drawn from its outputs over their sum.
  // All are made at once, a symbol each, since so the random numbers are used up.
  function sample(net, n, { random }) {
    const { n_hid, parameters } = net;
    const made = Array.from({ length: n }, () => ({ string: symbols[0], x: [0], h: parameters.h0.slice() }));
    const upTo = new Float64Array(n_out); // sums of the outputs
    for (let open = n, t = 1; open && t < PATIENCE; t++) {
      for (const one of made) {
        const chosen = random();
        if (one.x[0] === END) continue;
        net.forward(one.x, 1, one);
        for (let j = 0; j < n_hid; j++) one.h[j] = net.h[n_hid + j];
        let sum = 0;
        for (let k = 0; k < n_out; k++) upTo[k] = sum += N.sigmoid(net.o[n_out + k]);
        let k = 0;
        while (k < n_out - 1 && upTo[k] <= chosen * sum) k++;
        one.string += symbols[k];
        one.x[0] = k;
        if (k === END) open -= 1;
      }
    }
    return made.map(({ string }) => string);
  }

  // One seed: its network, its strings, and what is asked of it.
  function training(seed, setting) {
    const net = N.network("elman", { n_in: n_out, n_hid: setting.units, n_out });
    N.initialise(net, N.initialisations[setting.init], numpyRandom(seed, 0));
    const [strings, generator] = draws(STRINGS, seed, 1);
    const chosen = strings.map(example);
    const counts = new Map();
    for (const string of draws(TESTS, seed, 2)[0]) counts.set(string, (counts.get(string) ?? 0) + 1);
    const tests = [...counts].map(([string, count]) => ({ ...example(string), count }));
    const step = N.optimisers[setting.optimiser](net.theta.length);
    const shorten = N.clipping[setting.clip];
    const scale = setting.loss === "mean" ? 1 / n_out : 1;

    // One update: the string, and its loss before. Each prediction counts 1 / T.
    function update() {
      const { string, T, x, y } = chosen[generator.integer(STRINGS)];
      net.forward(x, T);
      const loss = N.sigmoidLoss(net, y, T, scale / T);
      net.backward(x, T);
      shorten(net.d_theta, setting.limit);
      step(net.theta, net.d_theta, setting.rate);
      return { string, loss };
    }

    // The mean loss of a test string, always the mean over outputs; the share that the
    // outputs give to each symbol, by state of the automaton; and strings that it makes.
    function measure() {
      const said = transitions.map(() => new Float64Array(n_out));
      const visits = new Float64Array(transitions.length);
      const p = new Float64Array(n_out);
      let loss = 0;
      for (const { T, x, y, states, count } of tests) {
        net.forward(x, T);
        loss += (count / TESTS) * N.sigmoidLoss(net, y, T, 1 / (n_out * T));
        states.forEach((state, t) => {
          let sum = 0;
          for (let k = 0; k < n_out; k++) sum += p[k] = N.sigmoid(net.o[(t + 1) * n_out + k]);
          for (let k = 0; k < n_out; k++) said[state][k] += (count * p[k]) / sum;
          visits[state] += count;
        });
      }
      const strings = Number.isFinite(loss) ? sample(net, SAMPLES, numpyRandom(seed, 3)) : [];
      return {
        loss,
        share: strings.filter((string) => wrongAt(string) < 0).length / SAMPLES,
        said: said.map((row, state) => Array.from(row, (sum) => sum / visits[state])),
        strings: strings.slice(0, 8),
      };
    }
    return { net, update, measure };
  }
  return { training, example, wrongAt };
}

// In a worker: messages {begin: settings}, {go: updates a second, or 0}, {step: true}.
// After each piece of work it posts what happened; measured is every so many updates.
function reberWorker(numbers) {
  const { training } = reberTraining(numbers);
  let [seeds, k, pace, since, before] = [[], 0, 0, 0, 0];
  let last; // what the first seed did

  function report() {
    const measured = seeds.map((one) => one.measure());
    const { strings } = measured[0];
    const said = measured[0].said.map((row, s) =>
      row.map((_, j) => measured.reduce((sum, one) => sum + one.said[s][j], 0) / seeds.length),
    );
    const [loss, share] = ["loss", "share"].map((name) => measured.map((one) => one[name]));
    postMessage({ k, loss, share, said, strings, last, theta: seeds[0].net.theta.slice() });
  }

  // As many updates as are due, but no longer than a picture lasts.
  function work() {
    if (!pace) return;
    const begun = performance.now();
    const due = before + ((begun - since) / 1000) * pace;
    while (pace && k < due && performance.now() - begun < 30) {
      for (const one of seeds) last = one === seeds[0] ? one.update() : (one.update(), last);
      k += 1;
      if (k % numbers.every === 0) report();
      if (k >= numbers.updates) pace = 0;
    }
    if (pace) setTimeout(work, k < due ? 0 : 16);
    else postMessage({ k, paused: true });
  }

  onmessage = ({ data: { begin, go, step } }) => {
    if (begin) {
      seeds = Array.from({ length: begin.seeds }, (_, i) => training(begin.first + i, begin));
      [k, pace, last] = [0, 0, undefined];
      report();
    }
    if (step && k < numbers.updates) {
      const done = seeds.map((one) => one.update());
      [k, last] = [k + 1, done[0]];
      report();
    }
    if (go !== undefined) {
      if (pace && !go) report();
      [pace, since, before] = [go, performance.now(), k];
      work();
    }
  };
}
