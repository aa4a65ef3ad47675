"""From received images to an analysed study: a series is complete when it was quiet for a while.

While an association that sent images of it is open, the wait is longer: a sender may be slow. What
comes later still joins: received images are kept for some time, and the series is put together and
analysed again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from appliance import rows
from appliance.audit import operator
from appliance.core.errors import ApplianceError, Busy, NotFound
from appliance.core.types import Study
from appliance.dicom_frame import Frame
from appliance.dicom_stack import assemble
from appliance.network.reception import Kept, Reception
from appliance.network.spool import Key
from appliance.pseudonym import label_of
from appliance.service import Service

logger = logging.getLogger(__name__)
_TICK_S = 0.2
_OPEN_FACTOR = 12
_RETRY_S = 10.0
_ATTEMPTS = 3
_LAST = 20


@dataclass
class _Watched:
    """What is known of a series that is not done."""

    changed: int
    since: float
    attempts: int = 0
    stored: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""


class Intake:
    """Watches the received series and hands complete ones to the service.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        service: Service,
        reception: Reception,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = service.settings
        self._service, self._reception, self._spool = service, reception, reception.spool
        self._quiet, self._keep = settings.incoming_quiet_s, settings.incoming_keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[Key, _Watched] = {}
        self._finished: dict[Key, tuple[int, float]] = {}
        self._open: dict[Hashable, set[Key]] = {}
        self._senders: dict[Key, set[str]] = {}
        self._counts: Counter[str] = Counter()
        self._last: deque[dict[str, Any]] = deque(maxlen=_LAST)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop; what is not done is taken up after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def take(self, data: bytes, sender: str, link: Hashable = None, **more: Any) -> Kept:
        """Receive one image; raises as `Reception.take` does.

        Parameters
        ----------
        sender : str
            Who, for the audit.
        link : hashable, optional
            The association it came over; `hang_up` says when that ended.
        """
        kept = self._reception.take(data, **more)
        with self._lock:
            self._counts["images"] += 1
            self._senders.setdefault(kept.key, set()).add(sender)
            if link is not None:
                self._open.setdefault(link, set()).add(kept.key)
        return kept

    def hang_up(self, link: Hashable) -> None:
        """An association ended."""
        with self._lock:
            self._open.pop(link, None)

    def _loop(self) -> None:
        while not self._stop.wait(_TICK_S):
            try:
                self.look()
            except Exception:  # the next look may go well; a dead thread would lose series
                logger.exception("received series could not be looked through")

    def look(self) -> None:
        """Find the series that are complete, and finish them."""
        now, keys = self._clock(), self._spool.look()
        for known in (self._series, self._finished):
            for gone in set(known) - set(keys):
                del known[gone]
        for key in keys:
            if self._stop.is_set():
                return
            changed = self._spool.changed(key)
            if changed is None:
                continue
            one = self._series.get(key)
            if one is None and self._is_done(key, changed, now):
                self._drop_old(key, now)
            elif one is None or one.changed != changed:
                self._series[key] = _Watched(changed, now)
            elif now - one.since >= self._wait(key, one):
                self._finish(key, one)

    def _is_done(self, key: Key, changed: int, now: float) -> bool:
        if key not in self._finished and self._spool.is_done(key):  # by an earlier process
            self._finished[key] = (changed, now)
        return self._finished.get(key, (None, now))[0] == changed

    def _drop_old(self, key: Key, now: float) -> None:
        if now - self._finished[key][1] >= self._keep:
            self._spool.remove(key)
            del self._finished[key]

    def _wait(self, key: Key, one: _Watched) -> float:
        if one.attempts or one.stored:
            return _RETRY_S if one.attempts else 0.0
        with self._lock:
            busy = any(key in keys for keys in self._open.values())
        return self._quiet * (_OPEN_FACTOR if busy else 1)

    def _finish(self, key: Key, one: _Watched) -> None:
        """Store a series and start its analysis; tried again later where that is not possible."""
        try:
            if not one.stored:
                one.stored = self._store(key)
            while one.stored:
                study, series = one.stored[0]
                options = {"series": series, "options": {"deliver": True}}
                self._service.start(study, "analyze", options)
                one.stored.pop(0)
        except Busy as error:  # the queue is full: the next look tries again
            one.problem = error.message
            return
        except NotFound:  # deleted meanwhile
            pass
        except Exception as error:
            one.attempts += 1
            one.since = self._clock()
            known = isinstance(error, ApplianceError)
            one.problem = error.message if known else f"internal fault ({type(error).__name__})"
            if one.attempts < _ATTEMPTS or known and error.code in ("unavailable", "busy"):
                return
            self._say(key, "failed", one.problem)
        self._spool.finish(key, one.changed)
        self._finished[key] = (one.changed, self._clock())
        del self._series[key]
        with self._lock:
            self._senders.pop(key, None)

    def _store(self, key: Key) -> list[tuple[str, str]]:
        """Put a series together and keep it; the stacks to analyse."""
        frames = self._spool.frames(key)
        if not frames:
            raise NotFound("nothing was received")
        missing = self._missing(key, frames)
        if missing:
            reason = f"{missing} images that were here before are missing; the earlier ones stay"
            self._say(key, "kept", reason)
            return []
        series, refusals = assemble(frames, "received")
        named = tuple(replace(one, name=label_of(one)) for one in series)
        reasons = tuple(replace(one, name=f"dicom {one.sha256[:8]}") for one in refusals)
        self._reception.link(key, [one.series_instance_uid for one in named])
        study = self._service.store.put(Study(key.study, named, reasons))
        images = len({frame.instance[0] for frame in frames})
        self._say(key, "received", "; ".join(r.message for r in reasons), images)
        return [(study, one.series_instance_uid) for one in named]

    def _missing(self, key: Key, frames: list[Frame]) -> int:
        """How many images of the stored series are not among those received."""
        try:
            source = rows.source_of(self._service.store.meta(key.study, key.series))
        except NotFound:
            return 0
        before = set() if source is None else {uid for uid, _ in source.instances}
        return len(before - {frame.instance[0] for frame in frames})

    def _say(self, key: Key, state: str, reason: str, images: int | None = None) -> None:
        """Tell the audit and the status what became of a series."""
        with self._lock:
            senders = sorted(self._senders.get(key, ())) or ["a sender before the last start"]
            self._counts[state] += 1
            told = {"study_instance_uid": key.study, "series_instance_uid": key.series}
            self._last.appendleft({**told, "state": state, "images": images, "reason": reason})
        self._service.audit.record(
            f"series.{state}",
            f"server, {operator()}",
            key.study,
            key.series,
            images=images,
            senders=senders,
            reason=reason or None,
        )

    def status(self) -> dict[str, Any]:
        """Counts since the start, what waits, and what became of the last series."""
        waiting = [
            {
                "study_instance_uid": key.study,
                "series_instance_uid": key.series,
                "images": self._spool.count(key),
                "problem": one.problem or None,
            }
            for key, one in sorted(dict(self._series).items())
        ]
        with self._lock:
            return {
                "images": self._counts["images"],
                "series": self._counts["received"],
                "failed": self._counts["failed"],
                "bytes": self._spool.bytes,
                "waiting": waiting,
                "last": list(self._last),
            }
