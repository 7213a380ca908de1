// Recurrent networks in plain JavaScript: forward, backward through time, steps downhill.
// The formulas and the names are those of helpers/networks (elman.py, bptt.py,
// optimisers.py, initialisation.py). networks() knows the Elman network, and
// networks(gatedCells) LSTM and GRU as well (gated-cells.js).
//
// All is inside of one function, so that a worker can be made of its text, also where
// the book is opened as a file. Vectors are rows. A matrix is one Float64Array, row
// after row; step t of a sequence is row t, and row 0 is what was before the first step.
"use strict";

function networks(gated) {
  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  // Products. Each adds to what is there; r, o and l are where a row begins.

  // out += row W, for n of the rows of W, and m of its columns from `column` on.
  function addProduct(out, o, row, r, W, n, m, width = m, column = 0) {
    for (let i = 0; i < n; i++) {
      const factor = row[r + i];
      const w = i * width + column;
      for (let j = 0; j < m; j++) out[o + j] += factor * W[w + j];
    }
  }

  // out += row Wᵀ
  function addTransposed(out, o, row, r, W, n, m, width = m, column = 0) {
    for (let i = 0; i < n; i++) {
      const w = i * width + column;
      let sum = 0;
      for (let j = 0; j < m; j++) sum += row[r + j] * W[w + j];
      out[o + i] += sum;
    }
  }

  // dW += leftᵀ right
  function addOuter(dW, left, l, right, r, n, m, width = m, column = 0) {
    for (let i = 0; i < n; i++) {
      const factor = left[l + i];
      const w = i * width + column;
      for (let j = 0; j < m; j++) dW[w + j] += factor * right[r + j];
    }
  }

  const add = (out, o, row, r, n) => {
    for (let j = 0; j < n; j++) out[o + j] += row[r + j];
  };

  // The cells. `step` makes h_t (and c_t) of h_{t-1} and of a_t, which is x_t W_ih + b_h
  // when it comes and holds the values of the gates after. `back` makes d_a_t of d_h
  // (and d_c), adds to the gradient of W_hh, and leaves in d_h what reaches h_{t-1}.
  // An Elman network has a function g, whose slope follows from its value h.
  const plain = (g, slope) => ({
    blocks: 1,
    step({ a, h, n_hid: n, parameters: { W_hh } }, t) {
      addProduct(a, t * n, h, (t - 1) * n, W_hh, n, n);
      for (let j = t * n; j < (t + 1) * n; j++) h[j] = a[j] = g(a[j]);
    },
    back({ h, d_a, d_h, n_hid: n, parameters: { W_hh }, gradient }, t) {
      const at = t * n;
      for (let j = 0; j < n; j++) d_a[j] = d_h[j] * slope(h[at + j]);
      addOuter(gradient.W_hh, h, at - n, d_a, 0, n, n);
      d_h.fill(0);
      addTransposed(d_h, 0, d_a, 0, W_hh, n, n);
    },
  });
  const CELLS = {
    elman: plain(Math.tanh, (h) => 1 - h ** 2),
    ...gated?.({ plain, sigmoid, addProduct, addTransposed, addOuter }),
  };

  // A network of a cell, with all parameters zero. `theta` holds all of them, `d_theta`
  // their gradient, and parameters.W_ih, gradient.W_ih and so on are views of these.
  // What only backward() needs is made by its first call.
  function network(cell, { n_in, n_hid, n_out }) {
    const { blocks, step, back } = CELLS[cell];
    const wide = blocks * n_hid;
    const lengths = { W_ih: n_in * wide, W_hh: n_hid * wide, b_h: wide, W_ho: n_hid * n_out };
    Object.assign(lengths, { b_o: n_out, h0: n_hid }, cell === "lstm" ? { c0: n_hid } : {});
    const size = Object.values(lengths).reduce((a, b) => a + b);
    const views = (all) => {
      let start = 0;
      const view = ([name, n]) => [name, all.subarray(start, (start += n))];
      return Object.fromEntries(Object.entries(lengths).map(view));
    };
    const theta = new Float64Array(size);
    const parameters = views(theta);
    const net = { cell, blocks, n_in, n_hid, n_out, theta, parameters };
    let longest = 0;

    // Rows for T steps: h, c, the gates a, r h of the GRU, o and its error d_o.
    function room(T) {
      longest = Math.max(T, 2 * longest);
      const widths = { h: n_hid, c: n_hid, kept: n_hid, a: wide, o: n_out, d_o: n_out };
      for (const [name, n] of Object.entries(widths)) {
        net[name] = new Float64Array((longest + 1) * n);
      }
    }

    // Adds x_t times a matrix, or for its gradient x_tᵀ times an error: x has a row of
    // n_in numbers for each step, or is a list of whole numbers, where x_t is one-hot.
    const isOneHot = (x) => !(x instanceof Float64Array);

    // All states and outputs of x, T steps, from the state `before` on.
    net.forward = (x, T, { h, c } = { h: parameters.h0, c: parameters.c0 }) => {
      if (T > longest) room(T);
      const { W_ih, b_h, W_ho, b_o } = parameters;
      const { a, o } = net;
      net.h.set(h);
      if (c) net.c.set(c);
      for (let t = 1; t <= T; t++) {
        a.set(b_h, t * wide);
        if (isOneHot(x)) add(a, t * wide, W_ih, x[t - 1] * wide, wide);
        else addProduct(a, t * wide, x, (t - 1) * n_in, W_ih, n_in, wide);
        step(net, t);
        o.set(b_o, t * n_out);
        addProduct(o, t * n_out, net.h, t * n_hid, W_ho, n_hid, n_out);
      }
    };

    // The gradient, from the errors d_o of the outputs of the last forward(x, T). Calls
    // heard(t, d_a) at each step with the error of its sums, which x_t W_ih is part of.
    net.backward = (x, T, heard) => {
      if (!net.d_theta) {
        const widths = { d_theta: size, d_a: wide, d_h: n_hid, d_c: n_hid };
        for (const [name, n] of Object.entries(widths)) net[name] = new Float64Array(n);
        net.gradient = views(net.d_theta);
      }
      const { W_ho } = parameters;
      const { gradient, d_theta, d_a, d_h, d_c, d_o } = net;
      [d_theta, d_h, d_c].forEach((part) => part.fill(0));
      for (let t = T; t > 0; t--) {
        addOuter(gradient.W_ho, net.h, t * n_hid, d_o, t * n_out, n_hid, n_out);
        add(gradient.b_o, 0, d_o, t * n_out, n_out);
        addTransposed(d_h, 0, d_o, t * n_out, W_ho, n_hid, n_out);
        back(net, t);
        heard?.(t, d_a);
        add(gradient.b_h, 0, d_a, 0, wide);
        if (isOneHot(x)) add(gradient.W_ih, x[t - 1] * wide, d_a, 0, wide);
        else addOuter(gradient.W_ih, x, (t - 1) * n_in, d_a, 0, n_in, wide);
      }
      gradient.h0.set(d_h);
      if (gradient.c0) gradient.c0.set(d_c);
    };
    return net;
  }

  // The cross-entropies of sigmoid outputs and targets y (T rows), summed and times
  // `weight`; their slopes go into d_o. From logits: ln(1 + e^o) - y o.
  function sigmoidLoss(net, y, T, weight) {
    const { o, d_o, n_out } = net;
    let loss = 0;
    for (let k = 0; k < T * n_out; k++) {
      const o_k = o[n_out + k]; // row 0 has no output
      loss += Math.max(o_k, 0) + Math.log1p(Math.exp(-Math.abs(o_k))) - y[k] * o_k;
      d_o[n_out + k] = weight * (sigmoid(o_k) - y[k]);
    }
    return weight * loss;
  }

  // Steps downhill: each makes a function of the parameters, the gradient and the rate.
  const optimisers = {
    sgd: () => (theta, g, lr) => {
      for (let k = 0; k < theta.length; k++) theta[k] -= lr * g[k];
    },
    momentum(size, beta = 0.9) {
      const v = new Float64Array(size);
      return (theta, g, lr) => {
        for (let k = 0; k < size; k++) {
          v[k] = beta * v[k] + g[k];
          theta[k] -= lr * v[k];
        }
      };
    },
    adam(size, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8) {
      const [m, v] = [new Float64Array(size), new Float64Array(size)];
      let t = 0;
      return (theta, g, lr) => {
        t += 1;
        for (let k = 0; k < size; k++) {
          m[k] = beta1 * m[k] + (1 - beta1) * g[k];
          v[k] = beta2 * v[k] + (1 - beta2) * g[k] ** 2;
          const m_hat = m[k] / (1 - beta1 ** t);
          const v_hat = v[k] / (1 - beta2 ** t);
          theta[k] -= (lr * m_hat) / (Math.sqrt(v_hat) + epsilon);
        }
      };
    },
  };

  // Short gradients. Where the norm overflows all are NaN, as in optimisers.py.
  const clipping = {
    none() {},
    norm(g, limit) {
      const norm = Math.sqrt(g.reduce((sum, g_k) => sum + g_k ** 2, 0));
      const factor = norm === Infinity ? NaN : limit / Math.max(norm, limit);
      for (let k = 0; k < g.length; k++) g[k] *= factor;
    },
    value(g, limit) {
      for (let k = 0; k < g.length; k++) g[k] = Math.min(Math.max(g[k], -limit), limit);
    },
  };

  // First values of a matrix (n, m), from a generator with random() and normal().

  // Its largest factor of stretching: WᵀW to a high power leaves one direction over.
  function largestSingularValue(W, n, m) {
    const product = (A, B, rows) => {
      const C = new Float64Array(m * m);
      for (let i = 0; i < rows; i++) addOuter(C, A, i * m, B, i * m, m, m);
      return C;
    };
    let power = product(W, W, n);
    for (let k = 0; k < 25; k++) {
      power = product(power, power, m); // it is symmetric
      const trace = power.reduce((sum, p, i) => sum + (i % (m + 1) ? 0 : p), 0);
      power = power.map((p) => p / trace);
    }
    const along = [...Array(m).keys()].reduce((a, b) => (power[a * (m + 1)] < power[b * (m + 1)] ? b : a));
    const v = power.subarray(along * m, (along + 1) * m);
    const u = new Float64Array(n);
    addTransposed(u, 0, v, 0, W, n, m);
    return Math.hypot(...u) / Math.hypot(...v);
  }

  const filled = (size, value) => Float64Array.from({ length: size }, value);
  const initialisations = {
    unit_singular_value(n, m, { random }) {
      const W = filled(n * m, () => 2 * random() - 1);
      const largest = largestSingularValue(W, n, m);
      return W.map((w) => w / largest);
    },
    uniform: (n, m, { random }) => filled(n * m, () => (2 * random() - 1) / Math.sqrt(n)),
  };

  // Weights by a function of `initialisations`, each block by itself; biases zero, but
  // for the forget gate's, which is 1; states zero.
  function initialise({ cell, blocks, n_in, n_hid, n_out, parameters }, init, generator) {
    for (const [name, n] of [["W_ih", n_in], ["W_hh", n_hid]]) {
      const width = blocks * n_hid;
      for (let b = 0; b < blocks; b++) {
        const block = init(n, n_hid, generator);
        block.forEach((w, k) => {
          const j = k % n_hid;
          parameters[name][((k - j) / n_hid) * width + b * n_hid + j] = w;
        });
      }
    }
    parameters.W_ho.set(init(n_hid, n_out, generator));
    for (const name of ["b_h", "b_o", "h0", "c0"]) parameters[name]?.fill(0);
    if (cell === "lstm") parameters.b_h.fill(1, n_hid, 2 * n_hid);
  }

  return { network, sigmoid, sigmoidLoss, optimisers, clipping, initialisations, initialise };
}
