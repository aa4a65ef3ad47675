"""Ways to run the package's network on this machine, timed against each other by turns.

All candidates are compiled first and then measured in short rounds, one after the other, so that a
busy neighbour or a warm processor slows all of them alike. What is compared are ratios within a
round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.core.errors import ApplianceError
from appliance.tuning import Tuning

if TYPE_CHECKING:
    from appliance.package import Package
    from appliance.runtime import Network

PRECISIONS = ("INT8", "FP16")
_ROUNDS = 8
_LEAST = 3  # answers a round
_WORTH = 0.95
_MOSTLY = 0.75


@dataclass(frozen=True)
class Candidate:
    """One way to run a network.

    Attributes
    ----------
    precision : str
        Which network of the package: ``INT8`` or its ``FP16`` reference.
    hint : str
        ``LATENCY`` or ``THROUGHPUT``.
    execution : str
        ``INFERENCE_PRECISION_HINT``.
    """

    tuning: Tuning
    precision: str = "INT8"
    hint: str = "LATENCY"
    execution: str = "f32"

    @property
    def device(self) -> str:
        return self.tuning.device

    def row(self) -> dict[str, Any]:
        """The row's first keys."""
        return {
            "device": self.device,
            "precision": self.precision,
            "hint": f"{self.hint}, {self.execution}",
            "setting": self.tuning.words(),
            "tuning": asdict(self.tuning),
        }


@dataclass
class _Timed:
    candidate: Candidate
    network: Network
    compile_ms: float
    times: list[float] = field(default_factory=list)  # ms a slice, a round each
    count: int = 0


def candidates(
    devices: Iterable[str], cores: float, isa: Mapping[str, bool] | None = None
) -> list[Candidate]:
    """What is tried: every device, precision and hint, and on the CPU other uses of its cores.

    Parameters
    ----------
    cores : float
        Cores this process may use.
    isa : mapping of name to bool, optional
        As `appliance.machine.cpu` gives it.

    Examples
    --------
    >>> for one in candidates(["CPU"], 2, {"AVX512-BF16": False}):
    ...     print(one.precision, one.hint, one.execution, one.tuning.words())
    INT8 LATENCY f32 CPU
    INT8 THROUGHPUT f32 CPU
    FP16 LATENCY f32 CPU
    INT8 LATENCY f32 CPU, pinning off
    INT8 LATENCY f32 CPU, 1 thread
    INT8 LATENCY f32 CPU, hyper_threading off
    INT8 LATENCY f32 CPU, hyper_threading on
    """
    found = []
    for device in devices:
        plain = Tuning(device)
        found += [Candidate(plain), Candidate(plain, hint="THROUGHPUT"), Candidate(plain, "FP16")]
        if device == "CPU" and any((isa or {}).get(name) for name in ("AVX512-BF16", "AMX-BF16")):
            found.append(Candidate(plain, "FP16", execution="bf16"))
    if "CPU" in devices:
        others = [Tuning("CPU", pinning=False)]
        others += [Tuning("CPU", cpu_threads=n) for n in _thread_counts(int(cores))]
        others += [Tuning("CPU", hyper_threading=on) for on in (False, True)]
        found += [Candidate(tuning) for tuning in others]
    return found


