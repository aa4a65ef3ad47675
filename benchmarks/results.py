"""The benchmark row: one measurement, with everything needed to judge or repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest

ROW_SCHEMA = "neuralscan/benchmark/1"
MEASURED, NOT_MEASURED = "measured", "not measured"
IDENTITY = ("target", "runtime", "precision", "device", "hint", "scenario", "batch")
"""The columns that say what was measured; two rows that agree in them can be compared."""


@dataclass(frozen=True)
class Row:
    """One measurement, or the reason why there is none.

    Attributes
    ----------
    target : str
        What was called: ``report`` (bytes to report), ``infer`` (the network alone), ``http``.
    runtime : str
        ``openvino``.
    precision : str
        Of the weights: ``INT8`` or ``FP16``.
    device : str
        Where it ran, as the runtime says after compiling.
    hint : str
        Performance hint and inference precision, ``LATENCY, f32``.
    scenario : str
        ``single-stream`` or ``offline``.
    batch, n, warm_up : int
        Items in a call, measured calls, calls before the clock started.
    p50_ms, p90_ms, p95_ms, p99_ms : float or None
        Percentiles of the time of one call.
    throughput_per_s : float or None
        Items a second over the whole run.
    cold_start_ms : float or None
        From nothing loaded to the first answer, imports excluded.
    rss_mb, size_mb : float or None
        Resident memory after the run; size of the model's files. Megabytes of 10^6 bytes.
    accuracy, dice, label_flips : float, float, int or None
        Filled where the run scored data with known truth.
    host, versions : mapping
        CPU, cores, memory; versions of what was measured.
    commit, utc : str
        Source revision (``+`` when files were changed) and the time of the measurement.
    """

    target: str
    runtime: str
    precision: str
    device: str
    hint: str
    scenario: str
    batch: int = 1
    n: int = 0
    warm_up: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    throughput_per_s: float | None = None
    cold_start_ms: float | None = None
    rss_mb: float | None = None
    size_mb: float | None = None
    accuracy: float | None = None
    dice: float | None = None
    label_flips: int | None = None
    host: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    utc: str = ""
    status: str = MEASURED
    reason: str = ""
    schema: str = ROW_SCHEMA

    def __post_init__(self) -> None:
        if self.status not in (MEASURED, NOT_MEASURED):
            raise ValueError(f"status is {MEASURED!r} or {NOT_MEASURED!r}, not {self.status!r}")
        if self.status == NOT_MEASURED and not self.reason:
            raise ValueError("a row that was not measured says why")

    @property
    def identity(self) -> tuple[Any, ...]:
        """What was measured, without the figures."""
        return tuple(getattr(self, name) for name in IDENTITY)

    def to_json(self) -> dict[str, Any]:
        """The row of the contract; a reason only where nothing was measured."""
        document = asdict(self)
        if self.status == MEASURED:
            del document["reason"]
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Row:
        """Read a row back; raises BadRequest for another schema or unknown keys."""
        if not isinstance(document, Mapping) or document.get("schema") != ROW_SCHEMA:
            raise BadRequest(f"expected rows of schema {ROW_SCHEMA}")
        names = {f.name for f in fields(cls)}
        if unknown := set(document) - names:
            raise BadRequest(f"unknown columns {sorted(unknown)}")
        try:
            return cls(**document)
        except (TypeError, ValueError) as error:
            raise BadRequest(f"not a benchmark row: {error}") from error


def save(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a JSON list, atomically."""
    text = json.dumps([row.to_json() for row in rows], indent=1) + "\n"
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> list[Row]:
    """Rows of a file.

    Raises
    ------
    BadRequest
        When the file holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path.name} is no JSON file of benchmark rows: {error}") from error
    if not isinstance(document, list):
        raise BadRequest(f"{path.name} holds no list of benchmark rows")
    return [Row.from_json(item) for item in document]
