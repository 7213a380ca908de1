// More first values of a matrix (n, m), beside those of networks.js, from a generator.
"use strict";

function moreStarts() {
  const filled = (size, value) => Float64Array.from({ length: size }, value);
  return {
    normal: (n, m, { normal }) => filled(n * m, () => 0.01 * normal()),
    // Normal rows (or columns, where these are fewer), each made orthogonal to those
    // before it, twice, since once leaves what rounding has left, and of length 1.
    orthogonal(n, m, { normal }) {
      const [few, many] = [Math.min(n, m), Math.max(n, m)];
      const rows = [];
      while (rows.length < few) {
        let row = filled(many, normal);
        for (const other of [...rows, ...rows]) {
          const along = row.reduce((sum, r, i) => sum + r * other[i], 0);
          row = row.map((r, i) => r - along * other[i]);
        }
        const length = Math.hypot(...row);
        rows.push(row.map((r) => r / length));
      }
      return filled(n * m, (_, k) => (n > m ? rows[k % m][(k - (k % m)) / m] : rows[(k - (k % m)) / m][k % m]));
    },
    zero: (n, m) => new Float64Array(n * m),
  };
}
