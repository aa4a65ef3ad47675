"""DICOM bytes to frames: decoded pixels with their place, and a header without identifiers.

Uncompressed, deflated, RLE, JPEG, JPEG-LS and JPEG 2000; one frame or many, enhanced or not. Stored
values become real ones by slope and intercept; MONOCHROME1 is turned to white-is-bright.
Stacks are put together by `appliance.dicom_stack`.

References
----------
DICOM PS3.3 C.7.6.3 (pixels), C.7.6.16 (multi-frame functional groups), C.11.1 (modality LUT);
PS3.10 7 (file format); PS3.15 (secured files).
"""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pydicom.config
import pydicom.pixels
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.core.errors import (
    CorruptFile,
    EncryptedFile,
    InputError,
    NoPixels,
    TooLarge,
    UnsupportedFormat,
)
from appliance.dicom_clues import clues_of, window_of
from appliance.dicom_frame import Frame, Header
from appliance.dicom_origin import origin_of
from appliance.dicom_sequence import sequence_of
from appliance.dicom_stack import uid_from, valid_uid
from appliance.dicom_values import integer, items, number, numbers, rescaled, text, texts, values
from appliance.limits import Limits

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
_LOCALIZER_WORDS = ("localizer", "localiser", "scout", "survey", "topogram", "3-plane", "3plane")
_COMPONENTS = {"M", "P", "R", "I", "M_FFE", "P_FFE", "M_IR", "R_IR", "PHASE", "PHASE MAP", "ADC"}
_COMPONENTS |= {"REAL", "IMAGINARY", "WATER", "FAT", "W", "F", "IN_PHASE", "OUT_PHASE", "FA"}
_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{kind}." for kind in ("2", "4", "7", "128"))
_VRS = {b"UL", b"UI", b"CS", b"SH", b"DA", b"LO", b"OB", b"TM", b"DT", b"PN", b"US", b"ST", b"SQ"}

# Odd values are handled below; pydicom's warnings would print them, names included.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module="pydicom")


def sniff(data: bytes) -> bool:
    """Whether the bytes are DICOM: the ``DICM`` prefix, or a first element that fits without it.

    Examples
    --------
    >>> sniff(bytes(128) + b"DICM"), sniff(b"some text, renamed to .dcm")
    (True, False)
    """
    if data[128:132] == b"DICM":
        return True
    if data[:3] == b"\0\x08\0" and data[4:6] in _VRS:
        return True  # big endian
    if data[:2] not in (b"\x02\0", b"\x08\0") or len(data) < 16 or data[3] != 0:
        return False
    implicit_length = int.from_bytes(data[4:8], "little")
    return data[4:6] in _VRS or implicit_length <= 64


def sniff_encrypted(data: bytes) -> bool:
    """Whether the bytes are an encrypted CMS envelope, as secured DICOM media hold them."""
    return data[:1] == b"\x30" and _ENVELOPED_DATA in data[:64]


def parse(
    data: bytes,
    sha256: str,
    limits: Limits = Limits(),  # noqa: B008
    linked: bool = False,
) -> list[Frame]:
    """All frames of one DICOM file.

    Parameters
    ----------
    linked : bool
        Keep what names patient and study, for objects that go back to where the file came from.

    Raises
    ------
    CorruptFile, NoPixels, EncryptedFile, TooLarge, NotGreyscale, UnsupportedFormat
    """
    try:
        _check_deflated(data, limits)
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        _check_pixels(dataset)
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            syntax = syntax if little else ExplicitVRBigEndian
            dataset.file_meta.TransferSyntaxUID = syntax
        return list(_frames(dataset, values(dataset, data, limits), sha256, linked))
    except InputError:
        raise
    except MemoryError as error:
        raise TooLarge("the DICOM pixels do not fit in memory; send fewer frames") from error
    except NotImplementedError as error:
        raise UnsupportedFormat(
            "expected DICOM pixels in a known compression, these cannot be decoded; "
            "export uncompressed (explicit VR little endian)"
        ) from error
    except Exception as error:
        # A damaged header makes pydicom and its decoders raise nearly anything.
        raise CorruptFile(
            "expected a DICOM image, its header or pixels are damaged or cut short; export it again"
        ) from error


def _check_deflated(data: bytes, limits: Limits) -> None:
    """Hold a deflated data set against the limits before pydicom inflates all of it."""
    if _DEFLATED not in data[132:2048]:
        return
    at = 144 + int.from_bytes(data[140:144], "little")
    stream, rest, total = zlib.decompressobj(-zlib.MAX_WBITS), data[at:], 0
    while rest and not stream.eof:
        total += len(stream.decompress(rest, 1 << 22))
        rest = stream.unconsumed_tail
        if total > max(limits.ratio_from_bytes, min(limits.ratio * len(data), limits.file_bytes)):
            raise TooLarge("the deflated DICOM file unpacks to more than is taken; send it plain")


