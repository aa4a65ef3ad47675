// <benchmarks-page>: stored runs, a new quick one with progress and cancel, and two compared.
// Fires `told` with `detail.text` for what a screen reader should hear.

import * as api from "./api.js";
import { comparePanel } from "./benchmark-compare.js";
import { runPanels } from "./benchmark-run.js";
import { h } from "./dom.js";
import { moment, percent, t } from "./i18n.js";
import { panel } from "./panel.js";
import { sentence } from "./labels.js";

/** What a run is called: when, on what, and what kind. */
const titleOf = (run) => [run.utc ? moment(run.utc) : t("bench.undated"), run.cpu ?? t("bench.unknown"), run.shipped ? t("bench.shipped") : run.preset].filter(Boolean).join(", ");

class BenchmarksPage extends HTMLElement {
  #abort = null;
  #found = null;
  #chosen = null;

  /** Draws what is stored and follows a measurement that is under way. */
  async open() {
    this.close();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      await this.#load(signal);
      if (this.#found.job) await this.#follow(this.#found.job, signal);
    } catch (error) {
      if (error.name !== "AbortError") this.#problem(error);
    }
  }

  /** Stops asking; a measurement goes on. */
  close() {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #load(signal) {
    const found = await api.benchmarks({ signal });
    this.#found = found;
    const known = found.runs.some((run) => run.run === this.#chosen);
    if (!known) this.#chosen = found.runs.at(-1)?.run ?? null;
    this.#draw();
  }

  #draw() {
    const { runs, rows, missing } = this.#found;
    const run = runs.find((one) => one.run === this.#chosen);
    const start = h("button", { type: "button", class: "button primary", id: "bench-start", disabled: Boolean(missing), onclick: () => this.#start() }, t("bench.start"));
    this.replaceChildren(
      h("header", { class: "bench-head" },
        h("div", {}, h("h2", { id: "benchmarks-title", tabindex: "-1" }, t("bench.title")), h("p", { class: "lead" }, t("bench.lead"))), start),
      h("div", { class: "bench-status" }, missing && h("p", { class: "small-print" }, sentence(missing))),
      runs.length > 0
        ? h("ul", { class: "bench-runs", "aria-label": t("bench.runs") }, runs.map((one) => this.#tile(one)))
        : panel(t("bench.runs"), h("p", {}, t("bench.none"))),
      ...(run ? runPanels(run, rows) : []),
      comparePanel(runs.filter((one) => one.comparable), titleOf, (text) => this.#tell(text)));
  }

  #tile(run) {
    const choose = () => {
      this.#chosen = run.run;
      const status = this.querySelector(".bench-status");
      this.#draw();
      if (status.querySelector("progress")) this.#keep(status);
      this.querySelector(`[data-run="${CSS.escape(run.run)}"]`)?.focus({ preventScroll: true });
    };
    return h("li", {}, h("button", { type: "button", class: "bench-run", "data-run": run.run, "aria-pressed": String(run.run === this.#chosen), onclick: choose },
      h("strong", {}, run.utc ? moment(run.utc) : t("bench.undated")),
      h("span", {}, run.cores ? t("bench.cpu", { cpu: run.cpu ?? t("bench.unknown"), cores: run.cores }) : run.cpu ?? t("bench.unknown")),
      h("span", {}, [run.shipped ? t("bench.shipped") : t("bench.own"), run.preset, t("bench.rows", { count: run.rows })].filter(Boolean).join(" · "))));
  }

  /** Puts the progress of a measurement back after everything was drawn anew. */
  #keep(status) {
    this.querySelector(".bench-status").replaceWith(status);
    this.querySelector("#bench-start").disabled = true;
  }

  async #start() {
    const signal = this.#abort?.signal;
    try {
      this.querySelector("#bench-start").disabled = true;
      await this.#follow(await api.startBenchmark(), signal);
    } catch (error) {
      if (error.name !== "AbortError") this.#problem(error);
    }
  }

  async #follow(job, signal) {
    const bar = h("progress", { max: "1", "aria-label": t("bench.measuring") });
    const words = h("p", {}, t("bench.measuring"));
    const cancel = h("button", { type: "button", class: "button", onclick: () => { cancel.disabled = true; words.textContent = t("bench.cancelling"); api.cancelJob(job).catch((error) => this.#problem(error)); } }, t("stage.cancel"));
    this.#keep(h("div", { class: "bench-status" }, h("section", { class: "panel bench-work", "aria-label": t("bench.measuring") }, words, bar, cancel, h("p", { class: "small-print" }, t("bench.quiet")))));
    this.#tell(t("bench.measuring"));
    const ended = await api.waitForJob(job, { signal, onProgress: (share, state) => {
      if (state === "running" && share > 0) bar.value = share;
      if (!cancel.disabled) words.textContent = state === "queued" ? t("stage.queued") : t("bench.progress", { share: percent(share) });
    } });
    const before = new Set(this.#found.runs.map((run) => run.run));
    const found = await api.benchmarks({ signal });
    this.#chosen = found.runs.find((run) => !before.has(run.run))?.run ?? this.#chosen;
    this.#found = found;
    this.#draw();
    this.#tell(t(ended.state === "cancelled" ? "stage.cancelled" : "bench.done"));
    this.querySelector("#benchmarks-title").focus({ preventScroll: true });
  }

  #problem(error) {
    const words = h("p", { class: "problem", role: "alert" }, sentence(error.message || t("problem.unreachable")));
    const status = this.querySelector(".bench-status");
    if (status) status.replaceChildren(words);
    else this.replaceChildren(words);
    const start = this.querySelector("#bench-start");
    if (start) start.disabled = Boolean(this.#found?.missing);
  }

  #tell(text) {
    this.dispatchEvent(new CustomEvent("told", { bubbles: true, detail: { text } }));
  }
}

customElements.define("benchmarks-page", BenchmarksPage);
