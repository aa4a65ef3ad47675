"""A scanned phantom as a PNG, a DICOM series or a NIfTI file, with its truth."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from appliance.core.errors import BadRequest
from appliance.core.geometry import View, spacing_mm
from appliance.nifti import to_bytes
from appliance.phantom.scan import PhantomVolume

HU = ((0.0, 0.5, 0.55, 0.88, 1.0, 1.06, 3.4, 6.0), (-1000, -110, -90, 5, 30, 40, 1100, 2200))
"""Signal of the CT paint, white matter being 1, to Hounsfield units."""
HEADERS: dict[str, dict[str, Any]] = {
    "t1c": {
        "Modality": "MR", "SeriesDescription": "AX T1 POST CONTRAST", "SeriesNumber": 7,
        "ProtocolName": "T1 SE POST GD", "ContrastBolusAgent": "GADOLINIUM (SIMULATED)",
        "ScanningSequence": "SE", "RepetitionTime": 500.0, "EchoTime": 12.0,
    },
    "t2": {
        "Modality": "MR", "SeriesDescription": "AX T2 TSE", "SeriesNumber": 4,
        "ProtocolName": "T2 TSE", "ScanningSequence": "SE", "RepetitionTime": 4500.0,
        "EchoTime": 98.0,
    },
    "ct": {
        "Modality": "CT", "SeriesDescription": "AX HEAD WITHOUT", "SeriesNumber": 2,
        "ProtocolName": "HEAD ROUTINE", "KVP": 120.0, "RescaleType": "HU",
    },
}  # fmt: skip
PLANE_WORD = {"axial": "AX", "coronal": "COR", "sagittal": "SAG"}


def best_slice(phantom: PhantomVolume) -> int:
    """Index of the slice with the most lesion in it, the middle one without a lesion."""
    area = phantom.truth.array.sum((1, 2), dtype=np.int64)
    return int(area.argmax()) if area.any() else phantom.volume.shape[0] // 2


def picture(phantom: PhantomVolume, index: int | None = None) -> np.ndarray:
    """One slice (rows, columns) uint8, windowed as an archive would export it."""
    index = best_slice(phantom) if index is None else index
    if not 0 <= index < phantom.volume.shape[0]:
        raise BadRequest(f"slice is 0 to {phantom.volume.shape[0] - 1}, not {index}")
    pixels = phantom.volume.array[index].astype(np.float32)
    if phantom.contrast == "ct":
        low, high = -20.0, 100.0
        pixels = hounsfield(phantom)[index]
    else:
        low, high = 0.0, max(1.0, float(np.percentile(pixels, 99.8)))
    return np.rint(np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def hounsfield(phantom: PhantomVolume) -> np.ndarray:
    """A phantom painted as CT, in Hounsfield units, float32."""
    signal = phantom.volume.array / phantom.person.paint.units
    return np.interp(signal, *HU).astype(np.float32)


def write_png(phantom: PhantomVolume, path: Path, index: int | None = None) -> Path:
    """One slice as an 8-bit greyscale PNG (or JPEG, TIFF, BMP, by suffix); the path."""
    return _write_image(path, picture(phantom, index))


def write_truth(phantom: PhantomVolume, path: Path, index: int | None = None) -> Path:
    """The truth: ``.png`` holds one slice as 0 and 255, ``.nii.gz`` the whole grid; the path."""
    if path.name.endswith(".nii.gz"):
        path.write_bytes(to_bytes(phantom.truth))
        return path
    index = best_slice(phantom) if index is None else index
    return _write_image(path, phantom.truth.array[index] * np.uint8(255))


def write_nifti(phantom: PhantomVolume, path: Path, truth: Path | None = None) -> Path:
    """A NIfTI-1 file whose voxels run to right, anterior and superior; the path.

    ``truth``, when given, receives the truth on the same grid.
    """
    turned = towards_ras(phantom)
    path.write_bytes(to_bytes(turned.volume))
    if truth is not None:
        truth.write_bytes(to_bytes(turned.truth))
    return path


def towards_ras(phantom: PhantomVolume) -> PhantomVolume:
    """The same phantom with slices towards S, rows towards A and columns towards R."""
    volume = phantom.volume
    targets = np.array([(0, 0, 1), (0, -1, 0), (-1, 0, 0)], float)
    steps = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    towards = targets @ steps
    axes = tuple(int(a) for a in np.abs(towards).argmax(1))
    flips = tuple(bool(towards[n, a] < 0) for n, a in enumerate(axes))
    view = View(axes, flips, volume.shape)
    return replace(
        phantom,
        volume=view.apply_volume(volume),
        truth=view.apply_volume(phantom.truth),
    )


def write_dicom(phantom: PhantomVolume, folder: Path, shuffled: bool = True) -> list[Path]:
    """One single-frame object for each slice; paths in slice order.

    With ``shuffled`` the file names say nothing about the order. Patient, study and series are
    invented; the UIDs derive from the seed and the grid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = phantom.volume.shape[0]
    names = np.arange(count)
    if shuffled:
        names = np.random.default_rng([phantom.seed, 4]).permutation(count)
    paths = []
    for k in range(count):
        path = folder / f"IM{names[k] + 1:04d}.dcm"
        dicom_slice(phantom, k).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def dicom_slice(phantom: PhantomVolume, index: int) -> FileDataset:
    """Slice ``index`` as an MR (or CT) Image Storage object.

    References
    ----------
    DICOM PS3.3 A.4 (MR Image IOD), C.7.6.2 (Image Plane).
    """
    affine = phantom.volume.affine
    spacing = spacing_mm(affine)
    header = HEADERS[phantom.contrast]
    study = ["phantom study", str(phantom.seed), phantom.label]
    series = [
        *study,
        phantom.contrast,
        _digest(affine.tobytes() + str(phantom.volume.shape).encode()),
    ]
    storage = CTImageStorage if phantom.contrast == "ct" else MRImageStorage
    data = _described(phantom, header, study, series)
    data.SOPClassUID = storage
    data.SOPInstanceUID = generate_uid(entropy_srcs=[*series, str(index)])
    data.InstanceNumber = index + 1
    steps = affine[:3, :3] / np.array(spacing)
    data.ImageOrientationPatient = [_number(v) for v in (*steps[:, 2], *steps[:, 1])]
    position = affine[:3, 3] + affine[:3, 0] * index
    data.ImagePositionPatient = [_number(v) for v in position]
    data.SliceLocation = _number(float(np.cross(steps[:, 2], steps[:, 1]) @ position))
    data.PixelSpacing = [_number(spacing[1]), _number(spacing[2])]
    data.SliceThickness = _number(phantom.thickness_mm)
    data.SpacingBetweenSlices = _number(spacing[0])
    pixels = phantom.volume.array[index]
    if phantom.contrast == "ct":
        pixels = (np.rint(hounsfield(phantom)[index]) + 1024).astype(np.uint16)
        data.RescaleIntercept, data.RescaleSlope = -1024, 1
        data.WindowCenter, data.WindowWidth = 40, 120
    else:
        high = float(np.percentile(phantom.volume.array, 99.9))
        data.WindowCenter, data.WindowWidth = _number(high / 2), _number(max(1.0, high))
    data.Rows, data.Columns = pixels.shape
    data.PixelData = np.ascontiguousarray(pixels, "<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stored = FileDataset(None, data, file_meta=meta, preamble=b"\0" * 128)
    return stored


def _described(
    phantom: PhantomVolume, header: dict[str, Any], study: list[str], series: list[str]
) -> Dataset:
    """Patient, study, series and pixel description shared by all slices."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.PatientName = f"PHANTOM^{phantom.label.upper()}"
    data.PatientID = f"PHANTOM-{phantom.seed:04d}"
    data.PatientBirthDate, data.PatientSex = "", "O"
    data.StudyInstanceUID = generate_uid(entropy_srcs=study)
    data.SeriesInstanceUID = generate_uid(entropy_srcs=series)
    data.FrameOfReferenceUID = generate_uid(entropy_srcs=[*study, "frame"])
    data.StudyID, data.AccessionNumber, data.ReferringPhysicianName = "1", "", ""
    data.StudyDate = data.SeriesDate = data.ContentDate = "20200101"
    data.StudyTime = data.SeriesTime = data.ContentTime = "120000"
    data.StudyDescription = "GENERATED HEAD, NOT A PATIENT"
    data.Manufacturer, data.ManufacturerModelName = "NeuralScan Edge", "phantom"
    data.PositionReferenceIndicator = ""
    data.PatientPosition = "HFS"
    data.BodyPartExamined = "HEAD"
    data.ImageType = ["DERIVED", "PRIMARY", "AXIAL" if header["Modality"] == "CT" else "OTHER"]
    data.AcquisitionNumber = 1
    for keyword, value in header.items():
        setattr(data, keyword, value)
    data.SeriesDescription = data.SeriesDescription.replace("AX", PLANE_WORD[phantom.plane], 1)
    if header["Modality"] == "MR":
        data.MRAcquisitionType, data.SequenceVariant, data.ScanOptions = "2D", "NONE", ""
        data.EchoTrainLength, data.MagneticFieldStrength = 1, 1.5
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    return data


def truth_json(phantom: PhantomVolume, files: list[Path], index: int | None = None) -> str:
    """What is known about a phantom, as JSON text. ``index`` names the slice a picture shows."""
    shown: dict[str, Any] = {}
    if index is not None:
        mask = phantom.truth.array[index] > 0
        rows, columns = np.nonzero(mask)
        box = None
        if rows.size:
            box = [int(v) for v in (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)]
        shown = {"slice": index, "area_px": int(mask.sum()), "slice_box": box}
    document = {
        "schema": "neuralscan/phantom/1",
        "lesion": phantom.label,
        "label": "no_tumor" if phantom.label == "none" else phantom.label,
        "seed": phantom.seed,
        "contrast": phantom.contrast,
        "plane": phantom.plane,
        "centre_lps_mm": phantom.centre_mm and [round(v, 3) for v in phantom.centre_mm],
        "volume_ml": round(phantom.volume_ml, 4),
        "voxel_volume_ml": round(phantom.truth_ml, 4),
        "box": phantom.box and list(phantom.box),
        "shape": list(phantom.volume.shape),
        "spacing_mm": [round(v, 6) for v in spacing_mm(phantom.volume.affine)],
        "affine_lps": phantom.volume.affine.tolist(),
        **shown,
        "files": [path.name for path in files],
        "anatomy": "MNI152 2009 template, (C) 1993-2009 Louis Collins, MNI, McGill University",
        "notice": "Generated. No person was scanned.",
    }
    return json.dumps(document, indent=2) + "\n"


def _write_image(path: Path, pixels: np.ndarray) -> Path:
    done, data = cv2.imencode(path.suffix.lower() or ".png", pixels)
    if not done:
        raise BadRequest(f"pictures are .png, .jpg, .tif or .bmp, not {path.suffix!r}")
    path.write_bytes(data.tobytes())
    return path


def _number(value: float) -> str:
    """A decimal string of at most 16 characters (DICOM PS3.5 6.2, VR DS)."""
    text = f"{value:.10g}"
    return text if len(text) <= 16 else f"{value:.8f}"[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