def _check_pixels(dataset: pydicom.Dataset) -> None:
    if any(k in dataset for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return
    if "EncryptedAttributesSequence" in dataset and "Rows" not in dataset:
        raise EncryptedFile("the DICOM file's content is encrypted; export it without protection")
    sop_class = text(dataset, "SOPClassUID")
    meta = text(getattr(dataset, "file_meta", None) or pydicom.Dataset(), "MediaStorageSOPClassUID")
    if "Rows" in dataset or f"{sop_class or meta}.".startswith(_IMAGES):
        raise CorruptFile(
            "expected a DICOM image, its pixels are missing; the file is cut short: export it again"
        )
    if not sop_class and not meta and "Modality" not in dataset:
        raise CorruptFile("expected a DICOM file, found no DICOM header in it; export it again")
    modality = text(dataset, "Modality")
    kind = modality if modality.isalnum() and len(modality) <= 16 else "unknown"
    raise NoPixels(
        f"expected a DICOM image, found an object without pixels (modality {kind}); "
        "choose the image series"
    )


def _frames(
    dataset: pydicom.Dataset, stack: np.ndarray, sha256: str, linked: bool
) -> Iterator[Frame]:
    """One `Frame` for each picture; functional groups of a frame win over shared ones."""
    header = replace(_header(dataset, sha256), origin=origin_of(dataset, linked))
    instance = valid_uid(text(dataset, "SOPInstanceUID"), f"instance {sha256}")
    shared = items(dataset, "SharedFunctionalGroupsSequence")[:1]
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    lut = items(dataset, "ModalityLUTSequence")
    enhanced = bool(shared or own)
    components = tuple(sorted(_COMPONENTS & set(texts(dataset, "ImageType")[2:])))
    for index, stored in enumerate(stack):
        groups = [*own[index : index + 1], *shared]

        def find(keyword: str, macro: str, groups: list = groups) -> Any:
            for group in groups:
                for item in items(group, macro):
                    if keyword in item:
                        return item
            return dataset

        place = find("ImagePositionPatient", "PlanePositionSequence")
        turned = find("ImageOrientationPatient", "PlaneOrientationSequence")
        measures = find("PixelSpacing", "PixelMeasuresSequence")
        scaling = find("RescaleSlope", "PixelValueTransformationSequence")
        position = numbers(place, "ImagePositionPatient", 3)
        if len(stack) > 1 and not enhanced:
            position = None
        spacing = numbers(measures, "PixelSpacing", 2)
        thickness = number(measures, "SpacingBetweenSlices") or number(measures, "SliceThickness")
        content = find("StackID", "FrameContentSequence")
        echo = number(find("EffectiveEchoTime", "MREchoSequence"), "EffectiveEchoTime")
        time_point = number(
            find("TemporalPositionIndex", "FrameContentSequence"), "TemporalPositionIndex"
        )
        b_value = number(find("DiffusionBValue", "MRDiffusionSequence"), "DiffusionBValue")
        if lut and stored.dtype.kind in "iu":
            real = pydicom.pixels.apply_modality_lut(stored, dataset)
            real = rescaled(np.asarray(real), 1.0, 0.0)
        else:
            slope = number(scaling, "RescaleSlope")
            real = rescaled(
                stored, 1.0 if slope is None else slope, number(scaling, "RescaleIntercept") or 0.0
            )
        echo = echo or number(dataset, "EchoTime") or 0.0
        yield Frame(
            array=real,
            header=header,
            sha256=sha256,
            position=position,
            orientation=numbers(turned, "ImageOrientationPatient", 6),
            spacing=None if spacing is None else (float(spacing[0]), float(spacing[1])),
            thickness=abs(thickness) if thickness else None,
            order=(
                number(dataset, "AcquisitionNumber") or 0.0,
                time_point or number(dataset, "TemporalPositionIdentifier") or 0.0,
                number(dataset, "InstanceNumber") or 0.0,
                float(index),
            ),
            kind=(round(echo, 1), components, b_value or 0.0, text(content, "StackID")),
            instance=(instance, index + 1 if "NumberOfFrames" in dataset else 0),
        )


def _header(dataset: pydicom.Dataset, sha256: str) -> Header:
    """What is kept of the header; descriptions are read for the sequence, then forgotten."""
    clues = clues_of(dataset)
    sequence, note = sequence_of(clues)
    kinds = {kind.upper() for kind in texts(dataset, "ImageType")}
    words = clues.text.lower()
    series_uid = valid_uid(text(dataset, "SeriesInstanceUID"), sha256)
    return Header(
        study_instance_uid=valid_uid(
            text(dataset, "StudyInstanceUID"), uid_from(f"study of {series_uid}")
        ),
        series_instance_uid=series_uid,
        series_number=integer(dataset, "SeriesNumber"),
        modality=clues.modality,
        sequence=sequence,
        window=window_of(dataset),
        localizer="LOCALIZER" in kinds or any(word in words for word in _LOCALIZER_WORDS),
        notes=tuple(filter(None, (note, _about_text(dataset)))),
    )


def _about_text(dataset: pydicom.Dataset) -> str | None:
    """A warning where the header says that text is part of the picture."""
    if text(dataset, "BurnedInAnnotation").upper() != "YES":
        return None
    return "The header says that text is burned into the pictures: it may name the patient."
