"""What all DICOM objects written here share: the source they refer to, who made them, bytes.

The source images are described from what the series remembers of them, without their pixels. An
object carries the series' identifiers as they are: pseudonyms, unless the reader was asked to keep
the original ones (`Source.header`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from appliance import NOTICE, __version__
from appliance.core.errors import GeometryError, NotFound
from appliance.core.types import Report, Series, Source
from appliance.dicom_stack import uid_from

MANUFACTURER = "NeuralScan Edge"
SERIES_NUMBERS = {"seg": 9101, "sr": 9102, "pdf": 9103, "rtstruct": 9104}
"""Apart from the numbers scanners use, the same for the same kind of object."""
_COLOURS = ((230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48))


def demand_source(series: Series) -> Source:
    """What the series remembers of its images.

    Raises
    ------
    NotFound
        When it was not made of DICOM images, so that there is nothing to refer to.
    """
    if series.source is None:
        raise NotFound(
            "a DICOM object refers to the DICOM images it was made from, this input has none; "
            "take the NIfTI mask or the PDF report"
        )
    return series.source


def demand_places(series: Series) -> np.ndarray:
    """Centres of the first pixels of the slices, (slices, 3), LPS mm.

    Raises
    ------
    NotFound, GeometryError
        When the images have no place in the patient.
    """
    source = demand_source(series)
    if source.positions is None or series.volume.affine is None:
        raise GeometryError(
            "a segmentation lies in the patient, but the images have no position or no pixel "
            "spacing; take the NIfTI mask or the PDF report"
        )
    return np.array(source.positions)


def demand_labels(series: Series, report: Report) -> np.ndarray:
    """The label map of lesions, (slices, rows, columns), one slice for each image.

    Raises
    ------
    NotFound
        When the report draws nothing.
    GeometryError
        When it is on another grid than the images.
    """
    if report.label_map is None or not report.label_map.array.any():
        raise NotFound("this report draws no lesion: there is nothing to segment")
    labels = np.ascontiguousarray(report.label_map.array)
    if labels.shape != series.volume.shape or len(demand_source(series).instances) != len(labels):
        raise GeometryError(f"the images are {series.volume.shape}, the mask is {labels.shape}")
    return labels


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a lesion in every object, red, green and blue, 0 to 255."""
    return _COLOURS[(number - 1) % len(_COLOURS)]


def object_uid(kind: str, series: Series, report: Report) -> str:
    """The UID of an object: the same again when the same result is written again."""
    document = report.document
    model = document.get("model") or {}
    found = hashlib.sha256()
    for labels in () if report.label_map is None else report.label_map.array:
        found.update(np.ascontiguousarray(labels))
    digest = f"{found.hexdigest()} {document.get('classification')} {document.get('lesions')}"
    return uid_from(
        f"{kind} {series.series_instance_uid} {series.sha256} {model.get('sha256')} "
        f"{model.get('precision')} {__version__} {digest}"
    )


def described(series: Series, kind: str, report: Report) -> dict[str, Any]:
    """Arguments that every highdicom object takes."""
    uid = object_uid(kind, series, report)
    return {
        "series_instance_uid": uid_from(f"series {uid}"),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": uid,
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": model_name(report),
        "software_versions": __version__,
        "device_serial_number": str((report.document.get("model") or {}).get("sha256", ""))[:16]
        or "none",
        "series_description": f"{MANUFACTURER}: {NOTICE}"[:64],
    }


def model_name(report: Report) -> str:
    """Name and version of the network, as one text."""
    model = report.document.get("model") or {}
    return f"{model.get('name', 'unknown')} {model.get('version', '')}".strip()[:64]


def parameters(report: Report) -> dict[str, str]:
    """What an algorithm identification says beside name and version."""
    model = report.document.get("model") or {}
    named = {key: str(model.get(key, "")) for key in ("sha256", "precision", "device")}
    return {**named, "use": NOTICE}


def patient_code(study_uid: str) -> str:
    """Ten digits that stand for the patient of a study which is filed under pseudonyms."""
    return uid_from(f"patient {study_uid}")[-10:]


