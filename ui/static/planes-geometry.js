// Places in a volume and on its three planes. A point is [z, y, x] of the upright grid: feet-head, front-back,
// right-left. On a plane it is the number of a slice, a row and a column. Pure functions.

import { list, number, t } from "./i18n.js";

export const PLANES = ["axial", "coronal", "sagittal"];

/** Slice, row and column of a point on a plane; rows run down from the head where the plane stands upright. */
export function placeOf(plane, [z, y, x], { shape: [height] }) {
  return {
    axial: { index: z, row: y, column: x },
    coronal: { index: y, row: height - 1 - z, column: x },
    sagittal: { index: x, row: height - 1 - z, column: y },
  }[plane];
}

/** The point at a slice, row and column of a plane: `placeOf` turned round. */
export function pointAt(plane, { index, row, column }, { shape: [height] }) {
  return {
    axial: [index, row, column],
    coronal: [height - 1 - row, index, column],
    sagittal: [height - 1 - row, column, index],
  }[plane];
}

/** A point inside the grid. */
export function clamped(point, shape) {
  return point.map((value, axis) => Math.min(Math.max(value, 0), shape[axis] - 1));
}

/** The middle of a lesion whose box is on the viewing grid. */
export function centreOf(lesion, { axes, flips, shape }) {
  const box = lesion.view_box ?? lesion.box;
  return axes.map((axis, n) => {
    const middle = Math.floor((box[axis] + box[axis + 3] - 1) / 2);
    return flips[n] ? shape[n] - 1 - middle : middle;
  });
}

const SIDES = [["planes.left", "planes.right"], ["planes.back", "planes.front"], ["planes.up", "planes.down"]];

/** Where a point lies in the patient, in millimetres from the scanner's origin. */
export function inWords([z, y, x], { affine }) {
  const at = affine.slice(0, 3).map(([a, b, c, d]) => a * z + b * y + c * x + d);
  return t("planes.at", { place: list(at.map((mm, axis) => t(SIDES[axis][mm < 0 ? 1 : 0], { mm: number(Math.abs(mm), 1) }))) });
}
