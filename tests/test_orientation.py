"""`appliance.orientation`: the phantom comes out where it was put, and the check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance import dicom_seg, handover, ingest, orientation
from appliance.core.types import Volume
from tests.readings import complaints, report_of


@pytest.mark.parametrize("case", orientation.cases(), ids=str)
def test_every_plane_order_and_slant(case):
    distances = orientation.examine(case)
    assert set(distances) == {"segmentation", "structure set", "NIfTI mask"}
    assert max(distances.values()) < 0.5


@pytest.mark.parametrize("case", orientation.cases(), ids=str)
def test_every_object_passes_the_validator_in_every_orientation(case, tmp_path):
    (series,) = ingest.read_files(list(orientation.files(case))).series
    labels = (series.volume.array >= series.volume.array.max() - 100).astype(np.uint8)
    report = report_of(series, labels)
    for kind in handover.OBJECTS:
        path = tmp_path / f"{kind}.dcm"
        path.write_bytes(handover.dicom(kind, report, series))
        assert complaints(path) == []


def test_the_cases_are_all_there():
    ways = {(case.plane, case.order, case.oblique) for case in orientation.cases()}
    assert len(ways) == 12


def spoilt(monkeypatch, spoil):
    """The check, with each series changed after it was read."""
    honest = ingest.read_files

    def read(files):
        study = honest(files)
        return replace(study, series=tuple(map(spoil, study.series)))

    monkeypatch.setattr(orientation.ingest, "read_files", read)
    monkeypatch.setattr(orientation, "cases", lambda: [orientation.Case("axial", "along", True)])
    return orientation.orientation_check()


def test_a_mirrored_volume_is_noticed(monkeypatch):
    def mirrored(series):
        volume = series.volume
        return replace(series, volume=Volume(volume.array[:, :, ::-1], volume.affine))

    found = spoilt(monkeypatch, mirrored)
    assert not found["good"]
    assert "elsewhere than the affine says" in orientation.text(found)


def test_slices_in_the_wrong_order_are_noticed(monkeypatch):
    def turned(series):
        volume = series.volume
        return replace(series, volume=Volume(volume.array[::-1], volume.affine))

    assert not spoilt(monkeypatch, turned)["good"]


def test_an_object_that_lies_elsewhere_is_noticed(monkeypatch):
    honest = dicom_seg.to_file

    def shifted(series, report):
        source = series.source
        moved = tuple(tuple(np.add(at, (0, 9, 0))) for at in source.positions)
        return honest(replace(series, source=replace(source, positions=moved)), report)

    monkeypatch.setattr(orientation.dicom_seg, "to_file", shifted)
    found = spoilt(monkeypatch, lambda series: series)
    assert "segmentation lies 9." in orientation.text(found)
