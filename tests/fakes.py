"""Stand-ins the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from appliance import NOTICE
from appliance.core import errors
from appliance.core.types import REPORT_SCHEMA, Refusal, Report, Series, Volume


class Reader:
    """Stands in for the analyser: a lesion in the middle of everything that can be read."""

    def __init__(
        self,
        device: str = "AUTO",
        models: object = (),
        cache: object = None,
        package: object = None,
        backend: str = "",
        tuning: object = None,
    ) -> None:
        if device not in ("AUTO", "CPU"):
            raise errors.Unavailable(f"device {device!r} is not available here; use --device CPU")

    def _document(self, name: str, sha256: str, kind: str, shape: list[int] | None) -> dict:
        return {
            "schema": REPORT_SCHEMA,
            "input": {"name": name, "sha256": sha256, "kind": kind, "shape": shape},
            "verdict": "refused",
            "refusal": None,
            "classification": None,
            "slices": [],
            "lesions": [],
            "mask": None,
            "quality": {"in_distribution": None, "ood_score": None, "warnings": []},
            "timings_ms": {"total": 12.5},
            "notice": NOTICE,
        }

    def analyze(
        self, series: Series, progress=None, cancelled=None, decode_ms=0.0, crowd=False
    ) -> Report:
        assert decode_ms > 0
        progress(0.5)
        shape = series.volume.shape
        label_map = np.zeros(shape, np.uint8)
        middle = tuple(slice(n // 3, 2 * n // 3 + 1) for n in shape)
        label_map[middle] = 1
        document = self._document(series.name, series.sha256, series.kind, list(shape))
        box = [n // 3 for n in shape] + [2 * n // 3 + 1 for n in shape]
        lesion = {"id": 1, "box": box, "score": 0.9, "area_px": int(label_map.sum())}
        return Report(
            {
                **document,
                "verdict": "tumor",
                "classification": {
                    "label": "glioma",
                    "probabilities": {"glioma": 0.9, "no_tumor": 0.1},
                    "prediction_set": ["glioma"],
                    "coverage": 0.95,
                },
                "lesions": [{**lesion, "volume_ml": None, "diameters_mm": None}],
            },
            Volume(label_map, series.volume.affine),
        )

    def refuse(self, refusal: Refusal) -> Report:
        document = self._document(refusal.name, refusal.sha256, refusal.kind, None)
        return Report({**document, "refusal": refusal.to_json()})


def write_picture(path: Path, value: int = 90) -> Path:
    """A small grey PNG with a bright square."""
    picture = np.full((40, 60), value, np.uint8)
    picture[10:30, 20:40] = 200
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return path
