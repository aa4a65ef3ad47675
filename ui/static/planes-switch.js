// Chooses between the slices as they were taken and three planes; absent where a series has no three planes.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import "./planes-view.js";

export class PlanesSwitch {
  #viewer;
  #view;
  #node;
  #buttons;
  #series = null;
  #report = null;
  #open = false;
  #stale = true;

  /** Stands before `viewer`, whose place the three planes take. */
  constructor(viewer) {
    this.#viewer = viewer;
    this.#view = h("planes-view", { hidden: true });
    const button = (open, text) => h("button", { type: "button", class: "button small", "aria-pressed": "false", onclick: () => this.#choose(open) }, text);
    this.#buttons = [button(false, t("planes.slices")), button(true, t("planes.title"))];
    this.#node = h("div", { class: "planes-switch", role: "group", "aria-label": t("planes.choose"), hidden: true }, this.#buttons);
    viewer.before(this.#node);
    viewer.after(this.#view);
    this.#choose(false);
  }

  /** Nothing is open any more. */
  clear() {
    this.#series = this.#report = null;
    this.#node.hidden = true;
    this.#view.close();
    this.#apply();
  }

  /** Another series of the viewer. */
  show(series) {
    this.#series = series.planes ? series : null;
    this.#report = null;
    this.#stale = true;
    this.#node.hidden = this.#series === null;
    this.#apply();
  }

  showReport(report) {
    this.#report = report;
    if (this.#isShown()) this.#view.showReport(report);
  }

  /** Brings a lesion to where the reader looks; whether that is here. */
  showLesion(lesion) {
    if (this.#isShown()) this.#view.showLesion(lesion);
    return this.#isShown();
  }

  #isShown() {
    return this.#open && this.#series !== null;
  }

  #choose(open) {
    this.#open = open;
    this.#buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(open === (n === 1))));
    this.#apply();
  }

  #apply() {
    const shown = this.#isShown();
    this.#viewer.hidden = shown;
    this.#view.hidden = !shown;
    if (!shown || !this.#stale) return;
    this.#stale = false;
    this.#view.show(this.#series);
    if (this.#report) this.#view.showReport(this.#report);
  }
}
