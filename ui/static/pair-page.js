// <pair-page>: two series chosen, a task on both started, followed and cancelled, its result shown.
// Fires `told` with `detail.text` for what a screen reader should hear, and `pair` with `detail.id` for the address.

import * as api from "./api.js";
import "./pair-viewer.js";
import { h, humanise, icon } from "./dom.js";
import { moment, percent, t } from "./i18n.js";
import { sentence } from "./labels.js";
import { headOf, panelsOf } from "./pair-result.js";
import { rolesOf } from "./pair-roles.js";
import { PairSlots } from "./pair-slots.js";
import { titleOfVerdict } from "./pair-verdict.js";

const TASKS = { register: "pair.task.register", fuse: "pair.task.fuse", track: "pair.task.track", carry: "pair.task.carry" };
const TASK_HELP = { carry: "pair.task.carry.help" };
const METHODS = {
  "gradient-energy": "pair.method.gradient", guided: "pair.method.guided", laplacian: "pair.method.laplacian",
  wavelet: "pair.method.wavelet", pca: "pair.method.pca", weighted: "pair.method.weighted",
};

/** Known tasks in the order of `TASKS`, others behind them. */
const placeOf = ({ name }) => (name in TASKS ? Object.keys(TASKS).indexOf(name) : Object.keys(TASKS).length);

class PairPage extends HTMLElement {
  #abort = null;
  #slots = null;
  #tasks = [];
  #options = {};
  #parts = {};
  #pairs = [];

  /** Draws the choice, and a stored result where its identifier is given. */
  async open(id = null) {
    this.close();
    this.#abort = new AbortController();
    try {
      this.#tasks = (await api.tasks()).filter((task) => task.inputs.length === 2).sort((one, other) => placeOf(one) - placeOf(other));
      this.#build();
      await this.#refresh();
      if (id) this.#show(await api.pair(id));
    } catch (error) {
      this.#problem(error);
    }
  }

  /** Stops asking; a job goes on. */
  close() {
    this.#abort?.abort();
    this.#abort = null;
  }

