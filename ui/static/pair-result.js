// What a result on two series says: verdict, reasons, figures, files. It knows primitives, and words for known verdicts.

import { h, humanise, icon } from "./dom.js";
import { duration, moment, number, t } from "./i18n.js";
import { sentence } from "./labels.js";
import { modelCard } from "./model-card.js";
import { carryPanels } from "./pair-carry.js";
import { ROLES } from "./pair-roles.js";
import { trackPanels } from "./pair-track.js";
import { meaningOf, titleOfVerdict } from "./pair-verdict.js";
import { panel } from "./panel.js";

const FIGURES = {
  entropy: "pair.figure.entropy", mutual_information: "pair.figure.mi", qabf: "pair.figure.qabf", ssim: "pair.figure.ssim", vif: "pair.figure.vif",
  spatial_frequency: "pair.figure.sf", standard_deviation: "pair.figure.sd", probability: "pair.figure.probability",
  transform_rotation_deg: "pair.figure.rotation", transform_scale: "pair.figure.scale", transform_stretch: "pair.figure.stretch",
};
/** What a task has to show beside the common panels: a function from the result and the other stored ones to panels. */
const EXTRAS = { track: trackPanels, carry: carryPanels };

/** The verdict with its reasons, at arm's length. */
export function headOf(pair) {
  const { meaning, tone } = meaningOf(pair);
  const { registration } = pair.documents;
  const lines = [...pair.reasons, ...pair.warnings].map(sentence);
  if (registration && lines.length === 0 && pair.task !== "register") lines.push(t("pair.registered", { verdict: titleOfVerdict(registration) }));
  return h("section", { class: "verdict pair-verdict", "data-verdict": tone, "data-outcome": pair.verdict ?? "" },
    h("div", { class: "verdict-badge" }, icon(tone, "icon verdict-icon")),
    h("div", { class: "pair-verdict-text" }, h("h3", { class: "verdict-title" }, titleOfVerdict(pair)), meaning && h("p", {}, t(meaning)),
      lines.length > 0 && h("ul", { class: "lines" }, lines.map((text) => h("li", {}, text)))));
}

function figures({ measurements }, known) {
  const rows = measurements.filter((m) => m.name in FIGURES === known);
  if (rows.length === 0) return null;
  const places = (value) => (Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 1 : 3);
  return h("dl", { class: "facts" }, rows.map((m) => [
    h("dt", {}, m.name in FIGURES ? t(FIGURES[m.name]) : humanise(m.name)),
    h("dd", {}, `${number(m.value, places(m.value))}${m.unit === "1" ? "" : m.unit === "deg" ? "°" : ` ${m.unit}`}`)]).flat());
}

function inputs(pair, names) {
  const words = (given) => [given.name, given.modality, given.sequence, given.plane && humanise(given.plane), given.shape?.map((n) => number(n)).join(" × "),
    given.spacing_mm && t("unit.mm", { value: given.spacing_mm.map((mm) => number(mm, 2)).join(" × ") })].filter(Boolean);
  return panel(t("result.input"), h("dl", { class: "card-terms" }, ROLES.map((role) => [h("dt", {}, t(names[role].title)), h("dd", {}, words(pair.inputs[role]).join(" · "))]).flat(),
    h("dt", {}, t("result.timings")), h("dd", {}, duration(pair.timings_ms.total ?? 0)),
    pair.replaces && [h("dt", {}, t("pair.replaces")), h("dd", {}, t("pair.replaces.value", { moment: moment(pair.replaces) }))]));
}

/** The panels below the verdict. */
export function panelsOf(pair, names, others = []) {
  const main = figures(pair, true);
  const rest = figures(pair, false);
  const link = (href, text, name) => h("a", { class: "button small", href, download: name }, icon("download"), text);
  return [
    ...(EXTRAS[pair.task]?.(pair, others) ?? []),
    (main || rest) && panel(t("pair.figures"), main, rest && h("details", { class: "card-more" }, h("summary", {}, t("pair.evidence")), rest),
      pair.verdict === "fused" && h("p", { class: "small-print" }, t("pair.figures.help"))),
    panel(t("result.downloads"), h("div", { class: "downloads" }, link(pair.links.html, t("result.download.html"), "report.html"), link(pair.links.pdf, "PDF", "report.pdf"),
      Object.entries(pair.links.files).map(([name, href]) => link(href, name, name)))),
    inputs(pair, names), modelCard(pair.model, null),
  ].filter(Boolean);
}
