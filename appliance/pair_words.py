"""Verdicts on two series in plain words: a headline and what it means for the reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS: Mapping[str, tuple[str, str]] = {
    "good": (
        "The two images lie on each other",
        "Every check of the registration agrees. Look at edges and midline all the same.",
    ),
    "doubtful": (
        "The two images may not lie on each other",
        "Some checks of the registration disagree. Compare both images before relying on it.",
    ),
    "failed": (
        "The two images could not be brought together",
        "They may show another person, another part of the head, or a mirrored one.",
    ),
    "fused": ("Both images in one picture", "It is a picture to look at, not to measure in."),
    "carried": (
        "Lesions carried across",
        "They were read in the moving image and are reported in the pixels and millimetres of the "
        "fixed one, which no network read.",
    ),
    "nothing_to_carry": (
        "No lesion to carry across",
        "Nothing was outlined in the moving image; nothing is said about the fixed one.",
    ),
    "refused": ("Not done", "Nothing is said about the patient."),
    "registration_failed": ("Not fused", "Two images that may not belong together are not mixed."),
    "carry_refused": (
        "Not carried across",
        "Nothing is said about the fixed image: the two may not belong together.",
    ),
    "larger": ("Larger", "The change is beyond what measuring again would show."),
    "smaller": ("Smaller", "The change is beyond what measuring again would show."),
    "within_error": ("No change beyond the error", "Measuring again could show as much."),
    "new": ("New", "The earlier image shows nothing at this place."),
    "gone": ("Gone", "The later image shows nothing at this place."),
    "not_comparable": ("Not comparable", "These two images allow no statement about a change."),
}
TONES = {
    "good": "no_tumor", "fused": "no_tumor", "within_error": "no_tumor",
    "doubtful": "uncertain", "larger": "uncertain", "smaller": "uncertain",
    "new": "uncertain", "gone": "uncertain", "carried": "uncertain", "nothing_to_carry": "no_tumor",
}  # fmt: skip
"""Which of the report's colours a verdict has; the rest is shown as refused."""


_ROLES: Mapping[str, tuple[str, str]] = {"track": ("later study", "earlier study")}
_LAYERS: Mapping[tuple[str, str], str] = {
    ("track", "label_map"): "Lesions of the later study",
    ("track", "prior_labels"): "Lesions of the earlier study",
    ("carry", "label_map"): "Lesions read in the moving image",
}


def roles(task: str) -> dict[str, str]:
    """What a task calls the two images.

    >>> roles("fuse"), roles("track")
    ({'fixed': 'fixed', 'moving': 'moving'}, {'fixed': 'later study', 'moving': 'earlier study'})
    """
    return dict(zip(("fixed", "moving"), _ROLES.get(task, ("fixed", "moving")), strict=True))


def layer_name(task: str, layer: str) -> str:
    """A layer's name for a person.

    >>> layer_name("track", "prior_labels"), layer_name("segment", "label_map")
    ('Lesions of the earlier study', 'Label map')
    """
    return _LAYERS.get((task, layer), layer.replace("_", " ").capitalize())


def in_words(document: Mapping[str, Any]) -> tuple[str, str]:
    """Headline and explanation of a result's verdict.

    >>> in_words({"verdict": "fused", "task": "fuse"})[0]
    'Both images in one picture'
    >>> in_words({"verdict": "much_better", "task": "t"})
    ('Much better', '')
    """
    code = (document.get("refusal") or {}).get("code")
    if document["task"] == "carry" and code == "registration_failed":
        code = "carry_refused"
    verdict = code if code in WORDS else str(document.get("verdict") or document["task"])
    return WORDS.get(verdict, (verdict.replace("_", " ").capitalize(), ""))


def tone(document: Mapping[str, Any]) -> str:
    """The report's colour of a verdict."""
    return TONES.get(str(document.get("verdict")), "refused")
