// <result-view>: draws the primitives of a report. It knows no model: names, numbers and order come as they arrive.

import { modelCard } from "./model-card.js";
import { h, humanise, icon } from "./dom.js";
import { duration, number, percent, t } from "./i18n.js";
import { kindInWords, labelInWords, sentence } from "./labels.js";
import { bar, panel } from "./panel.js";
import { agreement, secondOpinion } from "./second-opinion.js";
import { diametersInWords, sizeInWords } from "./verdict-card.js";

const LISTED = 6;
const UNITS = { px: "unit.px", ml: "unit.ml", mm: "unit.mm" };

function why(report) {
  if (report.verdict === "refused") return null;  // the card says it in full
  const lines = report.verdict === "uncertain" ? [] : [...(report.reasons ?? [])];
  const drawn = (report.slices ?? []).filter((slice) => slice.mask_px > 0).length;
  if (report.slices?.length > 1) lines.push(t("result.slices", { count: drawn, all: report.slices.length }));
  else if (drawn === 0) lines.push(t("result.nothing"));
  else if (report.verdict === "tumor") lines.push(t("result.outlined", { count: report.lesions.length }));
  if (report.quality?.in_distribution) lines.push(t("result.familiar"));
  if (!report.input?.modality && !report.input?.sequence) lines.push(t("result.unstated"));
  return panel(t("result.why"), h("ul", { class: "lines" }, lines.map((line) => h("li", {}, line))));
}

function probabilities(report) {
  const { classification } = report;
  if (!classification) return null;
  const { label, probabilities: shares, prediction_set: set, coverage } = classification;
  const sorted = Object.entries(shares).sort(([, a], [, b]) => b - a);
  return panel(t("result.probabilities"),
    h("ul", { class: "bars" }, sorted.map(([name, share]) => bar(sentence(labelInWords(name)), share, name === label))),
    h("p", { class: "set" }, t("result.set"), " ",
      set.map((name) => h("span", { class: "tag" }, sentence(labelInWords(name))))),
    h("p", { class: "small-print" }, t("result.set.help", { coverage: percent(coverage) })),
    agreement(report));
}

/** What classifier and outline say by themselves: their disagreement is there to be seen. */
function witnesses({ slices }) {
  const said = slices?.length === 1 && slices[0].witnesses;
  if (!said) return null;
  return panel(t("result.witnesses"),
    h("ul", { class: "bars" },
      bar(t("result.witness.classifier"), said.classifier, said.classifier >= 0.5),
      bar(t("result.witness.outline"), said.outline, said.outline >= 0.5)),
    h("p", { class: "small-print" }, t("result.witnesses.help")));
}

function lesions({ lesions: found, input }, show) {
  if (found.length === 0) return null;
  const several = (input.shape?.[0] ?? 1) > 1;
  const rows = found.map((lesion) => {
    const box = lesion.view_box ?? lesion.box;
    const facts = [sizeInWords(lesion), diametersInWords(lesion)].filter(Boolean).join(" · ");
    const where = !several ? t("result.lesion.rows", { top: box[1], bottom: box[4] - 1, left: box[2], right: box[5] - 1 })
      : box[3] - box[0] === 1 ? t("result.lesion.slice", { slice: box[3] }) : t("result.lesion.slices", { first: box[0] + 1, last: box[3] });
    return h("li", { class: "lesion" },
      h("span", { class: "lesion-id", "aria-hidden": "true" }, String(lesion.id)),
      h("div", { class: "lesion-facts" },
        h("strong", {}, facts),
        h("span", {}, `${where} · ${t("result.lesion.score", { share: percent(lesion.score) })}`)),
      h("button", { type: "button", class: "button small", "aria-label": t("result.lesion.show", { id: lesion.id }), onclick: () => show(lesion) },
        icon("target"), t("result.show")));
  });
  const rest = rows.splice(LISTED);
  return panel(t("result.lesions"), h("ul", { class: "lesions" }, rows),
    rest.length > 0 && h("details", { class: "card-more" }, h("summary", {}, t("result.lesions.more", { count: rest.length })), h("ul", { class: "lesions" }, rest)),
    input.spacing_mm ? null : h("p", { class: "small-print" }, t("result.no_geometry")));
}

function measurements({ measurements: values, lesions: found }) {
  if (!values?.length || found.length === 0) return null;  // zeros measure nothing
  return panel(t("result.measurements"), h("dl", { class: "facts" }, values.map((m) => {
    const value = number(m.value, Number.isInteger(m.value) ? 0 : 2);
    return [h("dt", {}, humanise(m.name)), h("dd", {}, m.unit in UNITS ? t(UNITS[m.unit], { value, count: m.value }) : `${value} ${m.unit}`)];
  }).flat()));
}

