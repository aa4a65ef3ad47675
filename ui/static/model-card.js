// The model's card, drawn from whatever the manifest says.

import { h, humanise } from "./dom.js";
import { number, t } from "./i18n.js";

const DEEPEST = 4;
const QUIET = new Set(["files", "probe", "outputs", "schema", "layout"]);

function plain(value) {
  if (typeof value === "number") return Number.isInteger(value) ? number(value) : number(value, Math.abs(value) < 10 ? 3 : 1);
  if (typeof value === "boolean") return value ? t("card.yes") : t("card.no");
  return value === null ? "–" : String(value);
}

/** Any JSON value as text, a list or nested terms. */
function drawn(value, depth = 0) {
  if (value === null || typeof value !== "object") return plain(value);
  if (Array.isArray(value)) {
    const simple = value.every((item) => item === null || typeof item !== "object");
    if (simple && value.every((item) => String(item).length < 28)) return value.map(plain).join(", ");
    return h("ul", { class: "lines" }, value.map((item) => h("li", {}, drawn(item, depth + 1))));
  }
  if (depth >= DEEPEST) return JSON.stringify(value);
  return h("dl", { class: "card-terms" }, Object.entries(value).map(([key, item]) => [
    h("dt", {}, humanise(key)), h("dd", {}, drawn(item, depth + 1)),
  ]).flat());
}

/** The panel of the model that read the picture; `card` is its manifest, null until it has arrived. */
export function modelCard(model, card) {
  if (!model) return null;
  const facts = Object.entries(model).filter(([, value]) => value !== null);
  const section = h("section", { class: "panel", "aria-labelledby": "panel-model" },
    h("h3", { id: "panel-model" }, t("card.title")),
    h("dl", { class: "facts" }, facts.map(([key, value]) => [
      h("dt", {}, key === "sha256" ? "SHA-256" : humanise(key)),
      h("dd", { class: key === "sha256" ? "digest" : null, title: key === "sha256" ? value : null }, key === "sha256" ? String(value).slice(0, 16) : plain(value)),
    ]).flat()));
  if (!card) return section;
  const { intended_use: use, limits, ...rest } = card;
  if (use) section.append(h("p", { class: "card-use" }, h("strong", {}, `${humanise("intended_use")}: `), plain(use)));
  if (Array.isArray(limits) && limits.length > 0) {
    section.append(h("h4", {}, humanise("limits")), h("ul", { class: "lines" }, limits.map((limit) => h("li", {}, drawn(limit)))));
  }
  const others = Object.fromEntries(Object.entries(rest).filter(([key]) => !QUIET.has(key)));
  section.append(h("details", { class: "card-more" }, h("summary", {}, t("card.more")), drawn(others)));
  return section;
}
