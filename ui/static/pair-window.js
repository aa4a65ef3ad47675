// Level and window of the grey layers of a result on two series, one layer at a time.

import { h, icon } from "./dom.js";
import { number, t } from "./i18n.js";
import { digitsOf } from "./viewer-source.js";
import { presetsOf, slider } from "./viewer-tools.js";

const PAUSE_MS = 120;

export class PairWindow {
  #layers;
  #windows = {};
  #timer = null;
  #changed;
  #parts;

  /** `titles` are the grey layers' names in words; `changed` hears that pictures have to be asked for again. */
  constructor(layers, titles, changed) {
    this.#layers = layers;
    this.#changed = changed;
    const layer = h("select", { "aria-label": t("pair.window.layer"), "data-window": "layer", onchange: () => this.#draw() },
      Object.entries(titles).map(([name, title]) => h("option", { value: name }, title)));
    const level = slider("level", t("viewer.level"), { step: "any" }, (value) => this.#set({ level: value }));
    const width = slider("width", t("viewer.window"), { step: "any" }, (value) => this.#set({ width: value }));
    const preset = h("select", { "aria-label": t("viewer.presets"), onchange: () => {
      const found = presetsOf(this.#display).find((one) => one.key === preset.value);
      if (found) this.#set({ level: found.level, width: found.width }, preset.value);
    } });
    const reset = h("button", { type: "button", class: "button small", onclick: () => this.#reset() }, t("viewer.reset"));
    this.#parts = { layer, level, width, preset };
    this.node = h("details", { class: "adjust pair-adjust" }, h("summary", {}, icon("contrast"), t("pair.window")),
      h("div", { class: "adjust-grid" }, h("label", { class: "slider" }, h("span", {}, t("pair.window.layer")), layer), level.node, width.node,
        h("div", { class: "adjust-preset" }, preset, reset)));
    this.#draw();
  }

  /** A layer's address with the window it is to be drawn in. */
  address(name, address) {
    const chosen = this.#windows[name];
    return chosen ? `${address}?level=${chosen.level}&window=${chosen.width}` : address;
  }

  get #name() {
    return this.#parts.layer.value;
  }

  get #display() {
    const { level, window, min, max } = this.#layers[this.#name].display;
    return { level, width: window, min, max };
  }

  #set(part, preset = "") {
    this.#windows[this.#name] = { ...(this.#windows[this.#name] ?? this.#display), ...part };
    this.#draw(preset);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#changed, PAUSE_MS);
  }

  #reset() {
    delete this.#windows[this.#name];
    this.#draw();
    this.#changed();
  }

  #draw(key = this.#name in this.#windows ? "" : "default") {
    const { level, width, preset } = this.#parts;
    const display = this.#display;
    const range = Math.max(display.max - display.min, 1e-6);
    const now = this.#windows[this.#name] ?? display;
    const digits = digitsOf(display);
    Object.assign(level.input, { min: display.min - range * 0.25, max: display.max + range * 0.25, value: now.level });
    Object.assign(width.input, { min: range / 200, max: Math.max(range * 2, display.width * 2), value: now.width });
    level.output.value = number(now.level, digits);
    width.output.value = number(now.width, digits);
    preset.replaceChildren(h("option", { value: "", hidden: true }, t("viewer.preset.own")),
      ...presetsOf(display).map((one) => h("option", { value: one.key }, t(one.text))));
    preset.value = key;
  }
}
