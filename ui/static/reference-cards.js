// <reference-cards>: what the literature says of the tumours that remain possible, each sentence with its source.

import * as api from "./api.js";
import { h } from "./dom.js";
import { list, t } from "./i18n.js";
import { labelInWords, sentence } from "./labels.js";
import { panel } from "./panel.js";

let fetched = null;

/** The cards, asked for once; asked again after a failure. */
function cards() {
  fetched ??= api.reference().catch((error) => {
    fetched = null;
    throw error;
  });
  return fetched;
}

function drawn({ label, sections, sources }) {
  return h("details", { class: "card-more reference" },
    h("summary", {}, sentence(labelInWords(label))),
    sections.map((part) => [
      h("h4", {}, part.title),
      h("ul", { class: "lines" }, part.sentences.map(({ text, numbers }) => h("li", {}, text, " ",
        h("span", { class: "reference-numbers", "aria-label": t("reference.numbers", { numbers: list(numbers.map(String)) }) }, `[${numbers.join(", ")}]`)))),
    ]).flat(),
    h("ol", { class: "reference-sources small-print" }, sources.map((source) => h("li", {}, t("reference.source", source)))));
}

class ReferenceCards extends HTMLElement {
  #ticket = 0;

  /** The cards of the tumours in a report's prediction set, likeliest first; empty where none is possible. */
  async show(report) {
    this.#ticket += 1;
    const ticket = this.#ticket;
    this.replaceChildren();
    const { prediction_set: possible = [], probabilities = {} } = report.classification ?? {};
    if (!["tumor", "uncertain"].includes(report.verdict)) return;
    const { notice, cards: known } = await cards().catch(() => ({ notice: t("reference.failed"), cards: [] }));
    if (ticket !== this.#ticket) return;
    const found = known.filter((card) => possible.includes(card.label))
      .sort((a, b) => (probabilities[b.label] ?? 0) - (probabilities[a.label] ?? 0));
    if (found.length === 0 && known.length > 0) return;
    this.replaceChildren(panel(t("reference.title"), h("p", { class: "reference-notice" }, notice), found.map(drawn)));
  }
}

customElements.define("reference-cards", ReferenceCards);
