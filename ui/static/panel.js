// The parts every panel under the verdict is made of.

import { h } from "./dom.js";
import { chance } from "./i18n.js";

/** A titled panel. */
export function panel(title, ...content) {
  const id = `panel-${Math.random().toString(36).slice(2, 9)}`;
  return h("section", { class: "panel", "aria-labelledby": id }, h("h3", { id }, title), ...content);
}

/** One probability as words, number and bar. */
export function bar(words, share, chosen) {
  return h("li", { class: chosen ? "bar chosen" : "bar" },
    h("span", { class: "bar-name" }, words),
    h("span", { class: "bar-value" }, chance(share)),
    h("span", { class: "bar-track", "aria-hidden": "true", vars: { "--share": share } }));
}
