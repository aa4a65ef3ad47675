"""C-STORE and C-ECHO for the peers on a list; what they send goes to the intake.

A status is a promise: success means that the image is on the disk, under pseudonyms.

References
----------
DICOM PS3.4 B.2.3 (statuses of C-STORE), PS3.7 9.1.1, PS3.8 9.3.4 (rejections).
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pynetdicom import evt

from appliance.audit import Audit
from appliance.core.errors import ApplianceError, BadRequest, InputError, Unavailable
from appliance.network import contexts, tls
from appliance.network.door import Door, open_door
from appliance.network.peers import callers, shown, title, why_not
from appliance.settings import Settings

logger = logging.getLogger(__name__)
_PDU_BYTES = 128 << 10
_PDU_MOST = 1 << 20
"""A longer one, which a peer may claim before anybody knows who it is, is not read."""
_STRANGERS = 8
_REPEAT_S = 60.0
_CALLING, _CALLED, _CROWDED = (0x01, 0x01, 0x03), (0x01, 0x01, 0x07), (0x02, 0x03, 0x02)

Take = Callable[..., Any]
"""``take(data, sender, link, instance_uid=...)``: keeps an image, raises our errors."""


class _Overfull(io.BytesIO):
    """Stands in for a data set that is longer than is taken: the rest of it falls through."""

    def write(self, data: Any) -> int:
        return len(data)


class Listener:
    """The listening application entity.

    Parameters
    ----------
    take, hang_up : callable
        Of the intake.

    Raises
    ------
    BadRequest
        When nobody is on the list.
    Unavailable
        When the certificate for TLS cannot be used.
    """

    def __init__(
        self, settings: Settings, audit: Audit, take: Take, hang_up: Callable[[Any], None]
    ) -> None:
        self._settings, self._audit, self._take, self._hang_up = settings, audit, take, hang_up
        self._peers = callers(settings.dicom_peers)
        if not self._peers:
            raise BadRequest(
                "nobody may send yet: name each peer with --dicom-peer AET or AET@HOST "
                "(NEURALSCAN_DICOM_PEERS)"
            )
        self._lock = threading.Lock()
        self._links: dict[Any, Counter[str]] = {}
        self._inside: dict[Any, int] = {}
        self._turned_away: dict[tuple[str, str], list[float]] = {}
        self._counts: Counter[str] = Counter()
        self._ae = contexts.entity(title(settings.dicom_aet), settings.dicom_timeout_s)
        self._most = settings.dicom_associations + _STRANGERS
        self._ae.maximum_associations = self._most  # the door has closed the rest before
        self._ae.maximum_pdu_size = _PDU_BYTES
        self._ae.add_supported_context(contexts.VERIFICATION)
        for image in contexts.IMAGES:
            self._ae.add_supported_context(image, list(contexts.TAKEN))
        self._tls = tls.listening(settings)
        self._server: Any = None

    def start(self) -> None:
        """Listen, in threads; raises Unavailable when the port cannot be bound."""
        where = (self._settings.dicom_host, self._settings.dicom_port or 0)
        try:
            self._server = self._ae.make_server(
                where,
                ssl_context=self._tls,
                server_class=Door,
                most=self._most,
                shaking=_STRANGERS,
                timeout_s=self._settings.dicom_timeout_s,
                turn_away=lambda address, reason: self._turn_away("?", address, reason),
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, self._opened),
                    (evt.EVT_REQUESTED, self._requested),
                    (evt.EVT_ESTABLISHED, self._established),
                    (evt.EVT_PDU_RECV, self._arriving),
                    (evt.EVT_C_ECHO, self._echo),
                    (evt.EVT_C_STORE, self._store),
                    (evt.EVT_RELEASED, self._ended),
                    (evt.EVT_ABORTED, self._ended),
                    (evt.EVT_CONN_CLOSE, self._ended),
                ],
            )
        except OSError as error:
            raise Unavailable(
                f"cannot listen for DICOM on {where[0]} port {where[1]} ({error.strerror}); "
                "choose another with --dicom-port and NEURALSCAN_DICOM_HOST"
            ) from error
        open_door(self._server)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Take nothing more; an image that is being written is finished first."""
        if self._server is not None:
            self._server.shutdown()
            self._ae.shutdown()

    def _opened(self, event: Any) -> None:
        """Bound what a connection may claim before it said who it is."""
        wire = event.assoc.dul.socket
        wire.socket.settimeout(self._settings.dicom_timeout_s)
        plain = wire.recv

        def recv(length: int) -> bytearray:
            if length > _PDU_MOST:
                raise OSError("a longer message than is taken")
            return plain(length)

        wire.recv = recv

    def _requested(self, event: Any) -> None:
        """Turn away who is not on the list, and who comes when enough are here."""
        asked, address = event.assoc.requestor, event.assoc.requestor.address
        aet, called = asked.primitive.calling_ae_title, asked.primitive.called_ae_title
        reason, code = why_not(self._peers, aet, address), _CALLING
        if reason is None and called.strip() != self._settings.dicom_aet.strip():
            reason, code = f"it called {shown(called)}", _CALLED
        if reason is None and len(self._links) >= self._settings.dicom_associations:
            reason, code = "too many associations are open", _CROWDED
        if reason is None:
            return
        event.assoc.acse.send_reject(*code)
        self._turn_away(aet, address, reason)
        event.assoc.kill()

    def _turn_away(self, aet: str, address: str, reason: str) -> None:
        """Say in the audit who was turned away; once a minute for each, with how often."""
        who, now = (shown(aet), address), time.monotonic()
        with self._lock:
            self._counts["rejected"] += 1
            if len(self._turned_away) > 1000:
                self._turned_away.clear()
            times = self._turned_away.setdefault(who, [])
            times.append(now)
            if len(times) > 1 and now - times[0] < _REPEAT_S:
                return
            count, self._turned_away[who] = len(times), [now]
        self._audit.record("peer.rejected", _named(*who), reason=reason, times=count)

    def _established(self, event: Any) -> None:
        with self._lock:
            self._counts["associations"] += 1
            self._links[event.assoc] = Counter()

    def _arriving(self, event: Any) -> None:
        """Let go of a data set that grows beyond the limit, and of a peer that does not wait."""
        assoc = event.assoc
        if assoc.dimse.msg_queue.qsize() > 2:  # one operation at a time was agreed on
            assoc.abort()
            return
        message = assoc.dimse.message
        size = 0 if message is None or message.data_set is None else message.data_set.tell()
        most = self._settings.dicom_instance_bytes
        with self._lock:
            self._inside[assoc] = size
            crowded = sum(self._inside.values()) > 2 * most
            if size > most or (crowded and size):
                message.data_set = _Overfull()
                self._inside[assoc] = 0

    def _echo(self, event: Any) -> int:
        self._count(event.assoc, "echoed")
        return contexts.SUCCESS

    def _store(self, event: Any) -> int | Dataset:
        """Keep one image; the answer says what became of it."""
        sent, assoc = event.request.DataSet, event.assoc
        if isinstance(sent, _Overfull):
            return self._answer(assoc, contexts.NO_ROOM, "too_large")
        try:
            data, instance = event.encoded_dataset(), str(event.request.AffectedSOPInstanceUID)
            event.request.DataSet = None  # the bytes are held once, not twice
            del sent
            self._take(data, _sender(assoc), assoc, instance_uid=instance)
        except InputError as error:
            return self._answer(assoc, _status_of(error), error.code)
        except ApplianceError as error:
            return self._answer(assoc, contexts.NO_ROOM, error.code)
        except MemoryError:
            return self._answer(assoc, contexts.NO_ROOM, "too_large")
        except Exception as error:
            logger.error("a received image could not be kept: %s", type(error).__name__)
            return self._answer(assoc, contexts.FAULT, "internal")
        finally:
            with self._lock:
                self._inside.pop(assoc, None)
                gone = assoc not in self._links
            if gone:
                self._hang_up(assoc)
        self._count(assoc, "stored")
        return contexts.SUCCESS

    def _answer(self, assoc: Any, status: int, code: str) -> Dataset:
        self._count(assoc, f"refused: {code}")
        answer = Dataset()
        answer.Status, answer.ErrorComment = status, code
        return answer

    def _count(self, assoc: Any, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
            if assoc in self._links:  # else the peer went away meanwhile
                self._links[assoc][what] += 1

    def _ended(self, event: Any) -> None:
        """An association is over: say what came over it, once."""
        with self._lock:
            counts = self._links.pop(event.assoc, None)
            self._inside.pop(event.assoc, None)
        if counts is None:  # there was no association: let its thread wait for one no longer
            event.assoc.dul.to_user_queue.put(None)
            return
        self._hang_up(event.assoc)
        if counts.keys() - {"echoed"}:
            self._audit.record("images.received", _sender(event.assoc), counts=dict(counts))

    def status(self) -> dict[str, Any]:
        """Where it listens, who may send, and counts since the start."""
        with self._lock:
            counts, open_now = dict(self._counts), len(self._links)
        refused = {k.removeprefix("refused: "): n for k, n in counts.items() if ":" in k}
        return {
            "aet": self._settings.dicom_aet,
            "host": self._settings.dicom_host,
            "port": self.port,
            "tls": self._tls is not None,
            "peers": [f"{p.aet}@{p.host}" if p.host else p.aet for p in self._peers],
            "open": open_now,
            **{key: counts.get(key, 0) for key in ("associations", "rejected", "echoed", "stored")},
            "refused": refused,
        }


def _status_of(error: InputError) -> int:
    return contexts.NO_ROOM if error.code == "too_large" else contexts.NOT_UNDERSTOOD


def _sender(assoc: Any) -> str:
    return _named(shown(assoc.requestor.ae_title), assoc.requestor.address)


def _named(aet: str, address: str) -> str:
    return f"peer {aet} {address}"
