// Verdicts on two series in words, with what each means and its tone.

import { humanise } from "./dom.js";
import { t } from "./i18n.js";

const UNJOINED = "registration_failed";
const NOT_DONE = { carry: ["pair.verdict.uncarried", "pair.meaning.uncarried"] };
const UNFUSED = ["pair.verdict.unfused", "pair.meaning.unfused"];

const notDone = (pair) => (pair.refusal?.code === UNJOINED ? NOT_DONE[pair.task] ?? UNFUSED : null);
const VERDICTS = {
  good: ["pair.verdict.good", "pair.meaning.good", "no_tumor"], doubtful: ["pair.verdict.doubtful", "pair.meaning.doubtful", "uncertain"],
  failed: ["pair.verdict.failed", "pair.meaning.failed", "refused"], fused: ["pair.verdict.fused", "pair.meaning.fused", "no_tumor"],
  refused: ["pair.verdict.refused", "pair.meaning.refused", "refused"], larger: ["pair.verdict.larger", "pair.meaning.change", "uncertain"],
  smaller: ["pair.verdict.smaller", "pair.meaning.change", "uncertain"], within_error: ["pair.verdict.within", "pair.meaning.within", "no_tumor"],
  new: ["pair.verdict.new", "pair.meaning.new", "uncertain"], gone: ["pair.verdict.gone", "pair.meaning.gone", "uncertain"],
  carried: ["pair.verdict.carried", "pair.meaning.carried", "uncertain"], nothing_to_carry: ["pair.verdict.nothing", "pair.meaning.nothing", "no_tumor"],
  not_comparable: ["pair.verdict.not", "pair.meaning.not", "refused"],
};

/** The verdict's headline. */
export function titleOfVerdict(pair) {
  const refused = notDone(pair);
  if (refused) return t(refused[0]);
  const known = VERDICTS[pair.verdict];
  return known ? t(known[0]) : humanise(pair.verdict ?? pair.task);
}

/** What the verdict means for the reader, as a key of the catalogue or null, and its tone. */
export function meaningOf(pair) {
  const [, meaning, tone] = VERDICTS[pair.verdict] ?? [null, null, "uncertain"];
  return { meaning: notDone(pair)?.[1] ?? meaning, tone };
}
