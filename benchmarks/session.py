"""One run: every target opened, scored and measured in turns, so that all share one weather.

Round after round each target gets a block of each scenario, in an order drawn anew; those that
wait are paused. What cannot run becomes a row that says why.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.errors import ApplianceError
from appliance.package import Package
from appliance.reading import Cancelled
from benchmarks import environments, host
from benchmarks.accuracy import Scores
from benchmarks.agreement import Agreements
from benchmarks.configuration import configuration
from benchmarks.energy import Meter
from benchmarks.inputs import Inputs
from benchmarks.networks import Networks
from benchmarks.plan import Contender, Preset
from benchmarks.process import THIS_PYTHON, Bystanders, Process
from benchmarks.results import Row
from benchmarks.rows import Measured, cut, empty_row, row_of

logger = logging.getLogger(__name__)
_SETTLE_S = 0.05
_FAILED = (ApplianceError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Options:
    """What a user can ask for.

    Attributes
    ----------
    calls : int or None
        Calls for a row in place of a time.
    slow_share : float
        Make every call of ``slow_group`` longer by this share: to see that `compare` notices.
    build : bool
        Whether environments that do not stand are built; else what needs them is not measured.
    """

    preset: Preset
    scenarios: tuple[str, ...]
    device: str = "CPU"
    warm_up: int = 2
    calls: int | None = None
    rate: float | None = None
    driver: str = "auto"
    slow_share: float = 0.0
    slow_group: str = "infer"
    seed: int = 0
    build: bool = True


@dataclass
class _Running:
    """A contender, its process once it stands, and what was measured of it."""

    contender: Contender
    process: Process | None = None
    opened: dict[str, Any] = field(default_factory=dict)
    driver: str = "plain"
    reason: str = ""
    measured: dict[str, Measured] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def fail(self, error: BaseException) -> None:
        message = getattr(error, "message", None) or str(error) or type(error).__name__
        self.reason = " ".join(message.split())
        if self.process is not None:
            self.process.close()
            self.process = None


class Session:
    """Opens, scores, measures; `rows` at the end.

    Parameters
    ----------
    progress : callable
        Told what is done next and the share of the whole, 0 to 1.
    cancelled : callable
        Asked between blocks.
    """

    def __init__(
        self,
        package: Package,
        inputs: Inputs,
        networks: Networks,
        scores: Scores,
        options: Options,
        cache: Path,
        progress: Callable[[str, float], None] = lambda text, share: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._package, self._inputs, self._networks = package, inputs, networks
        self._scores, self._options, self._cache = scores, options, cache
        self._progress, self._cancelled = progress, cancelled
        self._agreements = Agreements()
        self._meter = Meter.find()
        self._start = time.perf_counter()
        # A process ends with the thread that started it, so the threads stay to the end.
        self._openers = ThreadPoolExecutor(max(1, int(host.cores())))

    def run(self, contenders: Iterable[Contender]) -> list[Row]:
        """A row for each contender and scenario.

        Raises
        ------
        Cancelled
        """
        running = [_Running(one) for one in contenders]
        try:
            self._open_all(running)
            self._measure([one for one in running if one.process is not None])
        finally:
            for one in running:
                if one.process is not None:
                    one.process.close()
            self._openers.shutdown()
        return [row for one in running for row in self._rows(one)]

    def _step(self, text: str, share: float) -> None:
        if self._cancelled():
            raise Cancelled
        self._progress(text, share)

    def _scenarios(self, contender: Contender) -> list[str]:
        if contender.own:
            return list(contender.own)
        return [s for s in self._options.scenarios if s in (contender.scenarios or (s,))]

    # before measuring

    def _open_all(self, running: list[_Running]) -> None:
        """What starts cold alone one by one; what has scenarios of its own beside each other.

        Of those the ones of a target stay in order, because the first is what others agree with.
        """
        opened, lock = [0], threading.Lock()

        def several(some: Iterable[_Running]) -> None:
            for one in some:
                with lock:
                    self._step(f"open {one.contender.name}", 0.3 * opened[0] / len(running))
                    opened[0] += 1
                self._open(one)

        several(one for one in running if not one.contender.own)
        targets: dict[str, list[_Running]] = {}
        for one in running:
            if one.contender.own:
                targets.setdefault(one.contender.target, []).append(one)
        longest_first = reversed(targets.values())  # the training steps stand last
        for future in [self._openers.submit(several, some) for some in longest_first]:
            future.result()

    def _open(self, one: _Running) -> None:
        contender = one.contender
        try:
            host.demand(contender.precision)
            config = configuration(
                contender, self._package, self._inputs, self._networks, self._options.device
            )
            python = THIS_PYTHON
            if contender.environment:
                python = environments.interpreter(
                    contender.environment, self._cache, self._options.build
                )
            tool = environments.loadgen(python, self._cache, self._options.build)
            one.process = Process(contender.module, python, (tool,))
            one.opened = one.process.opened = one.process.ask(do="open", config=config)
            wanted = self._options.driver
            plain = self._options.calls is not None or contender.own or contender.scale
            slow = contender.target == "cli"  # LoadGen asks twice, of a call of seconds
            has = one.opened["loadgen"] and not (plain or slow)
            one.driver = ("loadgen" if has else "plain") if wanted == "auto" else wanted
            if contender.own or contender.scale:
                one.driver = "plain"
            self._judge(contender, one.process)
            one.process.pause()
        except _FAILED as error:
            logger.info("%s: %s", contender.name, error)
            one.fail(error)

    def _judge(self, contender: Contender, process: Process) -> None:
        """Ask for what says whether its answers are right."""
        if contender.scale:
            return
        if contender.own:
            onedal = contender.group == "onedal"
            what = self._inputs.cohort.what if onedal else "prepared slices"
            self._agreements.of(contender, process, what)
        else:
            self._scores.of(contender, self._networks, process)

    # measuring

    def _measure(self, running: list[_Running]) -> None:
        options, rng = self._options, np.random.default_rng(self._options.seed)
        turns = [
            (one, scenario)
            for one in running
            for scenario in self._scenarios(one.contender)
            for _ in range(self._visits(one))
        ]
        for round_ in range(options.preset.rounds):
            for number, which in enumerate(rng.permutation(len(turns))):
                one, scenario = turns[which]
                if one.process is None or scenario in one.failed:
                    continue
                done = (round_ + number / len(turns)) / options.preset.rounds
                self._step(f"{one.contender.name} {scenario}", 0.3 + 0.7 * done)
                self._block(one, scenario, round_)

    def _visits(self, one: _Running) -> int:
        """Blocks a round; one where there is a single round, or calls are counted."""
        whole = self._options.preset.rounds == 1 or self._options.calls is not None
        return 1 if whole else one.contender.visits

    def _block(self, one: _Running, scenario: str, round_: int) -> None:
        preset, options = self._options.preset, self._options
        warm_up = 0 if one.contender.target == "cli" else options.warm_up  # each starts cold
        if one.contender.own or one.contender.target == "dicom":
            warm_up = min(warm_up, 1)
        seconds = preset.seconds * one.contender.share / self._visits(one)
        request: dict[str, Any] = {"seconds": seconds, "warm_up": warm_up}
        if options.calls is not None:
            request |= {"seconds": 1e-6, "least": -(-options.calls // preset.rounds)}
        if scenario == "server":
            request["rate"] = self._rate(one)
        if options.slow_share and one.contender.group == options.slow_group:
            request["slow_share"] = options.slow_share
        measured = one.measured.setdefault(scenario, Measured())
        try:
            one.process.resume()
            time.sleep(_SETTLE_S)
            others, before = Bystanders(one.process), self._meter.read()
            at_s = time.perf_counter() - self._start
            answer = one.process.ask(
                do="block", scenario=scenario, driver=one.driver, seed=round_, **request
            )
            joules = self._meter.joules(before, self._meter.read())
            busy = others.cores()
            measured.rss_mb = max(measured.rss_mb, one.process.rss_mb())
            one.process.pause()
        except _FAILED as error:
            one.failed[scenario] = " ".join(str(error).split())
            if one.process is not None and "the process" in one.failed[scenario]:
                one.fail(error)
            return
        measured.add(answer, cut(answer, at_s, busy, preset.cut), joules)

    def _rate(self, one: _Running) -> float:
        """Seven tenths of what it can do, in two digits; or what the user asks for."""
        if self._options.rate:
            return self._options.rate
        known = one.measured.get("single-stream")
        if known is None or not known.pieces:
            answer = one.process.ask(do="block", scenario="single-stream", seconds=0.5)
            median = float(np.median(answer["latencies_ms"]))
        else:
            median = float(np.median(known.pieces[0].latencies_ms))
        if "rate" not in one.opened:
            one.opened["rate"] = float(f"{0.7e3 / median:.2g}")
        return one.opened["rate"]

    # after measuring

    def _rows(self, one: _Running) -> list[Row]:
        rows = []
        for scenario in self._scenarios(one.contender):
            measured = one.measured.get(scenario)
            reason = one.reason or one.failed.get(scenario, "")
            if measured is not None and measured.pieces:
                known = self._agreements if one.contender.own else self._scores
                score = {} if one.contender.scale else known.known(one.contender)
                rows.append(
                    row_of(one.contender, scenario, measured, one.opened, one.driver, score,
                           self._options.warm_up, self._meter.reason)
                )  # fmt: skip
            else:
                reason = reason or "it was not reached"
                rows.append(empty_row(one.contender, scenario, self._options.device, reason))
        return rows
