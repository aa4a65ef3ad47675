// <pair-viewer>: two images on one grid, looked at together: in colour, blended, as a chessboard, by swiping.

import { layerOf } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { sentence } from "./labels.js";
import { compose, MODES } from "./pair-compose.js";
import { ROLES, rolesOf } from "./pair-roles.js";
import { PairWindow } from "./pair-window.js";
import { edgeLetters } from "./viewer-paint.js";

const TITLES = { overlay: "pair.mode.overlay", colours: "pair.mode.colours", chessboard: "pair.mode.chessboard", swipe: "pair.mode.swipe", fused: "pair.mode.fused" };
const HELP = { overlay: "pair.help.overlay", colours: "pair.help.colours", chessboard: "pair.help.chessboard", swipe: "pair.help.swipe", fixed: "pair.help.fixed", moved: "pair.help.moved", fused: "pair.help.fused" };
const SLIDERS = { overlay: "pair.slider.overlay", chessboard: "pair.slider.chessboard", swipe: "pair.slider.swipe" };
const START = { overlay: 0.5, chessboard: 0.5, swipe: 0.5 };

/** The slice on which the largest lesion covers most; undefined where none was found. */
const fullest = ({ findings }) => [...findings].sort((one, other) => other.area_px - one.area_px)[0]?.largest_slice;

class PairViewer extends HTMLElement {
  #pair = null;
  #roles = rolesOf();
  #window = null;
  #mode = "overlay";
  #amount = { ...START };
  #index = 0;
  #greys = {};
  #masks = true;
  #abort = null;
  #parts = {};

  /** Draws a result's layers; chooses the view that tells most. */
  show(pair, roles = rolesOf()) {
    this.#pair = pair;
    this.#roles = roles;
    this.#index = fullest(pair) ?? Math.floor((pair.view.shape[0] - 1) / 2);
    this.#mode = "fused" in pair.layers ? "fused" : "moved" in pair.layers ? "overlay" : "fixed";
    this.#build();
    this.#load();
  }

