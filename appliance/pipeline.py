"""The sentence: check the series, prepare, infer, interpret, restore, report."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from appliance import burned_in, document, embedding
from appliance.backends import Answering, open_network
from appliance.core.errors import InputError
from appliance.core.manifest import Manifest
from appliance.core.suitability import check_header, demand_familiar, series_score
from appliance.core.types import Refusal, Report, Result, Series
from appliance.interpret import Interpretation, interpret
from appliance.machine import valid_for
from appliance.onedal import OutlierDetector
from appliance.opinion import FILE as OPINION
from appliance.opinion import OpinionEstimator, second_opinion
from appliance.package import PRECISIONS
from appliance.reading import Reading, read, remembered
from appliance.registry import Package, Sources, find_package
from appliance.settings import Settings
from appliance.task import Watch, find_task
from appliance.tasks.analyze import answer
from appliance.tuning import Tuning
from appliance.tuning import load as load_tuning

logger = logging.getLogger(__name__)
_NO_TIMINGS = dict.fromkeys(("decode", "prepare", "infer", "interpret", "total"), 0.0)
_MANY = 4
"""Series with at least this many slices go through the throughput network."""


class Analyzer:
    """A package ready to read series: compiled once, safe to call from several threads.

    Parameters
    ----------
    device : str
        OpenVINO device.
    models : Sources or sequence of Path
        Where packages come from; paths alone are folders searched before the shipped one.
    cache_dir : Path, optional
        Compiled-model cache.
    package : Package, optional
        Use this one instead of the first found.
    precision : str
        ``INT8`` (the package's network) or ``FP16`` (its reference).
    backend : str
        ``kserve://HOST:PORT``: a server that runs the network in place of this process.
    tuning : Tuning, optional
        Device and use of its cores, as measured here; takes the place of `device`.

    Raises
    ------
    ModelError, Unavailable
        When the package, the device or a file of them is unusable.
    """

    def __init__(
        self,
        device: str = "AUTO",
        models: Sources | Iterable[Path] = (),
        cache_dir: Path | None = None,
        package: Package | None = None,
        precision: str = "INT8",
        backend: str = "",
        tuning: Tuning | None = None,
    ) -> None:
        self.package = package or find_package(sources=models)
        self.package.verify()
        self.precision = precision
        self.tuning = tuning or Tuning(device)
        self._cache, self._backend = cache_dir, backend
        self._sha256 = self.package.sha256
        self._outliers = OutlierDetector.from_bytes(self.package.read(self._estimator()))
        self._opinion = (
            OpinionEstimator.from_bytes(self.package.read(OPINION))
            if OPINION in self.manifest.files
            else None
        )
        self._search = burned_in.Search()
        self._lock = threading.Lock()
        self._networks: dict[str, Answering] = {}
        self._network("LATENCY")

    def _estimator(self) -> str:
        """The refusal estimator of this precision; older packages have one for both."""
        own = f"{PRECISIONS.get(self.precision, '')}ood.npz"
        return own if own in self.manifest.files else "ood.npz"

    @property
    def manifest(self) -> Manifest:
        return self.package.manifest

    @property
    def device(self) -> str:
        """The device that executes, as OpenVINO reports it."""
        return self._network("LATENCY").device

    def _network(self, hint: str) -> Answering:
        with self._lock:
            if self._backend:
                hint = "LATENCY"  # one server answers both
            if hint not in self._networks:
                self._networks[hint] = open_network(
                    self.package,
                    self.precision,
                    device=self.tuning.device,
                    tuning=self.tuning,
                    hint=hint,
                    cache=self._cache,
                    backend=self._backend,
                )
            return self._networks[hint]

    def warm_up(self) -> None:
        """Compile both networks and run each once, so that the first slice is not the slow one."""
        size = self.manifest.preprocessing.size
        for hint in ("LATENCY", "THROUGHPUT"):
            self._network(hint).infer(np.zeros((1, size, size, 1), np.float32))

    def infer(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for one prepared slice, (1, size, size, 1) float32."""
        return self._network("LATENCY").infer(array)

    def _infer_many(
        self, slices: int, crowd: bool = False
    ) -> Callable[[Iterable[np.ndarray]], Iterator[Mapping]]:
        many = crowd or slices >= _MANY
        return self._network("THROUGHPUT" if many else "LATENCY").infer_many

    def read(
        self,
        series: Series,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        crowd: bool = False,
    ) -> Reading:
        """The one pass over a series."""
        infer = self._infer_many(series.volume.shape[0], crowd)
        return read(series, infer, self.manifest, progress, cancelled)

    def outlier_scores(self, reading: Reading) -> np.ndarray:
        """Out-of-distribution score of each slice that was read; 1.0 is the accepted limit."""
        return self._outliers.scores(reading.embeddings)

    def analyze(
        self,
        series: Series,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        decode_ms: float = 0.0,
        crowd: bool = False,
    ) -> Report:
        """The report of one series; a refusal is a report too.

        Parameters
        ----------
        crowd : bool
            Other series are analysed at the same time: the throughput network serves all, instead
            of each in turn having every core.

        Raises
        ------
        Cancelled
            When `cancelled` answered True.
        Busy, ModelError
        """
        started = time.perf_counter()
        timings = {**_NO_TIMINGS, "decode": decode_ms}
        rule, score = self.manifest.verdict, None
        look = self._search.begin(series, crowd)
        try:
            check_header(series, self.manifest)
            reading = self.read(series, progress, cancelled, crowd)
            timings.update(reading.timings_ms)
            before = time.perf_counter()
            scores = self.outlier_scores(reading)
            score = series_score(scores, rule)
            demand_familiar(score, rule)
        except InputError as error:
            series, text = look()
            timings["total"] = decode_ms + (time.perf_counter() - started) * 1e3
            refusal = Refusal(error.code, error.message)
            given = document.input_of(series)
            report = document.refused(given, refusal, self.model(), rule, timings, score)
            return burned_in.told(report, text)
        found = interpret(reading, self.manifest, scores)
        result, opinion = answer(found), self._second_opinion(found)
        series, text = look()
        now = time.perf_counter()
        timings["interpret"] += (now - before) * 1e3
        timings["total"] = decode_ms + (now - started) * 1e3
        report = document.analysed(series, result, self.model(), rule, timings, score, opinion)
        return burned_in.told(report, text)

    def _second_opinion(self, found: Interpretation) -> dict[str, Any] | None:
        """What the outline says by itself; None without an outline or an estimator."""
        if self._opinion is None:
            return None
        record = self.manifest.document["metrics"].get("second_opinion", {}).get("differed")
        return second_opinion(found, self._opinion, record)

    @property
    def embedder(self) -> str:
        """Digest of all that makes an embedding."""
        return embedding.embedder_of(self.manifest, self.precision)

    def embed(self, series: Series, index: int) -> np.ndarray:
        """What retrieval compares of one slice of the viewing grid: a vector of length 1."""
        return embedding.embed(series, index, self.manifest, self.infer)

    def run_task(
        self,
        task: str,
        inputs: Mapping[str, Series],
        options: Mapping[str, Any],
        watch: Watch = lambda share: None,
    ) -> Result:
        """One task on series by role, with the same refusals as `analyze`.

        Parameters
        ----------
        watch : callable, optional
            Told the progress of a task on a pair; what it raises stops the work.

        Raises
        ------
        InputError
            When the input is refused.
        NotFound
            For an unknown task.
        """
        found = find_task(task)
        more = (watch,) if found.on_pair else ()
        if not found.needs_model:
            return found.run(inputs, None, self.manifest, options, *more)
        seen = [inputs[role] for role in found.read or found.inputs]
        slices = max(series.volume.shape[0] for series in seen)
        infer = remembered(self._infer_many(slices))
        rule = self.manifest.verdict
        for series in seen:
            check_header(series, self.manifest)
            reading = read(series, infer, self.manifest)
            demand_familiar(series_score(self.outlier_scores(reading), rule), rule)
        return found.run(inputs, infer, self.manifest, options, *more)

    def refuse(self, refusal: Refusal, decode_ms: float = 0.0) -> Report:
        """The report of an input that could not even be read.

        Another modality or sequence is the better reason, where the header says so: mending the
        rest would not help.
        """
        try:
            check_header(refusal, self.manifest)
        except InputError as error:
            refusal = replace(refusal, code=error.code, message=error.message)
        timings = {**_NO_TIMINGS, "decode": decode_ms, "total": decode_ms}
        rule = self.manifest.verdict
        return document.refused(
            document.input_unread(refusal), refusal, self.model(), rule, timings
        )

    def model(self) -> dict[str, Any]:
        """The ``model`` part of a report: which network reads, in which precision and where."""
        return {
            "name": self.package.name,
            "version": self.package.version,
            "precision": self.precision,
            "device": self.device,
            "sha256": self._sha256,
        }


def build_analyzer(settings: Settings) -> Analyzer:
    """The analyser that settings ask for."""
    package = find_package(sources=settings.sources)
    tuning = None
    if settings.tuning and not settings.backend:
        tuning = load_tuning(settings.data, valid_for(package), settings.device)
    return Analyzer(
        settings.device,
        settings.sources,
        settings.cache,
        package=package,
        backend=settings.backend,
        tuning=tuning,
    )
