"""`appliance.dicom`: files to frames, in every compression, without identifiers."""

from __future__ import annotations

import base64
import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from appliance import dicom
from appliance.core.errors import CorruptFile, EncryptedFile, NoPixels, NotGreyscale, TooLarge
from appliance.limits import Limits
from tests.scans import (
    dicom_dataset,
    dicom_file,
    jpeg_dicom,
    lossless_dicom,
    noise,
    saved,
)

DEEP = noise(dtype=np.uint16) >> 4


def only(data: bytes) -> np.ndarray:
    (frame,) = dicom.parse(data, "f" * 64)
    return frame.array


@pytest.mark.parametrize(
    "syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=["rle", "j2k", "jls"]
)
def test_compressed_pixels_come_back_bit_by_bit(syntax):
    dataset = dicom_dataset(DEEP)
    dataset.compress(syntax)
    assert (only(saved(dataset)) == DEEP).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_plain_encodings(syntax):
    dataset = dicom_dataset(DEEP)
    dataset.file_meta.TransferSyntaxUID = syntax
    assert (only(saved(dataset)) == DEEP).all()


def test_baseline_and_lossless_jpeg():
    assert np.abs(only(jpeg_dicom(noise())).astype(int) - noise()).mean() < 6
    assert (only(lossless_dicom(DEEP)) == DEEP).all()


def test_a_file_without_preamble_is_read():
    assert dicom.sniff(dicom_file(DEEP)[132:])
    assert (only(dicom_file(DEEP)[132:]) == DEEP).all()


def test_slope_and_intercept():
    real = only(dicom_file(DEEP, RescaleSlope=1, RescaleIntercept=-1024))
    assert real.dtype == np.int16
    assert (real == DEEP.astype(int) - 1024).all()
    real = only(dicom_file(DEEP, RescaleSlope=0.5, RescaleIntercept=3))
    assert real.dtype == np.float32
    assert np.allclose(real, DEEP * 0.5 + 3)


def test_monochrome1_is_turned_to_white_is_bright():
    real = only(dicom_file(DEEP, PhotometricInterpretation="MONOCHROME1"))
    assert (real == 4095 - DEEP).all()
    signed = DEEP.astype(np.int16) - 2048
    real = only(dicom_file(signed, PhotometricInterpretation="MONOCHROME1"))
    assert (real == -1 - signed).all()


def test_bits_beyond_the_stored_ones_are_dropped():
    overlay = DEEP | np.uint16(1 << 15)
    assert (only(dicom_file(overlay)) == DEEP).all()


def colour(saturation: float) -> bytes:
    grey = np.clip(noise(), 60, 255).astype(np.float32)
    rgb = np.dstack([grey, grey, grey * (1 - saturation)]).astype(np.uint8)
    dataset = dicom_dataset(noise(), PhotometricInterpretation="RGB", SamplesPerPixel=3)
    dataset.PlanarConfiguration = 0
    dataset.PixelData = rgb.tobytes()
    return saved(dataset)


def test_colour_follows_the_rule_of_pictures():
    assert only(colour(0.05)).shape == noise().shape
    with pytest.raises(NotGreyscale):
        only(colour(0.6))


def test_place_and_header():
    (frame,) = dicom.parse(dicom_file(DEEP, 3, WindowCenter=40, WindowWidth=80), "f" * 64)
    assert frame.position.tolist() == [-10, -20, 6]
    assert frame.spacing == (0.5, 0.75)
    assert (frame.header.modality, frame.header.sequence) == ("MR", "T1c")
    assert frame.header.window == (40, 80)


def test_no_identifier_is_kept():
    (frame,) = dicom.parse(dicom_file(DEEP), "f" * 64)
    assert "Doe" not in repr(frame)
    assert "12345" not in repr(frame)


def test_hostile_uids_are_replaced():
    (frame,) = dicom.parse(dicom_file(DEEP, SeriesInstanceUID="../../etc/passwd"), "f" * 64)
    assert frame.header.series_instance_uid.startswith("2.25.")


def enhanced(count: int = 5, **attributes: object) -> bytes:
    array = np.stack([noise(dtype=np.uint16, seed=s) >> 4 for s in range(count)])
    dataset = dicom_dataset(
        array,
        SOPClassUID=EnhancedMRImageStorage,
        NumberOfFrames=count,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        **attributes,
    )
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 2
    turned.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([turned])
    frames = []
    for index in range(count):
        frame, place, scale = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 2.0 * (count - index)]
        scale.RescaleSlope, scale.RescaleIntercept = 1, index
        frame.PlanePositionSequence = Sequence([place])
        frame.PixelValueTransformationSequence = Sequence([scale])
        frames.append(frame)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return saved(dataset)