  get #names() {
    const { layers } = this.#pair;
    return MODES.filter((mode) => mode in layers || (!["fixed", "moved", "fused"].includes(mode) && "moved" in layers));
  }

  #title(mode) {
    const role = { fixed: "fixed", moved: "moving" }[mode];
    return t(role ? this.#roles[role].title : TITLES[mode]);
  }

  get #greyTitles() {
    const grey = Object.keys(this.#pair.layers).filter((name) => this.#pair.layers[name].kind === "image" && MODES.includes(name));
    return Object.fromEntries(grey.map((name) => [name, this.#title(name)]));
  }

  get #labels() {
    return Object.keys(this.#pair.layers).filter((name) => this.#pair.layers[name].kind === "labels");
  }

  #build() {
    const [count, rows, columns] = this.#pair.view.shape;
    const [, down, across] = this.#pair.view.spacing_mm ?? [1, 1, 1];
    const canvas = h("canvas", { class: "pair-canvas", width: columns, height: rows, vars: { "--ratio": (columns * across) / (rows * down) } });
    const letters = edgeLetters(this.#pair.view.plane);
    const stage = h("div", { class: "pair-stage", tabindex: "0", role: "img", "aria-describedby": "pair-help" },
      h("div", { class: "pair-frame", vars: { "--ratio": (columns * across) / (rows * down) } }, canvas,
        letters && Object.entries(letters).map(([side, letter]) => h("span", { class: `pair-letter pair-${side}`, "aria-hidden": "true" }, letter))));
    const modes = h("div", { class: "bar-group", role: "group", "aria-label": t("pair.modes") }, this.#names.map((mode) => h("button", {
      type: "button", class: "chip", "data-mode": mode, "aria-pressed": String(mode === this.#mode), onclick: () => this.#choose(mode) }, this.#title(mode))));
    const amount = h("input", { type: "range", min: 0, max: 1, step: 0.01, oninput: () => { this.#amount[this.#mode] = Number(amount.value); this.#draw(); } });
    const place = h("input", { type: "range", min: 1, max: count, step: 1, value: this.#index + 1, "aria-label": t("pair.slice"), oninput: () => this.#go(Number(place.value) - 1) });
    const masks = this.#labels.length > 0 && h("button", { type: "button", class: "chip", "aria-pressed": "true", onclick: () => { this.#masks = !this.#masks; masks.setAttribute("aria-pressed", String(this.#masks)); this.#draw(); } }, t("pair.outlines"));
    this.#parts = { canvas, stage, modes, amount, place, number: h("output", {}), slider: h("label", { class: "pair-slider" }, h("span", {}), amount), help: h("p", { id: "pair-help", class: "pair-help" }) };
    this.#window = new PairWindow(this.#pair.layers, this.#greyTitles, () => this.#load());
    this.replaceChildren(...[
      h("div", { class: "viewer-bar" }, modes, masks), stage,
      h("div", { class: "pair-foot" }, this.#parts.slider, count > 1 && h("label", { class: "pair-slider" }, h("span", {}, t("pair.slice"), " ", this.#parts.number), place), this.#window.node, this.#parts.help)]);
    this.#listen();
    this.#choose(this.#mode);
  }

  #listen() {
    const { stage, canvas } = this.#parts;
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, PageUp: -1, ArrowDown: 1, PageDown: 1 }[event.key];
      const turn = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
      if (step) this.#go(this.#index + step);
      else if (turn && this.#mode in SLIDERS) this.#move(this.#amount[this.#mode] + turn);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    stage.addEventListener("wheel", (event) => {
      if (this.#pair.view.shape[0] < 2) return;
      event.preventDefault();
      this.#go(this.#index + Math.sign(event.deltaY));
    }, { passive: false });
    const follow = (event) => {
      if (this.#mode !== "swipe") return;
      const { left, width } = canvas.getBoundingClientRect();
      this.#move((event.clientX - left) / width);
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); follow(event); });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
  }

  #move(amount) {
    this.#amount[this.#mode] = Math.min(1, Math.max(0, amount));
    this.#parts.amount.value = this.#amount[this.#mode];
    this.#draw();
  }

  #go(index) {
    const next = Math.min(this.#pair.view.shape[0] - 1, Math.max(0, index));
    if (next === this.#index) return;
    this.#index = next;
    this.#parts.place.value = next + 1;
    this.#load();
  }

  #choose(mode) {
    this.#mode = mode;
    for (const chip of this.#parts.modes.children) chip.setAttribute("aria-pressed", String(chip.dataset.mode === mode));
    this.#parts.slider.hidden = !(mode in SLIDERS);
    if (mode in SLIDERS) {
      this.#parts.slider.firstChild.textContent = t(SLIDERS[mode]);
      this.#parts.amount.value = this.#amount[mode];
    }
    const words = Object.fromEntries(ROLES.map((role) => [role, t(this.#roles[role].word)]));
    this.#parts.help.textContent = sentence(t(HELP[mode], words));
    this.#parts.stage.setAttribute("aria-label", t("pair.stage", { mode: this.#title(mode), fixed: this.#pair.inputs.fixed.name, moving: this.#pair.inputs.moving.name }));
    this.#parts.canvas.dataset.mode = mode;
    this.#draw();
  }

  async #load() {
    this.#abort?.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#parts.number.textContent = t("pair.slice.of", { slice: this.#index + 1, all: this.#pair.view.shape[0] });
    try {
      const names = Object.keys(this.#pair.layers);
      const found = await Promise.all(names.map((name) => layerOf(this.#window.address(name, this.#pair.links.slices[name]), this.#index, signal)));
      this.#greys = Object.fromEntries(names.map((name, i) => [name, found[i]]));
      this.#draw();
      this.dataset.ready = String(this.#index);
    } catch (error) {
      if (error.name !== "AbortError") this.#parts.help.textContent = error.message || t("problem.unreachable");
    }
  }

  #draw() {
    const { fixed } = this.#greys;
    if (!fixed) return;
    const { canvas } = this.#parts;
    const masks = this.#masks ? this.#labels.map((name) => this.#greys[name]).filter(Boolean) : [];
    const image = compose(this.#greys, canvas.width, canvas.height, this.#mode, this.#amount[this.#mode] ?? 0, masks);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }
}

customElements.define("pair-viewer", PairViewer);
