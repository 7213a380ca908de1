// The random numbers of NumPy's default_rng([...]) in the page: the same seed gives the
// same weights and the same strings here as in the recorded experiments.
"use strict";

function numpyRandom(...entropy) {
  // SeedSequence: whole numbers below 2^32 become four well mixed words, and these as
  // many as one needs (M. E. O'Neill's seed_seq, in the form of NumPy).
  const hasher = (start, factor) => {
    let constant = start;
    return (value) => {
      value ^= constant;
      constant = Math.imul(constant, factor);
      value = Math.imul(value, constant);
      return value ^ (value >>> 16);
    };
  };
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const mix = (x, y) => {
    const z = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
    return z ^ (z >>> 16);
  };
  const pool = [0, 1, 2, 3].map((i) => hash(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  const drawn = hasher(0x8b51f9dd, 0x58f38ded);
  const words = Array.from({ length: 8 }, (_, i) => BigInt(drawn(pool[i % 4]) >>> 0));
  const [seed, stream] = [words.slice(0, 4), words.slice(4)].map(
    ([a, b, c, d]) => (b << 96n) | (a << 64n) | (d << 32n) | c,
  );

  // PCG64: a number of 128 bits, multiplied again and again (O'Neill 2014, "PCG: a
  // family of simple fast space-efficient statistically good algorithms"; XSL RR). It is
  // eight digits to the base 2^16, the lowest first: faster here than a BigInt.
  const digits = (value) => Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(16 * i)) & 0xffffn));
  const increment = digits((stream << 1n) | 1n);
  const factor = digits(0x2360ed051fc65da44385df649fccf645n);
  let state = digits(seed + ((stream << 1n) | 1n));
  let next = Array(8).fill(0);
  let rest; // the second half of 64 bits, where one was asked for 32

  function step() {
    let carry = 0;
    for (let k = 0; k < 8; k++) {
      let sum = carry + increment[k];
      for (let i = 0; i <= k; i++) sum += state[i] * factor[k - i];
      next[k] = sum & 0xffff;
      carry = (sum - next[k]) / 0x10000;
    }
    [state, next] = [next, state];
  }
  step();

  // The upper and the lower 32 of 64 bits: both halves of the state, one over the other,
  // and turned to the right by its six highest bits.
  function bits64() {
    step();
    const word = (i) => ((state[i + 1] ^ state[i + 5]) << 16) | (state[i] ^ state[i + 4]);
    const turn = state[7] >> 10;
    const [high, low] = turn < 32 ? [word(2), word(0)] : [word(0), word(2)];
    const by = turn % 32;
    if (!by) return [high >>> 0, low >>> 0];
    return [((high >>> by) | (low << (32 - by))) >>> 0, ((low >>> by) | (high << (32 - by))) >>> 0];
  }

  function bits32() {
    if (rest !== undefined) {
      const half = rest;
      rest = undefined;
      return half;
    }
    const [high, low] = bits64();
    rest = high;
    return low;
  }

  // Uniform in [0, 1).
  const random = () => {
    const [high, low] = bits64();
    return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
  };

  // A whole number from 0 to n - 1 (Lemire 2019, "Fast random integer generation").
  function integer(n) {
    for (;;) {
      const product = bits32() * n;
      if (product % 2 ** 32 >= (2 ** 32 - n) % n) return Math.floor(product / 2 ** 32);
    }
  }

  // Standard normal (Box and Muller 1958); NumPy has another way, and other numbers.
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

  return { random, integer, normal };
}
