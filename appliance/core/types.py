"""The values that travel through the appliance: frozen, with their geometry beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from appliance.core.errors import GeometryError

REPORT_SCHEMA = "neuralscan/report/1"
LABELS = ("glioma", "meningioma", "pituitary", "no_tumor")
"""Order of the class axis everywhere; the last one is the absence of a tumour."""


@dataclass(frozen=True)
class Volume:
    """An array and where it lies in the patient.

    Parameters
    ----------
    array : (slices, rows, columns) numeric
        One picture is a volume of one slice.
    affine : (4, 4) float64 or None
        ``(slice, row, column, 1)`` to DICOM LPS millimetres; None where the input has no
        geometry (a PNG), and then millimetres raise `GeometryError` rather than being invented.

    Examples
    --------
    >>> Volume(np.zeros((1, 4, 5)), None).shape
    (1, 4, 5)
    >>> Volume(np.zeros((4, 5)), None)
    Traceback (most recent call last):
    ...
    appliance.core.errors.GeometryError: a volume is (slices, rows, columns), this has 2 axes
    """

    array: np.ndarray
    affine: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise GeometryError(
                f"a volume is (slices, rows, columns), this has {self.array.ndim} axes"
            )
        if self.affine is not None and (
            self.affine.shape != (4, 4) or not np.isfinite(self.affine).all()
        ):
            raise GeometryError("an affine is a finite 4x4 matrix")

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(slices, rows, columns)``."""
        return self.array.shape  # type: ignore[return-value]

    def with_array(self, array: np.ndarray) -> Volume:
        """A new volume on the same grid.

        Raises
        ------
        GeometryError
            When the array has another shape.
        """
        if array.shape != self.array.shape:
            raise GeometryError(f"grid is {self.array.shape}, array is {array.shape}")
        return Volume(array, self.affine)


@dataclass(frozen=True)
class Source:
    """The DICOM images a series was made of, so that what is written can refer to them.

    Attributes
    ----------
    sop_class_uid : str
    instances : tuple of (str, int)
        SOPInstanceUID and frame (from 1; 0 in an image of one frame) of each slice of the volume.
    positions : tuple of (x, y, z) or None
        Centre of each slice's first pixel, LPS mm, as the header gives it: slices may be spaced
        unevenly, which an affine cannot say.
    frame_of_reference_uid : str
    thickness_mm : float or None
    multi_frame : bool
        Whether the slices are frames of one image.
    lossy, burned_in : bool
        Whether pixels were compressed with loss before; whether text is part of the picture.
    header : mapping of str to str
        Attributes that name the patient and the study, by keyword; empty unless a reader was
        asked to keep them.
    """

    sop_class_uid: str
    instances: tuple[tuple[str, int], ...]
    positions: tuple[tuple[float, float, float], ...] | None = None
    frame_of_reference_uid: str = ""
    thickness_mm: float | None = None
    multi_frame: bool = False
    lossy: bool = False
    burned_in: bool = False
    header: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Series:
    """One picture or one stack of slices as a reader found it, identifiers dropped.

    Attributes
    ----------
    volume : Volume
        Pixels on the input's own grid.
    kind : str
        ``image``, ``dicom`` or ``nifti``.
    name : str
        What the user called it (a file's base name), for display only.
    sha256 : str
        Digest of the bytes; of the sorted file digests for a series of many files.
    modality : str or None
        DICOM ``Modality``; None where the header says nothing (a PNG).
    sequence : str or None
        ``T1``, ``T1c``, ``T2``, ``FLAIR``, ``DWI``, ``ADC``, ``SWI``, ``PD`` or None when unknown.
    plane : str or None
        ``axial``, ``coronal`` or ``sagittal``: the plane the slices lie in; None when unknown.
    series_instance_uid, study_instance_uid : str
        From DICOM, or derived from the digest.
    warnings : tuple of str
        What the reader had to assume (uneven spacing, a dropped localizer).
    window : (float, float) or None
        Centre and width the header recommends for display.
    source : Source or None
        The DICOM images behind it.
    """

    volume: Volume
    kind: str
    name: str
    sha256: str
    modality: str | None = None
    sequence: str | None = None
    plane: str | None = None
    series_instance_uid: str = ""
    study_instance_uid: str = ""
    warnings: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    source: Source | None = None


