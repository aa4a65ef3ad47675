// The canvas of the viewer: where the picture lies, and the drawing of picture, layers, ruler and letters.

import { edgeLetters, greyTable, paintGrey, rulerLength } from "./viewer-paint.js";

const MOST_ZOOM = 24;
const PIXELS_FROM = 7;

/** The overlay colours that the style sheet gives an element. */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  return { contour: colour("--overlay-contour"), box: colour("--overlay-box"), quiet: colour("--viewer-ink-quiet") };
}

export class Stage {
  zoom = 1;
  pan = { x: 0, y: 0 };
  #canvas;
  #context;
  #picture = new OffscreenCanvas(1, 1);
  #size = { width: 1, height: 1, ratio: 1 };
  #shape = { width: 1, height: 1, aspect: 1 };
  #asked = false;
  #scene = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  resize() {
    const box = this.#canvas.parentElement.getBoundingClientRect();
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round(box.height * ratio));
    if (width === this.#canvas.width && height === this.#canvas.height) return;
    Object.assign(this.#canvas, { width, height });
    this.#size = { width: box.width, height: box.height, ratio };
    this.#paint();
  }

  /** A new grid of pixels; `aspect` is row spacing over column spacing. */
  setShape(width, height, spacing) {
    const aspect = spacing ? spacing[1] / spacing[2] : 1;
    const same = width === this.#shape.width && height === this.#shape.height && aspect === this.#shape.aspect;
    this.#shape = { width, height, aspect };
    if (!same) this.fit();
  }

  /** Grey bytes rendered with `loaded`, to be shown with `wanted`. */
  setPicture(bytes, loaded, wanted, inverted) {
    const { width, height } = this.#shape;
    if (bytes.length !== width * height) return;
    if (this.#picture.width !== width || this.#picture.height !== height) this.#picture = new OffscreenCanvas(width, height);
    this.#picture.getContext("2d").putImageData(paintGrey(bytes, width, height, greyTable(loaded, wanted, inverted)), 0, 0);
  }

  fit() {
    this.zoom = 1;
    this.pan = { x: 0, y: 0 };
  }

  #scale() {
    const { width, height, aspect } = this.#shape;
    const fit = Math.min(this.#size.width / width, this.#size.height / (height * aspect)) * 0.985;
    return { x: fit * this.zoom, y: fit * this.zoom * aspect };
  }

  #origin() {
    const scale = this.#scale();
    return {
      x: this.#size.width / 2 - (this.#shape.width / 2) * scale.x + this.pan.x,
      y: this.#size.height / 2 - (this.#shape.height / 2) * scale.y + this.pan.y,
    };
  }

  /** Screen point (in the stage) to picture (column, row). */
  toPicture(x, y) {
    const scale = this.#scale();
    const origin = this.#origin();
    return { column: (x - origin.x) / scale.x, row: (y - origin.y) / scale.y };
  }

  zoomAt(factor, x = this.#size.width / 2, y = this.#size.height / 2) {
    const before = this.toPicture(x, y);
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    const scale = this.#scale();
    const origin = this.#origin();
    this.pan.x += x - (origin.x + before.column * scale.x);
    this.pan.y += y - (origin.y + before.row * scale.y);
    this.panBy(0, 0);
  }

  panBy(dx, dy) {
    const scale = this.#scale();
    const roomX = Math.max(0, (this.#shape.width * scale.x - this.#size.width) / 2) + (this.zoom > 1 ? 60 : 0);
    const roomY = Math.max(0, (this.#shape.height * scale.y - this.#size.height) / 2) + (this.zoom > 1 ? 60 : 0);
    this.pan.x = Math.min(Math.max(this.pan.x + dx, -roomX), roomX);
    this.pan.y = Math.min(Math.max(this.pan.y + dy, -roomY), roomY);
  }

  /** Brings a box of the picture (row0, column0, row1, column1) to the middle, enlarged a little. */
  centreOn([row0, column0, row1, column1]) {
    this.fit();
    const scale = this.#scale();
    const across = Math.max((column1 - column0) * scale.x, (row1 - row0) * scale.y, 1);
    this.zoom = Math.min(Math.max((0.35 * Math.min(this.#size.width, this.#size.height)) / across, 1), 4);
    if (this.zoom < 1.25) this.zoom = 1;
    const now = this.#scale();
    this.pan = {
      x: (this.#shape.width / 2 - (column0 + column1) / 2) * now.x,
      y: (this.#shape.height / 2 - (row0 + row1) / 2) * now.y,
    };
    if (this.zoom === 1) this.pan = { x: 0, y: 0 };
    this.panBy(0, 0);
  }

  /** Draws on the next frame; `scene` holds contour, heat, boxes, opacity, plane, spacing and colours. */
  draw(scene) {
    this.#scene = scene;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#asked = false;
    const context = this.#context;
    const { width, height, ratio } = this.#size;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.#scene) return;
    const scale = this.#scale();
    const origin = this.#origin();
    const area = [origin.x, origin.y, this.#shape.width * scale.x, this.#shape.height * scale.y];
    context.imageSmoothingEnabled = scale.x < PIXELS_FROM;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture, ...area);
    context.save();
    context.globalAlpha = this.#scene.opacity;
    if (this.#scene.heat) context.drawImage(this.#scene.heat, ...area);
    if (this.#scene.contour) this.#strokeContour(scale, origin);
    for (const box of this.#scene.boxes) this.#strokeBox(box, scale, origin);
    context.restore();
    if (this.#scene.cross) this.#strokeCross(this.#scene.cross, scale, origin);
    this.#ruler(scale.x);
    this.#letters();
  }

  #twice(stroke, colour, width) {
    const context = this.#context;
    context.lineJoin = "round";
    context.lineCap = "round";
    for (const [style, line] of [["rgb(0 0 0 / 65%)", width + 2], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      stroke(context);
    }
  }

  #strokeContour(scale, origin) {
    const path = new Path2D();
    path.addPath(this.#scene.contour, new DOMMatrix([scale.x, 0, 0, scale.y, origin.x, origin.y]));
    this.#twice((context) => context.stroke(path), this.#scene.colours.contour, 2);
  }

  /** Two lines through the middle of a pixel, open round it so that what lies there can be seen. */
  #strokeCross({ row, column, colour }, scale, origin) {
    const [x, y] = [origin.x + (column + 0.5) * scale.x, origin.y + (row + 0.5) * scale.y];
    const [right, bottom] = [origin.x + this.#shape.width * scale.x, origin.y + this.#shape.height * scale.y];
    this.#twice((context) => {
      context.beginPath();
      for (const [x0, y0, x1, y1] of [[origin.x, y, x - 9, y], [x + 9, y, right, y], [x, origin.y, x, y - 9], [x, y + 9, x, bottom]]) {
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
      }
      context.stroke();
    }, colour, 1);
  }

  #strokeBox({ box: [row0, column0, row1, column1], label }, scale, origin) {
    const x = origin.x + column0 * scale.x - 3;
    const y = origin.y + row0 * scale.y - 3;
    const w = (column1 - column0) * scale.x + 6;
    const hgt = (row1 - row0) * scale.y + 6;
    this.#twice((context) => context.strokeRect(x, y, w, hgt), this.#scene.colours.box, 1.5);
    this.#text(label, x, y - 6, "left", this.#scene.colours.box);
  }

  #text(text, x, y, align, colour) {
    const context = this.#context;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = align;
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 75%)";
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }

  #ruler(pixelsPerColumn) {
    const { spacing, colours, rulerText } = this.#scene;
    if (!spacing) return;
    const perMm = pixelsPerColumn / spacing[2];
    const mm = rulerLength(perMm, Math.min(150, this.#size.width * 0.3));
    const right = this.#size.width - 16;
    const y = this.#size.height - 18;
    const left = right - mm * perMm;
    this.#twice((context) => {
      context.beginPath();
      context.moveTo(left, y - 4);
      context.lineTo(left, y);
      context.lineTo(right, y);
      context.lineTo(right, y - 4);
      context.stroke();
    }, colours.quiet, 1.5);
    this.#text(rulerText(mm), (left + right) / 2, y - 8, "center", colours.quiet);
  }

  #letters() {
    const letters = edgeLetters(this.#scene.plane);
    if (!letters) return;
    const { width, height } = this.#size;
    const colour = this.#scene.colours.quiet;
    this.#text(letters.top, width / 2, 20, "center", colour);
    this.#text(letters.bottom, width / 2, height - 10, "center", colour);
    this.#text(letters.left, 10, height / 2 + 5, "left", colour);
    this.#text(letters.right, width - 10, height / 2 + 5, "right", colour);
  }
}
