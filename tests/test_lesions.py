"""appliance.lesions: sizes of lesions whose truth is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing, prepare, restore
from appliance.core.verdict import Rule
from appliance.lesions import diameters_mm, label_map


def ellipse(long_mm: float, short_mm: float, turn: float, row_mm: float, column_mm: float):
    """A filled ellipse on a grid of these spacings, (rows, columns) bool."""
    rows, columns = np.indices((round(120 / row_mm), round(120 / column_mm)))
    y, x = rows * row_mm - 60, columns * column_mm - 60
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (2 * along / long_mm) ** 2 + (2 * across / short_mm) ** 2 <= 1


@pytest.mark.parametrize("turn", [0.0, 0.5, 1.3, 2.2])
@pytest.mark.parametrize("spacing", [(0.5, 0.5), (1.0, 0.6)])
def test_the_diameters_of_an_ellipse(turn, spacing):
    lesion = ellipse(50, 30, turn, *spacing)[None]
    long, short = diameters_mm(lesion, *spacing)
    assert long == pytest.approx(50, abs=1.5 * max(spacing))
    assert short == pytest.approx(30, abs=2.5 * max(spacing))


def test_both_are_measured_on_the_slice_with_the_longest():
    flat, round_ = ellipse(60, 10, 0.3, 1, 1), ellipse(40, 38, 0.3, 1, 1)
    long, short = diameters_mm(np.stack([round_, flat, round_]), 1, 1)
    assert long == pytest.approx(60, abs=2)
    assert short == pytest.approx(10, abs=2.5)


def test_the_perpendicular_is_a_line_inside_and_no_extent():
    """A leaning stripe is wide across its long axis, but nowhere as thick as that."""
    leaning = np.zeros((40, 80), bool)
    for row in range(40):
        leaning[row, row : row + 40] = True
    long, short = diameters_mm(leaning[None], 1, 1)
    corners = np.argwhere(leaning)
    axis = np.array([40, 79]) / np.hypot(40, 79)
    extent = np.ptp(corners @ np.array([-axis[1], axis[0]]))
    assert long == pytest.approx(np.hypot(40, 79), abs=1)
    assert short < 0.9 * extent


def test_one_pixel_has_a_size():
    pixel = np.zeros((1, 3, 3), bool)
    pixel[0, 1, 1] = True
    assert diameters_mm(pixel, 3.0, 4.0) == pytest.approx((5.0, 3.75))


@pytest.mark.parametrize(
    ("verdicts", "slices"),
    [
        (["no_tumor", "uncertain", "no_tumor"], []),
        (["no_tumor", "tumor", "no_tumor"], [1]),
        (["no_tumor", "uncertain", "uncertain"], [1, 2]),
        (["uncertain"], [0]),
    ],
)
def test_in_a_series_one_uncertain_slice_alone_is_no_lesion(verdicts, slices):
    """What is outlined on one slice that is uncertain is left out; a single picture keeps it."""
    image = np.zeros((64, 64), np.float32)
    image[8:56, 8:56] = np.random.default_rng(0).uniform(50, 200, (48, 48))
    prepared = prepare(image, Preprocessing(size=32))
    planes = np.zeros((len(verdicts), 32, 32), np.float32)
    for plane, verdict in zip(planes, verdicts, strict=True):
        plane[12:20, 12:20] = float(verdict != "no_tumor")
    reading = SimpleNamespace(
        view=SimpleNamespace(view_shape=(len(verdicts), 64, 64)),
        outline=lambda row: restore(planes[row], prepared),
        rows=range(len(verdicts)),
        prepared=[prepared] * len(verdicts),
        slices=[SimpleNamespace(verdict=verdict) for verdict in verdicts],
    )
    labels = label_map(reading, Rule())
    assert [i for i, plane in enumerate(labels) if plane.any()] == slices
