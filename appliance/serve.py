"""Serving for real: waitress around the application, warm before the address is told."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from waitress import wasyncore
from waitress.buffers import TempfileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask

from appliance.app import close, create_app
from appliance.core.errors import Busy, Unavailable
from appliance.failures import body
from appliance.network.hub import running
from appliance.service import Service
from appliance.settings import Settings
from appliance.spool import sealed_file

logger = logging.getLogger(__name__)
logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
TempfileBasedBuffer.newfile = lambda self: sealed_file()  # long requests and answers
_FORM_SLACK = 1 << 20
_POLL_S = 0.25
_DEMO_S = 900.0
_CODES = {400: "bad_request", 413: "too_large", 431: "too_large", 501: "bad_request"}


class _JsonErrorTask(ErrorTask):
    """What waitress itself refuses (a body that is too long, a broken header), in our shape."""

    def execute(self) -> None:
        error = self.request.error
        code = _CODES.get(error.code, "bad_request" if error.code < 500 else "internal")
        data = json.dumps(body(code, f"{error.reason}: {error.body}")).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(data)
        self.write(data)


class _Parser(HTTPRequestParser):
    """Answers an address that cannot be taken apart, where waitress would hang up."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError("Bad URI") from error


class _Channel(HTTPChannel):
    error_task_class = _JsonErrorTask
    parser_class = _Parser


class Server:
    """A listening application.

    Raises
    ------
    Unavailable
        When the address cannot be bound or the data folder is in use.
    """

    def __init__(self, settings: Settings, analyzer: Any = None) -> None:
        self.app = create_app(settings, analyzer)
        self._map: dict[int, Any] = {}
        try:
            self._server = create_server(
                self.app,
                map=self._map,
                host=settings.host,
                port=settings.port,
                threads=settings.threads,
                ident=None,
                max_request_body_size=settings.upload_bytes + _FORM_SLACK,
                clear_untrusted_proxy_headers=True,
            )
        except (OSError, ValueError) as error:
            close(self.app)
            reason = getattr(error, "strerror", None) or str(error)
            raise Unavailable(
                f"cannot listen on {settings.host} port {settings.port} ({reason}); "
                "choose another with --host and --port"
            ) from error
        sockets = [s for s in self._map.values() if isinstance(s, BaseWSGIServer)]
        for listening in sockets:
            listening.channel_class = _Channel
        self.port = int(sockets[0].effective_port)
        self._host = settings.host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="http", daemon=True)

    @property
    def service(self) -> Service:
        """The appliance behind the application."""
        return self.app.extensions["neuralscan"]

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "*": "127.0.0.1"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}/"

    def start(self) -> None:
        """Answer requests in a thread."""
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.is_set():
            wasyncore.loop(timeout=_POLL_S, map=self._map, count=1)

    def stop(self) -> None:
        """Take no more requests, let those under way finish, close."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        wasyncore.loop(timeout=0.05, map=self._map, count=4)  # what is answered already, leaves
        close(self.app)
        wasyncore.close_all(self._map, ignore_all=True)


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold a data folder, so that no second server takes up the same jobs.

    Raises
    ------
    Unavailable
        When another process holds it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = open(data / "lock", "a")  # noqa: SIM115
    except OSError as error:
        raise Unavailable(
            f"the data folder {data} cannot be written ({error.strerror}); choose another "
            "with --data"
        ) from error
    with lock:
        try:
            _lock(lock.fileno())
        except OSError as error:
            raise Unavailable(
                f"another server uses the data folder {data}; stop it or choose another with --data"
            ) from error
        yield


def _lock(handle: int) -> None:
    if os.name == "posix":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)


def load_samples(
    service: Service,
    stop: threading.Event,
    make: Callable[[Path], list[tuple[str, Path]]] | None = None,
    progress: Callable[[float], Any] = lambda share: None,
) -> int:
    """Put the generated sample studies into the store and analyse them, once for a data folder.

    Parameters
    ----------
    make : callable, optional
        Writes the samples to a folder: (title, file) of each. Default: the phantom's.
    progress : callable, optional
        Told the share of the samples that are stored, 0 to 1.

    Returns
    -------
    int
        How many were added; 0 when the folder has had them before, deleted ones included.
    """
    mark = service.settings.data / "samples.json"
    if mark.exists():
        return 0
    if make is None:
        from appliance.phantom import demo_studies as make
    with tempfile.TemporaryDirectory(prefix="neuralscan-samples-") as folder:
        samples = make(Path(folder))
        for count, (title, path) in enumerate(reversed(samples), 1):  # the newest is shown first
            study, _ = service.add_study([(path.name, path.read_bytes())], title, sample=True)
            if study is not None and not stop.is_set():
                _start_patiently(service, study, stop)
            progress(count / len(samples))
    mark.write_text(json.dumps({"samples": len(samples)}), encoding="utf-8")
    return len(samples)


def _start_patiently(service: Service, study: str, stop: threading.Event) -> None:
    """Queue an analysis, waiting for room where the queue is full."""
    until = monotonic() + _DEMO_S
    while not stop.is_set():
        try:
            service.start(study, "analyze", {})
            return
        except Busy:
            if monotonic() > until:
                raise
            service.jobs.wait(1.0)


def serve(
    settings: Settings,
    announce: Callable[[str], Any],
    analyzer: Any = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], Any] = lambda share: None,
) -> None:
    """Serve until interrupted; tells the address when the model is warm and samples are read.

    Parameters
    ----------
    announce : callable
        Told the address, and below it a line for each part of the network that is on.
    stop : threading.Event, optional
        Ends serving when set, as SIGINT and SIGTERM do.
    progress : callable, optional
        Told the share of the way to readiness, 0 to 1: the model first, then the samples.

    Raises
    ------
    Unavailable, ModelError
        When it cannot start; the message names the remedy.
    """
    stop = stop or threading.Event()
    with only_one(settings.data), _interruptible(stop):
        server = Server(settings, analyzer)
        server.start()
        try:
            server.service.warm_up()
            progress(0.2)
            if settings.demo:
                load_samples(server.service, stop, progress=lambda s: progress(0.2 + 0.7 * s))
                until = monotonic() + _DEMO_S
                while not stop.is_set() and monotonic() < until:
                    if server.service.jobs.wait(_POLL_S):
                        break
            with running(server.service) as network:
                if not stop.is_set():
                    lines = [f"NeuralScan Edge is ready: {server.address}", *network.lines()]
                    announce("\n".join(lines))
                while not stop.wait(_POLL_S):
                    pass
        finally:
            server.stop()


@contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a clean end, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if sys.platform != "win32" else [])
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
