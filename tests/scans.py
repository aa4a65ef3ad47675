"""Small scans of every format, made by code, for the readers' tests."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    MRImageStorage,
    generate_uid,
)

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"


def data_folder() -> Path:
    """The folder of real images; the test is skipped where there is none."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("NEURALSCAN_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder} (NEURALSCAN_DATA names another place)")
    return folder


def noise(shape: tuple[int, ...] = (40, 32), dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    """Smooth grey noise over the whole range of the type."""
    rng = np.random.default_rng(seed)
    plane = cv2.GaussianBlur(rng.random(shape[:2], np.float32), (5, 5), 0)
    plane = (plane - plane.min()) / (plane.max() - plane.min())
    return (plane * np.iinfo(dtype).max).astype(dtype)


def picture(array: np.ndarray, form: str, **options: object) -> bytes:
    """A picture file as Pillow writes it."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form, **options)
    return stream.getvalue()


def encoded(array: np.ndarray, ending: str) -> bytes:
    """A picture file as OpenCV writes it."""
    return cv2.imencode(ending, array)[1].tobytes()


def dicom_dataset(array: np.ndarray | None = None, index: int = 0, **attributes: object) -> Dataset:
    """A 16-bit MR slice at ``z = 2 * index`` mm, rows to P and columns to L."""
    array = noise(dtype=np.uint16, seed=index) >> 4 if array is None else array
    bits = array.dtype.itemsize * 8
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SOPClassUID": MRImageStorage,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "PatientName": "Doe^Jane",
        "PatientID": "12345",
        "Modality": "MR",
        "SeriesDescription": "t1 tra +c Doe",
        "SeriesNumber": 4,
        "InstanceNumber": index + 1,
        "ImagePositionPatient": [-10.0, -20.0, 2.0 * index],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.5, 0.75],
        "SliceThickness": 2,
        "Rows": array.shape[-2],
        "Columns": array.shape[-1],
        "BitsAllocated": bits,
        "BitsStored": 12 if bits == 16 else bits,
        "HighBit": 11 if bits == 16 else bits - 1,
        "PixelRepresentation": int(array.dtype.kind == "i"),
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": array.tobytes(),
    }
    for keyword, value in (values | attributes).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW" if bits == 16 else "OB"
    return dataset


def saved(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom_file(array: np.ndarray | None = None, index: int = 0, **attributes: object) -> bytes:
    """`dicom_dataset` as bytes."""
    return saved(dicom_dataset(array, index, **attributes))


def jpeg_dicom(array: np.ndarray) -> bytes:
    """An 8-bit slice in a DICOM file with JPEG baseline pixels."""
    dataset = dicom_dataset(array)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([encoded(array, ".jpg")])
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


def lossless_dicom(array: np.ndarray) -> bytes:
    """A 16-bit slice in a DICOM file with lossless JPEG pixels (predictor 1), coded right here."""
    rows, columns = array.shape
    bits: list[str] = []
    for r in range(rows):
        for c in range(columns):
            if c:
                guess = int(array[r, c - 1])
            else:
                guess = int(array[r - 1, 0]) if r else 1 << 15
            difference = (int(array[r, c]) - guess + 32768) % 65536 - 32768
            size = abs(difference).bit_length()
            bits.append(f"{size:05b}")
            if size and size < 16:
                low = difference if difference > 0 else difference + (1 << size) - 1
                bits.append(f"{low:0{size}b}")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    counts = bytes([0, 0, 0, 0, 17, *[0] * 11])
    table = b"\xff\xc4" + (19 + 17).to_bytes(2, "big") + b"\0" + counts + bytes(range(17))
    size = rows.to_bytes(2, "big") + columns.to_bytes(2, "big")
    frame = b"\xff\xc3\0\x0b\x10" + size + b"\x01\x01\x11\0"
    start = b"\xff\xda\0\x08\x01\x01\0\x01\0\0"
    dataset = dicom_dataset(array, BitsStored=16, HighBit=15)
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([b"\xff\xd8" + frame + table + start + scan + b"\xff\xd9"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


def nifti_file(
    shape: tuple[int, ...] = (6, 5, 4),
    affine: np.ndarray | None = None,
    dtype: type = np.float32,
) -> bytes:
    """An uncompressed NIfTI-1 file whose voxels count up in ``(i, j, k)`` C order."""
    affine = np.diag([1.0, 1.0, 2.0, 1.0]) if affine is None else affine
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return nibabel.Nifti1Image(array, affine).to_bytes()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()
