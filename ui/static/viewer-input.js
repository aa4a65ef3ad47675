// Gestures and keys of the viewer, turned into calls: no drawing and no state of the picture here.

import { isTyping } from "./dom.js";

const DOUBLE_TAP_MS = 300;
const WHEEL_STEP = 60;

/**
 * Pointer gestures on the stage.
 * `on` offers zoomAt(factor, x, y), panBy(dx, dy), windowBy(dx, dy), step(slices), hover(x, y | null),
 * toggleZoom(x, y), isZoomed() and isStack().
 */
export function listenToPointers(stage, on) {
  const pointers = new Map();
  let mode = null;
  let spread = 0;
  let swiped = 0;
  let tapped = { at: 0, x: 0, y: 0 };
  let wheeled = 0;

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const middle = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button > 2) return;
    const point = place(event);
    pointers.set(event.pointerId, point);
    stage.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      mode = "pinch";
      spread = middle().spread;
      return;
    }
    if (event.pointerType === "touch") {
      mode = on.isZoomed() ? "pan" : "swipe";
      swiped = 0;
      const near = Math.hypot(point.x - tapped.x, point.y - tapped.y) < 30;
      if (event.timeStamp - tapped.at < DOUBLE_TAP_MS && near) on.toggleZoom(point.x, point.y);
      tapped = { at: event.timeStamp, ...point };
      return;
    }
    mode = event.button === 2 || event.shiftKey ? "window" : "pan";
    stage.dataset.mode = mode;
  });

  stage.addEventListener("pointermove", (event) => {
    const point = place(event);
    const last = pointers.get(event.pointerId);
    if (!last) {
      on.hover(point.x, point.y);
      return;
    }
    if (mode === "pinch" && pointers.size === 2) {
      const before = middle();
      pointers.set(event.pointerId, point);
      const now = middle();
      if (spread > 0) on.zoomAt(now.spread / before.spread, now.x, now.y);
      on.panBy(now.x - before.x, now.y - before.y);
      return;
    }
    pointers.set(event.pointerId, point);
    const [dx, dy] = [point.x - last.x, point.y - last.y];
    if (mode === "pan") on.panBy(dx, dy);
    if (mode === "window") on.windowBy(dx, dy);
    if (mode === "swipe" && on.isStack()) {
      swiped += dx;
      const steps = Math.trunc(swiped / 14);
      if (steps !== 0) {
        swiped -= steps * 14;
        on.step(steps);
      }
    }
    on.hover(point.x, point.y);
  });

  const release = (event) => {
    pointers.delete(event.pointerId);
    if (pointers.size === 0) {
      mode = null;
      delete stage.dataset.mode;
    } else if (mode === "pinch") mode = "pan";
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("pointerleave", () => on.hover(null, null));
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", (event) => {
    const point = place(event);
    on.toggleZoom(point.x, point.y);
  });

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const amount = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
    if (on.isStack() && !event.ctrlKey) {
      wheeled += amount;
      const steps = Math.trunc(wheeled / WHEEL_STEP);
      wheeled -= steps * WHEEL_STEP;
      if (steps !== 0) on.step(steps);
      return;
    }
    const point = place(event);
    on.zoomAt(Math.exp(-amount * (event.ctrlKey ? 0.01 : 0.0018)), point.x, point.y);
  }, { passive: false });
}

/** The keys and what they call; the help dialog lists the same table. */
export const SHORTCUTS = [
  { keys: ["ArrowLeft", "PageUp"], action: "previous", shown: ["←", "↑", "PgUp"], text: "keys.previous" },
  { keys: ["ArrowRight", "PageDown"], action: "next", shown: ["→", "↓", "PgDn"], text: "keys.next" },
  { keys: ["ArrowUp"], action: "previous", stageOnly: true },
  { keys: ["ArrowDown"], action: "next", stageOnly: true },
  { keys: ["Home"], action: "first", shown: ["Home"], text: "keys.first", stageOnly: true },
  { keys: ["End"], action: "last", shown: ["End"], text: "keys.last", stageOnly: true },
  { keys: ["l", "n"], action: "lesion", shown: ["L"], text: "keys.lesion" },
  { keys: ["+", "="], action: "zoomIn", shown: ["+"], text: "keys.zoomIn" },
  { keys: ["-"], action: "zoomOut", shown: ["−"], text: "keys.zoomOut" },
  { keys: ["0"], action: "fit", shown: ["0"], text: "keys.fit" },
  { keys: ["c"], action: "contour", shown: ["C"], text: "keys.contour" },
  { keys: ["b"], action: "box", shown: ["B"], text: "keys.box" },
  { keys: ["h"], action: "heat", shown: ["H"], text: "keys.heat" },
  { keys: ["i"], action: "invert", shown: ["I"], text: "keys.invert" },
  { keys: ["w"], action: "preset", shown: ["W"], text: "keys.preset" },
  { keys: ["r"], action: "reset", shown: ["R"], text: "keys.reset" },
];

const SHIFTED = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };

/** Keys for the whole page, quiet while somebody types, drags a slider or reads a dialog. */
export function listenToKeys(stage, isActive, act, panBy) {
  document.addEventListener("keydown", (event) => {
    if (!isActive() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const onSlider = event.target instanceof HTMLInputElement && event.target.type === "range";
    const navigates = event.key.length > 1;
    if (onSlider && navigates) return;
    if (event.shiftKey && SHIFTED[event.key] && event.target === stage) {
      event.preventDefault();
      panBy(...SHIFTED[event.key]);
      return;
    }
    const key = navigates ? event.key : event.key.toLowerCase();
    const found = SHORTCUTS.find((shortcut) => shortcut.keys.includes(key)
      && (!shortcut.stageOnly || event.target === stage));
    if (!found) return;
    event.preventDefault();
    act(found.action);
  });
}
