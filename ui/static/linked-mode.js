// <linked-mode>: says that objects taken from here carry names; empty while the linked mode is off.

import { settings } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

class LinkedMode extends HTMLElement {
  async connectedCallback() {
    this.hidden = true;
    const { linked } = await settings().catch(() => ({ linked: false }));
    if (!linked) return;
    this.replaceChildren(h("p", { role: "note" }, h("strong", {}, t("linked.heading")), ` ${t("linked.text")}`));
    this.hidden = false;
  }
}

customElements.define("linked-mode", LinkedMode);
