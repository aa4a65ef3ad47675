"""What the routes call: one object that holds store, jobs, analyser and measurements."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from appliance import (
    heap,
    ingest,
    links,
    measurements,
    pair_work,
    pseudonym,
    series_work,
    task_inputs,
)
from appliance.audit import Audit
from appliance.core.errors import BadRequest, Busy, Unavailable
from appliance.core.types import Report, Series, Study
from appliance.dicom_origin import Origin
from appliance.identity import Vault
from appliance.jobs import Control, Job, Jobs
from appliance.library import Library
from appliance.network import spool
from appliance.pairs import Pairs
from appliance.recent import Recent
from appliance.settings import Settings
from appliance.store import Store
from appliance.task import find_task, pair_tasks
from appliance.telemetry import Telemetry

_SPARE = 2


def _default_analyzer(settings: Settings) -> Any:
    from appliance.pipeline import build_analyzer

    return build_analyzer(settings)


class Service:
    """An appliance without its web server.

    Parameters
    ----------
    analyzer : appliance.pipeline.Analyzer, optional
        Built when first needed where None is given.
    """

    def __init__(
        self,
        settings: Settings,
        analyzer: Any = None,
        build: Callable[[Settings], Any] = _default_analyzer,
    ) -> None:
        self.settings = settings
        self.store = Store(settings.data)
        self.pseudonyms = pseudonym.load(settings.data)
        self.vault = Vault(settings.data, settings.vault_key)
        self.vault.keep_only(self.store.all_studies() | spool.waiting_studies(settings.data))
        self.audit = Audit(settings.data)
        self.recent = Recent(settings.recent)
        self.pairs = Pairs(self.store)
        self.library = Library(self.store, settings.library)
        self.telemetry = Telemetry()
        self.network: Any = None  # an `appliance.network.hub.Network` while one runs
        self.deliver: Callable[[str, str], None] | None = None
        self._analyzer, self._build = analyzer, build
        self._building = threading.Lock()
        self.ready = analyzer is not None
        self._turns = threading.BoundedSemaphore(max(1, settings.threads - _SPARE))
        self.jobs = Jobs(
            self.store.engine,
            self._work,
            settings.workers,
            settings.queue,
            apart=(measurements.TASK, *pair_tasks()),
        )
        for name, text, value in (
            ("neuralscan_jobs_queued", "Jobs that wait", lambda: self.jobs.waiting),
            ("neuralscan_jobs_running", "Jobs that run", lambda: self.jobs.running),
            ("neuralscan_ready", "1 when the model is warm", lambda: float(self.ready)),
        ):
            self.telemetry.gauge(name, text, value)

    def close(self) -> None:
        """Stop the workers and let go of the files."""
        self.jobs.close()
        self.store.close()

    @property
    def analyzer(self) -> Any:
        """The analyser; raises ModelError or Unavailable when it cannot be made."""
        with self._building:
            if self._analyzer is None:
                self._analyzer = self._build(self.settings)
            return self._analyzer

    @property
    def built(self) -> Any:
        """The analyser where there is one already, else None."""
        return self._analyzer

    def warm_up(self) -> None:
        """Compile and run the network once; `ready` afterwards."""
        self.analyzer.warm_up()
        self.ready = True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self.settings.wait_s):
            raise Busy("too many analyses are under way; try again in a few seconds")
        try:
            yield
        finally:
            self._turns.release()

    def analyze(self, data: ingest.Content, name: str) -> tuple[dict[str, Any], bool]:
        """One input, read and analysed now; the report's JSON and whether it could be read.

        Nothing is written to disk: the pictures stay in memory for a while.

        Raises
        ------
        BadRequest
            When the upload holds more than one series.
        Busy
            When no turn came in time.
        """
        with self._turn():
            before = perf_counter()
            study = self.pseudonyms.study(ingest.read_bytes(data, name, self.settings.limits))
            decode_ms = (perf_counter() - before) * 1e3
            if len(study.series) > 1:
                raise BadRequest(
                    f"expected one series, this upload holds {len(study.series)}: send it to "
                    "POST /api/v1/studies and start the task analyze there"
                )
            if study.series:
                series = study.series[0]
                report = self.analyzer.analyze(series, decode_ms=decode_ms)
                self.recent.put(series, report)
            else:
                report = self.analyzer.refuse(study.refusals[0], decode_ms)
        self.telemetry.report(report.document)
        return links.of_recent(report, bool(study.series)), bool(study.series)

    def embed(self, study: str, series: str, number: int) -> np.ndarray:
        """What retrieval compares of a stored slice; raises NotFound, InputError or Busy."""
        with self._turn():
            return self.analyzer.embed(self.store.series(study, series), number)

    def add_study(
        self,
        files: Sequence[tuple[str, ingest.Content]],
        title: str | None = None,
        sample: bool = False,
    ) -> tuple[str | None, list[dict[str, Any]]]:
        """Keep uploaded files as a study: its identifier, and reports of what cannot be read.

        A sample is kept even when nothing in it can be read; an upload then is not, and the
        identifier is None.
        """
        read = ingest.read_files(files, self.settings.limits, self.vault.open)
        study = self.pseudonyms.study(read)
        kept = self.pseudonyms.study(read, sample or self.settings.keep_names)
        refused = []
        for refusal in study.refusals:
            report = self.analyzer.refuse(refusal)
            self.telemetry.report(report.document)
            refused.append(links.of_study(report, None))
        if not (study.series or sample):
            return None, refused
        size = sum(series.volume.array.nbytes for series in read.series)
        uid = self._keep(read, kept, title, sample)
        del read, study, kept
        heap.give_back(size)
        return uid, refused

    def add_path(self, path: Path) -> tuple[str | None, Study]:
        """Keep a file or folder as a study: its identifier, None when nothing in it can be read."""
        read = ingest.read_path(path, self.settings.limits, self.vault.open)
        kept = self.pseudonyms.study(read, self.settings.keep_names)
        return (self._keep(read, kept, None, False) if read.series else None), kept

    def _keep(self, read: Study, kept: Study, title: str | None, sample: bool) -> str:
        """Store a study, and in the linked mode seal what its pseudonyms stand for, first."""
        origin = Origin.between(read, kept) if self.vault.open else None
        if origin is None:
            return self.store.put(kept, title, sample)
        uid = self.store.uid_of(kept)
        self.vault.put(uid, origin)
        try:
            return self.store.put(kept, title, sample)
        except BaseException:
            if uid not in self.store.all_studies():
                self.vault.erase(uid)
            raise

    def outgoing(self, study: str, series: Series | None) -> Series | None:
        """A series as objects that leave carry it: in the linked mode under its own identifiers.

        Raises
        ------
        Unavailable
            When they were kept but cannot be opened: nothing leaves under a wrong name.
        """
        origin = self.vault.get(study) if self.vault.open else None
        return series if series is None or origin is None else origin.restored(series)

    def delete_study(self, study: str) -> None:
        """Cancel a study's jobs and remove it, with what memory holds of it; raises NotFound."""
        inputs = [series["sha256"] for series in self.store.study(study)["series"]]
        self.jobs.cancel_study(study)
        spool.forget(self.settings.data, study)
        self.vault.erase(study)
        self.store.delete(study)
        self.recent.forget(study, inputs)

    def start(self, study: str, task: str, body: dict[str, Any]) -> str:
        """Queue a task on a study; the job's id.

        Parameters
        ----------
        body : dict
            ``{"series": uid}``, ``{"inputs": {role: {"study", "series"}}}`` or neither (every
            series); and ``"options"``.

        Raises
        ------
        BadRequest, Busy, NotFound
        """
        chosen, options = task_inputs.chosen(self.store, study, find_task(task), body)
        return self.jobs.submit(study, task, chosen, options)

    def _work(self, job: Job, control: Control) -> list[dict[str, str]]:
        """Do a job: one input after the other, each result kept as it comes."""
        if job.task == measurements.TASK:
            measurements.measure(self.settings, self.analyzer.package.name, control)
            return []
        done = []
        for number, places in enumerate(job.inputs):
            control.check()

            def within(share: float, number: int = number) -> None:
                control.report((number + share) / len(job.inputs))

            if len(places) > 1:

                def watch(share: float, within: Callable[[float], None] = within) -> None:
                    control.check()
                    within(share)

                kept = self.store, self.pairs, self.audit
                done.append(
                    pair_work.run(*kept, self.analyzer, job.task, places, job.options, watch)
                )
                continue
            keeps = self.store, self.audit, self.telemetry
            place = series_work.run(*keeps, self.analyzer, job, places, within, control.cancelled)
            if job.options.get("deliver") and self.deliver is not None:
                self.deliver(place["study"], place["series"])
            done.append(place)
            heap.give_back()
            within(1.0)
        return done

    def job(self, job: str) -> dict[str, Any]:
        """A job with its results; raises NotFound."""
        found = self.jobs.get(job)
        found["results"] = [
            pair_work.in_job(self.pairs, place)
            if "pair" in place
            else series_work.in_job(self.store, found["task"], place)
            for place in found["results"]
        ]
        return found

    def analysed(self, study: str, only: str | None = None) -> list[tuple[Report, Series | None]]:
        """A study's reports in order, then those of what could not be read.

        Parameters
        ----------
        only : str, optional
            One series' identifier; raises NotFound when it has no report.
        """
        if only is not None:
            return [(self.store.report(study, only), self.store.series(study, only))]
        kept = self.store.study(study)
        uids = [s["series_instance_uid"] for s in kept["series"] if s["verdict"]]
        found: list[tuple[Report, Series | None]] = [
            (self.store.report(study, uid), self.store.series(study, uid)) for uid in uids
        ]
        return found + [(self.analyzer.refuse(r), None) for r in self.store.refusals(study)]

    def require_ready(self) -> None:
        """Raise Unavailable while the model is not warm."""
        if not self.ready:
            raise Unavailable("the model is being prepared; ask again in a few seconds")
