"""Everything the appliance does in a network, started and stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from appliance.network.intake import Intake
from appliance.network.outbox import Outbox, destination
from appliance.network.reception import Reception, spool_of
from appliance.network.scp import Listener
from appliance.network.watch import Watcher
from appliance.service import Service


class Network:
    """The network side of one service.

    Raises
    ------
    BadRequest
        When a peer, a folder or the combination of settings makes no sense.
    Unavailable
        When a folder cannot be used.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        reception = Reception(
            spool_of(settings), service.pseudonyms, service.vault, settings.limits
        )
        self.intake = Intake(service, reception)
        self.outbox = Outbox(service, *destination(settings)) if settings.push else None
        self.watcher = Watcher(service, self.intake, settings.watch) if settings.watch else None
        self.listener = None
        if settings.dicom_port is not None:
            self.listener = Listener(settings, service.audit, self.intake.take, self.intake.hang_up)

    def start(self) -> None:
        """Begin to work, the listener last; raises Unavailable when its port is taken."""
        if self.outbox is not None:
            self._service.deliver = self.outbox.add
            self.outbox.start()
        self.intake.start()
        if self.watcher is not None:
            self.watcher.start()
        if self.listener is not None:
            self.listener.start()
        self._measure()

    def close(self) -> None:
        """Take in nothing more, finish what is being written."""
        with ExitStack() as rest:
            for part in (self.outbox, self.intake, self.watcher, self.listener):
                if part is not None:
                    rest.callback(part.close)
        self._service.deliver = None

    def _measure(self) -> None:
        """Numbers for Prometheus, read when asked for."""
        gauge = self._service.telemetry.gauge
        for name, text, value in (
            ("incoming_images", "Images received", lambda: self.intake.status()["images"]),
            ("incoming_bytes", "Kept of received images", lambda: self.intake.status()["bytes"]),
            ("incoming_series", "Series that wait", lambda: len(self.intake.status()["waiting"])),
        ):
            gauge(f"neuralscan_{name}", text, value)
        if self.listener is not None:
            listening = self.listener.status
            gauge("neuralscan_peers_rejected", "Peers rejected", lambda: listening()["rejected"])
        if self.outbox is not None:
            sending = self.outbox.status
            gauge("neuralscan_results_failed", "Results not sent", lambda: sending()["failed"])

    def lines(self) -> list[str]:
        """What a person is told once it works."""
        told = []
        if self.listener is not None:
            found = self.listener.status()
            told.append(f"DICOM: {found['aet']} at {found['host']} port {found['port']}")
        if self.watcher is not None:
            told.append("watching the folder")
        if self.outbox is not None:
            told.append(f"results go to {self.outbox.status()['to']}")
        return told

    def status(self) -> dict[str, Any]:
        """All of it for the page; a part that is off is null."""
        return {
            "dicom": self.listener and self.listener.status(),
            "incoming": self.intake.status(),
            "outbox": self.outbox and self.outbox.status(),
            "watch": self.watcher and self.watcher.status(),
        }


@contextmanager
def running(service: Service) -> Iterator[Network]:
    """The network side while a server runs; raises as `Network` and its `start` do."""
    network = Network(service)
    try:
        network.start()
        service.network = network
        yield network
    finally:
        service.network = None
        network.close()
