// Chooses among the series of a study; absent while there is only one.

import { h, humanise } from "./dom.js";
import { t } from "./i18n.js";

const VERDICTS = { tumor: "verdict.tumor", no_tumor: "verdict.no_tumor", uncertain: "verdict.uncertain", refused: "verdict.refused" };

export class SeriesPicker {
  #node;
  #select;
  #series = [];

  /** Stands before `neighbour`; `chosen` hears the series that was picked. */
  constructor(neighbour, chosen) {
    this.#select = h("select", { onchange: () => chosen(this.#series[Number(this.#select.value)]) });
    this.#node = h("label", { class: "series-picker", hidden: true }, h("span", {}, t("series.choose")), this.#select);
    neighbour.before(this.#node);
  }

  clear() {
    this.#node.hidden = true;
  }

  /** Lists the series, each with its verdict in words. */
  show(series, reports, current) {
    this.#series = series;
    const options = series.map((one, place) => {
      const report = reports.find((r) => r.input?.series_instance_uid === one.series_instance_uid);
      const words = [humanise(one.name), one.sequence, report && t(VERDICTS[report.verdict])].filter(Boolean);
      return h("option", { value: place, selected: one === current }, words.join(" · "));
    });
    this.#select.replaceChildren(...options);
    this.#node.hidden = series.length < 2;
  }
}
