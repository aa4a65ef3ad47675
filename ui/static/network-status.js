// <network-status>: what came over the network and what could not be sent; hidden while all is off.
// When a series came in, the list of studies named by `for` is drawn again.

import { network, retrySending, studies } from "./api.js";
import { h } from "./dom.js";
import { number, t } from "./i18n.js";

const EVERY_MS = 5000;

/** One line for each part that is on: its words, and whether they are bad news. */
export function linesOf(status) {
  const { dicom, incoming, outbox, watch } = status;
  const lines = [];
  if (dicom) {
    const refused = Object.values(dicom.refused).reduce((sum, count) => sum + count, 0);
    lines.push([t("network.dicom", { aet: dicom.aet, port: dicom.port, peers: dicom.peers.join(", ") })]);
    lines.push([t("network.received", { count: dicom.stored, images: number(dicom.stored) })]);
    if (refused > 0) lines.push([t("network.refused", { count: refused }), true]);
    if (dicom.rejected > 0) lines.push([t("network.rejected", { count: dicom.rejected }), true]);
  }
  if (watch) {
    lines.push([t("network.watch", { taken: number(watch.taken), refused: number(watch.refused) }), watch.refused > 0]);
    if (watch.problem) lines.push([watch.problem, true]);
  }
  if (incoming?.waiting.length > 0) lines.push([t("network.waiting", { count: incoming.waiting.length })]);
  if (outbox) {
    lines.push([t("network.sent", { to: outbox.to, count: outbox.sent })]);
    const failed = outbox.parcels.find((parcel) => parcel.state === "failed");
    if (failed) lines.push([t("network.failed", { count: outbox.failed, problem: failed.problem }), true]);
  }
  return lines;
}

class NetworkStatus extends HTMLElement {
  #timer = null;
  #series = null;

  connectedCallback() {
    this.hidden = true;
  }

  /** Ask now, and every few seconds for as long as a part of the network is on. */
  async watch() {
    clearTimeout(this.#timer);
    let status = null;
    try {
      status = await network();
    } catch {
      status = null;
    }
    if (status && !status.dicom && !status.watch && !status.outbox) return;
    if (status) this.#show(status);
    this.#timer = setTimeout(() => this.watch(), EVERY_MS);
  }

  async #refresh() {
    const found = await studies();
    document.getElementById(this.getAttribute("for"))?.show(found.studies);
  }

  #show(status) {
    const series = status.incoming.series + (status.watch?.taken ?? 0);
    if (this.#series !== null && series !== this.#series) this.#refresh().catch(() => {});
    this.#series = series;
    const again = status.outbox?.failed > 0
      ? h("button", { type: "button", class: "button small", onclick: () => retrySending().then(() => this.watch(), () => {}) }, t("network.again")) : null;
    this.replaceChildren(
      h("h3", {}, t("network.heading")),
      h("ul", {}, linesOf(status).map(([text, bad]) => h("li", { class: bad ? "network-bad" : null }, text))),
      ...(again ? [again] : []),
    );
    this.hidden = false;
  }
}

customElements.define("network-status", NetworkStatus);
