"""Fixtures made by code: nothing is downloaded, nothing needs training."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
from appliance.core.types import Series, Volume
from appliance.pipeline import Analyzer
from appliance.registry import Package, open_package
from tests.tiny import write_tiny_package


def head_array(
    shape: tuple[int, int, int] = (9, 96, 80), lesion: bool = True, seed: int = 0
) -> np.ndarray:
    """An ellipsoid head with vessels and a bright ball, (slices, rows, columns) uint16."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    radius = np.sqrt((grid[0] / 1.6) ** 2 + (grid[1] / 0.9) ** 2 + (grid[2] / 0.85) ** 2)
    array = np.where(radius < 1.0, 700.0, 0.0)
    array += np.random.default_rng(seed).normal(0, 12, shape) * (radius < 1.0)
    array[:, ::8, ::8] = np.where(radius < 1.0, 2000.0, 0.0)[:, ::8, ::8]
    if lesion:
        ball = (grid[0] / 0.45) ** 2 + ((grid[1] + 0.2) / 0.22) ** 2 + ((grid[2] - 0.3) / 0.22) ** 2
        array[ball < 1.0] = 2000.0
    return np.clip(array, 0, None).astype(np.uint16)


AFFINE = np.array(
    [[0.0, 0.0, 2.0, -80.0], [0.0, 2.0, 0.0, -96.0], [6.0, 0.0, 0.0, -24.0], [0, 0, 0, 1.0]]
)
"""(slice, row, column) to LPS mm: axial, 6 mm slices, 2 mm pixels."""


def make_series(lesion: bool = True, slices: int = 9, **changes) -> Series:
    """A small series of the head, with geometry."""
    values = {
        "volume": Volume(head_array((slices, 96, 80), lesion), AFFINE if slices > 1 else None),
        "kind": "dicom" if slices > 1 else "image",
        "name": "head",
        "sha256": "0" * 64,
        **changes,
    }
    return Series(**values)


@pytest.fixture
def series() -> Series:
    return make_series()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds the tiny package, as ``NEURALSCAN_MODELS`` would name it."""
    return write_tiny_package(tmp_path_factory.mktemp("tiny")).parent


@pytest.fixture(scope="session")
def tiny_package(tiny_folder: Path) -> Package:
    return open_package(tiny_folder / "tiny")


@pytest.fixture(scope="session")
def analyzer(tiny_package: Package) -> Analyzer:
    return Analyzer(device="CPU", package=tiny_package)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The real data, where it is; tests that need it skip elsewhere."""
    root = Path(os.environ.get("NEURALSCAN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "figshare" / "labels.csv").is_file():
        pytest.skip("real data is absent: set NEURALSCAN_DATA to a data root")
    return root
