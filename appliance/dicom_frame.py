"""One slice of a DICOM file: decoded pixels with their place, and what is kept of the header."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from appliance.core.types import Source


@dataclass(frozen=True)
class Header:
    """What is kept of a DICOM header: nothing that names a person, unless that was asked for.

    ``origin`` is what all frames of a file have in common as a `Source`.
    """

    study_instance_uid: str
    series_instance_uid: str
    series_number: int | None = None
    modality: str | None = None
    sequence: str | None = None
    window: tuple[float, float] | None = None
    localizer: bool = False
    notes: tuple[str, ...] = ()
    origin: Source | None = None


@dataclass(frozen=True)
class Frame:
    """One slice with its place.

    Attributes
    ----------
    array : (rows, columns)
    position : (3,) float64 or None
        Centre of the first pixel, LPS mm.
    orientation : (6,) float64 or None
        Direction of growing columns, then of growing rows.
    spacing : (row, column) mm or None
    thickness : float or None
        Distance to a neighbour, as far as one slice alone can tell, mm.
    order : tuple of float
        Acquisition, time point and instance number: the order where positions do not tell.
    kind : tuple
        What must agree within a series: echo time, magnitude or phase, b-value, stack.
    instance : (str, int)
        SOPInstanceUID, and the frame's number from 1; 0 in a file of one frame.
    """

    array: np.ndarray
    header: Header
    sha256: str
    position: np.ndarray | None = None
    orientation: np.ndarray | None = None
    spacing: tuple[float, float] | None = None
    thickness: float | None = None
    order: tuple[float, ...] = ()
    kind: tuple = ()
    instance: tuple[str, int] = ("", 0)
