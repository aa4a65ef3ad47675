"""The measures against the source confound, in the order in which `ladder` adds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from appliance.core.errors import BadRequest
from training.config import Augmentation

_WITHOUT = dict.fromkeys(("paint", "artefact", "curve", "bias", "down_sample", "jpeg"), 0.0)


@dataclass(frozen=True)
class Rung:
    """One more measure.

    Attributes
    ----------
    says : str
        What it adds, for the report.
    adds : mapping
        Fields of `Augmentation` that it sets.
    """

    name: str
    says: str
    adds: Mapping[str, float] = field(default_factory=dict)


RUNGS = (
    Rung("plain", "crop and scaling alike, flips, turns, scales, noise and blur", _WITHOUT),
    Rung(
        "looks",
        "curves of grey values, bias fields, down-sampling, JPEG",
        {"curve": 0.6, "bias": 0.4, "down_sample": 0.3, "jpeg": 0.3},
    ),
    Rung("painted", "tumours painted into healthy slices", {"paint": 0.35}),
    Rung("artefact", "the seams of painting on any slice, without meaning", {"artefact": 0.25}),
    Rung("borrow", "another slice's histogram on some", {"borrow": 0.1}),
    Rung("strip", "skin, fat and skull taken from some", {"strip": 0.08}),
)


def climbed(names: Sequence[str] | None = None) -> dict[str, Augmentation]:
    """By rung, its own measure and those of all rungs below that are asked for.

    Examples
    --------
    >>> {name: (found.curve, found.paint) for name, found in climbed(["plain", "looks"]).items()}
    {'plain': (0.0, 0.0), 'looks': (0.6, 0.0)}
    >>> climbed(["artefact"])["artefact"] == Augmentation(paint=0.0, curve=0.0, bias=0.0,
    ...     down_sample=0.0, jpeg=0.0)
    True

    Raises
    ------
    BadRequest
        For an unknown rung.
    """
    known = [rung.name for rung in RUNGS]
    if unknown := set(names or ()) - set(known):
        raise BadRequest(f"unknown rungs {sorted(unknown)}, known: {', '.join(known)}")
    at, found = replace(Augmentation(), **_WITHOUT), {}
    for rung in RUNGS:
        if names is None or rung.name in names:
            at = replace(at, **rung.adds)
            found[rung.name] = at
    return found
