// <similar-cases>: cases of the local library that resemble the open series, and a way to add this one.
// Fires `told` with `detail.text` for what a screen reader should hear.

import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { number, t } from "./i18n.js";
import { labelInWords, sentence } from "./labels.js";

function found(one) {
  const label = sentence(labelInWords(one.label));
  return h("li", {}, h("a", { class: "case", href: `#study=${encodeURIComponent(one.study_instance_uid)}`, title: one.name },
    h("img", { src: one.links.thumbnail, alt: "", loading: "lazy", width: 96, height: 96 }),
    h("span", { class: "case-label" }, label),
    h("span", { class: "small-print" }, t("similar.distance", { distance: number(one.distance, 2) }))));
}

class SimilarCases extends HTMLElement {
  #place = null;

  clear() {
    this.#place = null;
    this.replaceChildren();
  }

  /** Asks for what resembles a series of a study, and draws it; quiet where that fails. */
  async show(study, series) {
    const place = { study: study.study_instance_uid, series: series.series_instance_uid, stack: series.view.shape[0] > 1 };
    this.#place = place;
    try {
      const answer = await api.similarCases(place.study, place.series);
      if (this.#place === place) this.#draw(place, answer);
    } catch (error) {
      if (this.#place === place) this.clear();
    }
  }

  #draw(place, answer) {
    const own = answer.own.find((one) => one.slice === answer.slice);
    const words = answer.cases.length > 0 ? t("similar.help")
      : answer.total === 0 ? t("similar.empty") : answer.total === answer.own.length ? t("similar.alone") : null;
    this.replaceChildren(h("section", { class: "panel", "aria-labelledby": "panel-similar" },
      h("h3", { id: "panel-similar", tabindex: "-1" }, t("similar.title")),
      answer.cases.length > 0 && h("ul", { class: "cases" }, answer.cases.map(found)),
      words && h("p", { class: "small-print" }, words),
      answer.stale > 0 && h("p", { class: "small-print" }, t("similar.stale", { count: answer.stale })),
      own ? this.#kept(place, own) : this.#form(place, answer)));
  }

  #kept(place, own) {
    const remove = () => this.#change(place, api.removeCase(place.study, place.series, own.slice), t("similar.removed"));
    return h("div", { class: "keep" },
      h("p", {}, t("similar.kept", { label: labelInWords(own.label) })),
      h("button", { type: "button", class: "button small", onclick: remove }, icon("trash"), t("similar.remove")));
  }

  #form(place, { labels, slice }) {
    const select = h("select", { required: true },
      h("option", { value: "" }, t("similar.choose")),
      labels.map((name) => h("option", { value: name }, sentence(labelInWords(name)))));
    const add = (event) => {
      event.preventDefault();
      this.#change(place, api.addCase(place.study, place.series, select.value, slice), t("similar.added"));
    };
    return h("form", { class: "keep", onsubmit: add },
      h("label", { class: "keep-label" }, h("span", {}, t("similar.label")), select),
      h("button", { type: "submit", class: "button small" }, icon("plus"), t("similar.add")),
      place.stack && h("p", { class: "small-print" }, t("similar.slice", { slice: slice + 1 })));
  }

  /** Waits for a change, says how it went, and draws anew. */
  async #change(place, change, text) {
    try {
      await change;
      this.#tell(text);
    } catch (error) {
      this.querySelector(".problem")?.remove();
      this.querySelector(".keep")?.append(h("p", { class: "problem", role: "alert" }, sentence(error.message || t("problem.unreachable"))));
      return;
    }
    const answer = await api.similarCases(place.study, place.series).catch(() => null);
    if (!answer || this.#place !== place) return;
    this.#draw(place, answer);
    this.querySelector("h3").focus({ preventScroll: true });
  }

  #tell(text) {
    this.dispatchEvent(new CustomEvent("told", { bubbles: true, detail: { text } }));
  }
}

customElements.define("similar-cases", SimilarCases);
