// Texts of the page: one catalogue for each language, English for whatever is missing.

const FALLBACK = "en";
export const LANGUAGES = ["en"];

let texts = {};
let language = FALLBACK;
let plural = new Intl.PluralRules(FALLBACK);

async function catalogue(name) {
  const response = await fetch(new URL(`locales/${name}.json`, import.meta.url));
  if (!response.ok) throw new Error(`catalogue ${name}: ${response.status}`);
  return response.json();
}

function preferred() {
  const asked = new URLSearchParams(window.location.search).get("lang");
  const wanted = [asked, ...(navigator.languages ?? [])].filter(Boolean);
  for (const tag of wanted) {
    const short = tag.toLowerCase().split("-")[0];
    if (LANGUAGES.includes(short)) return short;
  }
  return FALLBACK;
}

/** Loads the catalogue of the reader's language; English stands in when it cannot be read. */
async function loadTexts() {
  language = preferred();
  const [base, own] = await Promise.all([
    catalogue(FALLBACK),
    language === FALLBACK ? {} : catalogue(language).catch(() => ({})),
  ]);
  texts = { ...base, ...own };
  plural = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** The text of a key, `{name}` replaced by values; a `count` chooses `key.one`, `key.few`, … */
export function t(key, values = {}) {
  const form = "count" in values ? `${key}.${plural.select(values.count)}` : key;
  const text = texts[form] ?? texts[`${key}.other`] ?? texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A number in the reader's notation. */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(value);
}

/** Several names as one phrase: "a, b and c". */
export function list(names) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(names);
}

/** A share of one as a percentage; near 0 and 100 it keeps a decimal rather than claim certainty. */
export function percent(share) {
  const edge = share > 0 && share < 1 && (share < 0.01 || share > 0.99);
  const digits = edge ? 1 : 0;
  const format = new Intl.NumberFormat(language, {
    style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
  });
  if (share > 0 && share < 0.001) return `<${format.format(0.001)}`;
  if (share < 1 && share > 0.999) return `>${format.format(0.999)}`;
  return format.format(share);
}

/** A model's probability in percent; rounded to 0 or 1 on the way here, it is still no certainty. */
export const chance = (share) => percent(Math.min(Math.max(share, 1e-6), 1 - 1e-6));

/** Milliseconds as a person reads them. */
export function duration(ms) {
  if (ms < 10) return t("unit.ms", { value: number(ms, 1) });
  if (ms < 1000) return t("unit.ms", { value: number(Math.round(ms)) });
  return t("unit.s", { value: number(ms / 1000, ms < 10000 ? 1 : 0) });
}

/** A point in time, in the reader's notation and time zone. */
export function moment(iso) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** Fills `data-i18n` (text), `data-i18n-label` (aria-label) and `data-i18n-title` under a node. */
export function translate(root = document) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of root.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", t(node.dataset.i18nLabel));
  for (const node of root.querySelectorAll("[data-i18n-title]")) node.title = t(node.dataset.i18nTitle);
}

// Whoever imports this module has its texts: elements build themselves as soon as they are defined.
await loadTexts();
