/** A colour for each cluster or class. No document here. */

/**
 * Hues a golden angle apart, so that numbers near each other look different; two of lightness.
 * @param {number} index
 * @param {boolean} isDark
 * @param {number} [alpha]
 */
export function colourOf(index, isDark, alpha = 1) {
  const hue = Math.round((index * 137.508) % 360);
  const shift = (index % 2) * 12;
  const lightness = isDark ? 58 + shift : 52 - shift;
  return `hsl(${hue} 62% ${lightness}% / ${alpha})`;
}
