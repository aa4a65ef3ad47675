// Two grey pictures of one place in one, pixel by pixel; outlines of masks on top. No DOM but ImageData.

/** Ways to look at a pair, in the order they are offered. */
export const MODES = ["fused", "overlay", "colours", "chessboard", "swipe", "fixed", "moved"];

const MOST_FIELDS = 32;
const LEAST_FIELDS = 3;
const OUTLINES = [[255, 216, 77], [127, 227, 238], [255, 157, 135]];

/** Black over red and orange to white: what the moving image adds is told from grey at a glance. */
export function warm(value) {
  return [Math.min(255, value * 1.6), Math.max(0, Math.min(255, (value - 60) * 1.2)), Math.max(0, (value - 170) * 2.2)];
}

function pixel(mode, fixed, moved, fused, right, odd, amount) {
  if (mode === "colours") return [moved, fixed, moved];
  if (mode === "overlay") {
    const share = amount * Math.min(1, moved / 40);  // where the moving image is black, the fixed one stays
    return warm(moved).map((colour) => fixed * (1 - share) + colour * share);
  }
  const grey = { fused, fixed, moved, chessboard: odd ? moved : fixed, swipe: right ? moved : fixed }[mode];
  return [grey, grey, grey];
}

function outline(data, mask, width, height, [red, green, blue]) {
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      if (!mask[i]) continue;
      const inside = x > 0 && x < width - 1 && y > 0 && y < height - 1 && mask[i - 1] && mask[i + 1] && mask[i - width] && mask[i + width];
      if (!inside) data.set([red, green, blue, 255], 4 * i);
    }
  }
}

/** The picture of a mode; `amount` is opacity, place of the edge, or fineness of the fields, 0 to 1. */
export function compose(greys, width, height, mode, amount, masks) {
  const image = new ImageData(width, height);
  const { data } = image;
  const { fixed, moved = fixed, fused = fixed } = greys;
  const edge = amount * width;
  const fields = Math.round(LEAST_FIELDS + amount * (MOST_FIELDS - LEAST_FIELDS) * 0.5);
  const size = Math.max(2, Math.max(width, height) / fields);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      const odd = (Math.floor(x / size) + Math.floor(y / size)) % 2 === 1;
      const [red, green, blue] = pixel(mode, fixed[i], moved[i], fused[i], x >= edge, odd, amount);
      data.set([red, green, blue, 255], 4 * i);
    }
  }
  if (mode === "swipe") {
    const x = Math.min(width - 1, Math.max(0, Math.round(edge)));
    for (let y = 0; y < height; y += 1) data.set([98, 203, 215, 255], 4 * (y * width + x));
  }
  masks.forEach((mask, i) => outline(data, mask, width, height, OUTLINES[i % OUTLINES.length]));
  return image;
}
