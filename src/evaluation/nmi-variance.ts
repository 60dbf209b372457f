/**
 * Sampling variance of the NMI of two labellings: what other images of the same kind would change.
 * Source: the delete-one jackknife, Efron and Stein 1981. Images of one cell of the contingency
 * table are alike, so that one of each cell is left out for all of them. In float64.
 */

/**
 * @param a [N] labels from 0
 * @param b [N] likewise
 * @returns (N - 1) / N times the sum, over images, of the squared deviations of the NMI without
 *   them; 0 for fewer than two images
 */
export function nmiVariance(a: Int32Array, b: Int32Array): number {
  const n = a.length;
  if (n < 2) return 0;
  const table = tableOf(a, b);
  const without = [...table.cells.values()].map((cell) => ({
    ...{ nmi: nmiWithout(table, cell), images: cell.images },
  }));
  const mean = without.reduce((sum, { nmi, images }) => sum + nmi * images, 0) / n;
  const squares = without.reduce((sum, { nmi, images }) => sum + images * (nmi - mean) ** 2, 0);
  return ((n - 1) / n) * squares;
}

interface Cell {
  readonly a: number;
  readonly b: number;
  images: number;
}

/** Counts, and the sums of x ln x over them, which is all that an NMI consists of. */
interface Table {
  readonly n: number;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly sizesA: ReadonlyMap<number, number>;
  readonly sizesB: ReadonlyMap<number, number>;
  readonly sums: { readonly cells: number; readonly a: number; readonly b: number };
}

function tableOf(a: Int32Array, b: Int32Array): Table {
  const cells = new Map<string, Cell>();
  const [sizesA, sizesB] = [new Map<number, number>(), new Map<number, number>()];
  a.forEach((labelA, i) => {
    const labelB = b[i]!;
    const key = `${labelA}/${labelB}`;
    const cell = cells.get(key) ?? { a: labelA, b: labelB, images: 0 };
    cell.images += 1;
    cells.set(key, cell);
    sizesA.set(labelA, (sizesA.get(labelA) ?? 0) + 1);
    sizesB.set(labelB, (sizesB.get(labelB) ?? 0) + 1);
  });
  const total = (counts: Iterable<number>): number => {
    let sum = 0;
    for (const count of counts) sum += entropyTerm(count);
    return sum;
  };
  const counts = Array.from(cells.values(), ({ images }) => images);
  const sums = { cells: total(counts), a: total(sizesA.values()), b: total(sizesB.values()) };
  return { n: a.length, cells, sizesA, sizesB, sums };
}

/** The NMI of all images but one of this cell. */
function nmiWithout({ n, sizesA, sizesB, sums }: Table, { a, b, images }: Cell): number {
  const less = (sum: number, count: number): number =>
    sum - entropyTerm(count) + entropyTerm(count - 1);
  const left = n - 1;
  // With counts x of m images, an entropy is ln m - (sum of x ln x) / m.
  const entropyOf = (sum: number): number => Math.log(left) - sum / left;
  const ofA = entropyOf(less(sums.a, sizesA.get(a)!));
  const ofB = entropyOf(less(sums.b, sizesB.get(b)!));
  const ofBoth = entropyOf(less(sums.cells, images));
  if (ofA <= ROUNDING && ofB <= ROUNDING) return 1;
  if (ofA <= ROUNDING || ofB <= ROUNDING) return 0;
  return Math.min(1, Math.max(0, (ofA + ofB - ofBoth) / Math.sqrt(ofA * ofB)));
}

/** An entropy below it is that of a single group. */
const ROUNDING = 1e-12;

function entropyTerm(count: number): number {
  return count > 0 ? count * Math.log(count) : 0;
}
