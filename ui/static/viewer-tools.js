// Controls around the stage: slice slider with its map of findings, overlays, window and level, zoom.

import { h, icon } from "./dom.js";
import { number, percent, t } from "./i18n.js";
import { digitsOf } from "./viewer-source.js";

/** Ways to look at the grey values, worked out from the series itself. */
export function presetsOf({ level, width, min, max }) {
  const range = Math.max(max - min, 1e-6);
  const full = { level: (min + max) / 2, width: range };
  const presets = [{ key: "default", text: "viewer.preset.default", level, width }];
  if (Math.abs(full.width - width) > range * 0.02) presets.push({ key: "full", text: "viewer.preset.full", ...full });
  presets.push({ key: "hard", text: "viewer.preset.hard", level, width: width * 0.55 });
  presets.push({ key: "soft", text: "viewer.preset.soft", level, width: width * 1.6 });
  presets.push({ key: "bright", text: "viewer.preset.bright", level: level - width * 0.22, width });
  return presets;
}

/** A button that stays pressed, with its key. */
export function toggle(action, text, key, act, help = text) {
  return h("button", {
    type: "button", class: "chip", "aria-pressed": "false", "data-action": action,
    "aria-keyshortcuts": key, title: t("viewer.shortcut", { text: help, key: key.toUpperCase() }), onclick: () => act(action),
  }, h("span", { class: `swatch swatch-${action}`, "aria-hidden": "true" }), text);
}

function tool(action, glyph, text, key, act) {
  return h("button", {
    type: "button", class: "icon-button", "data-action": action, "aria-label": text,
    "aria-keyshortcuts": key, title: t("viewer.shortcut", { text, key }), onclick: () => act(action),
  }, icon(glyph));
}

/** A labelled slider with its value beside it. */
export function slider(name, text, attributes, changed) {
  const output = h("output", { class: "slider-value" });
  const input = h("input", { type: "range", "data-slider": name, ...attributes, oninput: () => changed(Number(input.value)) });
  return { node: h("label", { class: "slider" }, h("span", {}, text), input, output), input, output };
}

/**
 * Builds the controls; `on` offers act(action), slice(index), windowing({level, width}), preset(key), opacity(share).
 * The answer has the nodes `above`, `below` and functions that keep them true.
 */
export function buildTools(on) {
  const { act } = on;
  const overlays = {
    contour: toggle("contour", t("viewer.contour"), "c", act),
    box: toggle("box", t("viewer.box"), "b", act),
    heat: toggle("heat", t("viewer.heat"), "h", act, t("viewer.heat.help")),
  };
  const invert = tool("invert", "invert", t("viewer.invert"), "I", act);
  invert.setAttribute("aria-pressed", "false");
  const opacity = slider("opacity", t("viewer.opacity"), { min: 10, max: 100, step: 5, value: 90 }, (v) => on.opacity(v / 100));
  const level = slider("level", t("viewer.level"), { step: "any" }, (v) => on.windowing({ level: v }));
  const width = slider("width", t("viewer.window"), { step: "any" }, (v) => on.windowing({ width: v }));
  const preset = h("select", { "aria-label": t("viewer.presets"), onchange: () => preset.value && on.preset(preset.value) });
  const slice = h("input", { type: "range", class: "slice-range", "data-slider": "slice", min: 0, step: 1, value: 0,
    "aria-label": t("viewer.slice"), oninput: () => on.slice(Number(slice.value)) });
  const map = h("canvas", { class: "slice-map", height: 8, "aria-hidden": "true" });
  const place = h("output", { class: "slice-place" });
  const sliceRow = h("div", { class: "slice-row" }, h("div", { class: "slice-track" }, map, slice), place);

  const above = h("div", { class: "viewer-bar" },
    h("div", { class: "bar-group", role: "group", "aria-label": t("viewer.overlays") }, Object.values(overlays)),
    h("div", { class: "bar-group bar-tools", role: "group", "aria-label": t("viewer.tools") },
      tool("lesion", "target", t("viewer.lesion"), "L", act), invert,
      tool("zoomOut", "minus", t("viewer.zoomOut"), "-", act), tool("zoomIn", "plus", t("viewer.zoomIn"), "+", act),
      tool("fit", "fit", t("viewer.fit"), "0", act)));
  const below = h("div", { class: "viewer-foot" }, sliceRow,
    h("details", { class: "adjust" },
      h("summary", {}, icon("contrast"), t("viewer.adjust")),
      h("div", { class: "adjust-grid" }, level.node, width.node, opacity.node,
        h("div", { class: "adjust-preset" }, preset,
          h("button", { type: "button", class: "button small", onclick: () => act("reset") }, t("viewer.reset"))))));
  const lesion = above.querySelector("[data-action=lesion]");

  let digits = 0;

  return {
    above, below,

    /** A new series: ranges of the sliders, presets, number of slices. */
    series(source) {
      const { min, max } = source.display;
      const range = Math.max(max - min, 1e-6);
      digits = digitsOf(source.display);
      Object.assign(level.input, { min: min - range * 0.25, max: max + range * 0.25 });
      Object.assign(width.input, { min: range / 200, max: Math.max(range * 2, source.display.width * 2) });
      preset.replaceChildren(h("option", { value: "", hidden: true }, t("viewer.preset.own")),
        ...presetsOf(source.display).map((p) => h("option", { value: p.key }, t(p.text))));
      slice.max = source.count - 1;
      sliceRow.hidden = source.count < 2;
    },

    window(window, presetKey) {
      level.input.value = window.level;
      width.input.value = window.width;
      level.output.value = number(window.level, digits);
      width.output.value = number(window.width, digits);
      preset.value = presetKey ?? "";
    },

    slice(index, count, words) {
      slice.value = index;
      slice.setAttribute("aria-valuetext", words);
      place.value = t("viewer.place", { index: index + 1, count });
    },

    layers(layers, available, opacityShare, inverted) {
      for (const [name, node] of Object.entries(overlays)) {
        node.setAttribute("aria-pressed", String(layers[name] && available[name]));
        node.disabled = !available[name];
      }
      lesion.disabled = !available.box;
      invert.setAttribute("aria-pressed", String(inverted));
      opacity.input.disabled = !Object.values(available).some(Boolean);
      opacity.output.value = percent(opacityShare);
    },

    /** Marks above the slider: where the mask has pixels. */
    map(slices, count, colour) {
      map.width = Math.max(count, 1);
      const context = map.getContext("2d");
      context.clearRect(0, 0, map.width, map.height);
      context.fillStyle = colour;
      for (const { index, mask_px: drawn } of slices) if (drawn > 0) context.fillRect(index, 0, 1, map.height);
    },
  };
}
