// What carrying lesions across has to show beside the common panels: every lesion on the fixed scan.

import { h } from "./dom.js";
import { number, percent, t } from "./i18n.js";
import { panel } from "./panel.js";

function sizeOf(lesion) {
  if (lesion.area_px === null) return [h("span", {}, t("carry.outside.all"))];
  const { volume_ml: volume, area_mm2: area, diameters: [long, across], diameters_unit: unit } = lesion;
  const size = volume !== null ? `${number(volume, 2)} ml` : area !== null ? `${number(area)} mm²` : `${number(lesion.area_px)} px`;
  return [h("strong", {}, size), h("span", {}, `${number(long, 1)} × ${number(across, 1)} ${unit}`),
    h("span", {}, t("carry.pixels", { pixels: number(lesion.area_px) })),
    lesion.outside_share > 0 && h("span", {}, t("carry.outside", { share: percent(lesion.outside_share) }))];
}

/** The panels of carried lesions; none where nothing was carried. */
export function carryPanels(pair) {
  const lesions = pair.documents?.carried?.lesions ?? [];
  if (lesions.length === 0) return [];
  return [panel(t("carry.lesions"), h("dl", { class: "card-terms track-lesions" }, lesions.flatMap((lesion) => [
    h("dt", {}, t("track.lesion", { ids: lesion.id })), h("dd", {}, sizeOf(lesion))])),
  h("p", { class: "small-print" }, t("carry.help")))];
}
