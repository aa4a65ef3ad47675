// <study-list>: samples and own studies. Fires `open-study` and `delete-study` with `detail.study`.

import { thumbnailUrl } from "./api.js";
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { kindInWords, sentence } from "./labels.js";

const VERDICTS = { tumor: "verdict.tumor", no_tumor: "verdict.no_tumor", uncertain: "verdict.uncertain", refused: "verdict.refused" };
// What deserves the eye first when the series of a study differ.
const ORDER = ["tumor", "uncertain", "no_tumor", "refused"];

/** The verdict a study is listed with. */
export function verdictOf(study) {
  const all = study.series.map((series) => series.verdict).filter(Boolean);
  if (all.length === 0) return study.series.length === 0 && study.refusals.length > 0 ? "refused" : null;
  return ORDER.find((verdict) => all.includes(verdict)) ?? null;
}

/** What a study is called: the server's title, else the name of its first file. */
export function titleOf(study) {
  return study.title ?? study.series[0]?.name ?? study.refusals[0]?.name ?? t("studies.unnamed");
}

function thumbnail(study) {
  const series = study.series[0];
  if (!series) return h("span", { class: "thumb" }, icon("file"));
  const image = h("img", { src: thumbnailUrl(study.study_instance_uid, series.series_instance_uid, Math.floor((series.view.shape[0] - 1) / 2)), alt: "", loading: "lazy", width: 64, height: 64 });
  image.addEventListener("error", () => image.replaceWith(icon("file")));
  return h("span", { class: "thumb" }, image);
}

function facts(study) {
  const first = study.series[0];
  if (!first) return "";
  const slices = study.series.reduce((sum, series) => sum + series.shape[0], 0);
  return [sentence(kindInWords(first.kind)), first.sequence,
    slices > 1 ? t("studies.slices", { count: slices }) : null,
    study.series.length > 1 ? t("studies.series", { count: study.series.length }) : null].filter(Boolean).join(" · ");
}

class StudyList extends HTMLElement {
  #current = null;
  #studies = [];

  set current(uid) {
    this.#current = uid;
    for (const node of this.querySelectorAll("[data-study]")) {
      if (node.dataset.study === uid) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    }
  }

  /** Draws the list: samples first on their own, then what the reader has brought. */
  show(studies) {
    this.#studies = studies;
    const own = studies.filter((study) => !study.sample);
    const samples = studies.filter((study) => study.sample);
    const groups = samples.length > 0 ? [this.#group(t("studies.samples"), samples)] : [];
    groups.push(own.length > 0 ? this.#group(t("studies.own"), own) : h("p", { class: "studies-none" }, t("studies.none")));
    const held = this.contains(document.activeElement) ? document.activeElement.closest("[data-study]")?.dataset.study : null;
    this.replaceChildren(...groups);
    if (held) this.querySelector(`[data-study="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    this.current = this.#current;
  }

  get studies() {
    return this.#studies;
  }

  #group(title, studies) {
    return h("section", { class: "study-group" }, h("h3", {}, title), h("ul", { class: "study-list" }, studies.map((study) => this.#item(study))));
  }

  #item(study) {
    const verdict = verdictOf(study);
    const tell = (name) => this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { study } }));
    const title = titleOf(study);
    return h("li", { class: "study-item" },
      h("button", { type: "button", class: "study", "data-study": study.study_instance_uid, onclick: () => tell("open-study") },
        thumbnail(study),
        h("span", { class: "study-text" },
          h("span", { class: "study-title" }, title),
          h("span", { class: "study-facts" }, facts(study)),
          verdict && h("span", { class: "study-verdict", "data-verdict": verdict }, icon(verdict), t(VERDICTS[verdict])))),
      h("button", { type: "button", class: "icon-button study-delete", "aria-label": t("studies.delete", { title }), title: t("studies.delete", { title }), onclick: () => tell("delete-study") }, icon("trash")));
  }
}

customElements.define("study-list", StudyList);
