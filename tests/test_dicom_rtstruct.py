"""`appliance.dicom_rtstruct`: outlines that enclose what the mask covers, where it lies."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest

from appliance import dicom_rtstruct
from appliance.core.errors import NotFound
from appliance.core.types import Report
from appliance.orientation import rtstruct_centre
from appliance.outline import area
from tests.readings import complaints, dicom_series, named, report_of, two_lesions


def test_outlines_lie_on_the_slices_and_enclose_the_lesion(tmp_path):
    series = dicom_series()
    report = two_lesions(series)
    data = dicom_rtstruct.to_file(series, report)
    (tmp_path / "rt.dcm").write_bytes(data)
    assert complaints(tmp_path / "rt.dcm") == []
    found = pydicom.dcmread(io.BytesIO(data))
    assert [roi.ROIName for roi in found.StructureSetROISequence] == ["Lesion 1", "Lesion 2"]
    first = found.ROIContourSequence[0].ContourSequence
    assert len(first) == 2
    points = np.array(first[0].ContourData, float).reshape(-1, 3)
    assert set(points[:, 2]) == {4.0}
    rows, columns = np.ptp(points[:, 1]), np.ptp(points[:, 0])
    assert (rows, columns) == (pytest.approx(12 * 0.5), pytest.approx(5 * 0.75))
    image = first[0].ContourImageSequence[0].ReferencedSOPInstanceUID
    assert image == series.source.instances[2][0]
    inside = np.argwhere(report.label_map.array == 1).mean(axis=0)
    assert rtstruct_centre(data) == pytest.approx((series.volume.affine @ [*inside, 1])[:3])


def test_a_hole_is_cut_out_by_a_keyhole(tmp_path):
    series = dicom_series(2)
    labels = np.zeros(series.volume.shape, np.uint8)
    labels[0, 4:10, 4:10] = 1
    labels[0, 6, 6] = 0
    data = dicom_rtstruct.to_file(series, report_of(series, labels))
    (tmp_path / "rt.dcm").write_bytes(data)
    assert complaints(tmp_path / "rt.dcm") == []
    contours = pydicom.dcmread(io.BytesIO(data)).ROIContourSequence[0].ContourSequence
    (contour,) = contours
    assert contour.ContourGeometricType == "CLOSED_PLANAR"
    points = np.array(contour.ContourData, float).reshape(-1, 3)[:, :2]
    assert abs(area(points)) == pytest.approx(35 * 0.5 * 0.75)


def test_nobody_is_named_and_nothing_found_is_nothing_written():
    series = dicom_series()
    assert "Doe" not in named(dicom_rtstruct.structure_set(series, two_lesions(series)))
    with pytest.raises(NotFound, match="no lesion"):
        dicom_rtstruct.to_file(series, Report(two_lesions(series).document))