def _thread_counts(cores: int) -> list[int]:
    """Fewer threads than cores: half of them, and all but one."""
    return sorted({n for n in (cores // 2, cores - 1) if 0 < n < cores})


def _open(package: Package, candidate: Candidate) -> _Timed:
    from appliance.runtime import Network

    started = perf_counter()
    network = Network(
        package.network(candidate.precision),
        package.manifest.outputs,
        device=candidate.device,
        hint=candidate.hint,
        precision=candidate.execution,
        tuning=candidate.tuning,
    )
    return _Timed(candidate, network, (perf_counter() - started) * 1e3)


def _round(timed: _Timed, array: np.ndarray, seconds: float) -> float:
    """Milliseconds a slice over about so many seconds, at least a few answers."""
    started = perf_counter()
    stop = started + seconds
    count = 0
    if timed.candidate.hint == "LATENCY":
        spent = []
        while count < _LEAST or perf_counter() < stop:
            before = perf_counter()
            timed.network.infer(array)
            spent.append((perf_counter() - before) * 1e3)
            count += 1
        timed.count += count
        return median(spent)

    def stream() -> Iterable[np.ndarray]:
        sent = 0
        while sent < _LEAST * timed.network.requests or perf_counter() < stop:
            sent += 1
            yield array

    count = sum(1 for _ in timed.network.infer_many(stream()))
    timed.count += count
    return (perf_counter() - started) * 1e3 / count


def measure(
    package: Package,
    chosen: Sequence[Candidate],
    seconds: float = 20.0,
    progress: Callable[[float], None] = lambda share: None,
) -> list[dict[str, Any]]:
    """A row for each candidate, in order.

    Parameters
    ----------
    seconds : float
        For all of them together, compiling included where that is possible.

    Returns
    -------
    list of dict
        ``device``, ``precision``, ``hint``, ``setting``, ``tuning``, and with ``status``
        ``measured``: ``median_ms`` and ``per_s`` (of rounds), ``n``, ``compile_ms``, ``ratio``
        (median over the rounds against the first candidate of the same device, precision and
        hint), ``won`` (share of the rounds it was faster in). Else ``status`` ``not measured``
        and a ``reason``.
    """
    began = perf_counter()
    opened: dict[int, _Timed] = {}
    reasons: dict[int, str] = {}
    size = package.manifest.preprocessing.size
    array = np.zeros((1, size, size, 1), np.float32)
    for number, candidate in enumerate(chosen):
        try:
            opened[number] = _open(package, candidate)
            opened[number].network.infer(array)
        except (ApplianceError, ImportError, RuntimeError, KeyError) as error:
            opened.pop(number, None)
            reasons[number] = str(error)
        progress(0.3 * (number + 1) / len(chosen))
    left = max(0.0, seconds - (perf_counter() - began))
    for turn in range(_ROUNDS if opened else 0):
        for timed in opened.values():
            timed.times.append(_round(timed, array, left / _ROUNDS / len(opened)))
        progress(0.3 + 0.7 * (turn + 1) / _ROUNDS)
    return [
        {**candidate.row(), "status": "not measured", "reason": reasons[number]}
        if number in reasons
        else _measured(opened[number], _baseline(opened, candidate))
        for number, candidate in enumerate(chosen)
    ]


def _baseline(opened: dict[int, _Timed], candidate: Candidate) -> _Timed:
    """The first one measured that differs in nothing but the tuning."""
    same = (candidate.device, candidate.precision, candidate.hint)
    return next(
        timed
        for timed in opened.values()
        if (timed.candidate.device, timed.candidate.precision, timed.candidate.hint) == same
    )


def _measured(timed: _Timed, base: _Timed) -> dict[str, Any]:
    ratios = [mine / its for mine, its in zip(timed.times, base.times, strict=True)]
    typical = median(timed.times)
    return {
        **timed.candidate.row(),
        "status": "measured",
        "median_ms": round(typical, 2),
        "per_s": round(1e3 / typical, 1),
        "n": timed.count,
        "compile_ms": round(timed.compile_ms, 1),
        "ratio": round(median(ratios), 3),
        "won": round(sum(r < 1.0 for r in ratios) / len(ratios), 2),
    }


def recommend(rows: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """What to serve with: the device that answers one slice soonest with the INT8 network.

    Another use of the cores than OpenVINO's own is recommended only when it saves 5 % and was
    faster in three rounds of four; anything less is noise. None when nothing was measured.
    """
    served = [
        row
        for row in rows
        if row["status"] == "measured"
        and row["precision"] == "INT8"
        and row["hint"].startswith("LATENCY")
    ]
    if not served:
        return None
    plain = [row for row in served if Tuning(**row["tuning"]) == Tuning(row["device"])]
    best = min(plain or served, key=lambda row: row["median_ms"])
    reason = f"INT8, {best['median_ms']:g} ms a slice for the network alone"
    better = [
        row
        for row in served
        if row["device"] == best["device"] and row["ratio"] <= _WORTH and row["won"] >= _MOSTLY
    ]
    if better:
        chosen = min(better, key=lambda row: row["ratio"])
        saved = f"{1 - chosen['ratio']:.0%} less than OpenVINO's own choice"
        reason = f"INT8, {chosen['median_ms']:g} ms a slice for the network alone, {saved}"
        best = chosen
    return {
        "device": best["device"],
        "precision": "INT8",
        "tuning": best["tuning"],
        "setting": best["setting"],
        "reason": reason,
    }
