// The training of chapter 5, as helpers/experiments/ch05_reber_runs.py does it, from the
// same random numbers.
"use strict";

// Works with networks(), moreStarts(), numpyRandom() and grammar().
function reberTraining(numbers) {
  const { symbols, transitions } = numbers;
  const N = networks();
  const starts = { ...N.initialisations, ...moreStarts() };
  const { drawing, example, wrongAt } = grammar(numbers);
  const n_out = symbols.length;
  const [STRINGS, TESTS, SAMPLES, PATIENCE] = [1000, 500, 200, 100];
  const END = symbols.indexOf("E");
  const draw = drawing();

  const draws = (n, seed, stream) => {
    const generator = numpyRandom(seed, stream);
    return [Array.from({ length: n }, () => draw(generator)), generator];
  };

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
    N.initialise(net, starts[setting.init], numpyRandom(seed, 0));
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
  return { training };
}
