"""How often unsuitable input of a data root is refused; nothing is fitted on it.

The figures were looked at while the estimator's settings were chosen: they are development
figures, and the card says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.ingest import read_bytes
from appliance.pipeline import Analyzer
from optimize.evaluate import report_of


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def _files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.png")):
        yield path.read_bytes()


def _grey(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.png")):
        yield _png(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def _volume_slices(path: Path) -> Iterator[bytes]:
    """Axial slices with at least 5 % brain, as 8-bit pictures the way a viewer exports them."""
    (series,) = read_bytes(path.read_bytes(), path.name).series
    array = series.volume.array
    background = array[0, 0, 0]
    low, high = np.percentile(array[array != background], (0.5, 99.5))
    for plane in array:
        brain = plane != background
        if brain.mean() > 0.05:
            grey = np.where(brain, np.clip((plane - low) / (high - low), 0, 1) * 255, 0)
            yield _png(np.flipud(grey).astype(np.uint8))


def measure(analyzer: Analyzer, root: Path) -> list[dict[str, Any]]:
    """One row for each kind of unsuitable input that the data root holds.

    Returns
    -------
    list of ``{"input", "refused" (share), "n", "codes"}``
    """
    brats = root / "nifti" / "brats2013_pat0005"
    kinds = (
        ("CT slices (Harvard)", _files(root / "ct_mr" / "CT")),
        ("T2-like MR slices, no header (Harvard)", _files(root / "ct_mr" / "MR")),
        ("PET and SPECT in false colour", _files(root / "ood")),
        ("PET and SPECT turned to grey", _grey(root / "ood")),
        ("skull-stripped FLAIR slices (BraTS)", _optional(brats / "flair_zscored.nii.gz")),
        ("skull-stripped T1c slices (BraTS)", _optional(brats / "t1c_zscored.nii.gz")),
    )
    rows = []
    for name, pictures in kinds:
        reports = [report_of(analyzer, data, "x.png").document for data in pictures]
        if reports:
            codes = Counter(r["refusal"]["code"] for r in reports if r["refusal"])
            refused = sum(codes.values()) / len(reports)
            rows.append(
                {
                    "input": name,
                    "refused": round(refused, 4),
                    "n": len(reports),
                    "codes": dict(codes),
                }
            )
    return rows


def _optional(path: Path) -> Iterator[bytes]:
    return _volume_slices(path) if path.is_file() else iter(())
