// The two roles of a comparison and the series that can fill them: by list, by button, by dragging.

import { thumbnailUrl } from "./api.js";
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { kindInWords, sentence } from "./labels.js";
import { ROLES, rolesOf } from "./pair-roles.js";
import { titleOf } from "./study-list.js";

const TYPE = "application/x-series";

const keyOf = (series) => `${series.study_instance_uid} ${series.series_instance_uid}`;

function factsOf(series) {
  const slices = series.shape[0];
  return [series.modality ?? sentence(kindInWords(series.kind)), series.sequence, slices > 1 ? t("studies.slices", { count: slices }) : null].filter(Boolean).join(" · ");
}

function pictureOf(series) {
  const image = h("img", { src: thumbnailUrl(series.study_instance_uid, series.series_instance_uid, Math.floor((series.view.shape[0] - 1) / 2)), alt: "", loading: "lazy", draggable: "false" });
  image.addEventListener("error", () => image.replaceWith(icon("file")));
  return h("span", { class: "thumb" }, image);
}

export class PairSlots {
  #series = new Map();
  #chosen = { fixed: null, moving: null };
  #slots = {};
  #names = rolesOf();
  #tray = h("ul", { class: "pair-tray" });
  #changed;

  /** `changed` hears that a role was filled or emptied. */
  constructor(changed) {
    this.#changed = changed;
    const swap = h("button", { type: "button", class: "button small pair-swap", onclick: () => this.#swap() }, t("pair.swap"));
    this.node = h("div", { class: "pair-slots" },
      h("div", { class: "pair-roles" }, this.#slot("fixed"), swap, this.#slot("moving")),
      h("details", { class: "pair-trays", open: true }, h("summary", {}, t("pair.tray")), h("p", { class: "small-print" }, t("pair.tray.help")), this.#tray));
  }

  get complete() {
    return ROLES.every((role) => this.#chosen[role]) && this.#chosen.fixed !== this.#chosen.moving;
  }

  /** Says what the roles are to a task, which may call them otherwise: `{prior: "moving"}`. */
  call(aliases) {
    this.#names = rolesOf(aliases);
    for (const role of ROLES) {
      this.#slots[role].title.textContent = t(this.#names[role].title);
      this.#slots[role].help.textContent = t(this.#names[role].help);
    }
    this.#drawTray();
    this.#draw();
  }

  /** What the server wants to know. */
  get inputs() {
    return Object.fromEntries(ROLES.map((role) => {
      const series = this.#series.get(this.#chosen[role]);
      return [role, { study: series.study_instance_uid, series: series.series_instance_uid }];
    }));
  }

  /** Lists the series of all studies. */
  show(studies) {
    this.#series.clear();
    for (const study of studies) for (const series of study.series) this.#series.set(keyOf(series), { ...series, title: study.series.length > 1 ? series.name : titleOf(study) });
    for (const role of ROLES) if (!this.#series.has(this.#chosen[role])) this.#chosen[role] = null;
    this.#drawTray();
    this.#draw();
  }

  /** Puts a series where there is room, the fixed role first. */
  offer(series) {
    const role = ROLES.find((one) => !this.#chosen[one]);
    if (role) this.#put(role, keyOf(series));
  }

  /** Fills both roles as a stored result has them. */
  choose(inputs) {
    for (const role of ROLES) if (this.#series.has(keyOf(inputs[role]))) this.#chosen[role] = keyOf(inputs[role]);
    this.#draw();
  }

  #drawTray() {
    this.#tray.replaceChildren(...[...this.#series].map(([key, series]) => this.#card(key, series)));
    if (this.#series.size === 0) this.#tray.replaceChildren(h("li", { class: "small-print" }, t("pair.none")));
  }

  #slot(role) {
    const title = h("strong", {}, t(this.#names[role].title));
    const help = h("span", { class: "small-print" }, t(this.#names[role].help));
    const picture = h("div", { class: "pair-picture" });
    const select = h("select", { id: `pair-${role}`, onchange: () => this.#put(role, select.value || null) });
    const node = h("div", { class: "pair-slot", "data-role": role },
      h("label", { for: `pair-${role}` }, title, help), picture, select);
    node.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes(TYPE)) return;
      event.preventDefault();
      node.classList.add("over");
    });
    node.addEventListener("dragleave", () => node.classList.remove("over"));
    node.addEventListener("drop", (event) => {
      node.classList.remove("over");
      const key = event.dataTransfer.getData(TYPE);
      if (!this.#series.has(key)) return;
      event.preventDefault();
      this.#put(role, key);
    });
    this.#slots[role] = { picture, select, title, help };
    return node;
  }

  #card(key, series) {
    const button = (role) => h("button", { type: "button", class: "button small", "aria-label": t(this.#names[role].put, { name: series.title }), onclick: () => this.#put(role, key) }, t(this.#names[role].title));
    const node = h("li", { class: "pair-card", draggable: "true", "data-series": series.series_instance_uid }, pictureOf(series),
      h("span", { class: "pair-card-text" }, h("strong", {}, series.title), h("span", {}, factsOf(series))),
      h("span", { class: "pair-card-buttons" }, button("fixed"), button("moving")));
    node.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData(TYPE, key);
      event.dataTransfer.effectAllowed = "copy";
    });
    return node;
  }

  #put(role, key) {
    const other = role === "fixed" ? "moving" : "fixed";
    if (key && this.#chosen[other] === key) this.#chosen[other] = null;
    this.#chosen[role] = key;
    this.#draw();
    this.#changed();
  }

  #swap() {
    this.#chosen = { fixed: this.#chosen.moving, moving: this.#chosen.fixed };
    this.#draw();
    this.#changed();
  }

  #draw() {
    for (const role of ROLES) {
      const { picture, select } = this.#slots[role];
      const series = this.#series.get(this.#chosen[role]);
      picture.replaceChildren(...(series ? [pictureOf(series), h("span", { class: "small-print" }, factsOf(series))] : [h("span", { class: "small-print" }, t("pair.empty"))]));
      select.replaceChildren(h("option", { value: "" }, t("pair.choose")), ...[...this.#series].map(([key, one]) => h("option", { value: key, selected: key === this.#chosen[role] }, `${one.title} · ${factsOf(one)}`)));
    }
    for (const node of this.#tray.querySelectorAll("[data-series]")) {
      const role = ROLES.find((one) => this.#series.get(this.#chosen[one])?.series_instance_uid === node.dataset.series);
      node.dataset.role = role ?? "";
    }
  }
}
