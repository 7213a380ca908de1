// The training of chapter 6, as helpers/experiments/ch06_embedded_reber_runs.py does it,
// from the same random numbers: who of T and P comes back at the end of the string?
// Works with networks(), gatedCells(), numpyRandom(), grammar() and median().
"use strict";

function embeddedTraining(numbers) {
  const { symbols, lengths, updates, cells, rates } = numbers;
  const N = networks(gatedCells);
  const { drawing, example } = grammar(numbers);
  const [STRINGS, WATCHED, TESTS, PROBES, LONGEST, AROUND] = [1000, 200, 1000, 20, 45, 4];
  const n_out = symbols.length;
  const [AT_T, AT_P] = [..."TP"].map((symbol) => symbols.indexOf(symbol));

  // n strings with inner strings of `least` to `most` symbols.
  function draws(n, least, generator, most = LONGEST) {
    const draw = drawing(least + AROUND);
    const strings = [];
    while (strings.length < n) {
      const string = draw(generator);
      if (string.length <= most + AROUND) strings.push(string);
    }
    return strings;
  }

  // The share of strings at whose question the right one of T and P is the likelier.
  function shareRight(net, strings) {
    const right = strings.filter((string) => {
      const T = string.length - 2; // what is read until then
      net.forward(example(string).x, T);
      const at = T * n_out;
      return net.o[at + AT_T] > net.o[at + AT_P] === (string[1] === "T");
    });
    return right.length / strings.length;
  }

  // The norm of the gradient at the second symbol, from the error of an undecided network
  // at the question: 1/2 on one of T and P and -1/2 on the other.
  function reach(net, string) {
    const T = string.length - 2;
    const { x } = example(string);
    net.forward(x, T);
    net.d_o.fill(0);
    net.d_o[T * n_out + AT_T] = 1 / 2;
    net.d_o[T * n_out + AT_P] = -1 / 2;
    let norm;
    net.backward(x, T, (t, d_a) => {
      if (t !== 2) return;
      const { W_ih } = net.parameters;
      const at = (i) => d_a.reduce((sum, d, j) => sum + d * W_ih[i * d_a.length + j], 0);
      norm = Math.hypot(...Array.from(symbols, (_, i) => at(i)));
    });
    return norm;
  }

  // One seed. A setting names its cell, its least lag and its optimiser.
  function training(seed, { cell, lag, optimiser }) {
    const least = Number(lag);
    const { units, init } = cells[cell];
    const net = N.network(cell, { n_in: n_out, n_hid: units, n_out });
    N.initialise(net, N.initialisations[init], numpyRandom(seed, 0));
    const generator = numpyRandom(seed, 1, least);
    const chosen = draws(STRINGS, least, generator).map(example);
    const watcher = numpyRandom(seed, 2, least);
    const watched = draws(WATCHED, least, watcher);
    const prober = numpyRandom(seed, 3);
    const probes = lengths.map((length) => draws(PROBES, length, prober, length));
    const step = N.optimisers[optimiser === "adam" ? "adam" : "sgd"](net.theta.length);
    const rate = rates[optimiser][cell];
    const scale = optimiser === "sum" ? 1 : 1 / n_out; // of the loss over outputs

    function update() {
      const { string, T, x, y } = chosen[generator.integer(STRINGS)];
      net.forward(x, T);
      const loss = N.sigmoidLoss(net, y, T, scale / T);
      net.backward(x, T);
      step(net.theta, net.d_theta, rate);
      return { string, loss };
    }

    // The share right on the watched strings, and at the end on others; the gradient by
    // lag, the median of the probes.
    function measure(k) {
      const right = shareRight(net, watched);
      const arrives = probes.map((strings) => median(strings.map((string) => reach(net, string))));
      return { right, reach: arrives, end: k < updates ? undefined : shareRight(net, draws(TESTS, least, watcher)) };
    }
    return { net, update, measure };
  }
  return { training };
}
