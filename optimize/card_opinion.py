"""What the card says of the second opinion; every figure is the manifest's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "expert": "outlines of experts",
    "moved": "the same, moved",
    "network": "outlines of a network that has not seen the fold",
}


def about_opinion(figures: Mapping[str, Any] | None) -> list[str]:
    """Lines of Markdown; none for a package without a second opinion.

    Examples
    --------
    >>> about_opinion(None)
    []
    """
    if figures is None:
        return []
    folds, method = figures["accuracy"]["expert"]["by_fold"], figures["method"]
    lines = [
        "## Second opinion",
        "",
        f"{method[0].upper()}{method[1:]}, without a look at what the classifier says, fitted on "
        f"folds {figures['fitted_on_folds']}.",
        "Share of tumours whose type is right, each fold judged by an estimator of the others:",
        "",
        "| judged on | " + " | ".join(f"fold {fold}" for fold in folds) + " | all | n |",
        "| --- |" + " --- |" * (len(folds) + 2),
    ]
    for kind, text in _KINDS.items():
        found = figures["accuracy"].get(kind)
        if found is not None:
            cells = [_share(found["by_fold"].get(fold)) for fold in folds]
            lines.append(f"| {text} | {' | '.join(cells)} | {found['value']:.3f} | {found['n']} |")
    beside = figures["beside_the_network"]
    lines += ["", _beside(f"Folds {beside['folds']}, as served", beside)]
    if "other_sources" in figures:
        lines += ["", _beside("Other sources (development figures)", figures["other_sources"])]
    return [*lines, ""]


def _share(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _beside(where: str, found: Mapping[str, Any]) -> str:
    differed = found["differed"]
    return (
        f"{where}: of {found['n']} outlined tumours the second opinion names "
        f"{found['second_opinion_right']} rightly, the network {found['network_right']}. They "
        f"differ on {differed['n']}: there the network is right on {differed['network_right']}, "
        f"the second opinion on {differed['second_opinion_right']}."
    )
