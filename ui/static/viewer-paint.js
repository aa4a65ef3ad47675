// Pixels of the viewer: window/level tables, contour paths, heat colours. Pure functions on arrays.

// A dark-to-bright ramp with rising lightness (after the "inferno" family), so that grey-blind eyes can read it.
const HEAT = [[20, 11, 53], [87, 16, 110], [155, 41, 100], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];

/** Window limits as [low, high]. */
function limits({ level, width }) {
  return [level - width / 2, level + width / 2];
}

/**
 * Table from a loaded 8-bit grey to the grey shown.
 * `loaded` is the window the picture was rendered with, `wanted` the one to show; both {level, width}.
 */
export function greyTable(loaded, wanted, inverted = false) {
  const table = new Uint8ClampedArray(256);
  const [from, to] = limits(loaded);
  const [low, high] = limits(wanted);
  const span = Math.max(high - low, 1e-6);
  for (let i = 0; i < 256; i += 1) {
    const value = from + (i / 255) * (to - from);
    const shown = ((value - low) / span) * 255;
    table[i] = inverted ? 255 - Math.min(Math.max(shown, 0), 255) : shown;
  }
  return table;
}

/** ImageData of a grey picture sent through a table. */
export function paintGrey(pixels, width, height, table) {
  const out = new ImageData(width, height);
  const words = new Uint32Array(out.data.buffer);
  for (let i = 0; i < words.length; i += 1) {
    const grey = table[pixels[i]];
    words[i] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return out;
}

// The anatomy must stay readable under the hottest place.
const MOST_HEAT = 0.55;

/** ImageData of a 0..255 heat map: the colour ramp, more opaque where it is hotter. */
export function paintHeat(pixels, width, height) {
  const out = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i += 1) {
    const share = pixels[i] / 255;
    if (share < 0.06) continue;
    const place = share * (HEAT.length - 1);
    const below = Math.min(Math.floor(place), HEAT.length - 2);
    const mix = place - below;
    for (let c = 0; c < 3; c += 1) {
      out.data[4 * i + c] = HEAT[below][c] * (1 - mix) + HEAT[below + 1][c] * mix;
    }
    out.data[4 * i + 3] = 255 * Math.min(MOST_HEAT, share * 1.2);
  }
  return out;
}

// Marching squares: for each case of corners (1 top left, 2 top right, 4 bottom right, 8 bottom left) the
// segments between edge middles (0 top, 1 right, 2 bottom, 3 left).
const SEGMENTS = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];
const MIDDLES = [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]];

/** Path2D around the pixels that are set, in picture coordinates; null where none is. */
export function contourOf(mask, width, height) {
  const at = (x, y) => (x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] > 0 ? 1 : 0);
  const path = new Path2D();
  let drawn = false;
  for (let y = -1; y < height; y += 1) {
    for (let x = -1; x < width; x += 1) {
      const corners = at(x, y) | (at(x + 1, y) << 1) | (at(x + 1, y + 1) << 2) | (at(x, y + 1) << 3);
      for (const [a, b] of SEGMENTS[corners]) {
        path.moveTo(x + 0.5 + MIDDLES[a][0], y + 0.5 + MIDDLES[a][1]);
        path.lineTo(x + 0.5 + MIDDLES[b][0], y + 0.5 + MIDDLES[b][1]);
        drawn = true;
      }
    }
  }
  return drawn ? path : null;
}

/** A length in mm that fits about `most` screen pixels and is pleasant to read. */
export function rulerLength(pixelsPerMm, most) {
  const longest = most / pixelsPerMm;
  return [100, 50, 20, 10, 5, 2, 1, 0.5].find((mm) => mm <= longest) ?? 0.5;
}

/** Letters at the edges of the picture on the upright viewing grid; null where the plane is unknown. */
export function edgeLetters(plane) {
  return {
    axial: { left: "R", right: "L", top: "A", bottom: "P" },
    coronal: { left: "R", right: "L", top: "S", bottom: "I" },
    sagittal: { left: "A", right: "P", top: "S", bottom: "I" },
  }[plane] ?? null;
}
