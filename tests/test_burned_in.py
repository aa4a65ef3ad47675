"""Text in pictures: found outside the head, blackened where a picture leaves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from appliance import burned_in, handover
from appliance.core.errors import BurnedInText
from appliance.core.types import Report, Volume
from appliance.ingest import read_bytes, read_files
from tests.readings import two_lesions
from tests.scans import dicom_file, encoded

LINES = ("MUSTERFRAU^ERIKA", "Musterfrau, Erika", "17.02.1943", "PID-4711-0815", "ID 4711 F 80Y")


def head(seed: int, size: int = 256) -> np.ndarray:
    """A bright ring around soft tissue with folds, on a dark and noisy ground."""
    rng = np.random.default_rng(seed)
    plane = np.zeros((size, size), np.float32)
    middle, axes = (size // 2, size // 2), (round(size * 0.33), round(size * 0.4))
    tissue = cv2.GaussianBlur(rng.random((size, size), np.float32), (0, 0), size / 60)
    tissue = (tissue - tissue.min()) / np.ptp(tissue)
    inside = cv2.ellipse(np.zeros_like(plane), middle, axes, 0, 0, 360, 1.0, -1)
    plane += inside * (300 + 300 * tissue)
    cv2.ellipse(plane, middle, axes, 0, 0, 360, 900.0, max(3, size // 40))
    noise = rng.normal(0, 8, plane.shape) ** 2 + rng.normal(0, 8, plane.shape) ** 2
    return np.sqrt(cv2.GaussianBlur(plane, (3, 3), 0) ** 2 + noise).astype(np.float32)


def drawn(plane: np.ndarray, text: str, font: int, tall: int, bright: float, corner: int):
    """The plane with text in a corner, and the text's own box."""
    rows, columns = plane.shape
    scale = cv2.getFontScaleFromHeight(font, tall, 1)
    (width, height), below = cv2.getTextSize(text, font, scale, 1)
    row = height + 4 if corner < 2 else rows - 4 - below
    column = 4 if corner % 2 == 0 else columns - 4 - width
    layer = np.zeros(plane.shape, np.uint8)
    cv2.putText(layer, text, (column, row), font, scale, 255, 1, cv2.LINE_AA)
    share = layer.astype(np.float32) / 255
    value = bright * float(np.percentile(plane, 99.9))
    return plane * (1 - share) + share * value, (row - height, column, row, column + width)


def share_covered(boxes, own) -> float:
    mask = np.zeros((1024, 1024), bool)
    for row0, column0, row1, column1 in boxes:
        mask[row0:row1, column0:column1] = True
    return float(mask[max(own[0], 0) : own[2], max(own[1], 0) : own[3]].mean())


def test_text_of_many_kinds_is_found_and_covered():
    covered, total = 0, 0
    for number in range(60):
        plane = head(number, 512 if number % 2 else 256)
        text, font = LINES[number % 5], number % 4
        tall, bright = (8, 10, 12, 14)[number // 4 % 4], (0.3, 0.6, 1.0, 1.5)[number // 5 % 4]
        picture, own = drawn(plane, text, font, tall, bright, number % 4)
        covered += share_covered(burned_in.find(picture), own) > 0.9
        total += 1
    assert covered >= 0.93 * total


def test_heads_without_text_have_none():
    found = [burned_in.find(head(seed, size)) for seed in range(25) for size in (200, 320)]
    assert sum(map(bool, found)) <= 1


def test_black_text_on_white_and_tiny_pictures():
    white = np.full((200, 200), 250, np.uint8)
    cv2.putText(white, "Doe Jane 1943", (20, 100), 0, 0.5, 0)
    assert burned_in.find(white)
    assert burned_in.find(np.zeros((8, 8), np.uint8)) == ()
    assert burned_in.find(np.zeros((64, 64), np.uint8)) == ()


def test_a_place_counts_in_a_stack_when_it_recurs():
    here, there = (0, 0, 10, 50), (90, 0, 99, 30)
    assert burned_in.recurring([[here], [here, there], [], []]) == (here,)
    assert burned_in.recurring([[there]]) == (there,)
    assert burned_in.recurring([[], [], [], []]) == ()


def named(kind: str):
    """A series with a name in its corner, from a picture or from DICOM."""
    picture, own = drawn(head(3), "MUSTERFRAU 1943", 0, 12, 1.0, 0)
    if kind == "image":
        data = encoded(np.clip(picture / 4, 0, 255).astype(np.uint8), ".png")
        (series,) = read_bytes(data, "a.png").series
    else:
        files = [(f"{i}.dcm", dicom_file(picture.astype(np.uint16), i)) for i in range(3)]
        (series,) = read_files(files).series
    return series, own


@pytest.mark.parametrize("kind", ["image", "dicom"])
def test_a_report_warns_and_what_leaves_shows_no_text(kind):
    series, own = named(kind)
    warned, places = burned_in.noticed(series)
    assert burned_in.WARNING in warned.warnings
    report = burned_in.told(two_lesions(warned), places)
    shown = burned_in.covered(warned, report.document)
    row0, column0, row1, column1 = own
    assert np.ptp(shown.volume.array[:, row0:row1, column0:column1]) == 0
    assert np.ptp(series.volume.array[:, row0:row1, column0:column1]) > 0  # itself untouched
    ((_, given),) = handover.covered([(report, warned)])
    assert np.array_equal(given.volume.array, shown.volume.array)
    pages = [handover.html([(given, warned)]) for given in (report, two_lesions(warned))]
    assert pages[0] != pages[1]
    assert handover.pdf([(report, warned)])[:5] == b"%PDF-"


def test_nothing_is_said_of_a_clean_series_or_a_nifti():
    (series,) = read_bytes(encoded(head(1).clip(0, 255).astype(np.uint8), ".png"), "a.png").series
    assert burned_in.noticed(series) == (series, ())
    assert burned_in.covered(series, {"quality": None}) is series
    named_series, _ = named("image")
    nifti = replace(named_series, kind="nifti")
    assert burned_in.noticed(nifti) == (nifti, ())


def test_text_that_is_announced_but_not_found_keeps_the_pictures_back(tmp_path):
    (series,) = read_files(
        [(f"{i}.dcm", dicom_file(index=i, BurnedInAnnotation="YES")) for i in range(3)]
    ).series
    labels = np.zeros(series.volume.shape, np.uint8)
    labels[:, 10:20, 10:20] = 1
    report = replace(two_lesions(series), label_map=Volume(labels, series.volume.affine))
    with pytest.raises(BurnedInText, match="segmentation"):
        handover.pdf([(report, series)])
    files, missing = handover.write(report, series, tmp_path, ("pdf", "sr"))
    assert set(files) == {"sr"}
    assert "burned" in missing["pdf"]


def test_one_report_keeps_what_it_said_before():
    report = Report({"quality": {"warnings": ["x"]}, "verdict": "tumor"})
    document = burned_in.told(report, [(1, 2, 3, 4)]).document
    assert document["quality"] == {"warnings": ["x"], "text_places": [[1, 2, 3, 4]]}


@pytest.mark.parametrize("tall", [12, 16, 20])
def test_a_short_name_is_found(tall):
    """Few letters that touch at half size must not end the search there."""
    for number in range(4):
        plane = head(700 + number, 512 if number % 2 else 256)
        plane, own = drawn(plane, "Li Wei", number, tall, 0.6, number)
        assert share_covered(burned_in.find(plane), own) >= 0.9, number
