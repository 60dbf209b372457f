/** Points of the map on the screen, the lasso around them. No document here. */

/** @typedef {{ x: number, y: number }} Point */

/**
 * Whether a point lies inside a polygon, which may cross itself: even-odd rule, a ray to the right.
 * @param {Point} point
 * @param {readonly Point[]} polygon closed by itself
 */
export function isInside({ x, y }, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [a, b] = [polygon[i], polygon[j]];
    if (a.y > y === b.y > y) continue;
    if (x < a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y)) inside = !inside;
  }
  return inside;
}

/**
 * Points laid into a box, both axes at one scale, with a margin; y goes down.
 * @param {Float32Array} points [m, 2]
 * @param {number} width
 * @param {number} height
 * @param {number} margin
 * @returns {Float32Array} [m, 2]
 */
export function fitted(points, width, height, margin) {
  const [low, high] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  points.forEach((value, i) => {
    low[i % 2] = Math.min(low[i % 2], value);
    high[i % 2] = Math.max(high[i % 2], value);
  });
  const spans = [high[0] - low[0] || 1, high[1] - low[1] || 1];
  const scale = Math.min((width - 2 * margin) / spans[0], (height - 2 * margin) / spans[1]);
  const box = [width, height];
  return points.map((value, i) => {
    const axis = i % 2;
    return box[axis] / 2 + scale * (value - (low[axis] + high[axis]) / 2);
  });
}

/**
 * The point nearest to a place, at most so far from it; -1 for none.
 * @param {Float32Array} points [m, 2]
 * @param {Point} place
 * @param {number} reach
 * @param {(point: number) => boolean} [counts]
 */
export function nearestPoint(points, { x, y }, reach, counts = () => true) {
  let nearest = -1;
  let least = reach * reach;
  for (let i = 0; i < points.length / 2; i += 1) {
    const square = (points[2 * i] - x) ** 2 + (points[2 * i + 1] - y) ** 2;
    if (square <= least && counts(i)) [nearest, least] = [i, square];
  }
  return nearest;
}

/**
 * The nearest point that lies within 45 degrees of an arrow's direction; the same one where none does.
 * @param {Float32Array} points [m, 2]
 * @param {number} from
 * @param {string} key
 * @param {(point: number) => boolean} [counts]
 */
export function pointTowards(points, from, key, counts = () => true) {
  const directions = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  if (!Object.hasOwn(directions, key)) return from;
  const [dx, dy] = directions[/** @type {keyof typeof directions} */ (key)];
  const [x, y] = [points[2 * from], points[2 * from + 1]];
  let [nearest, least] = [from, Infinity];
  for (let i = 0; i < points.length / 2; i += 1) {
    const [right, down] = [points[2 * i] - x, points[2 * i + 1] - y];
    const along = right * dx + down * dy;
    const across = Math.abs(right * dy - down * dx);
    const square = right * right + down * down;
    if (along <= 0 || across > along || square >= least || !counts(i)) continue;
    [nearest, least] = [i, square];
  }
  return nearest;
}
