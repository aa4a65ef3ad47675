"""The timeline as SVG: one point for each study, how sure it is, what changed in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WORDS = {
    "larger": "larger",
    "smaller": "smaller",
    "within_error": "within the error",
    "new": "something new",
    "gone": "gone",
    "not_comparable": "not comparable",
}
UNITS = {"volume_ml": "ml", "area_mm2": "mm²", "area_px": "px of the last picture"}
_WIDE, _HIGH = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 26, 56
_STYLE = """
.timeline { --ink: #13212a; --quiet: #4d5f69; --line: #d5dde1; --mark: #1a62b0; color: var(--ink); }
@media (prefers-color-scheme: dark) {
  .timeline { --ink: #e9eff2; --quiet: #a3b3bc; --line: #27343c; --mark: #7db7f5; }
}
.timeline text { font: 13px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--quiet); }
.timeline .value { fill: var(--ink); font-weight: 600; }
.timeline .grid { stroke: var(--line); } .timeline circle { fill: var(--mark); }
.timeline .path, .timeline .bar { stroke: var(--mark); fill: none; stroke-width: 1.5; }
"""


def svg(timeline: Mapping[str, Any], verdicts: Sequence[str]) -> str:
    """The plot; empty when no study has a point.

    Parameters
    ----------
    timeline : mapping
        ``timeline`` of the document.
    verdicts : sequence of str
        Of each study against the one before it, one fewer than there are studies.
    """
    points = timeline["points"]
    shown = [(n, point) for n, point in enumerate(points) if point is not None]
    if not shown:
        return ""
    by_day = all(point["day"] is not None for _, point in shown)
    places = _places(points, by_day)
    top = _round_up(max(point["high"] for _, point in shown) or 1.0)

    def height(value: float) -> float:
        return _HIGH - _BOTTOM - (_HIGH - _TOP - _BOTTOM) * value / top

    parts = [
        f'<svg class="timeline" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'role="img" aria-label="{escape(_spoken(shown, timeline["measure"]))}">',
        f"<style>{_STYLE}</style>",
        f'<text x="4" y="14">All lesions together, {UNITS[timeline["measure"]]}</text>',
        *_axis(top, height),
        *_between(places, verdicts),
    ]
    path = " ".join(f"{places[n]:.1f},{height(point['value']):.1f}" for n, point in shown)
    parts.append(f'<polyline class="path" points="{path}"/>')
    for number, point in shown:
        parts += _mark(places[number], point, height)
    for number, point in enumerate(points):
        name = f"day {point['day']}" if by_day and point else f"study {number + 1}"
        parts.append(_text(places[number], _HIGH - _BOTTOM + 18, name))
    return "\n".join([*parts, "</svg>"])


def _places(points: Sequence[Any], by_day: bool) -> list[float]:
    """Where each study stands across; by days where all of them are known."""
    known = by_day and all(point is not None for point in points)
    values = [point["day"] if known else n for n, point in enumerate(points)]
    first, last = values[0], max(values[-1], values[0] + 1)
    inner = _WIDE - _LEFT - _RIGHT - 80
    return [_LEFT + 40 + inner * (value - first) / (last - first) for value in values]


def _axis(top: float, height: Any) -> list[str]:
    found = []
    for share in (0.0, 0.5, 1.0):
        y = height(top * share)
        found.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{_number(top * share)}</text>'
        )
    return found


def _between(places: Sequence[float], verdicts: Sequence[str]) -> list[str]:
    """The verdict of each step, halfway between its studies, in two rows where it is crowded."""
    crowded = len(verdicts) > 3
    return [
        _text(
            (places[n] + places[n + 1]) / 2,
            _HIGH - (8 if crowded and n % 2 else 22),
            WORDS[word],
            "value",
        )
        for n, word in enumerate(verdicts)
    ]


def _mark(x: float, point: Mapping[str, Any], height: Any) -> list[str]:
    low, high, y = height(point["low"]), height(point["high"]), height(point["value"])
    return [
        f'<path class="bar" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {low:.1f}h10'
        f'M{x - 5:.1f} {high:.1f}h10"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>',
        _text(x, high - 6, _number(point["value"]), "value"),
    ]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _number(value: float) -> str:
    """A number of three digits or so.

    >>> [_number(v) for v in (0.0, 0.1234, 12.34, 1234.5)]
    ['0', '0.12', '12.3', '1234']
    """
    if value == 0:
        return "0"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten.

    >>> _round_up(3.1), _round_up(0.19), _round_up(1300)
    (5.0, 0.2, 2000.0)
    """
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(float(f * power) for f in (1, 2, 2.5, 5, 10) if f * power >= value * (1 - 1e-9))


def _spoken(shown: Sequence[tuple[int, Mapping[str, Any]]], measure: str) -> str:
    said = ", ".join(f"study {n + 1}: {_number(point['value'])}" for n, point in shown)
    return f"All lesions together in {UNITS[measure]}; {said}"
