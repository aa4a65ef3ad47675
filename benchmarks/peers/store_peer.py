"""The store with many studies: list a page of them, open one, add one and delete it again."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from benchmarks.peers.peer import Way

_API = "/api/v1/studies"
_SIDE = 64


class StorePeer:
    """Calls go through the web application, without a network in between."""

    device, size_mb = "CPU", 0.0

    def __init__(self, config: Mapping[str, Any]) -> None:
        from appliance.app import create_app
        from appliance.settings import Settings

        self._folder = TemporaryDirectory(prefix="neuralscan-benchmark-")
        # nothing is analysed, so that no network is needed
        self._app = create_app(Settings(data=Path(self._folder.name)), analyzer=object())
        self._client = self._app.test_client()
        self._rng = np.random.default_rng(0)
        self._studies = [self._add() for _ in range(int(config["studies"]))]
        names = ("flask", "sqlalchemy", "numpy")
        self.versions = {name: importlib.metadata.version(name) for name in names}

    def _add(self) -> str:
        """A small picture that was never there before."""
        pixels = self._rng.integers(0, 255, (_SIDE, _SIDE), np.uint8)
        files = [(io.BytesIO(cv2.imencode(".png", pixels)[1].tobytes()), "slice.png")]
        answer = self._client.post(_API, data={"files": files})
        if answer.status_code != 201:
            raise RuntimeError(f"POST {_API} answered {answer.status_code}")
        return answer.json["study_instance_uid"]

    def _list(self, i: int) -> int:
        return len(self._client.get(f"{_API}?limit=100").data)

    def _open(self, i: int) -> int:
        return len(self._client.get(f"{_API}/{self._studies[i % len(self._studies)]}").data)

    def _again(self, i: int) -> None:
        self._client.delete(f"{_API}/{self._add()}")

    def ways(self) -> dict[str, Way]:
        return {
            "list": Way(self._list, hint="first 100 studies"),
            "open": Way(self._open, hint="one study"),
            "add": Way(self._again, hint="one study, and deleted again"),
        }

    def latency(self) -> Way:
        return self.ways()["list"]

    throughput = latency

    def close(self) -> None:
        from appliance.app import close

        close(self._app)
        self._folder.cleanup()


def open_peer(config: Mapping[str, Any]) -> StorePeer:
    """``studies``: how many are there before anything is measured."""
    return StorePeer(config)