@dataclass(frozen=True)
class Refusal:
    """Why an input was not analysed: a stable code, and a sentence with the remedy.

    ``modality`` and ``sequence`` are what the header says, where it could be read.
    """

    code: str
    message: str
    name: str = ""
    sha256: str = ""
    kind: str = "image"
    modality: str | None = None
    sequence: str | None = None

    def to_json(self) -> dict[str, str]:
        """``{"code", "message"}`` as in the report."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True)
class Study:
    """What one upload or one path held: series that can be read, and what could not."""

    study_instance_uid: str
    series: tuple[Series, ...]
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """A value with its unit."""

    name: str
    value: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value, "unit": self.unit}


@dataclass(frozen=True)
class Finding:
    """One lesion.

    Attributes
    ----------
    box : (slice0, row0, column0, slice1, row1, column1)
        Half-open, in the pixels of the input as it was given.
    view_box : same six numbers
        On the upright viewing grid the page and the slice pictures use.
    score : float
        0 to 1, mean mask probability inside the lesion times the presence probability.
    area_px : int
        Pixels of the mask, over all slices.
    volume_ml, diameters_mm : float, (float, float) or None
        None where the input has no geometry. Diameters: longest in-plane, and its perpendicular.
    largest_slice : int or None
        Slice of the viewing grid on which it covers most.
    """

    id: int
    box: tuple[int, int, int, int, int, int]
    view_box: tuple[int, int, int, int, int, int]
    score: float
    area_px: int
    volume_ml: float | None = None
    diameters_mm: tuple[float, float] | None = None
    largest_slice: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "box": list(self.box),
            "view_box": list(self.view_box),
            "score": round(self.score, 4),
            "area_px": self.area_px,
            "volume_ml": self.volume_ml,
            "diameters_mm": None if self.diameters_mm is None else list(self.diameters_mm),
            "largest_slice": self.largest_slice,
        }


@dataclass(frozen=True)
class Classification:
    """Calibrated probabilities and the conformal prediction set."""

    label: str
    probabilities: Mapping[str, float]
    prediction_set: tuple[str, ...]
    coverage: float

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probabilities": {k: round(float(v), 5) for k, v in self.probabilities.items()},
            "prediction_set": list(self.prediction_set),
            "coverage": self.coverage,
        }


@dataclass(frozen=True)
class SliceResult:
    """The reading of one slice.

    ``mask_px`` counts pixels of the mask as drawn. ``classifier`` and ``outline`` say what each
    witness says by itself, 0 to 1, 0.5 where it turns to tumour; None for a slice not read.
    """

    index: int
    verdict: str
    label: str
    probabilities: Mapping[str, float]
    mask_px: int
    ood_score: float | None = None
    classifier: float | None = None
    outline: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "verdict": self.verdict,
            "label": self.label,
            "probabilities": {k: round(float(v), 5) for k, v in self.probabilities.items()},
            "mask_px": self.mask_px,
            "ood_score": None if self.ood_score is None else round(float(self.ood_score), 4),
            "witnesses": None
            if self.classifier is None or self.outline is None
            else {
                "classifier": round(float(self.classifier), 4),
                "outline": round(float(self.outline), 4),
            },
        }


@dataclass(frozen=True)
class Result:
    """What one task answers, in primitives that the page and the report draw without knowing it.

    Attributes
    ----------
    label_map : Volume or None
        uint8, on the input's own grid; 0 outside lesions.
    derived : mapping of str to Volume
        Further pictures on the input's grid (``heat``: float32, 0 to 1). Of a task on a pair: on
        the grid of FIXED, of any numeric type.
    refusal : Refusal or None
        Why a task on a pair was not done, though there is something to show.
    documents : mapping of str to mapping
        JSON of other schemas to take away (``registration``), by name.
    texts : mapping of str to str
        Small text files to take away (``transform.tfm``), by file name.
    """

    task: str
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    classification: Classification | None = None
    verdict: str | None = None
    reasons: tuple[str, ...] = ()
    slices: tuple[SliceResult, ...] = ()
    label_map: Volume | None = None
    derived: Mapping[str, Volume] = field(default_factory=dict)
    ood_score: float | None = None
    warnings: tuple[str, ...] = ()
    refusal: Refusal | None = None
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "findings": [f.to_json() for f in self.findings],
            "measurements": [m.to_json() for m in self.measurements],
            "classification": self.classification and self.classification.to_json(),
            "slices": [s.to_json() for s in self.slices],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Report:
    """Everything said about one series: the JSON of the contract, and the arrays behind it.

    ``label_map`` and ``heat`` are None where nothing may be drawn. ``view`` is the upright
    grid (`appliance.core.geometry.View`) that pictures are rendered on.
    """

    document: Mapping[str, Any]
    label_map: Volume | None = None
    heat: Volume | None = None

    @property
    def verdict(self) -> str:
        return self.document["verdict"]

    def to_json(self) -> dict[str, Any]:
        """The JSON object of schema ``neuralscan/report/1``."""
        return dict(self.document)
