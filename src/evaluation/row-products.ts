/** Inner products of every row with every row of another matrix: the loop in which kNN and the probe spend their time. */

/**
 * out[i, j] = a_i · b_j, each summed in float64 from the first column to the last, so that its bits do not depend on i, j or
 * the blocks into which a caller cuts its rows. Two rows times four at once: six loads for eight products.
 * @param a at least [aRows, width]
 * @param b at least [bRows, width]
 * @param out at least [aRows, bRows]
 */
export function rowProducts(
  a: Float64Array,
  aRows: number,
  b: Float64Array,
  bRows: number,
  width: number,
  out: Float64Array,
): void {
  const tiledA = aRows - (aRows % 2);
  const tiledB = bRows - (bRows % 4);
  for (let j = 0; j < tiledB; j += 4) {
    for (let i = 0; i < tiledA; i += 2) multiplyTile(a, i, b, j, width, out, bRows);
    if (tiledA < aRows) multiplyRow(a, tiledA, b, j, j + 4, width, out, bRows);
  }
  for (let i = 0; i < aRows; i += 1) multiplyRow(a, i, b, tiledB, bRows, width, out, bRows);
}

function multiplyTile(
  a: Float64Array,
  i: number,
  b: Float64Array,
  j: number,
  width: number,
  out: Float64Array,
  bRows: number,
): void {
  const p = i * width;
  const q = p + width;
  const b0 = j * width;
  const b1 = b0 + width;
  const b2 = b1 + width;
  const b3 = b2 + width;
  let p0 = 0;
  let p1 = 0;
  let p2 = 0;
  let p3 = 0;
  let q0 = 0;
  let q1 = 0;
  let q2 = 0;
  let q3 = 0;
  for (let t = 0; t < width; t += 1) {
    const x = a[p + t]!;
    const y = a[q + t]!;
    const u0 = b[b0 + t]!;
    const u1 = b[b1 + t]!;
    const u2 = b[b2 + t]!;
    const u3 = b[b3 + t]!;
    p0 += x * u0;
    p1 += x * u1;
    p2 += x * u2;
    p3 += x * u3;
    q0 += y * u0;
    q1 += y * u1;
    q2 += y * u2;
    q3 += y * u3;
  }
  const first = i * bRows + j;
  const second = first + bRows;
  out[first] = p0;
  out[first + 1] = p1;
  out[first + 2] = p2;
  out[first + 3] = p3;
  out[second] = q0;
  out[second + 1] = q1;
  out[second + 2] = q2;
  out[second + 3] = q3;
}

/** Row i of `a` times rows [begin, end) of `b`. */
function multiplyRow(
  a: Float64Array,
  i: number,
  b: Float64Array,
  begin: number,
  end: number,
  width: number,
  out: Float64Array,
  bRows: number,
): void {
  for (let j = begin; j < end; j += 1) {
    let sum = 0;
    for (let t = 0; t < width; t += 1) sum += a[i * width + t]! * b[j * width + t]!;
    out[i * bRows + j] = sum;
  }
}
