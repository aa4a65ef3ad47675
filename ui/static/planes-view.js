// <planes-view>: axial, coronal and sagittal slices of one volume, linked by a cross-hair, in true millimetres.

import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { listenToPlane, listenToPlaneTabs } from "./planes-input.js";
import { centreOf, clamped, inWords, placeOf, pointAt, PLANES } from "./planes-geometry.js";
import { SeriesSource, digitsOf } from "./viewer-source.js";
import { Stage, coloursOf } from "./viewer-stage.js";
import { slider, toggle } from "./viewer-tools.js";

const SETTLE_MS = 160;
const NAMES = { axial: "planes.axial", coronal: "planes.coronal", sagittal: "planes.sagittal" };

class PlanesView extends HTMLElement {
  #series = null;
  #report = null;
  #panes = {};
  #point = [0, 0, 0];
  #window = { level: 127.5, width: 255 };
  #outlined = true;
  #level;
  #width;
  #contour;
  #place;
  #problem;
  #settle = 0;

  connectedCallback() {
    if (this.#level) return;
    this.#level = slider("level", t("viewer.level"), { step: "any" }, (level) => this.#setWindow({ ...this.#window, level }));
    this.#width = slider("width", t("viewer.window"), { step: "any" }, (width) => this.#setWindow({ ...this.#window, width }));
    this.#contour = toggle("contour", t("viewer.contour"), "c", () => this.#toggleContour());
    this.#contour.dataset.action = "planes-contour";  // the slices' own button has the plain name
    this.#place = h("p", { class: "planes-place" });
    this.#problem = h("p", { class: "planes-problem", role: "alert", hidden: true }, t("viewer.failed"));
    const tabs = h("div", { class: "planes-tabs", role: "tablist", "aria-label": t("planes.title") });
    for (const plane of PLANES) {
      this.#panes[plane] = this.#pane(plane);
      tabs.append(this.#panes[plane].tab);
    }
    listenToPlaneTabs(tabs, (plane) => this.#choose(plane));
    this.append(tabs, h("div", { class: "planes-grid" }, Object.values(this.#panes).map((pane) => pane.node),
      h("div", { class: "planes-tools" }, this.#place, h("div", { class: "planes-controls" }, this.#level.node, this.#width.node,
        h("div", { class: "bar-group" }, this.#contour,
          h("button", { type: "button", class: "chip", onclick: () => this.#reset() }, t("viewer.reset")))),
      h("p", { class: "planes-help" }, t("planes.help")), this.#problem)));
    this.#choose(PLANES[0]);
  }

  /** Shows a series of the server that has three planes, its middle first. */
  show(series) {
    this.close();
    this.#series = series;
    this.#report = null;
    const { level, window, min, max } = series.display;
    const range = Math.max(max - min, 1e-6);
    Object.assign(this.#level.input, { min: min - range * 0.25, max: max + range * 0.25 });
    Object.assign(this.#width.input, { min: range / 200, max: Math.max(range * 2, window * 2) });
    this.#window = { level, width: window };
    this.#point = series.planes.shape.map((n) => Math.floor((n - 1) / 2));
    for (const [plane, pane] of Object.entries(this.#panes)) {
      pane.source = new SeriesSource(series, plane);
      pane.range.max = pane.source.count - 1;
      pane.stage.setShape(pane.source.width, pane.source.height, pane.source.spacing);
      pane.stage.fit();
    }
    this.#loadAll();
  }

  /** The outlines of a report; goes to its largest lesion. */
  showReport(report) {
    if (!this.#series) return;
    this.#report = report;
    for (const pane of Object.values(this.#panes)) pane.source.forgetLayers();
    const largest = [...(report.lesions ?? [])].sort((a, b) => b.area_px - a.area_px)[0];
    if (largest) this.showLesion(largest);
    else this.#loadAll();
  }

  /** Takes the cross-hair to the middle of a lesion. */
  showLesion(lesion) {
    if (this.#series) this.#goTo(centreOf(lesion, this.#series.planes));
  }

  /** Forgets the series; nothing is fetched any more. */
  close() {
    clearTimeout(this.#settle);
    for (const pane of Object.values(this.#panes)) {
      pane.source?.close();
      pane.source = pane.shown = pane.mask = null;
      pane.stage.draw(null);
    }
    this.#series = null;
  }

  #pane(plane) {
    const name = t(NAMES[plane]);
    const canvas = h("canvas", { class: "plane-canvas", "aria-hidden": "true" });
    const stage = h("div", { class: "plane-stage", tabindex: "0", role: "application", "aria-label": name, "aria-roledescription": t("planes.role") }, canvas);
    const range = h("input", { type: "range", min: 0, step: 1, value: 0, "data-slider": plane,
      "aria-label": t("planes.slice", { plane: name }), oninput: () => this.#step(plane, Number(range.value)) });
    const place = h("output", { class: "slice-place" });
    const tab = h("button", { type: "button", role: "tab", class: "chip", id: `tab-${plane}`, "aria-controls": `plane-${plane}`, "data-plane": plane }, name);
    const node = h("section", { class: "plane", id: `plane-${plane}`, "aria-label": name, "data-plane": plane },
      h("div", { class: "plane-frame" }, stage, h("p", { class: "corner plane-name", "aria-hidden": "true" }, name)),
      h("div", { class: "slice-row" }, range, place));
    const pane = { node, tab, range, place, box: stage, stage: new Stage(canvas), source: null, shown: null, mask: null, ticket: 0 };
    listenToPlane(stage, {
      point: (x, y) => this.#pointTo(plane, x, y),
      step: (slices) => this.#step(plane, placeOf(plane, this.#point, this.#series.planes).index + slices),
      move: (rows, columns) => this.#move(plane, rows, columns),
      windowBy: (dx, dy) => this.#dragWindow(dx, dy),
      zoomAt: (...at) => { pane.stage.zoomAt(...at); this.#draw(plane); },
      panBy: (...by) => { pane.stage.panBy(...by); this.#draw(plane); },
      fit: () => { pane.stage.fit(); this.#draw(plane); },
      outline: () => this.#toggleContour(),
      isActive: () => this.#series !== null,
    });
    return pane;
  }

  /** Which plane a narrow screen shows; a wide one shows all. */
  #choose(plane) {
    for (const [name, pane] of Object.entries(this.#panes)) {
      pane.tab.setAttribute("aria-selected", String(name === plane));
      pane.tab.tabIndex = name === plane ? 0 : -1;
      pane.node.toggleAttribute("chosen", name === plane);
    }
    requestAnimationFrame(() => { this.#panes[plane].stage.resize(); if (this.#series) this.#draw(plane); });
  }

  #goTo(point) {
    this.#point = clamped(point, this.#series.planes.shape);
    this.#loadAll();
  }

  #step(plane, index) {
    this.#goTo(pointAt(plane, { ...placeOf(plane, this.#point, this.#series.planes), index }, this.#series.planes));
  }

  #move(plane, rows, columns) {
    const at = placeOf(plane, this.#point, this.#series.planes);
    this.#goTo(pointAt(plane, { ...at, row: at.row + rows, column: at.column + columns }, this.#series.planes));
  }

  #pointTo(plane, x, y) {
    const { row, column } = this.#panes[plane].stage.toPicture(x, y);
    const at = placeOf(plane, this.#point, this.#series.planes);
    this.#goTo(pointAt(plane, { ...at, row: Math.floor(row), column: Math.floor(column) }, this.#series.planes));
  }

  #loadAll() {
    this.#place.textContent = inWords(this.#point, this.#series.planes);
    for (const plane of PLANES) this.#load(plane);
  }

  async #load(plane) {
    const pane = this.#panes[plane];
    const { source } = pane;
    const { index } = placeOf(plane, this.#point, this.#series.planes);
    pane.ticket += 1;
    const { ticket } = pane;
    const words = t("planes.where", { plane: t(NAMES[plane]), index: index + 1, count: source.count });
    pane.range.value = index;
    pane.range.setAttribute("aria-valuetext", words);
    pane.box.setAttribute("aria-label", words);
    pane.place.value = t("viewer.place", { index: index + 1, count: source.count });
    if (pane.shown?.index === index) this.#draw(plane);  // the cross-hair moves at once
    try {
      const near = pane.shown?.picture.window ?? this.#window;
      const [picture, mask] = await Promise.all([source.base(index, near), this.#report?.mask && this.#outlined ? source.mask(index) : null]);
      if (ticket !== pane.ticket || source !== pane.source) return;
      Object.assign(pane, { shown: { index, picture }, mask });
      this.#problem.hidden = true;
      this.#draw(plane);
    } catch (error) {
      if (error.name === "AbortError" || ticket !== pane.ticket) return;
      pane.shown = null;  // never an old slice under a new number
      pane.stage.draw(null);
      this.#problem.hidden = false;
    }
  }

  #draw(plane) {
    const pane = this.#panes[plane];
    if (!pane.shown || !this.#series) return;
    const { row, column } = placeOf(plane, this.#point, this.#series.planes);
    const colours = coloursOf(this);
    pane.stage.setPicture(pane.shown.picture.bytes, pane.shown.picture.window, this.#window, false);
    pane.stage.draw({
      contour: this.#outlined ? pane.mask : null, heat: null, boxes: [], opacity: 0.9, plane, spacing: pane.source.spacing,
      colours, cross: { row, column, colour: colours.box }, rulerText: (mm) => t("unit.mm", { value: number(mm, mm < 1 ? 1 : 0) }),
    });
    const digits = digitsOf(pane.source.display);
    for (const [part, value] of [[this.#level, this.#window.level], [this.#width, this.#window.width]]) {
      part.input.value = value;
      part.output.value = number(value, digits);
    }
    this.#contour.setAttribute("aria-pressed", String(this.#outlined && Boolean(this.#report?.mask)));
    this.#contour.disabled = !this.#report?.mask;
  }

  #toggleContour() {
    this.#outlined = !this.#outlined;
    this.#loadAll();
  }

  #reset() {
    if (!this.#series) return;
    for (const pane of Object.values(this.#panes)) pane.stage.fit();
    this.#setWindow({ level: this.#series.display.level, width: this.#series.display.window });
  }

  #setWindow({ level, width }) {
    if (!this.#series) return;
    const { min, max } = this.#series.display;
    this.#window = { level, width: Math.max(width, (max - min) / 500, 1e-6) };
    for (const plane of PLANES) this.#draw(plane);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#sharpen(), SETTLE_MS);
  }

  /** Asks the server for this very window once the hand rests. */
  #sharpen() {
    for (const pane of Object.values(this.#panes)) {
      const { source, shown } = pane;
      if (!shown || source.exact(shown.picture.window, this.#window)) continue;
      source.base(shown.index, this.#window).then((picture) => {
        if (source !== pane.source || pane.shown?.index !== shown.index) return;
        pane.shown = { index: shown.index, picture };
        this.#draw(source.plane);
      }).catch(() => {});
    }
  }

  #dragWindow(dx, dy) {
    const perPixel = (this.#series.display.max - this.#series.display.min) / 500;
    this.#setWindow({ level: this.#window.level + dy * perPixel, width: this.#window.width + dx * perPixel });
  }
}

customElements.define("planes-view", PlanesView);
