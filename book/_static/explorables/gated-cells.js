// The cells of chapter 6 for networks(gatedCells), by the formulas of
// helpers/networks/gated.py and with its order of gates, and rectified units. What `step` and `back` do is
// said in networks.js.
"use strict";

function gatedCells({ plain, sigmoid, addProduct, addTransposed, addOuter }) {
  return {
    relu: plain((a) => Math.max(a, 0), (h) => (h > 0 ? 1 : 0)),
    lstm: {
      blocks: 4, // i, f, o, g
      step({ a, h, c, n_hid: n, parameters: { W_hh } }, t) {
        const at = 4 * n * t;
        addProduct(a, at, h, (t - 1) * n, W_hh, n, 4 * n);
        for (let j = 0; j < 3 * n; j++) a[at + j] = sigmoid(a[at + j]);
        for (let j = 0; j < n; j++) {
          const g = (a[at + 3 * n + j] = Math.tanh(a[at + 3 * n + j]));
          const [i, f, o] = [a[at + j], a[at + n + j], a[at + 2 * n + j]];
          c[n * t + j] = f * c[n * (t - 1) + j] + i * g;
          h[n * t + j] = o * Math.tanh(c[n * t + j]);
        }
      },
      back({ a, h, c, d_a, d_h, d_c, n_hid: n, parameters: { W_hh }, gradient }, t) {
        const at = 4 * n * t;
        for (let j = 0; j < n; j++) {
          const [i, f, o] = [a[at + j], a[at + n + j], a[at + 2 * n + j]];
          const g = a[at + 3 * n + j];
          const tanh_c = Math.tanh(c[n * t + j]);
          d_c[j] += d_h[j] * o * (1 - tanh_c ** 2);
          d_a[j] = d_c[j] * g * i * (1 - i);
          d_a[n + j] = d_c[j] * c[n * (t - 1) + j] * f * (1 - f);
          d_a[2 * n + j] = d_h[j] * tanh_c * o * (1 - o);
          d_a[3 * n + j] = d_c[j] * i * (1 - g ** 2);
          d_c[j] *= f; // what reaches c_{t-1}
        }
        addOuter(gradient.W_hh, h, (t - 1) * n, d_a, 0, n, 4 * n);
        d_h.fill(0);
        addTransposed(d_h, 0, d_a, 0, W_hh, n, 4 * n);
      },
    },
    gru: {
      blocks: 3, // r, z, g
      step({ a, h, kept, n_hid: n, parameters: { W_hh } }, t) {
        const [at, before] = [3 * n * t, (t - 1) * n];
        addProduct(a, at, h, before, W_hh, n, 2 * n, 3 * n);
        for (let j = 0; j < 2 * n; j++) a[at + j] = sigmoid(a[at + j]);
        for (let j = 0; j < n; j++) kept[t * n + j] = a[at + j] * h[before + j]; // r h
        addProduct(a, at + 2 * n, kept, t * n, W_hh, n, n, 3 * n, 2 * n);
        for (let j = 0; j < n; j++) {
          const g = (a[at + 2 * n + j] = Math.tanh(a[at + 2 * n + j]));
          const z = a[at + n + j];
          h[t * n + j] = (1 - z) * h[before + j] + z * g;
        }
      },
      back({ a, h, kept, d_a, d_h, d_c, n_hid: n, parameters: { W_hh }, gradient }, t) {
        const [at, before] = [3 * n * t, (t - 1) * n];
        const d_rh = d_c.fill(0); // it has no cell
        for (let j = 0; j < n; j++) {
          const [z, g] = [a[at + n + j], a[at + 2 * n + j]];
          d_a[n + j] = d_h[j] * (g - h[before + j]) * z * (1 - z);
          d_a[2 * n + j] = d_h[j] * z * (1 - g ** 2);
          d_h[j] *= 1 - z;
        }
        addTransposed(d_rh, 0, d_a, 2 * n, W_hh, n, n, 3 * n, 2 * n);
        for (let j = 0; j < n; j++) {
          const r = a[at + j];
          d_a[j] = d_rh[j] * h[before + j] * r * (1 - r);
          d_h[j] += d_rh[j] * r;
        }
        d_rh.fill(0);
        addOuter(gradient.W_hh, h, before, d_a, 0, n, 2 * n, 3 * n);
        addOuter(gradient.W_hh, kept, t * n, d_a, 2 * n, n, n, 3 * n, 2 * n);
        addTransposed(d_h, 0, d_a, 0, W_hh, n, 2 * n, 3 * n);
      },
    },
  };
}
