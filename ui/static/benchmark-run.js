// One stored run: its conditions, a table of what matters first, accuracy against latency, the reasons for what is missing.

import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { number, t } from "./i18n.js";
import { panel } from "./panel.js";
import { logPlot } from "./plot.js";

const BUSY_CORES = 0.1;
const WHOLE = new Set(["report", "http", "dicom", "cli"]);
const OWN = new Set(["fit", "predict", "train-step"]);

/** What tables call a row: the runtime for a network alone, else the way in. */
export function nameOf(row) {
  if (WHOLE.has(row.target)) return `${row.target} ${row.precision}`;
  return row.target === "infer" ? `${row.runtime} ${row.precision}` : `${row.target} ${row.runtime ?? ""}`.trim();
}

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
export const figure = (value, places = null) => (typeof value === "number" ? number(value, places ?? digits(value)) : "–");

const good = (row) => row.status !== "not measured" && !row.scale?.axis;
const measured = (rows, scenario) => rows.filter((row) => good(row) && row.scenario === scenario);
const same = (a, b) => nameOf(a) === nameOf(b) && a.device === b.device;

function ranged(row, key) {
  const span = row?.intervals?.[key];
  return [figure(row?.[key]), span && h("span", { class: "range" }, t("bench.range", { low: figure(span[0]), high: figure(span[1]) }))];
}

/** A table that scrolls by itself, by touch and by keyboard, where it is wider than the page. */
export function table(label, names, lines) {
  return h("div", { class: "bench-scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", { class: "bench-table" },
      h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, lines.map((cells) => h("tr", {}, cells.map((cell, i) => (cell instanceof HTMLTableCellElement ? cell
        : i === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, ...[cell].flat()))))))));
}

function headline(rows) {
  const single = measured(rows, "single-stream");
  const offline = measured(rows, "offline");
  const reference = single.find((row) => row.target === "infer" && row.runtime === "openvino" && row.precision === "INT8");
  const names = ["bench.target", "bench.median", "bench.p99", "bench.times", "bench.throughput", "bench.accuracy", "bench.dice", "bench.flips", "bench.size"].map((key) => t(key));
  return table(t("bench.headline"), names, single.map((row) => [
    nameOf(row), ranged(row, "p50_ms"), figure(row.p99_ms),
    row.target === "infer" && reference ? figure(row.p50_ms / reference.p50_ms, 2) : "–",
    ranged(offline.find((other) => same(other, row)), "throughput_per_s"),
    figure(row.accuracy, 3), figure(row.dice, 3), figure(row.label_flips, 0), figure(row.size_mb, 1),
  ]));
}

function accuracyPlot(rows) {
  const points = measured(rows, "single-stream").filter((row) => row.target === "infer" && typeof row.accuracy === "number");
  if (points.length < 2) return null;
  const drawn = logPlot(points.map((row, i) => ({ x: row.p50_ms, y: row.accuracy, mark: String(i + 1), peer: row.runtime !== "openvino" })),
    { label: t("bench.plot"), across: t("bench.plot.x"), up: t("bench.accuracy") });
  return panel(t("bench.plot"), h("figure", { class: "bench-plot" }, drawn,
    h("figcaption", {}, h("ol", { class: "bench-key" }, points.map((row, i) => h("li", {}, `${i + 1} ${nameOf(row)}`))))));
}

/** Estimators and training steps: each library against the first of its kind. */
function libraries(rows) {
  const found = rows.filter((row) => good(row) && OWN.has(row.scenario));
  if (found.length === 0) return null;
  const names = ["bench.target", "bench.scenario", "bench.median", "bench.gain", "bench.equal"].map((key) => t(key));
  return panel(t("bench.libraries"), table(t("bench.libraries"), names, found.map((row) => {
    const stock = found.find((other) => other.target === row.target && other.scenario === row.scenario);
    const same = row.scored?.same;
    return [nameOf(row), row.scenario, ranged(row, "p50_ms"), stock === row ? "–" : figure(stock.p50_ms / row.p50_ms, 2),
      same === undefined ? "–" : t(same ? "card.yes" : "card.no")];
  })));
}

function remarks(run, rows) {
  const found = [];
  if (run.about.data) found.push(t("bench.data", { data: run.about.data }));
  const busy = Math.max(0, ...rows.map((row) => row.others_cores ?? 0));
  if (busy > BUSY_CORES) found.push(t("bench.busy", { cores: number(busy, 1) }));
  if (!run.comparable) found.push(t("bench.old"));
  return found.length > 0 && h("ul", { class: "lines warnings" }, found.map((text) => h("li", {}, text)));
}

function missing(rows) {
  const found = new Map();
  for (const row of rows) if (row.status === "not measured") found.set(`${nameOf(row)}, ${row.device}`, row.reason ?? "");
  if (found.size === 0) return null;
  return h("details", { class: "bench-more" }, h("summary", {}, t("bench.missing", { count: found.size })),
    h("ul", { class: "lines" }, [...found].map(([name, reason]) => h("li", {}, h("strong", {}, name), `: ${reason}`))));
}

function conditions(run, rows) {
  const host = rows.find((row) => row.host)?.host ?? {};
  const commit = rows.find((row) => row.commit)?.commit;
  const plain = (value) => (value === null || typeof value !== "object" ? String(value)
    : Object.entries(value).filter(([, one]) => one !== false).map(([key, one]) => (one === true ? key : `${key} ${one}`)).join(", "));
  const facts = Object.entries({ ...host, ...(commit ? { commit } : {}), ...run.about }).filter(([, value]) => value !== null);
  return h("details", { class: "bench-more" }, h("summary", {}, t("bench.conditions")),
    h("dl", { class: "facts" }, facts.map(([key, value]) => [h("dt", {}, key), h("dd", {}, plain(value))]).flat()));
}

/** The panels of one run; `rows` are those of all runs. */
export function runPanels(run, everything) {
  const rows = everything.filter((row) => row.run === run.run);
  return [
    panel(t("bench.headline"), headline(rows), remarks(run, rows), missing(rows), conditions(run, rows),
      h("p", { class: "bench-take" }, h("a", { class: "button", href: api.benchmarkUrl(run.run), download: `${run.run}.json` }, icon("download"), t("bench.take")))),
    accuracyPlot(rows),
    libraries(rows),
  ].filter(Boolean);
}
