// Gestures and keys of one plane, and of the tabs that choose among them; no state of the picture here.

const WHEEL_STEP = 60;
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * One plane. `on` offers point(x, y), step(slices), move(rows, columns), windowBy(dx, dy), zoomAt(factor, x, y),
 * panBy(dx, dy), fit(), outline() and isActive().
 */
export function listenToPlane(stage, on) {
  const pointers = new Map();
  let mode = null;
  let wheeled = 0;

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const middle = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1) };
  };

  stage.addEventListener("pointerdown", (event) => {
    if (!on.isActive() || event.button > 2) return;
    const point = place(event);
    pointers.set(event.pointerId, point);
    stage.setPointerCapture(event.pointerId);
    if (pointers.size === 2) mode = "pinch";
    else if (event.button === 2 || event.shiftKey) mode = "window";
    else {
      mode = "point";
      on.point(point.x, point.y);
    }
  });

  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last || !on.isActive()) return;
    const before = mode === "pinch" && pointers.size === 2 ? middle() : null;
    const point = place(event);
    pointers.set(event.pointerId, point);
    if (before) {
      const now = middle();
      on.zoomAt(now.spread / before.spread, now.x, now.y);
      on.panBy(now.x - before.x, now.y - before.y);
    } else if (mode === "window") on.windowBy(point.x - last.x, point.y - last.y);
    else if (mode === "point") on.point(point.x, point.y);
  });

  const release = (event) => {
    pointers.delete(event.pointerId);
    mode = null;  // the finger that stays after a pinch points at nothing
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", () => on.isActive() && on.fit());

  stage.addEventListener("wheel", (event) => {
    if (!on.isActive()) return;
    event.preventDefault();
    const amount = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
    if (event.ctrlKey) {
      const at = place(event);
      on.zoomAt(Math.exp(-amount * 0.01), at.x, at.y);
      return;
    }
    wheeled += amount;
    const steps = Math.trunc(wheeled / WHEEL_STEP);
    wheeled -= steps * WHEEL_STEP;
    if (steps !== 0) on.step(steps);
  }, { passive: false });

  stage.addEventListener("keydown", (event) => {
    if (!on.isActive() || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    const actions = {
      PageUp: () => on.step(far), PageDown: () => on.step(-far), Home: () => on.step(Infinity), End: () => on.step(-Infinity),
      "+": () => on.zoomAt(1.3), "-": () => on.zoomAt(1 / 1.3), 0: () => on.fit(), c: () => on.outline(),
    };
    const move = MOVES[event.key];
    if (!move && !actions[event.key]) return;
    event.preventDefault();
    if (move) on.move(move[0] * far, move[1] * far);
    else actions[event.key]();
  });
}

/** Tabs: a click or an arrow key chooses, as the pattern for tabs has it. */
export function listenToPlaneTabs(tabs, choose) {
  const all = () => [...tabs.querySelectorAll("[role=tab]")];
  tabs.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab.dataset.plane);
  });
  tabs.addEventListener("keydown", (event) => {
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    event.stopPropagation();
    const found = all();
    const next = found[(found.indexOf(document.activeElement) + turn + found.length) % found.length];
    choose(next.dataset.plane);
    next.focus();
  });
}
