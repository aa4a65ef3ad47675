"""Which candidates nothing beats, which one to take, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.core.parity import mcnemar
from optimize.search.measure import against
from optimize.search.recipes import DEFAULT, REFERENCE

SLOWER = 1.02
"""A candidate counts as fast as the fastest unless it is surely slower than this."""

_UNSURE = 0.15
"""An interval wider than this share of the median makes the choice of the fast ones a guess."""


def judged(row: Mapping[str, Any]) -> bool:
    """Whether a candidate came as far as figures."""
    return row["status"] in ("kept", "missed")


def _aims(row: Mapping[str, Any]) -> tuple[float, float, float]:
    return row["time"]["median"], max(row["used"], 0.0), row["size_mb"]


def beats(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """No worse in time, in what it uses up of the bounds and in size, and better in one."""
    pairs = list(zip(_aims(one), _aims(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def front(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the judged candidates that no other one beats (Pareto)."""
    known = [row for row in rows if judged(row)]
    return [row["name"] for row in known if not any(beats(other, row) for other in known)]


def choose(
    rows: Sequence[Mapping[str, Any]], times: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """The candidate to take.

    Of those that keep every bound, the fastest; of those that are not surely slower than it, the
    one that uses up least of its bounds, then the one whose probabilities move least.

    Returns
    -------
    dict
        ``name`` (None when no candidate keeps the bounds), ``reason``, ``as_fast`` (names),
        ``front`` and, where both were judged, ``against_default`` (see `compared`).
    """
    kept = [row for row in rows if row["status"] == "kept" and row["name"] != REFERENCE]
    found: dict[str, Any] = {"name": None, "as_fast": [], "front": front(rows)}
    if not kept:
        return {**found, "reason": "No candidate keeps every bound: stay with FP32."}
    fastest = min(kept, key=lambda row: row["time"]["median"])
    fast = [
        row
        for row in kept
        if row is fastest or against(times, row["name"], fastest["name"])["low"] <= SLOWER
    ]
    best = min(fast, key=lambda row: (max(row["used"], 0.0), row["shift"]))
    found |= {"name": best["name"], "as_fast": [row["name"] for row in fast]}
    default = next((row for row in rows if row["name"] == DEFAULT and judged(row)), None)
    if default is not None and default is not best:
        found["against_default"] = compared(best, default, times)
    share, speed = f"{max(best['used'], 0.0):.0%}", f"{1 / best['time']['median']:.2f}"
    text = (
        f"{len(kept)} of {len(rows) - 1} candidates keep every bound. The fastest of them is "
        f"{fastest['name']}; "
    )
    if len(fast) == 1:
        text += f"all others are slower by more than {SLOWER - 1:.0%}. It uses up {share} "
    else:
        text += (
            f"{len(fast) - 1} more may be as fast, within {SLOWER - 1:.0%}. Of these "
            f"{best['name']} uses up least: {share} "
        )
    text += f"of its bounds, at {speed} times the speed of FP32."
    time = best["time"]
    if time["high"] - time["low"] > _UNSURE * time["median"]:
        text += (
            " The times are unsure (the choice's interval is "
            f"{(time['high'] - time['low']) / time['median']:.0%} of its median): take them again "
            "on a quiet machine, or with more rounds."
        )
    if default is not None:
        text += f" {_default(best, default, found.get('against_default'))}"
    return {**found, "reason": text}


def compared(
    best: Mapping[str, Any], default: Mapping[str, Any], times: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """The choice against the shipped setting, on the same slices.

    Returns
    -------
    dict
        ``only_choice_right`` and ``only_default_right`` (slices), ``p`` (McNemar, exact), ``time``
        (of the choice over the default's, with its interval).
    """
    pairs = list(zip(best["right"], default["right"], strict=True))
    mine, other = pairs.count(("1", "0")), pairs.count(("0", "1"))
    return {
        "only_choice_right": mine,
        "only_default_right": other,
        "p": mcnemar(mine, other),
        "time": against(times, best["name"], default["name"]),
    }


def _default(
    best: Mapping[str, Any], default: Mapping[str, Any], found: Mapping[str, Any] | None
) -> str:
    if found is None:
        return "It is the setting that `quantize` uses."
    held = "misses a bound" if default["status"] == "missed" else "keeps every bound"
    differ = (
        f"on {found['only_choice_right']} slices only the choice is right, on "
        f"{found['only_default_right']} only the default (McNemar p = {found['p']:.2f})"
    )
    time = found["time"]
    faster = (
        f"its time is {time['median']:.3f} of the default's ({time['low']:.3f} to "
        f"{time['high']:.3f})"
    )
    same = found["p"] > 0.05 and time["high"] > 1 / SLOWER and default["status"] == "kept"
    end = "; this is no reason to change the default." if same else "."
    return f"The setting that `quantize` uses ({default['name']}) {held}: {differ}; {faster}{end}"