def test_enhanced_frames_have_their_own_place_and_scale():
    frames = dicom.parse(enhanced(), "f" * 64)
    assert [f.position[2] for f in frames] == [10, 8, 6, 4, 2]
    assert all(f.spacing == (0.5, 0.75) for f in frames)
    assert (frames[3].array == (noise(dtype=np.uint16, seed=3) >> 4) + 3).all()


def test_objects_without_pixels():
    report = dicom_dataset(DEEP, Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(report, keyword)
    with pytest.raises(NoPixels, match="SR"):
        only(saved(report))
    report.EncryptedAttributesSequence = Sequence([Dataset()])
    with pytest.raises(EncryptedFile):
        only(saved(report))


def test_a_file_cut_anywhere_is_refused():
    data = dicom_file(DEEP)
    for cut in [*range(1, 20), *np.linspace(20, len(data) - 140, 25).astype(int)]:
        with pytest.raises(CorruptFile):
            only(data[: len(data) - cut])


def test_sizes_are_refused_before_decoding():
    with pytest.raises(TooLarge):
        only(dicom_file(DEEP, Rows=20000, Columns=20000))
    with pytest.raises(TooLarge):
        only(dicom_file(DEEP, NumberOfFrames=2_000_000))
    dataset = dicom_dataset(np.zeros((2000, 2000), np.uint16))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    limits = Limits(ratio=2, ratio_from_bytes=1 << 20)
    with pytest.raises(TooLarge):
        dicom.parse(saved(dataset), "", limits)


def test_secured_media_are_recognised():
    assert dicom.sniff_encrypted(bytes.fromhex("308006092a864886f70d010703a080"))
    assert not dicom.sniff_encrypted(dicom_file(DEEP))


HIGH_THROUGHPUT = (
    "|4;u>04YEK0000C0000G00000000000000C0000G0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?"
    "kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000d;kIelfVEbG5ZAvbN~Rr024p}69Bya0ta*e"
    "?EV6WbO68r6F>kHfVKVr%X9#A)BOO0Q~<yL6)*q=NVYbc?U&&TbpWzuWxyD~jJ5#404tyX72psAK@bE%-U@npaDsRMz(61n2"
    ">kp25cVMf?70B{*#"
)
"""16 x 12 pixels of `np.add.outer(97 * rows, 41 * columns) % 4096`, as OpenJPH wrote them."""


@pytest.mark.parametrize("number", [201, 202, 203])
def test_high_throughput_jpeg_2000(number):
    pixels = (np.add.outer(np.arange(16) * 97, np.arange(12) * 41) % 4096).astype(np.uint16)
    dataset = dicom_dataset(pixels, BitsStored=16, HighBit=15)
    dataset.file_meta.TransferSyntaxUID = UID(f"1.2.840.10008.1.2.4.{number}")
    dataset.PixelData = encapsulate([base64.b85decode(HIGH_THROUGHPUT)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    assert (only(saved(dataset)) == pixels).all()


def test_big_endian_with_and_without_a_file_header():
    dataset = dicom_dataset(DEEP)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset["PixelData"].value = DEEP.byteswap().tobytes()
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    data = stream.getvalue()
    assert only(data).dtype == np.uint16
    assert (only(data) == DEEP).all()
    bare = data[data.index(b"\0\x08\0\x16UI") :]
    assert dicom.sniff(bare)
    assert (only(bare) == DEEP).all()


def test_frames_know_the_image_they_are_from():
    frames = dicom.parse(enhanced(3), "f" * 64)
    uid = frames[0].instance[0]
    assert [frame.instance for frame in frames] == [(uid, 1), (uid, 2), (uid, 3)]
    (frame,) = dicom.parse(dicom_file(DEEP, FrameOfReferenceUID="1.2.3"), "f" * 64)
    assert frame.instance[1] == 0
    assert frame.header.origin.frame_of_reference_uid == "1.2.3"
    assert frame.header.origin.header == {}
    (frame,) = dicom.parse(dicom_file(DEEP), "f" * 64, linked=True)
    assert frame.header.origin.header["PatientID"] == "12345"
