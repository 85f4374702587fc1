/* Density and score from S, as in the glossary; for the explorers of chapters 1 and 2.
 *
 * S is held row by row, a row a prompt token, in whole levels of at most 255.
 */
/* Every level to the power p, worked out once a p. */
let powers = { p: null, table: null };
const powersOf = (p) => {
  if (powers.p !== p) powers = { p, table: Float64Array.from({ length: 256 }, (_, level) => level ** p) };
  return powers.table;
};

/* a[n] = sum of a row over its p-norm, levels of at most b left out; 0 for an empty row. */
const density = (S, rows, columns, p, b = 0) => {
  const power = powersOf(p);
  return Float64Array.from({ length: rows }, (_, n) => {
    let [total, norm] = [0, 0];
    for (let at = n * columns; at < (n + 1) * columns; at += 1) {
      if (S[at] > b) {
        total += S[at];
        norm += power[S[at]];
      }
    }
    return total ? total / norm ** (1 / p) : 0;
  });
};

const relative = (a) => {
  const most = largest(a, 0);
  return most ? a.map((value) => value / most) : a;
};

/* Sum of relative density over instruction tokens ("i"), over log2(2 + their number). */
const scoreOf = (r, roles) => {
  let [total, count] = [0, 0];
  for (let n = 0; n < r.length; n += 1) {
    if (roles[n] === "i") {
      total += r[n];
      count += 1;
    }
  }
  return count ? total / Math.log2(2 + count) : NaN;
};
