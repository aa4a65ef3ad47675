"""The benchmark row: one measurement, with everything needed to judge or repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from appliance.core.errors import BadRequest
from benchmarks.plan import name_of
from benchmarks.statistics import Piece

ROW_SCHEMA = "neuralscan/benchmark/1"
RUN_SCHEMA = "neuralscan/benchmarks/1"
RESULTS = "results.json"
MEASURED, NOT_MEASURED = "measured", "not measured"
IDENTITY = ("target", "runtime", "precision", "device", "hint", "scenario", "batch")
"""The columns that say what was measured; two rows that agree in them can be compared."""


@dataclass(frozen=True)
class Row:
    """One measurement, or the reason why there is none.

    Attributes
    ----------
    target : str
        What was called: ``infer`` (the network alone), or the whole appliance by its way in:
        ``report`` (file to report in memory), ``http``, ``cli``, ``dicom``; an estimator of the
        cohort's features (``neighbours``, ``svm``, ...); ``train``, a training step.
    runtime : str
        ``openvino``, or a peer.
    precision : str
        ``INT8``, ``FP16`` (weights), ``BF16`` (computed), ``FP32``.
    device : str
        Where it ran, as the runtime says after compiling.
    hint : str
        Performance hint and inference precision (``LATENCY, f32``), or a peer's threads.
    scenario : str
        ``single-stream``, ``multi-stream``, ``server``, ``offline``; ``fit``, ``predict``,
        ``train-step``.
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
        Of this very configuration, on the slices that ``scored`` names; flips against FP32.
    scored : mapping
        ``data``, ``n``, ``largest_difference`` (of a probability, against FP32); of estimators
        and training steps ``against``, ``largest_difference``, ``equal_labels``, ``same``.
    intervals : mapping
        Figure to its 95 % bootstrap interval over blocks.
    blocks : list of mapping
        What `benchmarks.statistics.Piece` keeps of each block.
    stages_ms : mapping
        Medians of decode, prepare, infer, interpret, render, and ``wait``: all else.
    energy_j : float or None
        Of the processors, a slice.
    notes : list of str
        What of this row was not measured, and why.
    scale : mapping
        ``axis`` and ``value`` of a row of `benchmarks.scaling`.
    driver : str
        Who made the traffic: ``loadgen``, ``plain``, ``benchmark_app``.
    loadgen : mapping
        Its own figures: medians over blocks.
    early_stopping_ms : mapping
        Percentile to the latency that bounds it with 99 % confidence.
    rate_per_s : float or None
        Queries a second that ``server`` sent.
    others_cores : float or None
        Cores that other processes kept busy, mean over blocks.
    drift : mapping or None
        See `benchmarks.statistics.drift`.
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
    scored: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    blocks: list[Mapping[str, Any]] = field(default_factory=list)
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    energy_j: float | None = None
    notes: list[str] = field(default_factory=list)
    scale: Mapping[str, Any] = field(default_factory=dict)
    driver: str = ""
    loadgen: Mapping[str, Any] = field(default_factory=dict)
    early_stopping_ms: Mapping[str, Any] = field(default_factory=dict)
    rate_per_s: float | None = None
    others_cores: float | None = None
    drift: Mapping[str, float] | None = None
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
        return *(getattr(self, name) for name in IDENTITY), *sorted(self.scale.items())

    @property
    def name(self) -> str:
        """What tables call it."""
        name = name_of(self.target, self.runtime, self.precision)
        return f"{name}, {self.scale['axis']} {self.scale['value']:g}" if self.scale else name

    @property
    def pieces(self) -> list[Piece]:
        """Its blocks; none in rows of older files."""
        return [Piece.from_json(block) for block in self.blocks]

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


@dataclass(frozen=True)
class Run:
    """Rows that were measured together, and the conditions they share.

    Attributes
    ----------
    about : mapping
        ``preset``, ``data``, ``model``, ``fingerprint``, ``utc``, ``minutes``; empty for a bare
        list of rows.
    """

    rows: tuple[Row, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": RUN_SCHEMA,
            "about": dict(self.about),
            "rows": [row.to_json() for row in self.rows],
        }


def save(run: Run | Iterable[Row], path: Path) -> None:
    """Write a run, or bare rows as a JSON list, atomically."""
    whole = run.to_json() if isinstance(run, Run) else [row.to_json() for row in run]
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def load_run(path: Path) -> Run:
    """A run, or a list of rows, from a file; or from ``results.json`` of a folder.

    Raises
    ------
    BadRequest
        When there is something else.
    """
    path = path / RESULTS if path.is_dir() else path
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path.name} is no JSON file of benchmark rows: {error}") from error
    about: Mapping[str, Any] = {}
    if isinstance(document, dict) and document.get("schema") == RUN_SCHEMA:
        document, about = document.get("rows"), document.get("about", {})
    if not isinstance(document, list) or not isinstance(about, Mapping):
        raise BadRequest(f"{path.name} holds no list of benchmark rows")
    return Run(tuple(Row.from_json(item) for item in document), about)


def load(path: Path) -> list[Row]:
    """Rows of a file; raises BadRequest when it holds something else."""
    return list(load_run(path).rows)
