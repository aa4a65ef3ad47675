"""An application around a stand-in analyser: fixtures and helpers for the server's tests."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance import NOTICE
from appliance.app import close, create_app
from appliance.core.errors import NotFound
from appliance.core.geometry import spacing_mm, viewing
from appliance.core.types import REPORT_SCHEMA, Finding, Refusal, Report, Result, Series, Volume
from appliance.nifti import to_bytes
from appliance.settings import Settings
from appliance.task import find_task

API = "/api/v1"
BRIGHT = 200
"""Pixels above this are a lesion to the stand-in; a picture named ``odd…`` is refused by it."""


class Bright:
    """Stands in for the analyser: what is bright is a lesion."""

    device = "CPU"
    embedder = "bright"
    package = SimpleNamespace(name="bright", version="1", path=Path("bright"))

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def warm_up(self) -> None:
        pass

    def model(self) -> dict[str, Any]:
        """The ``model`` part of a report."""
        return self._document("", "", "", 0.0)["model"]

    def analyze(
        self, series: Series, progress=None, cancelled=None, decode_ms=0.0, crowd=False
    ) -> Report:
        self.started.set()
        while not self.gate.wait(0.01):
            if cancelled is not None and cancelled():
                raise InterruptedError
        if progress is not None:
            progress(0.5)
        document = self._document(series.name, series.sha256, series.kind, decode_ms)
        affine = series.volume.affine
        document["input"].update(
            shape=list(series.volume.shape),
            spacing_mm=None if affine is None else list(spacing_mm(affine)),
            series_instance_uid=series.series_instance_uid,
        )
        if series.name.startswith("odd"):
            refusal = {"code": "out_of_distribution", "message": "expected a head, found another"}
            return Report({**document, "refusal": refusal})
        view = viewing(series.volume)
        mask = (series.volume.array > BRIGHT).astype(np.uint8)
        seen = view.apply(mask)
        tumor = bool(mask.any())
        label = "glioma" if tumor else "no_tumor"
        chances = {name: float(name == label) for name in ("glioma", "meningioma", "no_tumor")}
        slices = [
            {
                "index": index,
                "verdict": "tumor" if plane.any() else "no_tumor",
                "label": label,
                "probabilities": chances,
                "mask_px": int(plane.sum()),
            }
            for index, plane in enumerate(seen)
        ]
        places = np.argwhere(seen) if tumor else np.zeros((1, 3), int)
        box = (*places.min(axis=0).tolist(), *(places.max(axis=0) + 1).tolist())
        lesion = Finding(1, view.undo_box(box), box, 0.9, int(mask.sum()))
        document.update(
            verdict="tumor" if tumor else "no_tumor",
            classification={
                "label": label,
                "probabilities": chances,
                "prediction_set": [label],
                "coverage": 0.95,
            },
            slices=slices,
            lesions=[lesion.to_json()] if tumor else [],
        )
        drawn = Volume(mask, affine) if tumor else None
        return Report(document, drawn, Volume((mask * 0.5).astype(np.float32), affine))

    def refuse(self, refusal: Refusal, decode_ms: float = 0.0) -> Report:
        document = self._document(refusal.name, refusal.sha256, refusal.kind, decode_ms)
        return Report({**document, "refusal": refusal.to_json()})

    def embed(self, series: Series, index: int) -> np.ndarray:
        """Where the mean grey value lies between 0 and 255, as a direction."""
        planes = viewing(series.volume).apply(series.volume.array)
        if not 0 <= index < len(planes):
            raise NotFound("there is no such slice")
        angle = float(planes[index].mean()) / 255 * np.pi / 2
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    def run_task(
        self, task: str, inputs: Mapping[str, Series], options: Mapping, watch=None
    ) -> Result:
        if len(inputs) == 2:
            return find_task(task).run(inputs, None, None, options, watch)
        return Result(task, verdict="tumor", warnings=tuple(options))

    def _document(self, name: str, sha256: str, kind: str, decode_ms: float) -> dict[str, Any]:
        given = {"name": name, "sha256": sha256, "kind": kind, "shape": None, "spacing_mm": None}
        return {
            "schema": REPORT_SCHEMA,
            "input": {**given, "modality": None, "sequence": None, "plane": None},
            "verdict": "refused",
            "refusal": None,
            "classification": None,
            "slices": [],
            "lesions": [],
            "mask": None,
            "quality": {"in_distribution": None, "ood_score": None, "warnings": []},
            "timings_ms": {"decode": decode_ms, "total": decode_ms},
            "model": {
                "name": "bright",
                "version": "1",
                "precision": "INT8",
                "device": "CPU",
                "sha256": "0" * 64,
            },
            "notice": NOTICE,
        }


AFFINE = np.array([[0, 0, -1.0, 40], [0, -1.0, 0, 30], [3.0, 0, 0, 0], [0, 0, 0, 1]])
"""Rows grow to anterior, columns to the right: the viewing grid turns both round."""


def volume() -> Volume:
    array = np.full((5, 40, 60), 90, np.uint8)
    array[:, ::3] = 110
    array[2:4, 10:20, 30:45] = 250
    return Volume(array, AFFINE)


def nifti() -> bytes:
    return to_bytes(volume())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        tmp_path / "data",
        upload_bytes=4 << 20,
        upload_files=20,
        wait_s=0.2,
        queue=4,
        keep_names=True,
    )


@pytest.fixture
def bright() -> Bright:
    return Bright()


@pytest.fixture
def app(settings: Settings, bright: Bright) -> Iterator[Flask]:
    application = create_app(settings, bright)
    yield application
    bright.gate.set()
    close(application)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def picture(lesion: bool = True, rows: int = 40, columns: int = 60) -> np.ndarray:
    """A grey field, in it a bright square at rows 10 to 20 and columns 30 to 45."""
    out = np.full((rows, columns), 90, np.uint8)
    out[::2] += 20
    if lesion:
        out[10:20, 30:45] = 250
    return out


def png(lesion: bool = True) -> bytes:
    return cv2.imencode(".png", picture(lesion))[1].tobytes()


def pixels(data: bytes) -> np.ndarray:
    """A PNG's pixels, as stored."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def post_files(client: FlaskClient, path: str, field: str, *files: tuple[str, bytes]):
    """A multipart upload."""
    parts = [(io.BytesIO(data), name) for name, data in files]
    return client.post(API + path, data={field: parts})


def upload(client: FlaskClient, *files: tuple[str, bytes]) -> dict[str, Any]:
    """A study made of these files."""
    answer = post_files(client, "/studies", "files", *(files or [("slice.png", png())]))
    assert answer.status_code == 201, answer.json
    return answer.json


def finished(client: FlaskClient, job: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """A job when it has ended."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = client.get(f"{API}/jobs/{job}").json
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.01)
    raise AssertionError(f"the job did not end: {found}")


def analyse(client: FlaskClient, study: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The finished job of the task analyze on a study."""
    uid = study["study_instance_uid"]
    answer = client.post(f"{API}/studies/{uid}/tasks/analyze", json=body)
    assert answer.status_code == 202, answer.json
    return finished(client, answer.json["job"])
