// The page: what is open, what is under way, and who is told about it.

import "./drop-zone.js";
import "./reference-cards.js";
import "./result-view.js";
import "./similar-cases.js";
import "./slice-viewer.js";
import "./verdict-card.js";
import * as api from "./api.js";
import { confirmDelete, openHelp } from "./dialogs.js";
import { humanise } from "./dom.js";
import { t, translate } from "./i18n.js";
import { listenToPageKeys } from "./page-keys.js";
import { PlanesSwitch } from "./planes-switch.js";
import { SeriesPicker } from "./series-picker.js";
import { titleOf } from "./study-list.js";
import { toggleTheme, watchTheme } from "./theme-toggle.js";
import { verdictInWords } from "./verdict-card.js";

const at = (id) => document.getElementById(id);
const SHOWN_LOCALLY = /^image\/(png|jpeg|bmp|webp|gif)$/;

const PAGES = { benchmarks: () => import("./benchmarks-page.js"), pair: () => import("./pair-page.js") };

let view = {};
let work = null;
let opened = { study: null, reports: [], series: null };
let cards = new Map();
let picker = null;
let planes = null;

function say(text) {
  view.status.textContent = text;
}

function show(state) {
  document.body.dataset.state = state;
  for (const name of Object.keys(PAGES)) if (state !== name) at(name).close?.();
}

function begin() {
  work?.abort.abort();
  work = { abort: new AbortController(), job: null, since: performance.now() };
  opened = { study: null, reports: [], series: null };
  picker.clear();
  planes.clear();
  view.verdict.clear();
  view.result.clear();
  view.similar.clear();
  return work;
}

function cancel() {
  if (!work) return;
  if (work.job) api.cancelJob(work.job).catch(() => {});
  work.abort.abort();
  work = null;
  view.verdict.fail("", opened.study ? () => openStudy(opened.study, true) : null, t("stage.cancelled"));
  say(t("stage.cancelled"));
}

/** Draws one series of the open study with its report. */
function showSeries(series, elapsedMs = null) {
  opened.series = series;
  const report = opened.reports.find((r) => r.input?.series_instance_uid === series.series_instance_uid);
  view.viewer.showSeries(series);
  planes.show(series);
  if (report) showReport(report, elapsedMs);
}

function showReport(report, elapsedMs) {
  const { study, series } = opened;
  if (series) for (const viewer of [view.viewer, planes]) viewer.showReport(report);
  view.verdict.show(report, elapsedMs);
  const links = study && series
    ? api.downloads(study.study_instance_uid, series.series_instance_uid, report) : null;
  const others = (study?.refusals ?? []).filter((refusal) => refusal.sha256 !== report.input?.sha256);
  const similar = series && report.verdict !== "refused" ? view.similar : null;
  view.result.show(report, { links, card: cards.get(report.model?.name) ?? null, refusals: others, similar, reference: view.reference });
  view.reference.show(report);
  if (similar) similar.show(study, series);
  say(verdictInWords(report));
}

/** The series to show first: the most telling verdict, else the first. */
function telling() {
  const rank = (series) => ["tumor", "uncertain", "no_tumor"].indexOf(
    opened.reports.find((r) => r.input?.series_instance_uid === series.series_instance_uid)?.verdict);
  const ranked = opened.study.series.filter((series) => rank(series) >= 0).sort((a, b) => rank(a) - rank(b));
  return ranked[0] ?? opened.study.series[0] ?? null;
}

async function analyse(run) {
  const { study } = opened;
  const { signal } = run.abort;
  const uid = study.study_instance_uid;
  view.verdict.working("analyse", null, titleOf(study), cancel);
  run.job = study.job?.id ?? await api.startTask(uid, "analyze", { signal });
  const job = await api.waitForJob(run.job, { signal, onProgress: (share, state) => {
    view.verdict.working(state === "queued" ? "queued" : "analyse", share, titleOf(study), cancel);
  } });
  if (job.state === "cancelled") throw new DOMException("cancelled", "AbortError");
  opened.reports = await api.reports(uid);
}

/** Ends a run: the verdict, the list, the address. */
function finish(run, elapsedMs) {
  if (run !== work) return;
  work = null;
  const first = telling();
  picker.show(opened.study.series, opened.reports, first);
  if (first && first !== opened.series) showSeries(first, elapsedMs);
  else if (opened.reports.length > 0) {
    const own = opened.reports.find((r) => r.input?.series_instance_uid === first?.series_instance_uid);
    showReport(own ?? opened.reports[0], elapsedMs);
  }
  if (document.activeElement === document.body || view.drop.contains(document.activeElement)) view.viewer.focusStage();
  refreshList();
}

function failed(run, error) {
  if (run !== work || error.name === "AbortError") return;
  work = null;
  const [report] = error.reports ?? [];
  if (report) {
    opened.reports = [report];
    showReport(report, null);
  } else {
    const words = error.message || t("problem.unreachable");
    view.verdict.fail(words, opened.study ? () => openStudy(opened.study, true) : null);
    say(words);
  }
  refreshList();
}

async function showAtOnce(files, run) {
  const [file] = files;
  if (files.length !== 1 || !SHOWN_LOCALLY.test(file.type)) return;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap && run === work && !opened.series) view.viewer.showLocal(bitmap, file.name);
}

