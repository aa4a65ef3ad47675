// <verdict-card>: the answer at arm's length. Icon, words and tone; never colour alone.

import { h, icon } from "./dom.js";
import { chance, duration, list, number, t } from "./i18n.js";
import { knownLesions, labelInWords, sentence } from "./labels.js";
import { differsInWords } from "./second-opinion.js";

const TITLES = {
  tumor: "verdict.tumor", no_tumor: "verdict.no_tumor", uncertain: "verdict.uncertain",
  refused: "verdict.refused", failed: "verdict.failed",
};
const REFUSALS = {
  unreadable: "refusal.unreadable", unsupported_format: "refusal.unsupported_format", encrypted: "refusal.encrypted",
  too_large: "refusal.too_large", empty: "refusal.empty", no_pixels: "refusal.no_pixels",
  not_greyscale: "refusal.not_greyscale", wrong_modality: "refusal.wrong_modality",
  wrong_sequence: "refusal.wrong_sequence", bad_geometry: "refusal.bad_geometry",
  out_of_distribution: "refusal.out_of_distribution",
};
const STAGES = { send: "stage.send", read: "stage.read", queued: "stage.queued", analyse: "stage.analyse" };

/** One sentence for a verdict, as the live region reads it out. */
export function verdictInWords(report) {
  const parts = [t(TITLES[report.verdict] ?? TITLES.failed)];
  if (report.verdict === "tumor") parts.push(likely(report));
  if (report.verdict === "uncertain") parts.push(...(report.reasons ?? []).map((reason) => reason.replace(/\.$/, "")));
  if (report.refusal) parts.push(t(REFUSALS[report.refusal.code] ?? "refusal.unknown"));
  parts.push(differsInWords(report).replace(/\.$/, ""));
  return `${parts.filter(Boolean).join(". ")}.`;
}

function likely({ classification }) {
  if (!classification) return "";
  const share = classification.probabilities[classification.label];
  return t("verdict.likely", { label: labelInWords(classification.label), share: chance(share) });
}

/** The size of a lesion in the best unit there is. */
export function sizeInWords(lesion) {
  if (lesion.volume_ml !== null && lesion.volume_ml !== undefined) {
    return t("unit.ml", { value: number(lesion.volume_ml, lesion.volume_ml < 10 ? 2 : 1) });
  }
  return t("unit.px", { value: number(lesion.area_px), count: lesion.area_px });
}

/** Diameters of a lesion in mm, or an empty text where there is no geometry. */
export function diametersInWords(lesion) {
  if (!lesion.diameters_mm) return "";
  return t("unit.diameters", { long: number(lesion.diameters_mm[0], 0), short: number(lesion.diameters_mm[1], 0) });
}

class VerdictCard extends HTMLElement {
  #progress = null;
  #stage = null;

  clear() {
    this.replaceChildren();
  }

  /** Work in progress: a stage, a share (or null while unknown) and a way to stop. */
  working(stage, share, name, cancel) {
    if (!this.#progress?.isConnected) {
      this.#progress = h("progress", { max: 1, "aria-labelledby": "verdict-stage" });
      this.#stage = h("p", { class: "verdict-title", id: "verdict-stage" });
      this.replaceChildren(this.#card("working", this.#stage,
        h("p", { class: "verdict-name" }, name ?? ""), this.#progress,
        h("button", { type: "button", class: "button small", onclick: cancel }, t("stage.cancel"))));
    }
    this.#stage.textContent = t(STAGES[stage] ?? STAGES.analyse);
    if (share === null || share <= 0) this.#progress.removeAttribute("value");
    else this.#progress.value = share;
  }

  /** The verdict of a report; `elapsedMs` is from the drop to this moment, null for an older study. */
  show(report, elapsedMs = null) {
    const { verdict } = report;
    const lines = [];
    if (verdict === "tumor") {
      lines.push(h("p", { class: "verdict-lead" }, likely(report)));
      lines.push(this.#lesions(report));
    } else if (verdict === "refused") {
      lines.push(h("p", { class: "verdict-lead" }, t(REFUSALS[report.refusal?.code] ?? "refusal.unknown")));
      lines.push(h("p", { class: "verdict-text" }, sentence(report.refusal?.message ?? "")));
    } else if (verdict === "uncertain") {  // the reason first: that is what a person has to settle
      lines.push(...(report.reasons ?? []).map((reason, i) => h("p", { class: i === 0 ? "verdict-lead" : "verdict-text" }, reason)));
      lines.push(this.#lesions(report));
      lines.push(h("p", { class: "verdict-text" }, t("verdict.uncertain.lead")));
    } else {
      lines.push(h("p", { class: "verdict-lead" }, t("verdict.no_tumor.lead")));
    }
    const differs = differsInWords(report);
    if (differs) lines.push(h("p", { class: "verdict-differs" }, icon("uncertain"), h("span", {}, differs)));
    if (report.classification && verdict !== "uncertain") {
      lines.push(h("p", { class: "verdict-name" }, t("verdict.known", { lesions: list(knownLesions(report.classification)) })));
    }
    const name = h("p", { class: "verdict-name" }, report.input?.name ?? "");
    const time = elapsedMs !== null ? t("verdict.elapsed", { time: duration(elapsedMs) })
      : report.timings_ms?.total > 0 && verdict !== "refused" ? t("verdict.computed", { time: duration(report.timings_ms.total) }) : null;
    this.replaceChildren(this.#card(verdict, h("p", { class: "verdict-title" }, t(TITLES[verdict] ?? TITLES.failed)), lines, name,
      time && h("p", { class: "verdict-time" }, time)));
  }

  /** Something went wrong that is no refusal. */
  fail(message, retry, title = t(TITLES.failed)) {
    this.replaceChildren(this.#card("failed", h("p", { class: "verdict-title" }, title),
      message && h("p", { class: "verdict-text" }, message),
      retry && h("button", { type: "button", class: "button small", onclick: retry }, t("verdict.retry"))));
  }

  #lesions({ lesions, verdict }) {
    if (lesions.length === 0) return null;
    const largest = [...lesions].sort((a, b) => b.area_px - a.area_px)[0];
    const size = [sizeInWords(largest), diametersInWords(largest)].filter(Boolean).join(", ");
    const count = lesions.length;
    return h("p", { class: "verdict-text" }, verdict === "uncertain" ? t("verdict.doubtful", { count, size }) : t("verdict.lesions", { count, size }));
  }

  #card(verdict, ...content) {
    const glyph = verdict === "failed" ? "refused" : verdict;
    return h("div", { class: "verdict", "data-verdict": verdict },
      h("div", { class: "verdict-badge" }, icon(glyph, "icon verdict-icon")),
      h("div", { class: "verdict-body" }, ...content));
  }
}

customElements.define("verdict-card", VerdictCard);
