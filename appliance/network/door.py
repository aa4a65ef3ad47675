"""Connections before anybody knows who they are: few at a time, and no threads for the rest."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom.transport import RequestHandler, ThreadedAssociationServer


class Door(ThreadedAssociationServer):
    """The listening port; made by ``AE.make_server``, served by `open_door`.

    Parameters
    ----------
    most : int
        Connections there may be at once, associations among them; one more is closed at once.
    shaking : int
        Connections that may agree on TLS at once.
    timeout_s : float
        How long one may take for that.
    turn_away : callable
        ``turn_away(address, reason)`` is told of one too many, and of one whose TLS does not suit.
    """

    def __init__(
        self,
        *given: Any,
        most: int,
        shaking: int,
        timeout_s: float,
        turn_away: Callable[[str, str], None],
        **named: Any,
    ) -> None:
        self._most, self._timeout_s, self._turn_away = most, timeout_s, turn_away
        self._lock = threading.Lock()
        self._entering = 0
        self._shaking = threading.BoundedSemaphore(shaking)
        super().__init__(*given, **named, request_handler=_Entering)

    def enters(self, address: str) -> bool:
        """Whether there is room for one more, which then takes it until `entered`."""
        with self._lock:
            room = self._entering + len(self.active_associations) < self._most
            self._entering += room
        if not room:
            self._turn_away(address, "too many connections are open")
        return room

    def entered(self) -> None:
        """It has a thread of its own by now, or went away."""
        with self._lock:
            self._entering -= 1

    def shakes(self, wire: Any, address: str) -> bool:
        """Agree on TLS where that is asked for; some at a time, none for longer than the limit."""
        if not isinstance(wire, ssl.SSLSocket):
            return True
        if not self._shaking.acquire(blocking=False):
            return False
        try:
            wire.settimeout(self._timeout_s)
            wire.do_handshake()
            return True
        except (OSError, ValueError) as error:
            known = getattr(error, "verify_message", "") or "no TLS of 1.2 or later was agreed on"
            self._turn_away(address, f"TLS: {known}")
            return False
        finally:
            self._shaking.release()

    def shutdown(self) -> None:
        """Listen no more; the application entity does not keep a list of us."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()


class _Entering(RequestHandler):
    """One connection, up to where the library takes over."""

    server: Door

    def handle(self) -> None:
        address = self.client_address[0]
        if not self.server.enters(address):
            self.server.shutdown_request(self.request)
            return
        try:
            if self.server.shakes(self.request, address):
                super().handle()
            else:
                self.server.shutdown_request(self.request)
        finally:
            self.server.entered()


def open_door(door: Door) -> None:
    """Serve in a thread of its own until ``door.shutdown()``."""
    threading.Thread(target=door.serve_forever, name="dicom-door", daemon=True).start()