async function takeFiles(files) {
  if (document.body.dataset.state === "pair") return at("pair").takeFiles?.(files);
  const run = begin();
  const name = files.length === 1 ? files[0].name : t("drop.several", { count: files.length });
  view.viewer.clear();
  view.studies.current = null;
  show("open");
  window.scrollTo({ top: 0 });
  view.verdict.working("send", null, name, cancel);
  say(t("stage.send"));
  showAtOnce(files, run);
  try {
    const study = await api.createStudy(files, { signal: run.abort.signal, onProgress: (share) => {
      view.verdict.working(share < 1 ? "send" : "read", share < 1 ? share : null, name, cancel);
    } });
    if (run !== work) return;
    opened.study = study;
    remember(study);
    view.studies.current = study.study_instance_uid;
    if (study.series.length > 0) showSeries(study.series[0]);
    await analyse(run);
    finish(run, performance.now() - run.since);
  } catch (error) {
    failed(run, error);
  }
}

/** Opens a stored study; analyses it when it has not been, or when asked to. */
async function openStudy(study, again = false) {
  const run = begin();
  opened.study = study;
  view.studies.current = study.study_instance_uid;
  remember(study);
  show("open");
  window.scrollTo({ top: 0 });
  if (study.series.length > 0) showSeries(study.series[0]);
  else view.viewer.clear();
  try {
    opened.reports = await api.reports(study.study_instance_uid);
    const read = new Set(opened.reports.map((report) => report.input?.series_instance_uid));
    if (again || study.job || study.series.some((series) => !read.has(series.series_instance_uid))) await analyse(run);
    finish(run, null);
  } catch (error) {
    failed(run, error);
  }
}

function remember(study) {
  const hash = `#study=${encodeURIComponent(study.study_instance_uid)}`;
  if (window.location.hash !== hash) window.history.pushState(null, "", hash);
}

/** Benchmarks, or two scans together; the module comes when it is first wanted. */
async function showPage(name, id) {
  begin();
  work = null;
  view.viewer.clear();
  view.studies.current = null;
  show(name);
  window.scrollTo({ top: 0 });
  await PAGES[name]();
  await at(name).open(id);
}

async function followAddress() {
  const [, page, id] = window.location.hash.match(/^#(benchmarks|pair)(?:=(\w+))?$/) ?? [];
  if (page) {
    showPage(page, id);
    return;
  }
  const uid = new URLSearchParams(window.location.hash.slice(1)).get("study");
  if (!uid) {
    if (!work) goHome();
    return;
  }
  if (uid === opened.study?.study_instance_uid) return;
  try {
    await openStudy(await api.study(uid));
  } catch {
    goHome();
  }
}

function goHome() {
  begin();
  work = null;
  view.viewer.clear();
  view.studies.current = null;
  show("empty");
  if (window.location.hash) window.history.replaceState(null, "", window.location.pathname + window.location.search);
}

async function refreshList() {
  try {
    view.studies.show((await api.studies()).studies);
  } catch (error) {
    say(error.message || t("problem.unreachable"));
  }
}

async function deleteStudy(study) {
  if (!(await confirmDelete(at("confirm-dialog"), titleOf(study)))) return;
  try {
    await api.removeStudy(study.study_instance_uid);
    if (opened.study?.study_instance_uid === study.study_instance_uid) goHome();
    await refreshList();
    say(t("studies.deleted", { title: titleOf(study) }));
  } catch (error) {
    say(error.message || t("problem.unreachable"));
  }
  at("studies-title").focus({ preventScroll: true });
}

async function learnModels() {
  try {
    const models = await api.models();
    cards = new Map(models.map((model) => [model.name, model.manifest]));
    const active = models.find((model) => model.active) ?? models[0];
    if (active) at("model-line").textContent = t("page.model", { name: active.manifest?.title ?? humanise(active.name), version: active.version });
  } catch {
    at("model-line").textContent = t("page.model.none");
  }
}

async function start() {
  translate();
  view = { drop: at("drop"), verdict: at("verdict"), viewer: at("viewer"), result: at("result"), studies: at("studies"), status: at("status"), similar: document.createElement("similar-cases"), reference: document.createElement("reference-cards") };
  planes = new PlanesSwitch(view.viewer);
  picker = new SeriesPicker(view.viewer, (series) => showSeries(series));
  watchTheme(at("theme"));
  at("open").addEventListener("click", () => view.drop.open());
  at("help").addEventListener("click", () => openHelp(at("help-dialog")));
  view.drop.addEventListener("files", (event) => takeFiles(event.detail.files));
  view.drop.addEventListener("unreadable-drop", () => say(t("problem.drop")));
  view.studies.addEventListener("open-study", (event) => openStudy(event.detail.study));
  view.studies.addEventListener("delete-study", (event) => deleteStudy(event.detail.study));
  for (const name of Object.keys(PAGES)) at(name).addEventListener("told", (event) => say(event.detail.text));
  at("pair").addEventListener("pair", (event) => window.history.replaceState(null, "", `#pair=${event.detail.id}`));
  view.result.addEventListener("told", (event) => say(event.detail.text));
  view.result.addEventListener("lesion", (event) => { view.viewer.showLesion(event.detail.lesion); if (!planes.showLesion(event.detail.lesion)) view.viewer.focusStage(); });
  document.querySelector(".brand").addEventListener("click", (event) => { event.preventDefault(); goHome(); });
  window.addEventListener("popstate", followAddress);
  listenToPageKeys({ "?": () => openHelp(at("help-dialog")), o: () => view.drop.open(), t: toggleTheme, Escape: cancel });
  await Promise.all([refreshList(), learnModels(), followAddress(), at("network").watch()]);
  document.documentElement.dataset.ready = "true";
}

start();
