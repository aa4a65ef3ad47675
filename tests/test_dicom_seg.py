"""`appliance.dicom_seg`: lesions as segments, on the source's own slices."""

from __future__ import annotations

import io

import highdicom as hd
import numpy as np
import pydicom
import pytest

from appliance import dicom_seg, ingest
from appliance.core.errors import GeometryError, NotFound
from appliance.core.types import Report
from tests.readings import PSEUDONYMS, complaints, dicom_series, named, report_of, two_lesions
from tests.scans import SERIES, STUDY, encoded, noise
from tests.test_dicom import enhanced


def read(data: bytes) -> hd.seg.Segmentation:
    return hd.seg.segread(io.BytesIO(data))


def volume_of(segmentation: hd.seg.Segmentation, shape: tuple[int, ...]) -> np.ndarray:
    """Labels frame by frame, put where each frame says it lies along z."""
    labels = np.zeros(shape, np.uint8)
    for frame, plane in zip(
        segmentation.PerFrameFunctionalGroupsSequence,
        np.atleast_3d(segmentation.pixel_array.T).T,
        strict=True,
    ):
        z = float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        labels[round(z / 2.0)][plane > 0] = number
    return labels


def test_it_reads_back_identical_and_refers_to_its_slices(tmp_path):
    series = dicom_series()
    report = two_lesions(series)
    data = dicom_seg.to_file(series, report)
    (tmp_path / "seg.dcm").write_bytes(data)
    assert complaints(tmp_path / "seg.dcm") == []
    found = read(data)
    assert (volume_of(found, series.volume.shape) == report.label_map.array).all()
    places = {
        round(z): uid
        for (_, _, z), (uid, _) in zip(
            series.source.positions, series.source.instances, strict=True
        )
    }
    for frame in found.PerFrameFunctionalGroupsSequence:
        z = float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        referred = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert referred.ReferencedSOPInstanceUID == places[round(z)]
    assert found.FrameOfReferenceUID == series.source.frame_of_reference_uid
    assert found.StudyInstanceUID == series.study_instance_uid


def test_segments_are_coded_and_say_which_algorithm_drew_them():
    series = dicom_series()
    segments = read(dicom_seg.to_file(series, two_lesions(series))).SegmentSequence
    assert [s.SegmentLabel for s in segments] == ["Lesion 1", "Lesion 2"]
    kind = segments[0].SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("302820008", "SCT")
    algorithm = segments[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("first 1.2.3", "1.2.3")
    assert "Research use only" in algorithm.AlgorithmParameters
    doubtful = report_of(series, two_lesions(series).label_map.array, "uncertain")
    segment = read(dicom_seg.to_file(series, doubtful)).SegmentSequence[0]
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Neoplasm"


def test_pseudonyms_by_default_and_the_source_when_linked(tmp_path):
    series = dicom_series()
    hidden = pydicom.dcmread(io.BytesIO(dicom_seg.to_file(series, two_lesions(series))))
    for secret in ("Doe", "12345", STUDY, SERIES):
        assert secret not in named(hidden)
    assert hidden.PatientIdentityRemoved == "YES"
    series = dicom_series(linked=True, PatientBirthDate="19700102", StudyDate="20240506")
    data = dicom_seg.to_file(series, two_lesions(series))
    (tmp_path / "linked.dcm").write_bytes(data)
    assert complaints(tmp_path / "linked.dcm") == []
    open_one = pydicom.dcmread(io.BytesIO(data))
    assert (str(open_one.PatientName), open_one.PatientID) == ("Doe^Jane", "12345")
    assert (open_one.StudyInstanceUID, open_one.StudyDate) == (STUDY, "20240506")
    assert open_one.ReferencedSeriesSequence[0].SeriesInstanceUID == SERIES
    assert open_one.SeriesInstanceUID != SERIES


def test_the_same_result_is_the_same_object():
    series = dicom_series()
    one, two = (read(dicom_seg.to_file(series, two_lesions(series))) for _ in range(2))
    assert one.SOPInstanceUID == two.SOPInstanceUID
    labels = two_lesions(series).label_map.array.copy()
    labels[0, 0, 0] = 1
    other = read(dicom_seg.to_file(series, report_of(series, labels)))
    assert other.SOPInstanceUID != one.SOPInstanceUID


def test_frames_of_an_enhanced_image_keep_their_numbers(tmp_path):
    (series,) = PSEUDONYMS.study(ingest.read_bytes(enhanced(), "e.dcm")).series
    labels = np.zeros(series.volume.shape, np.uint8)
    labels[1, 3:8, 4:9] = 1
    data = dicom_seg.to_file(series, report_of(series, labels))
    (tmp_path / "seg.dcm").write_bytes(data)
    assert complaints(tmp_path / "seg.dcm") == []
    frame = read(data).PerFrameFunctionalGroupsSequence[0]
    image = frame.DerivationImageSequence[0].SourceImageSequence[0]
    assert image.ReferencedFrameNumber == series.source.instances[1][1] == 4
    place = [float(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient]
    assert place == pytest.approx(series.source.positions[1])


def test_what_cannot_be_segmented_says_why():
    series = dicom_series()
    with pytest.raises(NotFound, match="no lesion"):
        dicom_seg.to_file(series, Report(two_lesions(series).document))
    (picture,) = ingest.read_bytes(encoded(noise(), ".png"), "a.png").series
    with pytest.raises(NotFound, match="DICOM images"):
        dicom_seg.to_file(picture, two_lesions(picture))
    nowhere = dicom_series(1, ImagePositionPatient=None)
    with pytest.raises(GeometryError, match="no position"):
        dicom_seg.to_file(nowhere, two_lesions(nowhere))
