// <slice-viewer>: one series on a 2-D canvas, with zoom, pan, window/level, slices and toggled overlays.

import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { listenToKeys, listenToPointers } from "./viewer-input.js";
import { LocalSource, SeriesSource, digitsOf } from "./viewer-source.js";
import { Stage, coloursOf } from "./viewer-stage.js";
import { buildTools, presetsOf } from "./viewer-tools.js";

const SETTLE_MS = 140;
const NEIGHBOURS = [1, -1, 2, -2, 3];

class SliceViewer extends HTMLElement {
  #source = null;
  #report = null;
  #stage;
  #tools;
  #parts = {};
  #index = 0;
  #window = { level: 127.5, width: 255 };
  #preset = "default";
  #inverted = false;
  #opacity = 0.9;
  #layers = { contour: true, box: false, heat: false };
  #heatMissing = false;
  #shown = null;
  #drawn = { contour: null, heat: null };
  #ticket = 0;
  #settle = 0;
  #lesion = -1;
  #hover = [null, null];

  connectedCallback() {
    if (this.#stage) return;
    this.#tools = buildTools({
      act: (action) => this.act(action),
      slice: (index) => this.goTo(index),
      windowing: (part) => this.#setWindow({ ...this.#window, ...part }, null),
      preset: (key) => this.#choosePreset(key),
      opacity: (share) => { this.#opacity = share; this.#refresh(); },
    });
    const canvas = h("canvas", { class: "stage-canvas", "aria-hidden": "true" });
    this.#parts = {
      stage: h("div", { class: "stage", tabindex: "0", role: "img", "aria-roledescription": t("viewer.role"), "data-zoomed": "false" }, canvas),
      facts: h("p", { class: "corner corner-facts", "aria-hidden": "true" }),
      probe: h("p", { class: "corner corner-probe", "aria-hidden": "true" }),
      problem: h("p", { class: "stage-problem", role: "alert", hidden: true }),
      vacant: h("p", { class: "stage-vacant" }, t("viewer.vacant")),
    };
    const { stage } = this.#parts;
    this.append(this.#tools.above, h("div", { class: "stage-frame" }, ...Object.values(this.#parts)), this.#tools.below);
    this.toggleAttribute("vacant", true);
    this.#stage = new Stage(canvas);
    listenToPointers(stage, {
      zoomAt: (...a) => { this.#stage.zoomAt(...a); this.#refresh(); },
      panBy: (...a) => { this.#stage.panBy(...a); this.#refresh(); },
      windowBy: (dx, dy) => this.#dragWindow(dx, dy),
      step: (slices) => this.goTo(this.#index + slices),
      hover: (...at) => { this.#hover = at; this.#probe(...at); },
      toggleZoom: (x, y) => { if (this.#stage.zoom > 1) this.#stage.fit(); else this.#stage.zoomAt(2.5, x, y); this.#refresh(); },
      isZoomed: () => this.#stage.zoom > 1,
      isStack: () => (this.#source?.count ?? 0) > 1,
    });
    listenToKeys(stage, () => this.#source !== null && !this.hidden, (action) => this.act(action),
      (dx, dy) => { this.#stage.panBy(dx, dy); this.#refresh(); });
  }

  /** Shows a picture that has not been sent yet. */
  showLocal(bitmap, name) {
    this.#open(new LocalSource(bitmap, name), 0);
  }

  /** Shows a series of the server, its middle slice first. */
  showSeries(series) {
    const source = new SeriesSource(series);
    const keepsView = this.#source?.isLocal && source.count === 1;
    this.#open(source, Math.floor((source.count - 1) / 2), keepsView);
  }

  /** Overlays of a report; goes to the largest lesion. */
  showReport(report) {
    this.#report = report;
    this.#source?.forgetLayers?.();
    this.#heatMissing = report.verdict === "refused";
    this.#tools.map(report.slices ?? [], this.#source?.count ?? 1, coloursOf(this).contour);
    const lesions = this.#lesions();
    if (lesions.length > 0 && this.#source.count > 1) this.showLesion(lesions[0], false);
    else this.#load();
  }

  /** Goes to a lesion; `enlarge` also brings it near. */
  showLesion(lesion, enlarge = true) {
    const [slice0, row0, column0, slice1, row1, column1] = lesion.view_box ?? lesion.box;
    if (enlarge) this.#stage.centreOn([row0, column0, row1, column1]);
    const drawn = (this.#report?.slices ?? []).filter((s) => s.index >= slice0 && s.index < slice1);
    const fullest = drawn.reduce((best, s) => (best && best.mask_px >= s.mask_px ? best : s), null);
    this.goTo(fullest?.mask_px > 0 ? fullest.index : Math.floor((slice0 + slice1 - 1) / 2));
  }

  clear() {
    this.#source?.close?.();
    this.#source = this.#report = this.#shown = null;
    this.#stage.draw(null);
    this.#parts.problem.hidden = true;
    this.#parts.stage.setAttribute("aria-label", t("viewer.vacant"));
    this.toggleAttribute("vacant", true);
  }

  focusStage() {
    this.#parts.stage.focus({ preventScroll: true });
  }

  goTo(index) {
    if (!this.#source) return;
    this.#index = Math.min(Math.max(index, 0), this.#source.count - 1);
    this.#load();
  }

  /** What a key or a button asks for. */
  act(action) {
    if (!this.#source) return;
    const lesions = this.#lesions();
    const actions = {
      previous: () => this.goTo(this.#index - 1),
      next: () => this.goTo(this.#index + 1),
      first: () => this.goTo(0),
      last: () => this.goTo(Infinity),
      lesion: () => {
        if (lesions.length === 0) return;
        this.#lesion = (this.#lesion + 1) % lesions.length;
        this.showLesion(lesions[this.#lesion]);
      },
      zoomIn: () => this.#stage.zoomAt(1.3),
      zoomOut: () => this.#stage.zoomAt(1 / 1.3),
      fit: () => this.#stage.fit(),
      invert: () => { this.#inverted = !this.#inverted; this.#repaint(); },
      preset: () => this.#nextPreset(),
      reset: () => { this.#inverted = false; this.#stage.fit(); this.#choosePreset("default"); },
    };
    if (action in this.#layers) {
      this.#layers[action] = !this.#layers[action];
      this.#load();
    } else actions[action]?.();
    this.#refresh();
  }

  #open(source, index, keepsView = false) {
    this.#source?.close?.();
    this.toggleAttribute("vacant", false);
    this.#source = source;
    this.#report = null;
    this.#lesion = -1;
    this.#heatMissing = false;
    this.#drawn = { contour: null, heat: null };
    this.#index = index;
    this.#window = { level: source.display.level, width: source.display.width };
    this.#preset = "default";
    this.#stage.resize();
    this.#stage.setShape(source.width, source.height, source.spacing);
    if (!keepsView) this.#stage.fit();
    this.#tools.series(source);
    this.#tools.map([], source.count, "");
    this.#load();
  }

  async #load() {
    const source = this.#source;
    const index = this.#index;
    this.#ticket += 1;
    const ticket = this.#ticket;
    this.#describe();
    try {
      const near = this.#shown?.source === source ? this.#shown.picture.window : undefined;
      const has = this.#available();
      const [picture, contour, heat] = await Promise.all([
        source.base(index, near),
        has.contour && this.#layers.contour && this.#maskPixels(index) !== 0 ? source.mask(index) : null,
        has.heat && this.#layers.heat ? source.heat(index) : null,
      ]);
      if (ticket !== this.#ticket) return;
      this.#heatMissing ||= this.#layers.heat && has.heat && heat === null && source.count === 1;
      this.#shown = { source, index, picture };
      this.#drawn = { contour, heat };
      this.#parts.problem.hidden = true;
      this.#repaint();
      for (const step of NEIGHBOURS) {
        const next = index + step;
        if (next >= 0 && next < source.count) source.base(next, near).catch(() => {});
      }
    } catch (error) {
      if (error.name === "AbortError" || ticket !== this.#ticket) return;
      this.#shown = null;  // never an old slice under a new number
      this.#stage.draw(null);
      this.#parts.problem.textContent = t("viewer.failed");
      this.#parts.problem.hidden = false;
    }
  }

  #lesions() {
    return [...(this.#report?.lesions ?? [])].sort((a, b) => b.area_px - a.area_px);
  }

  #maskPixels(index) {
    return this.#report?.slices?.find((slice) => slice.index === index)?.mask_px ?? null;
  }

  #available() {
    const drawn = Boolean(this.#report?.mask);
    return { contour: drawn, box: this.#lesions().length > 0, heat: this.#report !== null && !this.#heatMissing };
  }

  #setWindow(window, preset) {
    const { min, max } = this.#source.display;
    this.#window = { level: window.level, width: Math.max(window.width, (max - min) / 500, 1e-6) };
    this.#preset = preset;
    this.#repaint();
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#sharpen(), SETTLE_MS);
  }

  /** Asks the server for this very window once the hand rests, where the browser's bytes are too coarse. */
  async #sharpen() {
    const { source, index, picture } = this.#shown ?? {};
    if (!source || source !== this.#source || source.exact(picture.window, this.#window)) return;
    const fresh = await source.base(index, this.#window).catch(() => null);
    if (!fresh || this.#shown.source !== source || this.#shown.index !== index) return;
    this.#shown.picture = fresh;
    this.#repaint();
  }

  #dragWindow(dx, dy) {
    if (!this.#source) return;
    const { min, max } = this.#source.display;
    const perPixel = (max - min) / 500;
    this.#setWindow({ level: this.#window.level + dy * perPixel, width: this.#window.width + dx * perPixel }, null);
  }

  #choosePreset(key) {
    const found = presetsOf(this.#source.display).find((preset) => preset.key === key);
    if (found) this.#setWindow(found, key);
  }

  #nextPreset() {
    const presets = presetsOf(this.#source.display);
    const now = presets.findIndex((preset) => preset.key === this.#preset);
    this.#choosePreset(presets[(now + 1) % presets.length].key);
  }

  #repaint() {
    const shown = this.#shown;
    if (!shown || shown.source !== this.#source) return;
    this.#stage.setPicture(shown.picture.bytes, shown.picture.window, this.#window, this.#inverted);
    this.#refresh();
  }

  #refresh() {
    if (!this.#source || this.#shown?.source !== this.#source) return;
    const available = this.#available();
    const boxes = !this.#layers.box || !available.box ? [] : this.#lesions()
      .map((lesion) => ({ id: lesion.id, box: lesion.view_box ?? lesion.box }))
      .filter(({ box }) => box[0] <= this.#shown.index && this.#shown.index < box[3])
      .map(({ id, box }) => ({ label: String(id), box: [box[1], box[2], box[4], box[5]] }));
    this.#stage.draw({
      contour: this.#layers.contour ? this.#drawn.contour : null,
      heat: this.#layers.heat ? this.#drawn.heat : null,
      boxes, opacity: this.#opacity, plane: this.#source.plane, spacing: this.#source.spacing,
      colours: coloursOf(this), rulerText: (mm) => t("unit.mm", { value: number(mm, mm < 1 ? 1 : 0) }),
    });
    this.#tools.window(this.#window, this.#preset);
    this.#tools.layers(this.#layers, available, this.#opacity, this.#inverted);
    this.#parts.stage.dataset.zoomed = String(this.#stage.zoom > 1);
    this.#probe(...this.#hover);  // another slice or zoom under a resting pointer
    const grey = (value) => number(value, digitsOf(this.#source.display));
    this.#parts.facts.textContent = t("viewer.facts", { zoom: number(this.#stage.zoom * 100), window: grey(this.#window.width), level: grey(this.#window.level) });
  }

  #describe() {
    const { count } = this.#source;
    const drawn = this.#maskPixels(this.#index) > 0 ? t("viewer.outlined") : "";
    const words = t("viewer.where", { name: this.#source.name, index: this.#index + 1, count });
    this.#parts.stage.setAttribute("aria-label", `${words} ${drawn}`.trim());
    this.#tools.slice(this.#index, count, words);
  }

  #probe(x, y) {
    const shown = this.#shown;
    const point = x === null || !this.#source || shown?.source !== this.#source ? null : this.#stage.toPicture(x, y);
    if (!point || point.row < 0 || point.column < 0 || point.row >= this.#source.height || point.column >= this.#source.width) {
      this.#parts.probe.textContent = "";
      return;
    }
    const [row, column] = [Math.floor(point.row), Math.floor(point.column)];
    const { bytes, window } = shown.picture;
    const value = window.level - window.width / 2 + (bytes[row * this.#source.width + column] / 255) * window.width;
    this.#parts.probe.textContent = t("viewer.probe", { row, column, value: number(value, digitsOf(this.#source.display)) });
  }
}

customElements.define("slice-viewer", SliceViewer);
