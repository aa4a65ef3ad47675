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
    const name = points.length > 2 ? t("track.study", { number: place + 1 }) : t(place === 0 ? "track.earlier" : "track.later");
    svg.append(s("text", { x: x(place), y: HIGH - 14, "text-anchor": "middle" }, points.length > 5 ? String(place + 1) : name));
  }
  return h("div", { class: "track-plot" }, svg);
}

const signed = (value) => `${value > 0 ? "+" : ""}${number(value)} %`;

/** Diameters then and now; the units differ where only one of two pictures has millimetres. */
function diameters({ prior_size: before, current_size: now }) {
  const words = (one) => (one ? `${one.diameters.map((side) => number(side, 1)).join(" × ")} ${one.diameters_unit}` : "–");
  return before || now ? h("span", {}, `${words(before)} → ${words(now)}`) : null;
}

function line(lesion) {
  const ids = [lesion.prior_all, lesion.current_all].map((some) => some.join(" + ") || "–").join(" → ");
  const change = lesion.change_percent === null ? "" : signed(lesion.change_percent);
  const band = lesion.band_percent === null ? "" : ` ± ${number(lesion.band_percent)} %`;
  return [h("dt", {}, t("track.lesion", { ids })),
    h("dd", {}, h("strong", {}, t(WORDS[lesion.verdict])), h("span", { class: "track-sizes" },
      `${size(lesion.prior_value)} → ${size(lesion.current_value)} ${UNITS[lesion.measure]}`), diameters(lesion), change && h("span", {}, change + band), lesion.reason && h("span", {}, lesion.reason))];
}

const keyOf = ({ study_instance_uid: study, series_instance_uid: series }) => `${study} ${series}`;

/** The timeline of a follow-up, made longer by stored ones that start where it ends or end where it starts. */
export function joined(pair, others) {
  const { timeline } = pair.documents.followup;
  const whole = (one) => one.task === "track" && one.documents.followup?.timeline?.points?.every(Boolean) && one.documents.followup.timeline.measure === timeline.measure;
  if (timeline.measure === "area_px" || !whole(pair)) return timeline;  // pixels of different pictures share no unit
  const known = others.filter(whole);
  const points = [...timeline.points];
  const seen = new Set([keyOf(pair.inputs.fixed), keyOf(pair.inputs.moving)]);
  const next = (here, there, at) => known.find((one) => keyOf(one.inputs[here]) === at && !seen.has(keyOf(one.inputs[there])));
  const walk = (here, there, add) => {
    for (let at = keyOf(pair.inputs[there]), one = next(here, there, at); one; one = next(here, there, at)) {
      at = keyOf(one.inputs[there]);
      seen.add(at);
      add(one.documents.followup.timeline.points);
    }
  };
  walk("fixed", "moving", ([earlier]) => points.unshift(earlier));
  walk("moving", "fixed", ([, later]) => points.push(later));
  return { ...timeline, points };
}

const CATEGORIES = { "50_percent_less": "track.rano.less", "25_percent_more": "track.rano.more", between: "track.rano.between", none_left: "track.rano.none" };

/** Sums of products of diameters, held against two percentages: arithmetic, and called so. */
function sums({ only, unit, studies }) {
  if (studies.length === 0) return null;
  const line = (study, place) => [h("dt", {}, t(place === 0 ? "track.earlier" : "track.later")),
    h("dd", {}, h("strong", {}, `${size(study.sum_of_products)} ${unit === "px2" ? "px²" : "mm²"}`),
      study.since_first_percent !== null && h("span", {}, t("track.rano.first", { change: signed(study.since_first_percent) })),
      study.category && h("span", {}, t(CATEGORIES[study.category])))];
  return panel(t("track.rano"), h("dl", { class: "card-terms track-lesions" }, studies.flatMap(line)), h("p", { class: "small-print" }, only));
}

/** The panels of a follow-up; none where nothing was compared. */
export function trackPanels(pair, others = []) {
  const found = pair.documents?.followup;
  if (!found || found.lesions.length === 0) return [];
  const timeline = joined(pair, others);
  const drawn = timeline.measure && plot(timeline);
  return [
    drawn && panel(t("track.timeline"), drawn, h("p", { class: "small-print" }, t("track.bars")),
      timeline.points.length > 2 && h("p", { class: "small-print" }, t("track.joined"))),
    panel(t("track.lesions"), h("dl", { class: "card-terms track-lesions" }, found.lesions.flatMap(line)),
      h("p", { class: "small-print" }, t("track.band"))),
    sums(found.rano_arithmetic),
  ].filter(Boolean);
}
