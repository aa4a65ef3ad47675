// What the outline says by itself, beside the network: loud where the two differ, a line where they agree.

import { h, humanise } from "./dom.js";
import { chance, number, t } from "./i18n.js";
import { labelInWords, sentence } from "./labels.js";
import { bar, panel } from "./panel.js";

const named = ({ label, probabilities }) => ({ label: labelInWords(label), share: chance(probabilities[label]) });

/** One sentence for the verdict card; empty where there is no second opinion or it agrees. */
export function differsInWords({ second_opinion: opinion }) {
  return opinion && !opinion.agrees ? t("opinion.differs", named(opinion)) : "";
}

function told([name, { value, usual }]) {
  const ranges = Object.entries(usual).map(([type, [low, high]]) => t("opinion.usual", {
    label: labelInWords(type), low: number(low, 2), high: number(high, 2) }));
  return h("li", {}, h("strong", {}, t("opinion.feature", { name: humanise(name), value: number(value, 2) })),
    h("span", { class: "small-print" }, ranges.join(", ")));
}

/** A discreet line where it agrees; null elsewhere. */
export function agreement({ second_opinion: opinion }) {
  return opinion?.agrees ? h("p", { class: "small-print" }, t("opinion.agrees", named(opinion))) : null;
}

/** The panel of a second opinion that differs; null elsewhere. */
export function secondOpinion({ second_opinion: opinion, slices }) {
  if (!opinion || opinion.agrees) return null;
  const { differed, features, compared_with: other } = opinion;
  const shares = Object.entries(opinion.probabilities).sort(([, a], [, b]) => b - a);
  const where = slices?.length > 1 ? t("opinion.slice", { slice: opinion.slice + 1 }) : "";
  const node = panel(t("opinion.title"),
    h("p", {}, t("opinion.says", { network: labelInWords(other), label: labelInWords(opinion.label) }), " ", where),
    h("ul", { class: "bars" }, shares.map(([name, share]) => bar(sentence(labelInWords(name)), share, name === opinion.label))),
    Object.keys(features).length > 0 && h("details", { class: "card-more" }, h("summary", {}, t("opinion.why")),
      h("ul", { class: "lines told" }, Object.entries(features).map(told))),
    differed && h("p", { class: "small-print" }, t("opinion.record", {
      all: differed.of, count: differed.n, network: differed.network_right, second: differed.second_opinion_right })));
  node.classList.add("panel-differs");
  return node;
}
