// Pictures of one series as the viewer needs them: fetched once, decoded to bytes, kept for a while.

import * as api from "./api.js";
import { contourOf, paintHeat } from "./viewer-paint.js";

const KEPT = 96;

/** One byte for each pixel: the red channel, which for a grey picture is the grey. */
function bytesOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const bytes = new Uint8Array(bitmap.width * bitmap.height);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = rgba[4 * i];
  return bytes;
}

class Cache {
  #kept = new Map();

  /** The value of a key, made by `make` when missing; failures are not kept. */
  get(key, make) {
    let promise = this.#kept.get(key);
    if (promise) this.#kept.delete(key);
    else promise = make();
    this.#kept.set(key, promise);
    promise.catch(() => this.#kept.delete(key));
    while (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return promise;
  }
}

/** Decimals that tell grey values of a range apart. */
export const digitsOf = ({ min, max }) => (max - min < 20 ? 2 : 0);

/** A picture of the reader's own disk, shown before the server has answered. */
export class LocalSource {
  constructor(bitmap, name) {
    this.name = name;
    this.count = 1;
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.display = { level: 127.5, width: 255, min: 0, max: 255 };
    this.plane = null;
    this.spacing = null;
    this.isLocal = true;
    this.bytes = bytesOf(bitmap);
  }

  async base() {
    return { bytes: this.bytes, window: this.display };
  }

  exact() {
    return true;
  }

  async mask() {
    return null;
  }

  async heat() {
    return null;
  }
}

/** Count, height, width and spacing of a plane's slices; the upright grid is feet-head, front-back, right-left. */
function gridOf({ shape: [z, y, x], spacing_mm: [dz, dy, dx] }, plane) {
  return {
    axial: { shape: [z, y, x], spacing: [dz, dy, dx] },
    coronal: { shape: [y, z, x], spacing: [dy, dz, dx] },
    sagittal: { shape: [x, z, y], spacing: [dx, dz, dy] },
  }[plane];
}

/** A series on the server: slices on its viewing grid, or of one of three planes, and the layers of its report. */
export class SeriesSource {
  #pictures = new Cache();
  #layers = new Cache();
  #abort = new AbortController();
  #uids;

  #plane;

  constructor(series, plane = null) {
    const grid = plane ? gridOf(series.planes, plane) : { shape: series.view.shape, spacing: series.view.spacing_mm };
    const [count, height, width] = grid.shape;
    Object.assign(this, { name: series.name, count, height, width, plane: plane ?? series.view.plane });
    this.isLocal = false;
    this.spacing = grid.spacing;
    this.#plane = plane;
    const { level, window, min, max } = series.display;
    this.display = { level, width: window, min, max };
    this.#uids = [series.study_instance_uid, series.series_instance_uid];
  }

  /** Bytes of a slice and the window they were rendered with. */
  base(index, window = this.display) {
    const { level, width } = window;
    return this.#pictures.get(`${index}/${level}/${width}`, async () => {
      const bitmap = await api.sliceBitmap(...this.#uids, index, { level, width }, this.#abort.signal, this.#plane);
      return { bytes: bytesOf(bitmap), window: { level, width } };
    });
  }

  /** Whether re-windowing the bytes in the browser loses nothing against asking the server again. */
  exact(loaded, wanted) {
    if (loaded.level === wanted.level && loaded.width === wanted.width) return true;
    const covers = loaded.level - loaded.width / 2 <= this.display.min && loaded.level + loaded.width / 2 >= this.display.max;
    return covers && this.display.max - this.display.min <= 255;
  }

  /** Contour of the drawn mask of a slice, or null. */
  mask(index) {
    return this.#layers.get(`mask/${index}`, async () => {
      const bitmap = await api.layerBitmap("mask", ...this.#uids, index, this.#abort.signal, this.#plane);
      return bitmap && contourOf(bytesOf(bitmap), bitmap.width, bitmap.height);
    });
  }

  /** Heat map of a slice as a canvas of its pixels, or null. */
  heat(index) {
    return this.#layers.get(`heat/${index}`, async () => {
      const bitmap = await api.layerBitmap("heat", ...this.#uids, index, this.#abort.signal, this.#plane);
      if (!bitmap) return null;
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").putImageData(paintHeat(bytesOf(bitmap), bitmap.width, bitmap.height), 0, 0);
      return canvas;
    });
  }

  /** Layers may have changed: a report has arrived. */
  forgetLayers() {
    this.#layers = new Cache();
  }

  close() {
    this.#abort.abort();
  }
}
