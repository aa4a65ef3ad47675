"""Long work: a bounded pool of threads, a bounded queue, and states that survive a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from appliance.core.errors import ApplianceError, Busy, NotFound, Unavailable
from appliance.index import jobs as table
from appliance.index import storage_errors
from appliance.store import utc_now

logger = logging.getLogger(__name__)
QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)
_ATTEMPTS = 3
_RETRY_S = 2.0


class Stopped(Exception):
    """Work ended early because it was told to."""


@dataclass(frozen=True)
class Job:
    """What is to be done; ``inputs`` is a list of ``{role: {"study", "series"}}``."""

    job: str
    study: str | None
    task: str
    inputs: list[dict[str, dict[str, str]]]
    options: dict[str, Any]


@dataclass
class Control:
    """How a running job is watched and stopped."""

    progress: float = 0.0
    _cancel: threading.Event = field(default_factory=threading.Event)

    def report(self, share: float) -> None:
        """Take note of progress, 0 to 1; it never goes back."""
        self.progress = max(self.progress, min(1.0, float(share)))

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Whether the work should stop."""
        return self._cancel.is_set()

    def check(self) -> None:
        """Raise `Stopped` when the work should stop."""
        if self.cancelled():
            raise Stopped


Work = Callable[[Job, Control], list[dict[str, str]]]
"""Does a job; what it returns is kept as the job's results."""


