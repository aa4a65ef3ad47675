"""Series with a report whose lesions are known, for tests of what is written about them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from appliance import NOTICE, ingest
from appliance.core.geometry import spacing_mm, voxel_ml
from appliance.core.types import REPORT_SCHEMA, Report, Series, Volume
from appliance.pseudonym import Pseudonyms
from tests.scans import dicom_file

PSEUDONYMS = Pseudonyms(bytes(32))
FRAME = "1.2.826.0.1.3680043.8.498.9"


def dicom_series(count: int = 6, linked: bool = False, **attributes: object) -> Series:
    """A stack of generated slices, under pseudonyms unless it is linked."""
    given = {"FrameOfReferenceUID": FRAME, **attributes}
    files = [(f"{i}.dcm", dicom_file(index=i, **given)) for i in range(count)]
    study = ingest.read_files(files, linked=linked)
    (series,) = (study if linked else PSEUDONYMS.study(study)).series
    return series


def two_lesions(series: Series) -> Report:
    """A report that found two boxes, the first of them across slices where there are several."""
    slices = series.volume.shape[0]
    labels = np.zeros(series.volume.shape, np.uint8)
    labels[slices // 3 : slices // 3 + 2, 5:17, 4:9] = 1
    labels[slices - 1, 25:31, 20:30] = 2
    return report_of(series, labels)


def report_of(series: Series, labels: np.ndarray, verdict: str = "tumor") -> Report:
    """A report that says what a label map shows, measured by counting voxels."""
    affine = series.volume.affine
    spacing = None if affine is None else list(spacing_mm(affine))
    lesions = []
    for number in range(1, int(labels.max()) + 1):
        inside = labels == number
        places = np.argwhere(inside)
        box = [*places.min(axis=0).tolist(), *(places.max(axis=0) + 1).tolist()]
        sides = None if spacing is None else sorted((12 * spacing[1], 5 * spacing[2]))
        whole = spacing is not None and len(labels) > 1
        lesions.append(
            {
                "id": number,
                "box": box,
                "view_box": box,
                "score": 0.9,
                "area_px": int(inside.sum()),
                "volume_ml": round(inside.sum() * voxel_ml(affine), 4) if whole else None,
                "diameters_mm": sides and [sides[1], sides[0]],
            }
        )
    return Report(_document(series, labels, verdict, lesions, spacing), Volume(labels, affine))


def _document(
    series: Series, labels: np.ndarray, verdict: str, lesions: list, spacing: list | None
) -> dict:
    return {
        "schema": REPORT_SCHEMA,
        "input": {
            "name": series.name,
            "sha256": series.sha256,
            "kind": series.kind,
            "modality": series.modality,
            "sequence": series.sequence,
            "plane": series.plane,
            "shape": list(labels.shape),
            "spacing_mm": spacing,
        },
        "verdict": verdict,
        "reasons": ["The outline and the classifier agree."],
        "refusal": None,
        "classification": {
            "label": "meningioma" if lesions else "no_tumor",
            "probabilities": {"glioma": 0.2, "meningioma": 0.7, "pituitary": 0.1, "no_tumor": 0.0},
            "prediction_set": ["meningioma", "glioma"],
            "coverage": 0.95,
        },
        "slices": [
            {"index": i, "verdict": verdict, "label": "meningioma", "mask_px": int((p > 0).sum())}
            for i, p in enumerate(labels)
        ],
        "lesions": lesions,
        "mask": None,
        "quality": {"in_distribution": True, "ood_score": 0.4, "warnings": ["A <warning> & more."]},
        "timings_ms": {"total": 1.0},
        "model": {
            "name": "first",
            "version": "1.2.3",
            "precision": "INT8",
            "device": "CPU",
            "sha256": "ab" * 32,
        },
        "notice": NOTICE,
    }


def complaints(path: Path) -> list[str]:
    """What the validator of David Clunie's dicom3tools finds wrong with a file."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("no dciodvfy (Debian: apt-get install dicom3tools)")
    done = subprocess.run(
        [tool, "-new", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "the validator said nothing"
    return [line for line in lines if line.startswith("Error")]


def named(dataset: Dataset) -> str:
    """Everything a data set says, as text."""
    return str(dataset) + str(dataset.file_meta)
