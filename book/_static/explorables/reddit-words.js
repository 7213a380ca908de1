// What Reddit on tap computes: the tokens of a text, the numbers of its model and of a
// seed, and what a word leaned on.
"use strict";

// The tokens of a text, by the most common rules of helpers/tasks/text.py.
const redditTokens = (text) =>
  text
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[[(](name|religion)[\])]/g, "_$1_")
    .replace(/(^|[\s([{])"/g, "$1 `` ")
    .replace(/"/g, " '' ")
    .replace(/(\w)(n't|'(?:s|m|d|ll|re|ve))(?!\w)/g, "$1 $2")
    .replace(/\b(can(?=not\b)|(?:gon|wan)(?=na\b)|got(?=ta\b))/g, "$1 ")
    .match(/``|''|n't|'(?:s|m|d|ll|re|ve)(?!\w)|\.{2,}|[\p{L}\p{N}_]+(?:[-.,:'][\p{L}\p{N}_]+)*|\S/gu) ??
  [];

// Whether there is no space between two tokens.
const redditJoined = (before, after) =>
  /^(n't|'(s|m|d|ll|re|ve)|\.+|[,!?;:)\]}%]|'')$/.test(after) || /^(``|[([{$#@])$/.test(before);

// Probabilities from logits.
function redditSoftmax(o, temperature) {
  const most = o.reduce((a, b) => Math.max(a, b));
  const weights = o.map((o_j) => Math.exp((o_j - most) / temperature));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

// How much log p of the last of these words depends on the vector of each before it: the
// length of its gradient, for the network without filter and temperature, as a share.
function redditLeaning(net, ids) {
  const T = ids.length - 1;
  net.forward(ids, T);
  const at = T * net.n_out;
  net.d_o.fill(0);
  redditSoftmax(net.o.subarray(at, at + net.n_out), 1).forEach((p_j, j) => {
    net.d_o[at + j] = (j === ids[T]) - p_j;
  });
  const lengths = [];
  net.backward(ids, T, (t, d_a) => (lengths[t - 1] = Math.hypot(...d_a)));
  const whole = lengths.reduce((a, b) => a + b);
  return lengths.map((length) => length / whole);
}

// The numbers of a matrix from its text, two digits to the base 91 each.
function redditNumbers({ step, digits }) {
  const digit = (k) => {
    const code = digits.charCodeAt(k);
    return code - 35 - (code > 92); // the backslash is no digit
  };
  const value = (_, k) => step * (91 * digit(2 * k) + digit(2 * k + 1) - 4140);
  return Float64Array.from({ length: digits.length / 2 }, value);
}

// The numbers between 0 and 1 that a seed stands for, one for each word of a sentence
// (Park and Miller 1988, "Random number generators: good ones are hard to find").
function redditDraws(seed, length) {
  let state = 1 + ((7919 * seed) % 2147483646);
  const next = () => (state = (48271 * state) % 2147483647) / 2147483647;
  for (let k = 0; k < 10; k++) next();
  return Array.from({ length }, next);
}