class Jobs:
    """The queue and its workers.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of the index.
    work : callable
        ``work(job, control) -> results``; called in a worker's thread.
    workers, limit : int
        Jobs that run together, and that may wait.
    apart : collection of str
        Tasks with one worker of their own, so that their minutes hold nobody up.
    """

    def __init__(
        self,
        engine: sa.Engine,
        work: Work,
        workers: int = 1,
        limit: int = 64,
        apart: Collection[str] = (),
    ) -> None:
        self._engine, self._work, self._limit = engine, work, limit
        self._changed = threading.Condition()
        self._waiting: dict[str, bool] = {}  # in order; whether its task is one of those apart
        self._apart = frozenset(apart)
        self._running: dict[str, Control] = {}
        self._ends: dict[str, dict[str, Any]] = {}  # of jobs whose end could not be stored yet
        self._closing = False
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._requeue()

    def _requeue(self) -> None:
        """What waited or ran when the last process ended is done now, in the same order."""
        unfinished = table.c.state.in_((QUEUED, RUNNING))
        with storage_errors(), self._engine.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(unfinished, table.c.attempts >= _ATTEMPTS)
                .values(
                    state=FAILED,
                    finished=utc_now(),
                    error={
                        "code": "internal",
                        "message": f"the server ended {_ATTEMPTS} times while this job ran; "
                        "it is not started again by itself",
                    },
                )
            )
            connection.execute(sa.update(table).where(unfinished).values(state=QUEUED, progress=0))
            asked = sa.select(table.c.job, table.c.task).where(table.c.state == QUEUED)
            for job, task in connection.execute(asked.order_by(table.c.created)):
                self._waiting[job] = task in self._apart

    def start(self) -> None:
        """Start the workers; jobs that waited are taken up."""
        with self._changed:
            lanes = [False] * self._workers + [True] * bool(self._apart)
            for number, apart in list(enumerate(lanes))[len(self._threads) :]:
                thread = threading.Thread(
                    target=self._loop, args=(apart,), name=f"job-{number}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop the workers; what runs is interrupted and done again after the next start."""
        with self._changed:
            self._closing = True
            for control in self._running.values():
                control.cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._running)

    def submit(
        self,
        study: str | None,
        task: str,
        inputs: list[dict[str, dict[str, str]]],
        options: dict[str, Any] | None = None,
    ) -> str:
        """Queue a job; its id.

        Raises
        ------
        Busy
            When as many jobs wait as may.
        NotFound
            When the study was deleted meanwhile.
        """
        job = uuid4().hex
        with self._changed:
            if self._closing:
                raise Unavailable("the server is shutting down; try again in a moment")
            if len(self._waiting) >= self._limit:
                raise Busy(f"{len(self._waiting)} jobs wait already; try again in a few seconds")
            row = {
                "job": job,
                "study": study,
                "task": task,
                "inputs": inputs,
                "options": options or {},
                "state": QUEUED,
                "progress": 0.0,
                "attempts": 0,
                "created": utc_now(),
                "results": [],
            }
            try:
                with storage_errors(), self._engine.begin() as connection:
                    connection.execute(sa.insert(table).values(**row))
            except sa.exc.IntegrityError as error:
                raise NotFound("there is no such study") from error
            self._waiting[job] = task in self._apart
            self._changed.notify_all()
        return job

    def get(self, job: str) -> dict[str, Any]:
        """A job as the API shows it; raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(table).where(table.c.job == job)).first()
        if row is None:
            raise NotFound("there is no such job")
        control = self._running.get(job)
        now = {**row._mapping, **self._ends.get(job, {})}
        told = ("task", "state", "created", "started", "finished", "error", "results")
        return {
            "id": row.job,
            "study_instance_uid": row.study,
            **{key: now[key] for key in told},
            "progress": round(control.progress if control else now["progress"], 4),
            "cancel_requested": now["state"] == CANCELLED or bool(control and control.cancelled()),
        }

    def cancel(self, job: str) -> dict[str, Any]:
        """Cancel a job: at once when it waits, soon when it runs; raises NotFound."""
        with self._changed:
            if job in self._running:
                self._running[job].cancel()
            elif job in self._waiting:
                self._update(job, state=CANCELLED, finished=utc_now())
                del self._waiting[job]
        return self.get(job)

    def unfinished(self, task: str) -> str | None:
        """The oldest job of a task that waits or runs."""
        asked = sa.select(table.c.job).where(
            table.c.task == task, table.c.state.in_((QUEUED, RUNNING))
        )
        with self._engine.connect() as connection:
            return connection.scalar(asked.order_by(table.c.created).limit(1))

    def cancel_study(self, study: str) -> None:
        """Cancel what is queued or running for a study, before it is deleted."""
        unfinished = sa.select(table.c.job).where(
            table.c.study == study, table.c.state.in_((QUEUED, RUNNING))
        )
        with self._engine.connect() as connection:
            found = list(connection.scalars(unfinished))
        for job in found:
            self.cancel(job)

    def wait(self, timeout_s: float) -> bool:
        """Block until nothing waits or runs; whether that was so in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._running, timeout_s
            )

    def _update(self, job: str, **values: Any) -> None:
        with storage_errors(), self._engine.begin() as connection:
            connection.execute(sa.update(table).where(table.c.job == job).values(**values))

    def _end(self, job: str, **values: Any) -> None:
        """Record how a job ended, again and again while nothing can be stored."""
        values["finished"] = utc_now()
        while True:
            try:
                self._update(job, **values)
                break
            except Unavailable as error:
                if job not in self._ends:
                    logger.warning("the end of job %s waits to be stored: %s", job[:8], error)
            with self._changed:
                self._ends[job] = values
                if self._closing:  # it is done again after the next start
                    return
                self._changed.wait(_RETRY_S)
        self._ends.pop(job, None)

    def _next(self, apart: bool) -> str | None:
        return next((job for job, own in self._waiting.items() if own is apart), None)

    def _loop(self, apart: bool) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next(apart) or self._closing)
                if self._closing:
                    return
                job, control = self._next(apart), Control()
                del self._waiting[job]
                self._running[job] = control
            try:
                self._run(job, control)
            except Exception:
                logger.exception("job %s could not be recorded", job[:8])
            finally:
                with self._changed:
                    del self._running[job]
                    self._changed.notify_all()

    def _run(self, job: str, control: Control) -> None:
        """Do one job and record how it ended."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(table).where(table.c.job == job)).first()
        if row is None:  # its study was deleted
            return
        values: dict[str, Any] = {"state": DONE, "progress": 1.0}
        try:
            self._update(job, state=RUNNING, started=utc_now(), attempts=row.attempts + 1)
            spec = Job(row.job, row.study, row.task, row.inputs, row.options)
            values["results"] = self._work(spec, control)
        except Exception as error:
            if self._closing:  # stays queued for the next start, and is not held against it
                self._update(job, state=QUEUED, attempts=row.attempts)
                return
            if control.cancelled():
                values = {"state": CANCELLED}
            elif isinstance(error, ApplianceError):
                values = {"state": FAILED, "error": {"code": error.code, "message": error.message}}
            else:
                logger.exception("job %s failed", job[:8])
                message = "an internal fault ended this job; the server's log says more"
                values = {"state": FAILED, "error": {"code": "internal", "message": message}}
        self._end(job, **values)
