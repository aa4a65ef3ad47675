"""A DICOM image without what tells a person: PS3.15's Basic Application Confidentiality Profile.

Which attribute is removed, emptied or replaced is the standard's table E.1-1, as the library
dicom-anonymizer carries it; it is applied at every depth, also inside sequences. What the table
does not name is treated by its kind: private and unknown attributes go, names are emptied, free
text and dates go, and UIDs are renamed. UIDs are those of `appliance.pseudonym`, so that an image
and what this appliance wrote about it still belong together.

References
----------
DICOM PS3.15 E.1 to E.3 and table E.1-1; PS3.16 CID 7050 (codes of the method).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable

import pydicom
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID_dictionary

from appliance import __version__
from appliance.dicom_objects import patient_code

EDITION = "2026c"
"""Of the standard whose table is applied."""
REMOVE, EMPTY, REPLACE, RENAME, CLEAN = "remove", "empty", "replace", "rename", "clean"
SHORTEN = "shorten"
"""Emptied; a sequence, which may not be empty where it is optional, is removed."""
_TABLE = f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{EDITION}"
_CODES = {
    "X_TAGS": REMOVE,
    "Z_TAGS": EMPTY,
    "X_Z_TAGS": SHORTEN,
    "D_TAGS": REPLACE,
    "Z_D_TAGS": REPLACE,
    "X_D_TAGS": REPLACE,
    "X_Z_D_TAGS": REPLACE,
    "U_TAGS": RENAME,
    "X_Z_U_STAR_TAGS": CLEAN,
}
"""Where the table leaves a choice by the type of the attribute, the one every type allows."""
_BY_KIND = {"PN": EMPTY, "UI": RENAME, "SQ": CLEAN}
_BY_KIND |= dict.fromkeys(("DA", "DT", "TM", "LT", "ST", "UT", "UC", "UR", "UN", "AS"), REMOVE)
_DUMMY = dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "REMOVED")
_DUMMY |= {"DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y"}
_DUMMY |= {"UR": "http://removed.invalid", "IS": "0", "DS": "0"}
_KEPT = frozenset(
    pydicom.tag.Tag(keyword) for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
)
_SHORTEST = 4
"""Letters of a name or number that are looked for in what is kept; shorter ones fit by chance."""

Rename = Callable[[str], str]


@functools.cache
def _table() -> tuple[dict[int, str], tuple[tuple[int, int, str], ...]]:
    """What is done to each tag, and to groups of tags: (tag, mask, action)."""
    database = importlib.import_module(_TABLE)
    single: dict[int, str] = {}
    groups = []
    for category, action in _CODES.items():
        for group, element, *mask in getattr(database, category):
            tag = group << 16 | element
            if mask:
                groups.append((tag, mask[0] << 16 | mask[1], action))
            else:
                single[tag] = action
    return single, tuple(groups)


def action_of(tag: int, kind: str) -> str | None:
    """What is done to an attribute; None for one that stays as it is.

    Parameters
    ----------
    tag : int
    kind : str
        Its value representation.

    Examples
    --------
    >>> action_of(0x00100010, "PN"), action_of(0x00081030, "LO"), action_of(0x00280010, "US")
    ('empty', 'remove', None)
    >>> action_of(0x00091001, "LO"), action_of(0x60003000, "OW")
    ('remove', 'remove')
    """
    single, groups = _table()
    if tag in single:
        return single[tag]
    if (tag >> 16) % 2 or tag >> 16 < 8:
        return REMOVE
    for like, mask, action in groups:
        if tag & mask == like & mask:
            return action
    if tag in _KEPT:
        return None
    if not dictionary_has_tag(tag):
        return REMOVE
    return _BY_KIND.get(kind)


def deidentify(dataset: Dataset, rename: Rename, cleaned: bool = False) -> Dataset:
    """Treat a data set in place.

    Parameters
    ----------
    rename : callable
        A UID to the one that stands for it.
    cleaned : bool
        Whether text in the pixels was looked for and blackened, which the object then says.

    Returns
    -------
    Dataset
        The one given, with new file meta information and an empty preamble.
    """
    own = _words_of(dataset)
    _treat(dataset, rename)
    _forget(dataset, own)
    code = patient_code(dataset.StudyInstanceUID)
    dataset.PatientID, dataset.PatientName = f"NS{code}", f"Pseudonym^{code}"
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.DeidentificationMethod = [
        f"NeuralScan Edge {__version__}"[:64],
        f"PS3.15 {EDITION} Basic Application Confidentiality Profile",
    ]
    done = [("113100", "Basic Application Confidentiality Profile")]
    if cleaned:
        done.append(("113101", "Clean Pixel Data Option"))
        dataset.BurnedInAnnotation = "NO"
    dataset.DeidentificationMethodCodeSequence = [_code(*one) for one in done]
    dataset.file_meta = _meta(dataset)
    dataset.preamble = b"\0" * 128
    return dataset


def _meta(dataset: Dataset) -> FileMetaDataset:
    """File meta information with nothing of the one before but how the bytes are written."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return meta


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _treat(dataset: Dataset, rename: Rename, always: str | None = None) -> None:
    """Do to every attribute, and to those of its items, what the profile says.

    Parameters
    ----------
    always : str, optional
        What is done to all that would stay: inside a sequence that is replaced.
    """
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            action = action_of(int(tag), element.VR) or always
            if action is not None:
                _apply(dataset, element, action, rename)
        except Exception:
            # A value too damaged to be read may say anything.
            del dataset[tag]


