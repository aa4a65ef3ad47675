"""The Pareto plot as inline SVG: time over FP32 against the share of the bounds used up.

Hand-made, since a scatter of some thirty marks needs no library. Colours are classes of the
page's style sheet, so that the plot is light or dark with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 360, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 22, 44
_NEAR = 1.25
"""The enlarged plot ends at this many times the fastest candidate's time."""
_CAP = 2.0
"""Candidates that use up more of a bound stand at the upper edge."""
_ENOUGH = 12.0
_TRIES = ((6, -6), (6, 13), (-16, -5), (-16, 12), (-4, -9), (-4, 18), (14, 3), (-24, 3))


def _ticks(low: float, high: float) -> list[float]:
    step = next(
        s
        for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
        if (high - low) / s <= 7 or s == 5
    )
    first = int(low / step)
    found = [round(step * i, 2) for i in range(first, int(high / step) + 2)]
    return [tick for tick in found if low <= tick <= high]


class _Scale:
    def __init__(self, times: Sequence[float], enlarged: bool) -> None:
        room = 0.01 if enlarged else 0.05
        self.low = max(0.0, min(times) - room)
        self.high = (max(times) if enlarged else max(*times, 1.0)) + room

    def x(self, time: float) -> float:
        return _LEFT + (time - self.low) / (self.high - self.low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, used: float) -> float:
        share = min(max(used, 0.0), _CAP) / _CAP
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def pareto(
    rows: Sequence[Mapping[str, Any]],
    front: Iterable[str],
    choice: str | None,
    enlarged: bool = False,
) -> str:
    """The plot; empty when there is nothing to show.

    Parameters
    ----------
    rows : of the search document
        Marks carry the number of their row, counted from 1.
    front : names that nothing beats
    enlarged : bool
        Only the fastest candidates, which crowd in the whole plot.
    """
    judged = [(number, row) for number, row in enumerate(rows, 1) if "time" in row]
    if enlarged and judged:
        limit = _NEAR * min(row["time"]["median"] for _, row in judged)
        judged = [pair for pair in judged if pair[1]["time"]["median"] <= limit]
    if len(judged) < (3 if enlarged else 1):
        return ""
    scale = _Scale([row["time"]["median"] for _, row in judged], enlarged)
    parts = [_frame(scale), _line(scale, [row for _, row in judged if row["name"] in set(front)])]
    taken = [(scale.x(r["time"]["median"]), scale.y(r["used"])) for _, r in judged]
    for number, row in judged:
        parts.append(_mark(scale, number, row, row["name"] == choice, taken))
    label = "Time over FP32 against the share of the bounds used up, one mark for each candidate"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _frame(scale: _Scale) -> str:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick in _ticks(scale.low, scale.high):
        x = scale.x(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in (0.0, 0.5, 1.0, 1.5, _CAP):
        y, kind = scale.y(tick), "bound" if tick == 1.0 else "grid"
        text = f"{tick:.0%}" if tick < _CAP else f"≥{tick:.0%}"
        parts.append(f'<path class="{kind}" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">time over FP32 (f32 = 1)</text>'
        f'<text x="{right - 4}" y="{scale.y(1.0) - 5:.1f}" text-anchor="end">bound</text>'
    )
    return "".join(parts)


def _line(scale: _Scale, rows: Sequence[Mapping[str, Any]]) -> str:
    """Through those that no other one beats in both of the plot's directions."""
    ordered = sorted(rows, key=lambda row: (row["time"]["median"], row["used"]))
    seen = [
        row for i, row in enumerate(ordered) if all(row["used"] < o["used"] for o in ordered[:i])
    ]
    points = [f"{scale.x(r['time']['median']):.1f} {scale.y(r['used']):.1f}" for r in seen]
    return f'<path class="front" d="M{" L".join(points)}"/>' if len(points) > 1 else ""


def _mark(
    scale: _Scale,
    number: int,
    row: Mapping[str, Any],
    chosen: bool,
    taken: list[tuple[float, float]],
) -> str:
    x, y = scale.x(row["time"]["median"]), scale.y(row["used"])
    low, high = (
        min(max(scale.x(row["time"][end]), _LEFT), WIDTH - _RIGHT) for end in ("low", "high")
    )
    title = escape(f"{number} {row['name']}: {row['says']}")
    ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="9"/>' if chosen else ""
    dx, dy = max(_TRIES, key=lambda t: _room(x + t[0] + 4, y + t[1] - 4, taken))
    taken.append((x + dx + 4, y + dy - 4))
    return (
        f'<g class="{escape(row["family"])}"><title>{title}</title>'
        f'<path class="spread" d="M{low:.1f} {y:.1f}H{high:.1f}"/>{ring}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x + dx:.1f}" y="{y + dy:.1f}">{number}</text></g>'
    )


def _room(x: float, y: float, taken: Sequence[tuple[float, float]]) -> float:
    """Distance to the nearest mark or number, up to enough; nothing leaves the picture."""
    if not (_LEFT < x < WIDTH - _RIGHT and 8 < y < HEIGHT - _BOTTOM):
        return -1.0
    return min(_ENOUGH, *(((x - a) ** 2 + (y - b) ** 2) ** 0.5 for a, b in taken))
