"""`appliance.dicom_sr`: verdict and measurements in template 1500."""

from __future__ import annotations

import io

import highdicom as hd
import numpy as np
import pytest

from appliance import dicom_seg, dicom_sr
from appliance.core.errors import NotFound
from appliance.core.types import Report
from tests.readings import complaints, dicom_series, named, report_of, two_lesions


def read(data: bytes) -> hd.sr.Comprehensive3DSR:
    return hd.sr.srread(io.BytesIO(data))


def values(group) -> dict[str, tuple[float, str]]:
    return {m.name.meaning: (float(m.value), m.unit.value) for m in group.get_measurements()}


def test_measurements_read_back_as_the_report_says(tmp_path):
    series = dicom_series()
    report = two_lesions(series)
    data = dicom_sr.to_file(series, report)
    (tmp_path / "sr.dcm").write_bytes(data)
    assert complaints(tmp_path / "sr.dcm") == []
    groups = read(data).content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 2
    for group, lesion in zip(groups, report.document["lesions"], strict=True):
        found = values(group)
        assert found["Volume"] == (pytest.approx(lesion["volume_ml"]), "ml")
        assert found["Long axis"] == (pytest.approx(lesion["diameters_mm"][0]), "mm")
        assert found["Short axis"] == (pytest.approx(lesion["diameters_mm"][1]), "mm")


def test_lesions_point_at_the_segments_of_the_segmentation():
    series = dicom_series()
    report = two_lesions(series)
    segments = dicom_seg.segmentation(series, report)
    groups = read(dicom_sr.to_file(series, report)).content.get_volumetric_roi_measurement_groups()
    for number, group in enumerate(groups, 1):
        assert group.referenced_segment.referenced_sop_instance_uid == segments.SOPInstanceUID
        assert group.referenced_segment.referenced_segment_numbers == [number]
        tracked = segments.SegmentSequence[number - 1]
        assert group.tracking_uid == tracked.TrackingUID


def test_the_reading_carries_verdict_set_and_probabilities():
    series = dicom_series()
    content = read(dicom_sr.to_file(series, two_lesions(series))).content
    (group,) = content.get_image_measurement_groups()
    assert values(group)["Probability of meningioma"] == (pytest.approx(0.7), "1")
    said = [(e.name.meaning, e.value.meaning) for e in group.get_qualitative_evaluations()]
    assert ("Verdict of the algorithm", "Tumour found") in said
    assert ("Likeliest kind", "Intracranial meningioma") in said
    kinds = [value for name, value in said if name == "Kind in the prediction set"]
    assert kinds == ["Intracranial meningioma", "Glioma"]


def test_one_slice_has_an_area_and_no_tumour_has_no_lesion(tmp_path):
    single = dicom_series(1)
    labels = np.zeros(single.volume.shape, np.uint8)
    labels[0, 5:17, 4:9] = 1
    (tmp_path / "one.dcm").write_bytes(dicom_sr.to_file(single, report_of(single, labels)))
    assert complaints(tmp_path / "one.dcm") == []
    found = hd.sr.srread(tmp_path / "one.dcm").content.get_volumetric_roi_measurement_groups()
    assert values(found[0])["Area"] == (pytest.approx(60 * 0.5 * 0.75), "mm2")
    nothing = report_of(single, np.zeros(single.volume.shape, np.uint8), "no_tumor")
    (tmp_path / "none.dcm").write_bytes(dicom_sr.to_file(single, Report(nothing.document, None)))
    assert complaints(tmp_path / "none.dcm") == []
    content = hd.sr.srread(tmp_path / "none.dcm").content
    assert content.get_volumetric_roi_measurement_groups() == []
    assert "No tumour of the kinds looked for" in str(content)


def test_images_without_a_place_are_reported_all_the_same(tmp_path):
    series = dicom_series(1, ImagePositionPatient=None, Modality="OT")
    report = report_of(series, np.zeros(series.volume.shape, np.uint8), "no_tumor")
    (tmp_path / "sr.dcm").write_bytes(dicom_sr.to_file(series, Report(report.document)))
    assert complaints(tmp_path / "sr.dcm") == []


def test_nobody_is_named_and_a_refused_input_has_no_report():
    series = dicom_series()
    assert "Doe" not in named(dicom_sr.structured_report(series, two_lesions(series)))
    with pytest.raises(NotFound, match="refused"):
        dicom_sr.to_file(series, Report({**two_lesions(series).document, "verdict": "refused"}))
