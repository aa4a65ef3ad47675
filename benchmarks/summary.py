"""What a run says in a minute: the headline table, remarks, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.plan import OWN_SCENARIOS
from benchmarks.results import MEASURED, NOT_MEASURED, Row, Run
from benchmarks.scaling import LABELS, curves, exponent
from benchmarks.statistics import drifts

_BUSY, _NAMED = 0.1, 12
_OUTPUTS_AGREE = 0.02


def measured(rows: Iterable[Row], scenario: str = "single-stream") -> list[Row]:
    """Measured rows of one scenario."""
    kept = (row for row in rows if row.status == MEASURED and not row.scale)
    return [row for row in kept if row.scenario == scenario]


def _figure(row: Row, name: str, digits: int) -> str:
    value = getattr(row, name)
    if value is None:
        return "–"
    span = row.intervals.get(name)
    text = f"{value:.{digits}f}"
    return f"{text} ({span[0]:.{digits}f} to {span[1]:.{digits}f})" if span else text


def _plain(value: object, digits: int = 3) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def yardstick(rows: Sequence[Row]) -> Row | None:
    """The row that others are held against: INT8 in OpenVINO."""
    found = (r for r in measured(rows) if (r.target, r.runtime, r.precision) == (
        "infer", "openvino", "INT8"))  # fmt: skip
    return next(found, None)


def headline(rows: Sequence[Row]) -> tuple[Sequence[str], list[list[str]]]:
    """One line for each target: latency, times as long as INT8, throughput, accuracy, size."""
    names = (
        "target", "median ms (95 %)", "p99 ms", "× INT8", "slices/s offline", "accuracy", "Dice",
        "flips", "MB", "RSS MB",
    )  # fmt: skip
    reference = yardstick(rows)
    offline = {row.name: row for row in measured(rows, "offline")}
    lines = []
    for row in measured(rows):
        many = offline.get(row.name)
        same = reference is not None and row.target == "infer"
        lines.append(
            [
                row.name,
                _figure(row, "p50_ms", 2),
                _plain(row.p99_ms, 2),
                f"{row.p50_ms / reference.p50_ms:.2f}" if same else "–",
                _figure(many, "throughput_per_s", 1) if many else "–",
                _plain(row.accuracy),
                _plain(row.dice),
                _plain(row.label_flips),
                _plain(row.size_mb, 1),
                _plain(row.rss_mb, 0),
            ]
        )
    return names, lines


def libraries(rows: Sequence[Row]) -> tuple[Sequence[str], list[list[str]]]:
    """One line for each library's row: its time, times as fast as the first, the same answers?"""
    names = ("what", "step", "library", "median ms (95 %)", "times as fast", "same answers")
    chosen = [r for r in rows if r.status == MEASURED and r.scenario in OWN_SCENARIOS]
    first: dict[tuple[str, str], Row] = {}
    lines = []
    for row in chosen:
        stock = first.setdefault((row.target, row.scenario), row)
        lines.append(
            [
                row.target,
                f"{row.scenario}, {row.hint}",
                row.runtime,
                _figure(row, "p50_ms", 3),
                f"{stock.p50_ms / row.p50_ms:.2f}" if stock is not row else "–",
                _same(row),
            ]
        )
    return names, lines


def scaling(rows: Sequence[Row]) -> tuple[Sequence[str], list[list[str]]]:
    """One line for each point of each axis, and how the time of a call grows along it."""
    names = ("axis", "value", "what", "median ms (95 %)", "p99 ms", "a second", "grows as")
    lines = []
    for (axis, target, scenario), curve in curves(rows).items():
        power = exponent(curve)
        for row in curve:
            lines.append(
                [
                    LABELS[axis],
                    f"{row.scale['value']:g}",
                    f"{target}, {scenario}",
                    _figure(row, "p50_ms", 2),
                    _plain(row.p99_ms, 2),
                    _figure(row, "throughput_per_s", 1),
                    f"value^{power:.2f}" if power is not None and row is curve[-1] else "",
                ]
            )
    return names, lines


def _same(row: Row) -> str:
    if "same" not in row.scored:
        return "–"
    found = []
    if "largest_difference" in row.scored:
        found.append(f"differs by {row.scored['largest_difference']:.1e}")
    if "equal_labels" in row.scored:
        found.append(f"{row.scored['equal_labels']:.1%} equal labels")
    return f"{'yes' if row.scored['same'] else 'no'}: {', '.join(found)}"


def origins(rows: Iterable[Row]) -> list[str]:
    """One line for each machine and revision that occurs, with the versions of all its rows."""
    found: dict[tuple, dict[str, str]] = {}
    for row in rows:
        if row.status != MEASURED:
            continue
        host = row.host
        key = (host.get("cpu", "unknown CPU"), host.get("cores", "?"), host.get("memory_gib", "?"),
               row.commit or "unknown", row.utc[:10])  # fmt: skip
        found.setdefault(key, {}).update({k: v for k, v in row.versions.items() if v})
    return [
        f"{cpu}, {cores} cores, {memory} GiB; commit {commit}; {day}; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        for (cpu, cores, memory, commit, day), versions in found.items()
    ]


def remarks(run: Run) -> list[str]:
    """What has to be known before a figure is believed."""
    rows = [row for row in run.rows if row.status == MEASURED]
    found = []
    if data := {row.scored["data"] for row in rows if row.accuracy is not None}:
        found.append(f"accuracy, Dice and flips on {', '.join(sorted(data))}")
    busy = [row for row in rows if (row.others_cores or 0.0) > _BUSY]
    if busy:
        most = max(row.others_cores for row in busy)
        named = [f"{row.name}, {row.scenario}" for row in busy]
        whole = "" if len(named) <= _NAMED else f" and {len(named) - _NAMED} more"
        found.append(
            f"other processes were busy during {len(busy)} of {len(rows)} rows, with up to "
            f"{most:.1f} cores: do not quote {'; '.join(named[:_NAMED])}{whole}"
        )
    for row in rows:
        if drifts(row.drift):
            found.append(
                f"{row.name}, {row.scenario}: its latency moved by {row.drift['percent']:+.1f} % "
                f"during the run (p = {row.drift['p']:.3f}): throttling, or a disturbance"
            )
    for row in measured(rows):
        difference = row.scored.get("largest_difference", 0.0)
        if row.precision == "FP32" and difference > _OUTPUTS_AGREE:
            found.append(f"{row.name} answers differently from OpenVINO by up to {difference:.3f}")
    notes = sorted({note for row in rows for note in row.notes})
    if any(row.driver == "loadgen" for row in rows):
        notes.append("traffic by MLCommons LoadGen where the row says so")
    return found + notes


def unmeasured(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Name and reason of what could not run, scenarios with one reason joined."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.status == NOT_MEASURED:
            found.setdefault((f"{row.name} on {row.device}", row.reason), []).append(row.scenario)
    return [(f"{name} ({', '.join(s)})", reason) for (name, reason), s in found.items()]
