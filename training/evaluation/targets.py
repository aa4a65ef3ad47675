"""The targets: each a figure of the evaluation, a bound, and whether it is met. None is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A bound on a figure.

    Attributes
    ----------
    least : bool
        The figure has to be at least the bound; otherwise at most.
    find : callable
        The evaluation to the figure: a number, an entry with ``value`` and ``interval``, or None.
    """

    group: str
    name: str
    bound: float
    least: bool
    find: Callable[[Document], Any]


def _pooled(*keys: str) -> Callable[[Document], Any]:
    return lambda document: _walk(document["figures"]["pooled"], keys)


def _walk(found: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _lowest_coverage(document: Document) -> Any:
    """The class whose prediction sets hold the truth least often."""
    classes = document["figures"]["pooled"]["by_class"].values()
    known = [c["set_coverage"] for c in classes if c["set_coverage"]["value"] is not None]
    return min(known, key=lambda e: e["value"], default=None)


def _elsewhere(part: str, *keys: str) -> Callable[[Document], Any]:
    """A figure of the network trained on all folds; of the fold models' mean without one."""

    def find(document: Document) -> Any:
        found = document.get(part)
        if found is None:
            return None
        whole = found["by_network"].get("all")
        return _walk(whole if whole is not None else found["mean"], keys)

    return find


def _lesion_found(document: Document) -> Any:
    found = document.get("brats")
    if found is None:
        return None
    networks = found["by_network"]
    chosen = [networks["all"]] if "all" in networks else list(networks.values())
    return sum(n["lesion_found"] for n in chosen) / len(chosen)


_FOLDS, _OTHER = "fold-out, INT8, input grid", "other sources"
_REAL = "real volumes"
TARGETS = (
    Target(_FOLDS, "tumour types right (tumour slices)", 0.95, True, _pooled("types")),
    Target(_FOLDS, "four classes right", 0.96, True, _pooled("accuracy")),
    Target(_FOLDS, "AUC tumour against no tumour", 0.99, True, _pooled("auc")),
    Target(_FOLDS, "Dice meningioma", 0.88, True, _pooled("by_class", "meningioma", "dice")),
    Target(_FOLDS, "Dice pituitary", 0.84, True, _pooled("by_class", "pituitary", "dice")),
    Target(_FOLDS, "Dice glioma", 0.66, True, _pooled("by_class", "glioma", "dice")),
    Target(_FOLDS, "AP50", 0.85, True, _pooled("ap50")),
    Target(_FOLDS, "mask on healthy slices", 0.01, False, _pooled("false_mask_rate")),
    Target(_FOLDS, "expected calibration error", 0.03, False, _pooled("calibration_error")),
    Target(_FOLDS, "set holds the truth, class with the least", 0.94, True, _lowest_coverage),
    Target(_FOLDS, "labels in the set, mean", 1.15, False, _pooled("set_size")),
    Target(_FOLDS, "verdict uncertain", 0.06, False, _pooled("uncertain")),
    Target(_OTHER, "tumours called no_tumor", 0.03, False,
           _elsewhere("other_sources", "called_no_tumor")),
    Target(_OTHER, "labelled as tumour, of those read", 0.95, True,
           _elsewhere("other_sources", "sensitivity_when_read")),
    Target(_OTHER, "verdict uncertain", 0.15, False, _elsewhere("other_sources", "uncertain")),
    Target(_OTHER, "refused", 0.20, False, _elsewhere("other_sources", "refused")),
    Target(_OTHER, "Dice of those read", 0.85, True,
           _elsewhere("other_sources", "dice_when_read")),
    Target(_REAL, "schwannoma series: tumour slices found", 0.80, True,
           _elsewhere("schwannoma", "found_tumor")),
    Target(_REAL, "schwannoma series: healthy slices called tumour", 0.10, False,
           _elsewhere("schwannoma", "healthy_called_tumor")),
    Target(_REAL, "skull-stripped T1c volume: lesion found", 1.0, True, _lesion_found),
)  # fmt: skip


def judge_targets(document: Document) -> list[dict[str, Any]]:
    """Every target with its figure and ``met``, ``not met`` or ``not measured``."""
    rows = []
    for target in TARGETS:
        found = target.find(document)
        entry = found if isinstance(found, Mapping) else {"value": found, "interval": None}
        value = entry["value"]
        if value is None:
            status = "not measured"
        else:
            right = value >= target.bound if target.least else value <= target.bound
            status = "met" if right else "not met"
        rows.append(
            {
                "group": target.group,
                "target": target.name,
                "bound": f"{'≥' if target.least else '≤'} {target.bound:g}",
                "value": value,
                "interval": entry.get("interval"),
                "status": status,
            }
        )
    return rows
