// The three networks of three-pasts after a string that begins with BT or BP, by the formulas
// of helpers/networks (gated.py, recurrences.py). Vectors are rows, matrices lists of rows.
"use strict";

function threeNetworks({ symbols, networks: given }) {
  const N = networks(gatedCells);
  const [T, P] = [..."TP"].map((symbol) => symbols.indexOf(symbol));
  const n_in = symbols.length;
  const lstm = N.network("lstm", { n_in, n_hid: given.lstm.h0.length, n_out: n_in });
  for (const name in given.lstm) lstm.parameters[name].set(given.lstm[name].flat());

  const dot = (u, v) => u.reduce((sum, u_i, i) => sum + u_i * v[i], 0);
  const add = (u, v) => u.map((u_i, i) => u_i + v[i]);
  const product = (u, W) => W[0].map((_, j) => u.reduce((sum, u_i, i) => sum + u_i * W[i][j], 0));

  function cell(string) {
    lstm.forward([...string].map((symbol) => symbols.indexOf(symbol)), string.length);
    const row = (values, n, t) => [...values.subarray(t * n, (t + 1) * n)];
    const c = [...string].map((_, t) => row(lstm.c, lstm.n_hid, t + 1));
    return { c, o: row(lstm.o, n_in, string.length) };
  }

  // Gates and candidates see what comes in alone; what a unit keeps of its state is 1 - z.
  function mingru(x) {
    const { W_ho, b_o, ...p } = given.mingru;
    const n = W_ho.length;
    const [states, kept] = [[x], []];
    for (const layer of [1, 2]) {
      let h = Array(n).fill(0);
      const a = states[layer - 1].map((x_t) => add(product(x_t, p[`${layer}.W_ih`]), p[`${layer}.b_h`]));
      kept.push(a.map((a_t) => a_t.slice(0, n).map((z) => N.sigmoid(-z))));
      states.push(a.map((a_t, t) => (h = kept[layer - 1][t].map((k, j) => k * h[j] + (1 - k) * a_t[n + j]))));
    }
    states.shift();
    const last = add(...states.map((h) => h.at(-1)));
    return { states, kept, o: add(product(last, W_ho), b_o) };
  }

  // As a recurrence whose state is all keys and values so far.
  function attention(x) {
    const { W_in, W_ho, b_o, ...p } = given.attention;
    const n = W_ho.length;
    let h = x.map((x_t, t) =>
      product(x_t, W_in).map((u, i) => u + Math[i % 2 ? "cos" : "sin"](t / 10000 ** ((i - (i % 2)) / n))),
    );
    const weights = [1, 2].map((layer) => {
      const [keys, values, looked] = [[], [], []];
      h = h.map((h_t) => {
        const a = product(h_t, p[`${layer}.W_qkv`]);
        keys.push(a.slice(n, 2 * n));
        values.push(a.slice(2 * n));
        const scores = keys.map((key) => dot(a.slice(0, n), key) / Math.sqrt(n));
        const most = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - most));
        const sum = powers.reduce((a, b) => a + b);
        looked.push(powers.map((power) => power / sum));
        return add(h_t, product(product(looked.at(-1), values), p[`${layer}.W_out`]));
      });
      return looked;
    });
    return { weights, o: add(product(h.at(-1), W_ho), b_o) };
  }

  // The cell of the LSTM, the states of both layers of the minGRU and what they keep, the
  // weights of both layers of attention, each a row for each symbol; and the three shares
  // of T in what is said after the last.
  function past(string) {
    const x = [...string].map((symbol) => [...symbols].map((one) => Number(one === symbol)));
    const [{ c, ...first }, { states, kept, ...second }, { weights, ...third }] = [cell(string), mingru(x), attention(x)];
    const answers = [first, second, third].map(({ o }) => {
      const [p_T, p_P] = [N.sigmoid(o[T]), N.sigmoid(o[P])];
      return p_T / (p_T + p_P);
    });
    return { cell: c, states, kept, weights, answers };
  }
  return { past };
}
