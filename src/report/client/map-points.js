/** What the map draws: points, the lasso, the point that is looked at. */
import { colourOf } from './colours.js';

/** Of the point's colour around its picture [px]. */
const RIM = 2.5;

/**
 * @typedef {object} Scene
 * @property {Float32Array} places [m, 2] in CSS pixels
 * @property {Float32Array} radii [m]
 * @property {Int32Array} hues [m] number of each point's colour
 * @property {(point: number) => import('./sprites.js').Picture | null} pictureOf within the point
 * @property {(point: number) => boolean} isChosen drawn in full
 * @property {number} current point that is looked at; -1 for none
 * @property {readonly { x: number, y: number }[]} lasso
 * @property {boolean} isDark
 * @property {string} ink colour of lines
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function drawScene(context, scene) {
  const { canvas } = context;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const others = [];
  for (let i = 0; i < scene.radii.length; i += 1) {
    if (scene.isChosen(i)) others.push(i);
    else drawPoint(context, scene, i, 0.13);
  }
  for (const point of others) drawPoint(context, scene, point, 0.85);
  drawCurrent(context, scene);
  drawLasso(context, scene);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} point
 * @param {number} alpha
 */
function drawPoint(context, { places, radii, hues, isDark, pictureOf }, point, alpha) {
  const [x, y, radius] = [places[2 * point], places[2 * point + 1], radii[point]];
  context.fillStyle = colourOf(hues[point], isDark, alpha);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  const picture = pictureOf(point);
  if (picture !== null) drawPicture(context, picture, { x, y, radius: radius - RIM }, alpha);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import('./sprites.js').Picture} picture
 * @param {{ x: number, y: number, radius: number }} circle
 * @param {number} alpha
 */
function drawPicture(context, { sheet, x: left, y: top, side }, { x, y, radius }, alpha) {
  context.save();
  context.globalAlpha = alpha;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.clip();
  context.drawImage(sheet, left, top, side, side, x - radius, y - radius, 2 * radius, 2 * radius);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawCurrent(context, scene) {
  const { current, places, radii, ink } = scene;
  if (current < 0) return;
  drawPoint(context, scene, current, 1);
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(places[2 * current], places[2 * current + 1], radii[current] + 3, 0, 2 * Math.PI);
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function drawLasso(context, { lasso, ink }) {
  if (lasso.length < 2) return;
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.beginPath();
  lasso.forEach(({ x, y }) => context.lineTo(x, y));
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
