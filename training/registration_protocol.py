"""Every CT/MR pair, its MR moved by known transforms: errors, and what the verdict makes of them.

The pairs are an atlas's: its CT and MR were brought together by someone else's registration, some
after an operation, some cut at another tilt. The error is taken against that. Beside it stands how
far the pair disagrees with itself: the mean of where four measures lead from the atlas's own
position, and how far they scatter about it. Where they agree among themselves and not with the
atlas, the error says more about the pair than about the registration. Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.transforms import about, corners, rotation, target_errors
from training.registration_pairs import displaced

SOURCE = "protocol"
TRANSFORMS = 20
"""Known transforms that a pair can be moved by."""
_SIDE = 256
_ALLOWED_PX, _MISSED_PX = 4.0, 5.0
_REACH = 0.06
_CUTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def names(root: Path) -> list[str]:
    """The pairs; all but the last three digits are the patient."""
    return sorted(path.stem for path in (root / "ct_mr" / "CT").glob("*.png"))


def tasks(count: int, transforms: int, every: int = 1) -> list[tuple[str, int]]:
    """Numbers of the runs: pair times `TRANSFORMS` plus the transform.

    Examples
    --------
    >>> tasks(3, 1)
    [('protocol', 0), ('protocol', 21), ('protocol', 42)]
    """
    chosen = [(pair, turn) for turn in range(transforms) for pair in range(0, count, every)]
    return [(SOURCE, pair * TRANSFORMS + (pair + 7 * turn) % TRANSFORMS) for pair, turn in chosen]


def known(number: int) -> np.ndarray:
    """Transform ``number`` of `TRANSFORMS`: 20 degrees, 20 pixels, scale 0.9 to 1.1 at most."""
    rng = np.random.default_rng([2024, number])
    middle = np.full(2, (_SIDE - 1) / 2)
    turn = rng.uniform(0.9, 1.1) * rotation(rng.uniform(-20, 20))
    return about(middle, turn, rng.uniform(-20, 20, 2))


def measured(root: Path, k: int) -> dict[str, Any]:
    """Register run ``k``; errors in pixels of the CT at the corners of its head."""
    from appliance.registration import evidence, images
    from appliance.registration.align import align_pictures
    from training.registration_pairs import read

    name, truth = names(root)[k // TRANSFORMS], known(k % TRANSFORMS)
    ct, mr = (read(root / "ct_mr" / kind / f"{name}.png") for kind in ("CT", "MR"))
    fixed, moving = images.of_picture(ct), images.of_picture(displaced(mr, truth))
    found = align_pictures(fixed, moving, lambda share: None)
    shown = evidence.of_pictures(fixed, moving, found, lambda share: None)
    points = corners(*fixed.box)
    own, scatter = of_itself(fixed, moving, truth)

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return round(float(target_errors(one, other, points).mean()), 3)

    error = apart(found.matrix, truth)
    row = {"source": SOURCE, "k": k, "kind": "right", "group": name[:-3], "blank": False}
    row |= {"error_px": error, "error": error / fixed.size, "score": round(found.score, 5)}
    row |= {"pair_px": apart(own, truth), "scatter_px": round(scatter, 3)}
    return {**row, "from_pair_px": apart(found.matrix, own), **shown}


def of_itself(fixed: Any, moving: Any, truth: np.ndarray) -> tuple[np.ndarray, float]:
    """Where the pair itself would lie: the mean of four measures' optima, and their scatter, px."""
    from appliance.registration.align import SHARP
    from appliance.registration.polish import Match, polish

    match = Match(fixed.shrunk(2), moving.shrunk(2), sigma=SHARP)
    led = [polish(match, truth, _REACH, 3, 0.05, worth=w)[0] for w in match.alone().values()]
    mean = np.mean(led, axis=0)
    points = corners(*fixed.box)
    return mean, float(np.mean([target_errors(one, mean, points).mean() for one in led]))


def report(rows: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> dict[str, Any]:
    """Errors over all and by patient, verdicts by error, and what other cuts would give."""
    from appliance.registration.verdict import Limits

    limits = Limits.from_json(document)
    p = np.array([limits.probability(row) for row in rows])
    error, pair, ours = (_column(rows, k) for k in ("error_px", "pair_px", "from_pair_px"))
    patients = np.array([row["group"] for row in rows])
    found: dict[str, Any] = {"n": len(rows), "all": _errors(error, pair, ours)}
    found["patients"] = {
        str(who): _errors(*(part[patients == who] for part in (error, pair, ours)))
        for who in sorted(set(patients))
    }
    words = np.where(p >= limits.good, "good", np.where(p < limits.failed, "failed", "doubtful"))
    found["verdicts"] = {}
    for title, where in _bands(error).items():
        counts = {
            word: int((words[where] == word).sum()) for word in ("good", "doubtful", "failed")
        }
        found["verdicts"][title] = counts
    found["cuts"] = trade_off(p, error, (limits.good, *_CUTS))
    return found


def trade_off(p: np.ndarray, error: np.ndarray, cuts: Sequence[float]) -> list[dict[str, Any]]:
    """For each cut: shares of the runs that miss and are flagged, of the good ones that are."""
    missed, fine = error > _MISSED_PX, error <= _ALLOWED_PX
    return [
        {
            "good_from": round(float(cut), 3),
            "missed_flagged": _share(p[missed] < cut),
            "fine_flagged": _share(p[fine] < cut),
        }
        for cut in cuts
    ]


def _share(flags: np.ndarray) -> float | None:
    return round(float(flags.mean()), 3) if flags.size else None


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], np.float64)


def _bands(error: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "to 4 px": error <= _ALLOWED_PX,
        "4 to 5 px": (error > _ALLOWED_PX) & (error <= _MISSED_PX),
        "5 to 10 px": (error > _MISSED_PX) & (error <= 10.0),
        "beyond 10 px": error > 10.0,
    }


def _errors(error: np.ndarray, pair: np.ndarray, ours: np.ndarray) -> dict[str, Any]:
    return {
        "n": int(error.size),
        "median_px": round(float(np.median(error)), 2),
        "p95_px": round(float(np.quantile(error, 0.95)), 2),
        "beyond_5_px": int((error > _MISSED_PX).sum()),
        "pair_median_px": round(float(np.median(pair)), 2),
        "from_pair_median_px": round(float(np.median(ours)), 2),
    }
