"""The codes of what is written: SNOMED CT, DICOM and UCUM, and this project's own few.

References
----------
DICOM PS3.16 CID 7151 (segmentation property types), CID 7159 (lesions), CID 7469 (measurements),
CID 83 (units).
SNOMED CT International: 108369006, 393564001, 302820008, 127024001, 128319008, 49755003.
"""

from __future__ import annotations

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

ABNORMAL = codes.SCT.MorphologicallyAbnormalStructure
NEOPLASM = codes.SCT.Neoplasm
SITE = codes.SCT.IntracranialStructure
FAMILY = codes.DCM.ArtificialIntelligence
PROCEDURE = codes.cid100.MRIUnspecifiedBodyRegion
REPORT, DEVICE = codes.DCM.ImagingMeasurementReport, codes.DCM.Device

VOLUME, AREA = codes.SCT.Volume, codes.SCT.Area
LONG_AXIS, SHORT_AXIS = codes.SCT.LongAxis, codes.SCT.ShortAxis
MILLILITRE = Code("ml", "UCUM", "milliliter")
MILLIMETRE, SQUARE_MILLIMETRE = codes.UCUM.Millimeter, codes.UCUM.SquareMillimeter
NO_UNIT = codes.UCUM.NoUnits

OWN_SCHEME = "99NEURALSCAN"
OWN_SCHEME_NAME = "NeuralScan Edge"

KINDS = {
    "glioma": Code("393564001", "SCT", "Glioma"),
    "meningioma": Code("302820008", "SCT", "Intracranial meningioma"),
    "pituitary": Code("127024001", "SCT", "Neoplasm of pituitary gland"),
    "no_tumor": Code("NO_TUMOUR", OWN_SCHEME, "No tumour of the kinds looked for"),
}
"""The classifier's labels; any other label is a `NEOPLASM`."""

VERDICTS = {
    "tumor": Code("TUMOUR", OWN_SCHEME, "Tumour found"),
    "no_tumor": Code("NO_TUMOUR", OWN_SCHEME, "No tumour of the kinds looked for"),
    "uncertain": Code("UNCERTAIN", OWN_SCHEME, "Uncertain, a radiologist must look"),
}

VERDICT = Code("VERDICT", OWN_SCHEME, "Verdict of the algorithm")
LIKELIEST = Code("LIKELIEST", OWN_SCHEME, "Likeliest kind")
IN_SET = Code("PREDICTION_SET", OWN_SCHEME, "Kind in the prediction set")
READING = Code("READING", OWN_SCHEME, "Reading of the whole series")
SCORE = Code("LESION_SCORE", OWN_SCHEME, "Score of the lesion, 0 to 1")


def kind_of(label: str) -> Code:
    """The code of a classifier's label."""
    return KINDS.get(label, NEOPLASM)


def probability_of(label: str) -> Code:
    """The name of the probability of a label.

    Examples
    --------
    >>> probability_of("no_tumor").value
    'P_NO_TUMOR'
    """
    return Code(f"P_{label.upper()}"[:16], OWN_SCHEME, f"Probability of {label}".replace("_", " "))
