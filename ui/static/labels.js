// What the server's short names are called in a sentence; names the catalogue does not know stay readable.

import { t } from "./i18n.js";

const LABELS = { glioma: "label.glioma", meningioma: "label.meningioma", pituitary: "label.pituitary", no_tumor: "label.no_tumor", other: "label.another" };
const KINDS = { image: "kind.image", dicom: "kind.dicom", nifti: "kind.nifti" };

const plain = (name) => String(name).replace(/[_-]+/g, " ").trim();

/** A text that begins with a capital letter. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A class label as it stands inside a sentence: `no_tumor` is "no tumour". */
export function labelInWords(name) {
  return name in LABELS ? t(LABELS[name]) : plain(name);
}

/** The kind of an input: `nifti` is "NIfTI". */
export function kindInWords(kind) {
  return kind in KINDS ? t(KINDS[kind]) : plain(kind);
}

/** The lesions the model can name, in its order: every label but the one for their absence. */
export function knownLesions({ probabilities }) {
  return Object.keys(probabilities).filter((name) => name !== "no_tumor").map(labelInWords);
}
