"""Which MR sequence a DICOM header describes: one documented rule.

1. Only ``MR`` has a sequence.
2. The words of ``SeriesDescription`` and ``ProtocolName`` decide, the more special first: ADC, DWI,
   SWI, then "T1 FLAIR" as T1, FLAIR, T2, T1 and the names vendors give to T1 volumes, PD.
3. Without such words AcquisitionContrast decides, where an enhanced object has it, and else the
   timing: inversion time, echo time, repetition time (ms).
4. A T1 is ``T1c`` when the words say contrast, or when ``ContrastBolusAgent`` names one and the
   words do not say otherwise. It is ``T1`` when the words or the agent's field deny contrast.
   Else nobody knows (the field is often stripped): None, with a note.

References
----------
DICOM PS3.3 C.7.6.4 (contrast/bolus), C.8.3.1 (MR image).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNKNOWN_CONTRAST = (
    "The header says T1-weighted, but not whether contrast was given; the reading assumes it was."
)

_NOT_LETTER = r"(?<![a-z0-9]){}(?![a-z0-9])"
_WORDS = (
    ("ADC", r"adc|apparent diffusion|_adc"),
    ("DWI", r"dwi|diff|diffusion|trace[w]?|b ?[1-9]\d{2,3}|dti"),
    ("SWI", r"swi|swan|venobold|t2 ?\*|t2star|hemo|mip swi"),
    ("T1", r"t1w? flair|t1flair"),
    ("FLAIR", r"flair|t2flair|dark fluid|darkfluid|da fl|tirm"),
    ("T2", r"t2w?|t2 ?tse|t2 ?fse|haste|ciss|fiesta|space t2|drive"),
    ("T1", r"t1w?|t1 ?(ce|c|gd|km)|mprage|mpr|mp rage|spgr|fspgr|bravo|vibe|tfl|mp2rage|thrive"),
    ("PD", r"pd|pdw|proton density"),
)
_PATTERNS = tuple((name, re.compile(_NOT_LETTER.format(f"(?:{words})"))) for name, words in _WORDS)
_AGENT = r"(?:contrast|gd|gad|gado[a-z]*|km|cm|c)"
_CONTRAST = re.compile(
    _NOT_LETTER.format(
        r"(?:gd|gad|gado[a-z]*|dotarem|gadavist|magnevist|multihance|prohance|clariscan|post|"
        r"pg|ce|km|cm|contrast|t1 ?(?:c|ce|gd|km|post))"
    )
    + r"|\+ ?(?:c(?![a-z])|gd|km|contrast)|(?<![a-z])c ?\+"
)
_NATIVE = re.compile(
    _NOT_LETTER.format(
        r"(?:pre|native?|unenhanced|noncontrast|"
        rf"(?:w/?o|without|ohne|no|non|sans) {_AGENT}|(?:w/?o|without|ohne)$)"
    )
)
_DENIALS = ("", "no", "none", "n", "without", "no contrast", "0", "nil", "n/a", "na", "unenhanced")


@dataclass(frozen=True)
class Clues:
    """The parts of a header the rule looks at; times in milliseconds.

    ``agent`` is None when the attribute is absent, and empty when it is there without a value.
    ``weighting`` is what an enhanced object says in so many words.
    """

    modality: str | None
    text: str = ""
    agent: str | None = None
    scanning: tuple[str, ...] = ()
    repetition_ms: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    weighting: str | None = None


def sequence_of(clues: Clues) -> tuple[str | None, str | None]:
    """The sequence, or None, and a note when that needs an assumption.

    Examples
    --------
    >>> sequence_of(Clues("MR", "AX T1 SE +C"))
    ('T1c', None)
    >>> sequence_of(Clues("MR", "t1_mprage_sag", agent="Dotarem 15 ml"))
    ('T1c', None)
    >>> sequence_of(Clues("MR", "t1_mprage_pre", agent="Dotarem 15 ml"))
    ('T1', None)
    >>> sequence_of(Clues("MR", "t1_mpr_tra"))[0] is None
    True
    >>> sequence_of(Clues("MR", "", scanning=("SE",), repetition_ms=4000, echo_ms=100))
    ('T2', None)
    >>> sequence_of(Clues("CT", "T1"))
    (None, None)
    """
    if clues.modality != "MR":
        return None, None
    text = re.sub(r"(?<=\s)- ?c(?![a-z])", "native", clues.text.lower())
    text = re.sub(r"[_\-.,;:()\[\]]+", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    weighting = next((name for name, pattern in _PATTERNS if pattern.search(text)), None)
    weighting = weighting or clues.weighting or _by_timing(clues)
    if weighting != "T1":
        return weighting, None
    if _NATIVE.search(text):
        return "T1", None
    if _CONTRAST.search(text):
        return "T1c", None
    if clues.agent is None:
        return None, UNKNOWN_CONTRAST
    return ("T1" if clues.agent.strip().lower() in _DENIALS else "T1c"), None


def _by_timing(clues: Clues) -> str | None:
    """The weighting by repetition, echo and inversion time, where they are unmistakable."""
    repetition, echo, inversion = clues.repetition_ms, clues.echo_ms, clues.inversion_ms
    if repetition is None or echo is None or repetition <= 0 or echo <= 0:
        return None
    if "EP" in clues.scanning:
        return None
    if inversion and inversion >= 1500 and echo >= 60:
        return "FLAIR"
    gradient = "GR" in clues.scanning
    if gradient:
        fast = echo <= 12 and (repetition <= 60 or (inversion and 400 <= inversion <= 1400))
        return "T1" if fast else None
    if repetition >= 1800 and echo >= 70:
        return "T2"
    if repetition <= 1000 and echo <= 30:
        return "T1"
    if repetition >= 1800 and echo <= 40 and not inversion:
        return "PD"
    return None
