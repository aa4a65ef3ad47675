"""Results on their way to the archive: sent, tried again, or failed for everybody to see.

What waits is a small file for each series, below ``outbox``, with pseudonyms only; the objects are
made when they are sent and are never written here. In the linked mode they carry the original
identifiers, else pseudonyms, and those leave only where the operator allowed it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from appliance import handover
from appliance.atomic import put_file
from appliance.audit import operator
from appliance.core.errors import ApplianceError, BadRequest, GeometryError, NotFound, Unavailable
from appliance.core.types import Report, Series
from appliance.network.spool import OUTBOX
from appliance.service import Service
from appliance.settings import Settings

logger = logging.getLogger(__name__)
WAITING, FAILED = "waiting", "failed"
_TICK_S = 0.25
_LONGEST_S = 600.0

Send = Callable[[Sequence[bytes]], None]
"""Sends DICOM files; raises Unavailable."""


class Withheld(Unavailable):
    """A result that must not leave: it would do so under the wrong identifiers."""


@dataclass
class Parcel:
    """The results of one series, to be sent."""

    study: str
    series: str
    state: str = WAITING
    attempts: int = 0
    problem: str = ""

    @property
    def name(self) -> str:
        """Its file."""
        return f"{self.study}_{self.series}.json"


def destination(settings: Settings) -> tuple[str, Send]:
    """Where results go, in words, and what sends them there.

    Raises
    ------
    BadRequest
        When the address is none, or results could leave only under pseudonyms and nobody allowed
        that.
    """
    if not (settings.linked or settings.push_pseudonyms):
        raise BadRequest(
            "results would go back under pseudonyms, and the archive would file them as a "
            "stranger's: turn on the linked mode (--linked), or allow it with "
            "NEURALSCAN_PUSH_PSEUDONYMS=1"
        )
    if settings.push.startswith(("http://", "https://")):
        from appliance.network.archive import Archive

        archive = Archive(settings, settings.push)
        return str(archive), archive.send
    from appliance.network import scu, tls
    from appliance.network.peers import Peer, title

    peer, own, secure = Peer.read(settings.push), title(settings.dicom_aet), tls.calling(settings)
    wait_s = settings.dicom_timeout_s
    return str(peer), lambda files: scu.store(peer, own, wait_s, files, secure)


class Outbox:
    """The results that wait, and the thread that sends them."""

    def __init__(self, service: Service, where: str, send: Send) -> None:
        self._service, self._where, self._send = service, where, send
        self._settings = service.settings
        self._folder = service.settings.data / OUTBOX
        self._changed = threading.Condition()
        self._due: dict[str, tuple[float, Parcel]] = {}
        self._counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="outbox", daemon=True)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be written ({error.strerror})") from error
        self._take_up()

    def _take_up(self) -> None:
        """What an earlier process left is tried again, what failed as well."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                kept = Parcel(**json.loads(path.read_bytes()))
            except (OSError, ValueError, TypeError):
                logger.warning("an entry of the outbox is damaged and was removed")
                path.unlink(missing_ok=True)
                continue
            self._put(Parcel(kept.study, kept.series))

    def start(self) -> None:
        """Begin to send, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop; what waits is sent after the next start."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(self._settings.dicom_timeout_s + 5)

    def add(self, study: str, series: str) -> None:
        """Send the results of a series, in place of earlier ones that still wait."""
        self._put(Parcel(study, series))

    def retry(self) -> int:
        """Try what failed again; how many there are."""
        with self._changed:
            again = [parcel for _, parcel in self._due.values() if parcel.state == FAILED]
        for parcel in again:
            self._put(Parcel(parcel.study, parcel.series))
        return len(again)

    def _put(self, parcel: Parcel, delay_s: float = 0.0) -> None:
        with self._changed:
            put_file(self._folder / parcel.name, json.dumps(asdict(parcel)).encode(), 0o600)
            self._due[parcel.name] = (time.monotonic() + delay_s, parcel)
            self._changed.notify_all()

    def _next(self) -> Parcel | None:
        now = time.monotonic()
        ready = [(at, p) for at, p in self._due.values() if p.state == WAITING and at <= now]
        return min(ready, key=lambda one: one[0])[1] if ready else None

    def _loop(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                parcel = self._next()
                if parcel is None:
                    self._changed.wait(_TICK_S)
                    continue
            try:
                self._handle(parcel)
            except Exception:
                logger.exception("the outbox could not take note of what it did")
                self._stop.wait(_LONGEST_S / 60)

    def _handle(self, parcel: Parcel) -> None:
        """Send one series' results and take note of how that went."""
        try:
            kinds = self._deliver(parcel)
        except NotFound:
            self._drop(parcel)
        except Withheld as error:
            self._give_up(parcel, error.message)
        except (Unavailable, OSError) as error:
            self._later(parcel, str(error))
        except ApplianceError as error:
            self._give_up(parcel, error.message)
        except Exception as error:
            logger.error("results could not be made or sent: %s", type(error).__name__)
            self._later(parcel, f"internal fault ({type(error).__name__})")
        else:
            self._drop(parcel)
            self._record("sent" if kinds else "nothing_to_send", parcel, kinds=kinds)
            self._count("sent" if kinds else "empty")

    def _deliver(self, parcel: Parcel) -> list[str]:
        """Make the objects and send them; which they were. Raises NotFound for a deleted study."""
        found = self._service.analysed(parcel.study, parcel.series)
        report, series = found[0]
        made = objects(self._settings, report, self._service.outgoing(parcel.study, series))
        if not (self._folder / parcel.name).exists():  # deleted while they were made
            raise NotFound("the study was deleted")
        if made:
            self._send(list(made.values()))
        return list(made)

    def _later(self, parcel: Parcel, problem: str) -> None:
        if not (self._folder / parcel.name).exists():
            self._drop(parcel)
            return
        parcel.attempts, parcel.problem = parcel.attempts + 1, problem
        if parcel.attempts >= self._settings.push_attempts:
            self._give_up(parcel, problem)
            return
        if parcel.attempts == 1:
            self._record("delayed", parcel, reason=problem)
        delay = self._settings.push_retry_s * 2 ** min(parcel.attempts - 1, 20)
        self._put(parcel, min(delay, _LONGEST_S))

    def _give_up(self, parcel: Parcel, problem: str) -> None:
        """The audit says so before anybody can see it."""
        self._record("failed", parcel, reason=problem, attempts=parcel.attempts)
        parcel.state, parcel.problem = FAILED, problem
        self._put(parcel)
        self._count("failed")
        logger.error("results of series %s were not sent: %s", parcel.series[-8:], problem)

    def _drop(self, parcel: Parcel) -> None:
        with self._changed:
            if self._due.get(parcel.name, (0, None))[1] is parcel:  # else a newer one waits
                del self._due[parcel.name]
                (self._folder / parcel.name).unlink(missing_ok=True)

    def _count(self, what: str) -> None:
        with self._changed:
            self._counts[what] += 1

    def _record(self, what: str, parcel: Parcel, **detail: Any) -> None:
        self._service.audit.record(
            f"results.{what}",
            f"server, {operator()}",
            parcel.study,
            parcel.series,
            to=self._where,
            **detail,
        )

    def status(self) -> dict[str, Any]:
        """Where results go, what waits or failed, and counts since the start."""
        with self._changed:
            kept = [parcel for _, parcel in self._due.values()]
            counts = dict(self._counts)
        return {
            "to": self._where,
            "linked": self._settings.linked,
            "sent": counts.get("sent", 0),
            "failed": sum(parcel.state == FAILED for parcel in kept),
            "parcels": [
                {
                    "study_instance_uid": parcel.study,
                    "series_instance_uid": parcel.series,
                    "state": parcel.state,
                    "attempts": parcel.attempts,
                    "problem": parcel.problem or None,
                }
                for parcel in kept[:100]
            ],
        }


def objects(settings: Settings, report: Report, series: Series | None) -> dict[str, bytes]:
    """The results of a series as DICOM files, by kind; without those there is nothing of.

    Raises
    ------
    Withheld
        When the identifiers are not the ones the operator chose.
    """
    if series is None or series.source is None:
        return {}
    if not series.source.header and not settings.push_pseudonyms:
        raise Withheld(
            "the original identifiers of this series are not known here: it came in while the "
            "linked mode was off; send it again"
        )
    made = {}
    for kind in settings.push_kinds:
        try:
            made[kind] = handover.dicom(kind, report, series)
        except (NotFound, GeometryError):
            continue
    return made