def patient_and_study(series: Series) -> Dataset:
    """The attributes an object is filed by; pseudonymous ones where the reader kept none."""
    header: Mapping[str, str] = demand_source(series).header
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    filed = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
    for key in (*filed, "StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
        setattr(dataset, key, header.get(key, ""))
    dataset.ReferringPhysicianName = header.get("ReferringPhysicianName", "")
    for key in ("IssuerOfPatientID", "StudyDescription"):
        if header.get(key):
            setattr(dataset, key, header[key])
    dataset.StudyInstanceUID = header.get("StudyInstanceUID") or series.study_instance_uid
    if not header:
        code = patient_code(series.study_instance_uid)
        dataset.PatientID, dataset.PatientName = f"NS{code}", f"Pseudonym^{code}"
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "Identifiers not copied, UIDs replaced"
    if dataset.PatientSex not in ("M", "F", "O"):
        dataset.PatientSex = ""
    return dataset


def new_object(kind: str, sop_class: str, modality: str, series: Series, report: Report) -> Dataset:
    """An object that highdicom does not write: patient, study, series, equipment and SOP common.

    Parameters
    ----------
    kind : str
        A key of `SERIES_NUMBERS`.
    """
    given = described(series, kind, report)
    dataset = patient_and_study(series)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = given["sop_instance_uid"]
    dataset.file_meta.MediaStorageSOPInstanceUID = given["sop_instance_uid"]
    dataset.Modality, dataset.SeriesInstanceUID = modality, given["series_instance_uid"]
    dataset.SeriesNumber, dataset.InstanceNumber = given["series_number"], 1
    dataset.SeriesDescription = given["series_description"]
    dataset.Manufacturer = given["manufacturer"]
    dataset.ManufacturerModelName = given["manufacturer_model_name"]
    dataset.DeviceSerialNumber = given["device_serial_number"]
    dataset.SoftwareVersions = given["software_versions"]
    now = datetime.now()
    dataset.InstanceCreationDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = now.strftime("%H%M%S")
    return dataset


def reference_to(image: Dataset) -> Dataset:
    """An item that names an image."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def images(series: Series) -> list[Dataset]:
    """The source images without pixels: one data set a slice, or one with all its frames."""
    source = demand_source(series)
    if not source.multi_frame:
        return [_single(series, source, index) for index in range(len(source.instances))]
    dataset = _common(series, source, source.instances[0][0])
    dataset.NumberOfFrames = len(source.instances)
    if source.positions is not None and series.volume.affine is not None:
        _add_groups(dataset, series, source)
    return [dataset]


def _common(series: Series, source: Source, instance: str) -> Dataset:
    dataset = patient_and_study(series)
    dataset.SOPClassUID, dataset.SOPInstanceUID = source.sop_class_uid, instance
    dataset.SeriesInstanceUID = source.header.get("SeriesInstanceUID") or series.series_instance_uid
    dataset.Modality = series.modality or "OT"
    _, dataset.Rows, dataset.Columns = series.volume.shape
    dataset.LossyImageCompression = "01" if source.lossy else "00"
    if source.positions is not None:
        frame = source.frame_of_reference_uid
        dataset.FrameOfReferenceUID = frame or uid_from(f"frame of {series.series_instance_uid}")
        dataset.PositionReferenceIndicator = ""
    return dataset


def _single(series: Series, source: Source, index: int) -> Dataset:
    dataset = _common(series, source, source.instances[index][0])
    dataset.InstanceNumber = index + 1
    if source.positions is not None and series.volume.affine is not None:
        orientation, spacing, thickness = plane(series)
        dataset.ImagePositionPatient = decimals(source.positions[index])
        dataset.ImageOrientationPatient = orientation
        dataset.PixelSpacing, dataset.SliceThickness = spacing, thickness
    return dataset


def _add_groups(dataset: Dataset, series: Series, source: Source) -> None:
    """Functional groups that place the frames of a multi-frame image."""
    orientation, spacing, thickness = plane(series)
    measures, turned, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = spacing, thickness
    turned.ImageOrientationPatient = orientation
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([turned])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for place in source.positions or ():
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = decimals(place)
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)


def plane(series: Series) -> tuple[list[str], list[str], str]:
    """Orientation, pixel spacing and slice thickness as DICOM writes them, from the affine."""
    steps = series.volume.affine[:3, :3]
    rows, columns = (float(np.linalg.norm(steps[:, axis])) for axis in (1, 2))
    orientation = [*(steps[:, 2] / columns), *(steps[:, 1] / rows)]
    thickness = series.source.thickness_mm if series.source else None
    if not thickness:
        thickness = float(np.linalg.norm(steps[:, 0]))
    return decimals(orientation), decimals([rows, columns]), decimals([thickness])[0]


def decimals(values: Any) -> list[str]:
    """Numbers as decimal strings of at most 16 characters (PS3.5 6.2).

    Examples
    --------
    >>> decimals([0.1 + 0.2, -1 / 3, -0.0])
    ['0.3', '-0.3333333333333', '0.0']
    """
    return [pydicom.valuerep.format_number_as_ds(_tidied(float(value))) for value in values]


def _tidied(value: float) -> float:
    return round(value, 14) + 0.0


def to_bytes(dataset: Dataset) -> bytes:
    """A DICOM file of an object, explicit VR little endian."""
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