def _apply(dataset: Dataset, element: DataElement, action: str, rename: Rename) -> None:
    kind = element.VR
    if action == REMOVE or (action == SHORTEN and kind == "SQ"):
        del dataset[element.tag]
    elif kind == "SQ":
        if action == EMPTY:
            element.value = []
        for item in element.value:
            _treat(item, rename, REPLACE if action == REPLACE else None)
    elif kind == "UI":
        element.value = _renamed(element.value, rename)
    elif action in (EMPTY, SHORTEN):
        element.clear()
    elif action == REPLACE:
        element.value = _dummy(kind)
    elif action == RENAME:  # no UID by its kind, whatever the table says
        del dataset[element.tag]


def _renamed(value: object, rename: Rename) -> object:
    """UIDs renamed; those of the standard itself tell nobody and stay."""
    if isinstance(value, str):
        return value if not value or value in UID_dictionary else rename(value)
    return [_renamed(one, rename) for one in (value or [])]  # type: ignore[attr-defined]


def _dummy(kind: str) -> object:
    if kind in ("FD", "FL"):
        return 0.0
    if kind in ("SS", "US", "SL", "UL", "SV", "UV", "AT"):
        return 0
    return _DUMMY.get(kind, b"\0\0")


def _words_of(dataset: Dataset) -> frozenset[str]:
    """Names and numbers of the patient, in lower case, as they may stand elsewhere too."""
    keywords = (
        "PatientName",
        "PatientID",
        "OtherPatientIDs",
        "AccessionNumber",
        "OtherPatientNames",
    )
    found: set[str] = set()
    for keyword in (*keywords, "PatientBirthDate", "ReferringPhysicianName"):
        try:
            value = dataset.get(keyword)
            texts = [str(value)] if isinstance(value, str) or not _many(value) else map(str, value)
        except Exception:  # a damaged value cannot be compared with; the profile treats it
            continue
        for text in texts:
            found |= set(text.lower().replace("^", " ").replace("=", " ").split())
    return frozenset(word for word in found if len(word) >= _SHORTEST and word != "none")


def _many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, pydicom.valuerep.PersonName)


def _forget(dataset: Dataset, words: frozenset[str]) -> None:
    """Remove what was kept but repeats the patient's own name or numbers."""
    for tag in list(dataset.keys()):
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _forget(item, words)
        elif element.VR in ("LO", "SH", "AE"):
            text = str(element.value).lower()
            if any(word in text for word in words):
                del dataset[tag]
