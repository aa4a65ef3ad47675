// Two runs side by side: choose them, ask the server, read ratio, interval and verdict.

import * as api from "./api.js";
import { figure, table } from "./benchmark-run.js";
import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { sentence } from "./labels.js";
import { panel } from "./panel.js";
import { ratioPlot } from "./plot.js";

const SAME = [0.95, 1.05];
const WORDS = { faster: "bench.faster", slower: "bench.slower", "no difference": "bench.same" };

/** What our rows did as a group, with what the machine did taken out. */
function groupLine(group) {
  const name = t(group.name === "inference" ? "bench.together.inference" : "bench.together.whole");
  const numbers = { ratio: number(group.ratio, 3), low: number(group.interval[0], 3), high: number(group.interval[1], 3) };
  const text = t("bench.together", { name, count: group.rows, verdict: t(WORDS[group.verdict]), machine: number(group.machine, 3), ...numbers });
  return h("p", { class: "bench-together", "data-verdict": group.verdict }, text);
}

function answer({ rows, notes, together }) {
  const counts = Object.fromEntries(Object.keys(WORDS).map((verdict) => [verdict, rows.filter((row) => row.verdict === verdict).length]));
  const names = ["bench.target", "bench.scenario", "bench.before", "bench.after", "bench.ratio", "bench.verdict"].map((key) => t(key));
  const unit = (row) => (row.figure === "throughput_per_s" ? "bench.perSecond" : "unit.ms");
  return [
    h("p", {}, h("strong", {}, t("bench.counts", { faster: counts.faster, slower: counts.slower, same: counts["no difference"] }))),
    ...together.map(groupLine),
    table(t("bench.compare"), names, rows.map((row) => [
      row.name, row.scenario, t(unit(row), { value: figure(row.before) }), t(unit(row), { value: figure(row.after) }),
      [number(row.ratio, 3), h("span", { class: "range" }, t("bench.range", { low: number(row.interval[0], 3), high: number(row.interval[1], 3) }))],
      h("td", { class: "bench-verdict", "data-verdict": row.verdict }, t(WORDS[row.verdict])),
    ])),
    h("figure", { class: "bench-plot" }, ratioPlot(
      rows.map((row) => ({ name: `${row.name}, ${row.scenario}`, value: row.ratio, low: row.interval[0], high: row.interval[1] })),
      { label: t("bench.ratio.plot"), across: t("bench.ratio"), band: SAME })),
    h("p", { class: "small-print" }, t("bench.ratio.help")),
    notes.length > 0 && h("details", { class: "bench-more" }, h("summary", {}, t("bench.notes")),
      h("ul", { class: "lines" }, notes.map((note) => h("li", {}, note)))),
  ].filter(Boolean);
}

/** The panel; `title` names a run, `tell` says things to a screen reader. */
export function comparePanel(runs, title, tell) {
  if (runs.length < 2) return panel(t("bench.compare"), h("p", { class: "small-print" }, t("bench.single")));
  const choice = (text, chosen) => {
    const select = h("select", {}, runs.map((run) => h("option", { value: run.run }, title(run))));
    select.value = chosen.run;
    return [h("label", {}, h("span", {}, t(text)), select), select];
  };
  const [beforeField, before] = choice("bench.before", runs[runs.length - 2]);
  const [afterField, after] = choice("bench.after", runs[runs.length - 1]);
  const button = h("button", { type: "submit", class: "button primary" }, t("bench.compare.do"));
  const result = h("div", { class: "bench-result" });
  const ask = async (event) => {
    event.preventDefault();
    button.disabled = true;
    result.replaceChildren(h("p", { class: "small-print" }, t("bench.comparing")));
    try {
      const found = await api.compareBenchmarks(before.value, after.value);
      result.replaceChildren(...answer(found));
      tell(result.querySelector("strong").textContent);
    } catch (error) {
      result.replaceChildren(h("p", { class: "problem", role: "alert" }, h("strong", {}, t("bench.refused")), " ", sentence(error.message || t("problem.unreachable"))));
    }
    button.disabled = false;
  };
  return panel(t("bench.compare"), h("form", { class: "bench-choose", onsubmit: ask }, beforeField, afterField, button), result);
}
