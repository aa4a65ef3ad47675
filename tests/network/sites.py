"""A hospital for the tests: Orthanc on loopback, dcmtk's tools, series to send, a server."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from appliance.app import close, create_app
from appliance.network.hub import Network, running
from appliance.settings import Settings
from tests.scans import dicom_dataset, noise, saved
from tests.serving import Bright

PERSON = {
    "PatientName": "Musterfrau^Erika",
    "PatientID": "PID-4711",
    "PatientBirthDate": "19430217",
    "AccessionNumber": "ACC-5551212",
    "StudyDate": "20231130",
    "SeriesDescription": "t1 tra +c",
}
_PLUGINS = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def tool(name: str) -> str:
    """A program of dcmtk; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: dcmtk)")
    return found


def wait_for(what: Callable[[], Any], seconds: float = 40.0) -> Any:
    """What a function says once it is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s")


def series(count: int = 3, seed: int = 0, rows: int = 40, **attributes: Any) -> list[Any]:
    """Data sets of a series with a bright spot, under a person's name and UIDs of its own."""
    own = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    found = []
    for index in range(count):
        plane = noise((rows, 32), seed=seed + index) // 2
        plane[10:20, 8:16] = 255
        found.append(dicom_dataset(plane, index, **{**PERSON, **own, **attributes}))
    return found


def written(datasets: list[Any], folder: Path) -> list[str]:
    """Their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, dataset in enumerate(datasets):
        path = folder / f"{number:04}.dcm"
        path.write_bytes(saved(dataset))
        paths.append(str(path))
    return paths


@dataclass
class Site:
    """A running appliance."""

    client: Any
    network: Network
    settings: Settings
    analyzer: Bright
    service: Any

    @property
    def port(self) -> int:
        return self.network.listener.port

    def status(self) -> dict[str, Any]:
        return self.client.get("/api/v1/network").json

    def studies(self) -> list[dict[str, Any]]:
        return self.client.get("/api/v1/studies").json["studies"]

    def actions(self) -> list[str]:
        return [e["action"] for e in self.client.get("/api/v1/audit").json["entries"]]

    def store(self, *paths: str, aet: str = "CT1", options: tuple[str, ...] = ()):
        """`storescu` of files into the appliance."""
        called = ["-aet", aet, "-aec", "NEURALSCAN", *options, "127.0.0.1", str(self.port), *paths]
        return run("storescu", *called)


def run(name: str, *arguments: str) -> subprocess.CompletedProcess:
    """A program of dcmtk."""
    return subprocess.run(
        [tool(name), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def site(folder: Path, **chosen: Any) -> Iterator[Site]:
    """An appliance that listens on a free port for CT1 and CT2 and is quick about everything."""
    settings = Settings(
        folder / "data",
        **{
            "dicom_port": 0,
            "dicom_peers": ("CT1", "CT2@127.0.0.1"),
            "incoming_quiet_s": 0.3,
            "disk_reserve_bytes": 0,
            "dicom_timeout_s": 5.0,
            "push_retry_s": 0.1,
            **chosen,
        },
    )
    analyzer = Bright()
    app = create_app(settings, analyzer)
    service = app.extensions["neuralscan"]
    try:
        with running(service) as network:
            yield Site(app.test_client(), network, settings, analyzer, service)
    finally:
        analyzer.gate.set()
        close(app)


@dataclass
class Orthanc:
    """A running Orthanc."""

    dicom: int
    http: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def peer(self) -> str:
        return f"127.0.0.1:{self.dicom}:ORTHANC"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            data = answer.read()
        return data if path.endswith("/file") else json.loads(data)

    def put(self, data: bytes) -> None:
        asked = urllib.request.Request(self.url + "/instances", data=data, method="POST")
        urllib.request.urlopen(asked, timeout=60).close()

    def files(self) -> list[bytes]:
        """Everything it holds."""
        return [self.get(f"/instances/{uid}/file") for uid in self.get("/instances")]

    def clear(self) -> None:
        for uid in self.get("/patients"):
            asked = urllib.request.Request(f"{self.url}/patients/{uid}", method="DELETE")
            urllib.request.urlopen(asked, timeout=60).close()


@contextmanager
def orthanc(folder: Path, **chosen: Any) -> Iterator[Orthanc]:
    """Orthanc with its DICOMweb plug-in, on free ports of loopback, in a folder of its own."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not Path(_PLUGINS).exists():
        pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)")
    found = Orthanc(free_port(), free_port())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "db"),
                "IndexDirectory": str(folder / "db"),
                "Plugins": [_PLUGINS],
                "HttpPort": found.http,
                "DicomPort": found.dicom,
                "DicomAet": "ORTHANC",
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowFind": True,
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                **chosen,
            }
        )
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: _answers(found) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield found
    finally:
        process.terminate()
        process.wait(60)


def _answers(one: Orthanc) -> bool:
    try:
        urllib.request.urlopen(one.url + "/system", timeout=60).close()
    except urllib.error.HTTPError:  # it asks for a password
        return True
    except OSError:
        return False
    return True
