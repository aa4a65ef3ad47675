"""What a DICOM header says of sequence, contrast and window: classic, enhanced, or silent.

Enhanced objects say in functional groups what classic ones say in the data set itself; the groups
that all frames share are asked first, then those of the first frame.

References
----------
DICOM PS3.3 C.8.13.1, C.8.13.5 (enhanced MR), C.7.6.4b (contrast), C.11.2 (VOI LUT and window).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom

from appliance.dicom_sequence import Clues
from appliance.dicom_values import integer, items, number, text, texts, value_of

_WEIGHTINGS = {
    "T1": "T1",
    "T2": "T2",
    "PROTON_DENSITY": "PD",
    "FLUID_ATTENUATED": "FLAIR",
    "DIFFUSION": "DWI",
}
"""Values of AcquisitionContrast that name a sequence."""


def _groups(dataset: pydicom.Dataset) -> list[pydicom.Dataset]:
    shared = items(dataset, "SharedFunctionalGroupsSequence")[:1]
    return [*shared, *items(dataset, "PerFrameFunctionalGroupsSequence")[:1]]


def _holder(dataset: pydicom.Dataset, keyword: str, macro: str) -> pydicom.Dataset:
    """The data set that holds an attribute: itself, or an item of its functional groups."""
    for group in _groups(dataset):
        for item in items(group, macro):
            if keyword in item:
                return item
    return dataset


def clues_of(dataset: pydicom.Dataset) -> Clues:
    """What `appliance.dicom_sequence` decides from."""

    def timing(keyword: str, macro: str, plain: str) -> float | None:
        found = number(dataset, plain)
        return found if found is not None else number(_holder(dataset, keyword, macro), keyword)

    contrast = _holder(dataset, "AcquisitionContrast", "MRImageFrameTypeSequence")
    return Clues(
        modality=text(dataset, "Modality").upper()[:16] or None,
        text=" ".join(text(dataset, k) for k in ("SeriesDescription", "ProtocolName")),
        agent=_agent(dataset),
        weighting=_WEIGHTINGS.get(text(contrast, "AcquisitionContrast").upper()),
        scanning=_scanning(dataset),
        repetition_ms=timing(
            "RepetitionTime", "MRTimingAndRelatedParametersSequence", "RepetitionTime"
        ),
        echo_ms=timing("EffectiveEchoTime", "MREchoSequence", "EchoTime"),
        inversion_ms=timing("InversionTimes", "MRModifierSequence", "InversionTime"),
    )


def _agent(dataset: pydicom.Dataset) -> str | None:
    """The contrast agent: None when nothing is said, empty when the attribute is."""
    if "ContrastBolusAgent" in dataset:
        return text(dataset, "ContrastBolusAgent")
    usage = _holder(dataset, "ContrastBolusAgentAdministered", "ContrastBolusUsageSequence")
    administered = text(usage, "ContrastBolusAgentAdministered").upper()
    if administered in ("YES", "NO"):
        return "given" if administered == "YES" else "none"
    return "given" if items(dataset, "ContrastBolusAgentSequence") else None


def _scanning(dataset: pydicom.Dataset) -> tuple[str, ...]:
    """ScanningSequence, or what an enhanced object says in its place."""
    plain = texts(dataset, "ScanningSequence")
    if plain:
        return tuple(plain)
    echo = {"SPIN": ("SE",), "GRADIENT": ("GR",)}.get(text(dataset, "EchoPulseSequence"), ())
    planar = text(dataset, "EchoPlanarPulseSequence") == "YES"
    return (*echo, *(("EP",) if planar else ()))


def window_of(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Centre and width the header recommends, in the values a `Frame` holds.

    Without a window, the part of the range over which a VOI LUT rises. Where a negative was turned
    to white-is-bright, so is its window.
    """
    place = _holder(dataset, "WindowCenter", "FrameVOILUTSequence")
    centre, width = number(place, "WindowCenter"), number(place, "WindowWidth")
    window = None if centre is None or not width or width <= 0 else (centre, width)
    window = window or _rise(dataset)
    if window is None or text(dataset, "PhotometricInterpretation").upper() != "MONOCHROME1":
        return window
    if items(dataset, "ModalityLUTSequence"):
        return None
    scaling = _holder(dataset, "RescaleSlope", "PixelValueTransformationSequence")
    slope, intercept = number(scaling, "RescaleSlope") or 1.0, number(scaling, "RescaleIntercept")
    signed = integer(dataset, "PixelRepresentation") == 1
    top = -1 if signed else (1 << (integer(dataset, "BitsStored") or 16)) - 1
    return slope * top + 2 * (intercept or 0.0) - window[0], window[1]


def _rise(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Where the first VOI LUT goes from dark to bright, as a window; None without a sound one."""
    for item in items(dataset, "VOILUTSequence")[:1]:
        data: Any = value_of(item, "LUTData")
        descriptor = texts(item, "LUTDescriptor")
        if isinstance(data, bytes):
            data = np.frombuffer(data, "<u2")
        if data is None or len(descriptor) != 3 or np.size(data) < 2:
            return None
        shown = np.asarray(data, np.float64)
        first = int(float(descriptor[1]))
        if first > 32767 and integer(dataset, "PixelRepresentation") == 1:
            first -= 65536
        span = shown.max() - shown.min()
        if span <= 0 or shown[0] > shown[-1]:
            return None
        inside = np.flatnonzero((shown > shown.min()) & (shown < shown.max()))
        low, high = (inside[0] - 1, inside[-1] + 1) if inside.size else (0, len(shown) - 1)
        width = float(max(1, high - low))
        return first + float(low) + width / 2, width
    return None