  /** Files dropped on this page become series to choose from; nothing is analysed. */
  async takeFiles(files) {
    try {
      this.#tell(t("stage.send"));
      const study = await api.createStudy(files, { signal: this.#abort?.signal });
      await this.#refresh();
      for (const series of study.series) this.#slots.offer(series);
      this.#tell(t("pair.added"));
    } catch (error) {
      if (error.name !== "AbortError") this.#problem(error);
    }
  }

  #build() {
    this.#slots = new PairSlots(() => this.#update());
    const task = h("select", { id: "pair-task", onchange: () => this.#drawOptions() },
      this.#tasks.map((one) => h("option", { value: one.name }, one.name in TASKS ? t(TASKS[one.name]) : one.title)));
    const start = h("button", { type: "button", class: "button primary", id: "pair-start", disabled: true, onclick: () => this.#start() }, t("pair.start"));
    const chosen = h("span", { class: "pair-options" });
    const help = h("p", { class: "small-print pair-task-help", hidden: true });
    this.#parts = { task, start, chosen, help, status: h("div", { class: "pair-status" }), result: h("div", { class: "pair-result" }), past: h("div", {}) };
    this.replaceChildren(
      h("header", {}, h("h2", { id: "pair-title", tabindex: "-1" }, t("pair.title")), h("p", { class: "lead" }, t("pair.lead"))),
      h("section", { class: "pair-choice panel", "aria-label": t("pair.choice") }, this.#slots.node,
        h("div", { class: "pair-start" }, h("label", { class: "pair-field" }, h("span", {}, t("pair.task")), task), chosen, start), help,
        this.#parts.status),
      this.#parts.result, this.#parts.past);
    this.#drawOptions();
  }

  #drawOptions() {
    const task = this.#tasks.find((one) => one.name === this.#parts.task.value);
    this.#options = {};
    this.#slots.call(task?.aliases ?? {});
    this.#parts.help.hidden = !(task?.name in TASK_HELP);
    this.#parts.help.textContent = task?.name in TASK_HELP ? t(TASK_HELP[task.name]) : "";
    this.#parts.chosen.replaceChildren(...Object.entries(task?.options ?? {}).map(([name, choices]) => {
      [this.#options[name]] = choices;
      const select = h("select", { "data-option": name, onchange: () => { this.#options[name] = select.value; } },
        choices.map((choice) => h("option", { value: choice }, choice in METHODS ? t(METHODS[choice]) : humanise(choice))));
      return h("label", { class: "pair-field" }, h("span", {}, name === "method" ? t("pair.method") : humanise(name)), select);
    }));
  }

  async #refresh() {
    const [{ studies }, { pairs }] = await Promise.all([api.studies(1000), api.pairs()]);
    this.#pairs = pairs;
    this.#slots.show(studies);
    this.#update();
    this.#drawPast(pairs);
  }

  #update() {
    this.#parts.start.disabled = !this.#slots.complete || this.#parts.status.querySelector("progress") !== null;
  }

  async #start() {
    const { signal } = this.#abort;
    const inputs = this.#slots.inputs;
    const task = this.#parts.task.value;
    const words = h("p", {}, t("stage.queued"));
    const bar = h("progress", { max: 1, "aria-label": t("pair.working") });
    let job = null;
    const cancel = h("button", { type: "button", class: "button small", onclick: () => { cancel.disabled = true; if (job) api.cancelJob(job).catch((error) => this.#problem(error)); } }, t("stage.cancel"));
    this.#parts.result.replaceChildren();
    this.#parts.status.replaceChildren(h("div", { class: "pair-work" }, words, bar, cancel));
    this.#update();
    this.#tell(t("pair.working"));
    try {
      job = await api.startTask(inputs.fixed.study, task, { signal, options: this.#options, inputs });
      const ended = await api.waitForJob(job, { signal, onProgress: (share, state) => {
        if (share > 0) bar.value = share;
        words.textContent = state === "queued" ? t("stage.queued") : t("pair.progress", { share: percent(share) });
      } });
      this.#parts.status.replaceChildren();
      if (ended.state === "cancelled") this.#parts.status.replaceChildren(h("p", { class: "small-print" }, t("stage.cancelled")));
      const result = ended.results[0]?.result;
      if (result) this.#show(result);
      await this.#refresh();
    } catch (error) {
      if (error.name !== "AbortError") this.#problem(error);
    } finally {
      this.#update();
    }
  }

  #show(pair) {
    const viewer = document.createElement("pair-viewer");
    const names = rolesOf(this.#tasks.find((one) => one.name === pair.task)?.aliases);
    this.#parts.result.replaceChildren(h("div", { class: "pair-columns" }, viewer, h("div", { class: "pair-panels" }, headOf(pair), panelsOf(pair, names, this.#pairs))));
    viewer.show(pair, names);
    if (this.#tasks.some((one) => one.name === pair.task) && this.#parts.task.value !== pair.task) {
      this.#parts.task.value = pair.task;
      this.#drawOptions();
    }
    this.#slots.choose(pair.inputs);
    this.#update();
    this.#tell(titleOfVerdict(pair));
    this.dispatchEvent(new CustomEvent("pair", { bubbles: true, detail: { id: pair.id } }));
    for (const node of this.#parts.past.querySelectorAll("[data-pair]")) node.toggleAttribute("aria-current", node.dataset.pair === pair.id);
    this.#parts.result.scrollIntoView({ block: "start" });
  }

  #drawPast(pairs) {
    if (pairs.length === 0) {
      this.#parts.past.replaceChildren();
      return;
    }
    const line = (pair) => {
      const name = (role) => pair.inputs[role].name || t("studies.unnamed");
      const open = h("button", { type: "button", class: "pair-past", "data-pair": pair.id, onclick: () => this.#show(pair) },
        h("strong", {}, `${name("fixed")} + ${name("moving")}`),
        h("span", {}, [pair.task in TASKS ? t(TASKS[pair.task]) : humanise(pair.task), titleOfVerdict(pair), moment(pair.created)].join(" · ")));
      const remove = h("button", { type: "button", class: "icon-button", "aria-label": t("pair.remove"), title: t("pair.remove"), onclick: async () => {
        try {
          await api.removePair(pair.id);
          await this.#refresh();
          this.#tell(t("pair.removed"));
          this.querySelector("#pair-title").focus({ preventScroll: true });
        } catch (error) {
          this.#problem(error);
        }
      } }, icon("trash"));
      return h("li", {}, open, remove);
    };
    this.#parts.past.replaceChildren(h("h3", {}, t("pair.past")), h("p", { class: "small-print" }, t("pair.past.help")), h("ul", { class: "pair-pasts" }, pairs.map(line)));
  }

  #problem(error) {
    const words = sentence(error.message || t("problem.unreachable"));
    const node = h("p", { class: "problem", role: "alert" }, words);
    if (this.#parts.status) this.#parts.status.replaceChildren(node);
    else this.replaceChildren(node);
    this.#tell(words);
  }

  #tell(text) {
    this.dispatchEvent(new CustomEvent("told", { bubbles: true, detail: { text } }));
  }
}

customElements.define("pair-page", PairPage);