function quality({ quality: q, verdict, second_opinion: opinion }, card) {
  if (!q) return null;
  const warnings = (q.warnings ?? []).filter((text) => text !== opinion?.warning);  // that one has its own panel
  if (warnings.length === 0 && verdict !== "refused") return null;
  if (warnings.length === 0 && q.ood_score === null) return null;
  const most = card?.verdict?.outlier_threshold;
  const score = q.ood_score === null ? "" : number(q.ood_score, 2);
  return panel(t("result.quality"),
    warnings.length > 0 && h("ul", { class: "lines warnings" }, warnings.map((text) => h("li", {}, text))),
    q.ood_score !== null && h("p", { class: "small-print" }, most > 0 ? t("result.ood.limit", { score, most: number(most, 2) }) : t("result.ood", { score })));
}

function timings({ timings_ms: times }) {
  if (!times) return null;
  const stages = Object.entries(times).filter(([name]) => name !== "total");
  const sum = stages.reduce((total, [, ms]) => total + ms, 0);
  if (sum <= 0) return null;
  return panel(t("result.timings"),
    h("div", { class: "stack", "aria-hidden": "true" }, stages.map(([name, ms], i) => h("span", { class: `part part-${i % 4}`, title: humanise(name), vars: { "--share": ms / sum } }))),
    h("dl", { class: "facts" },
      stages.map(([name, ms], i) => [h("dt", {}, h("span", { class: `key part-${i % 4}`, "aria-hidden": "true" }), humanise(name)), h("dd", {}, duration(ms))]).flat(),
      times.total > 0 && [h("dt", { class: "sum" }, t("result.total")), h("dd", { class: "sum" }, duration(times.total))]));
}

function input({ input: source }) {
  const read = Boolean(source.shape);
  const stated = (value) => value ?? (read ? t("input.unstated") : null);
  const facts = [
    ["input.kind", sentence(kindInWords(source.kind))], ["input.modality", stated(source.modality)], ["input.sequence", stated(source.sequence)],
    ["input.plane", stated(source.plane && humanise(source.plane))],
    ["input.shape", source.shape && source.shape.map((n) => number(n)).join(" × ")],
    ["input.spacing", stated(source.spacing_mm && t("unit.mm", { value: source.spacing_mm.map((mm) => number(mm, 2)).join(" × ") }))],
  ].filter(([, value]) => value !== null && value !== undefined);
  const words = { "input.kind": t("input.kind"), "input.modality": t("input.modality"), "input.sequence": t("input.sequence"),
    "input.plane": t("input.plane"), "input.shape": t("input.shape"), "input.spacing": t("input.spacing") };
  return panel(t("result.input"), h("dl", { class: "facts" }, facts.map(([key, value]) => [h("dt", {}, words[key]), h("dd", {}, String(value))]).flat()),
    read && h("p", { class: "small-print" }, source.plane ? t("input.sides") : t("input.no_sides")));
}

function takeAway(links) {
  if (!links) return null;
  const link = (href, text, name) => href && h("a", { class: "button", href, download: name }, icon("download"), text);
  return panel(t("result.downloads"), h("div", { class: "downloads" },
    link(links.html, t("result.download.html"), "report.html"),
    link(links.pdf, "PDF", "report.pdf"),
    link(links.json, t("result.download.json"), "report.json"),
    link(links.mask, t("result.download.mask"), "mask.nii.gz"),
    link(links.seg, "DICOM SEG", "seg.dcm"),
    link(links.sr, "DICOM SR", "sr.dcm")));
}

class ResultView extends HTMLElement {
  clear() {
    this.replaceChildren();
  }

  /**
   * Draws a report. `links` are the downloads or null, `card` the model's manifest or null,
   * `refusals` what else in the upload could not be read, `similar` and `reference` elements that stand among the panels.
   */
  show(report, { links = null, card = null, refusals = [], similar = null, reference = null } = {}) {
    const showLesion = (lesion) => this.dispatchEvent(new CustomEvent("lesion", { bubbles: true, detail: { lesion } }));
    this.replaceChildren(...[
      why(report), probabilities(report), secondOpinion(report), witnesses(report), lesions(report, showLesion), measurements(report),
      similar, quality(report, card), reference,
      refusals.length > 0 && panel(t("result.left_out"), h("ul", { class: "lines" },
        refusals.map((refusal) => h("li", {}, h("strong", {}, refusal.name), " ", sentence(refusal.message))))),
      takeAway(links), timings(report), input(report), modelCard(report.model, card),
    ].filter(Boolean));
  }
}

customElements.define("result-view", ResultView);
