// What a follow-up has to show beside the common panels: the timeline, and every lesion with its band.

import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { panel } from "./panel.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, LEFT, FOOT, HEAD] = [340, 220, 48, 40, 22];
const UNITS = { volume_ml: "ml", area_mm2: "mm²", area_px: "px" };
const WORDS = {
  larger: "pair.verdict.larger", smaller: "pair.verdict.smaller", within_error: "pair.verdict.within", new: "pair.verdict.new",
  gone: "pair.verdict.gone", not_comparable: "pair.verdict.not",
};

function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

const size = (value) => number(value, value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** One point for each study with the range its repeated reading covers. */
function plot({ measure, points }) {
  const shown = points.map((point, place) => ({ ...point, place })).filter((point) => "value" in point);
  if (shown.length === 0) return null;
  const top = Math.max(...shown.map((point) => point.high), 1e-6) * 1.1;
  const x = (place) => LEFT + 40 + ((WIDE - LEFT - 80) * place) / Math.max(points.length - 1, 1);
  const y = (value) => HIGH - FOOT - ((HIGH - FOOT - HEAD) * value) / top;
  const spoken = shown.map((point) => `${point.place + 1}: ${size(point.value)} ${UNITS[measure]}`).join(", ");
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": t("track.spoken", { values: spoken }) });
  for (const value of [0, top / 2]) {
    svg.append(s("line", { class: "track-grid", x1: LEFT, x2: WIDE - 8, y1: y(value), y2: y(value) }),
      s("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, size(value)));
  }
  svg.append(s("polyline", { points: shown.map((point) => `${x(point.place)},${y(point.value)}`).join(" ") }));
  for (const point of shown) {
    const at = x(point.place);
    svg.append(s("line", { class: "track-bar", x1: at, x2: at, y1: y(point.low), y2: y(point.high) }),
      s("circle", { cx: at, cy: y(point.value), r: 4 }),
      s("text", { class: "track-value", x: at, y: y(point.high) - 6, "text-anchor": "middle" }, `${size(point.value)} ${UNITS[measure]}`));
  }
  for (let place = 0; place < points.length; place += 1) {
    const name = place === 0 ? "track.earlier" : "track.later";
    svg.append(s("text", { x: x(place), y: HIGH - 14, "text-anchor": "middle" }, t(name)));
  }
  return h("div", { class: "track-plot" }, svg);
}

const signed = (value) => `${value > 0 ? "+" : ""}${number(value)} %`;

function line(lesion) {
  const ids = [lesion.prior_all, lesion.current_all].map((some) => some.join(" + ") || "–").join(" → ");
  const change = lesion.change_percent === null ? "" : signed(lesion.change_percent);
  const band = lesion.band_percent === null ? "" : ` ± ${number(lesion.band_percent)} %`;
  return [h("dt", {}, t("track.lesion", { ids })),
    h("dd", {}, h("strong", {}, t(WORDS[lesion.verdict])), h("span", { class: "track-sizes" },
      `${size(lesion.prior_value)} → ${size(lesion.current_value)} ${UNITS[lesion.measure]}`), change && h("span", {}, change + band), lesion.reason && h("span", {}, lesion.reason))];
}

/** The panels of a follow-up; none where nothing was compared. */
export function trackPanels(pair) {
  const found = pair.documents?.followup;
  if (!found || found.lesions.length === 0) return [];
  const drawn = found.timeline.measure && plot(found.timeline);
  return [
    drawn && panel(t("track.timeline"), drawn, h("p", { class: "small-print" }, t("track.bars"))),
    panel(t("track.lesions"), h("dl", { class: "card-terms track-lesions" }, found.lesions.flatMap(line)),
      h("p", { class: "small-print" }, t("track.band"))),
  ].filter(Boolean);
}
