"""A report as a DICOM structured report: template 1500, one measurement group a lesion.

The lesions' groups (TID 1411, also in a single slice: a planar group, TID 1410, can name a segment
and its frame only against PS3.3 10.3) refer to the segments of the segmentation that
`appliance.dicom_seg` writes of the same result. One more group (TID 1501) carries the verdict, the
likeliest kind, the prediction set and the probabilities. The notice of research use stands among
the algorithm's parameters.

References
----------
DICOM PS3.16 TID 1500, 1411, 1501, 4019; PS3.3 A.35.13 (Comprehensive 3D SR).
"""

from __future__ import annotations

from typing import Any

from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset

from appliance import __version__
from appliance import dicom_codes as codes
from appliance.core.errors import NotFound
from appliance.core.geometry import spacing_mm
from appliance.core.types import Report, Series
from appliance.dicom_objects import (
    MANUFACTURER,
    demand_source,
    described,
    images,
    model_name,
    parameters,
    to_bytes,
)
from appliance.dicom_seg import segmentation, tracking
from appliance.dicom_stack import uid_from


def structured_report(series: Series, report: Report) -> Dataset:
    """The report's verdict and measurements as a Comprehensive 3D SR.

    Raises
    ------
    NotFound
        When the series is not of DICOM images, or was refused: nothing was measured then.
    GeometryError
        When there are lesions, but the images have no place in the patient.
    """
    demand_source(series)
    if report.verdict == "refused":
        raise NotFound("this input was refused: there is nothing to report")
    evidence = images(series)
    segments = None
    if report.document["lesions"] and report.label_map is not None:
        segments = segmentation(series, report)
    groups: list[Any] = [_reading(series, report)]
    if segments is not None:
        groups += [_lesion(series, report, segments, one) for one in report.document["lesions"]]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(
                observer_type=codes.DEVICE,
                observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                    uid=uid_from(f"device {MANUFACTURER} {model_name(report)}"),
                    name=MANUFACTURER,
                    manufacturer_name=MANUFACTURER,
                    model_name=model_name(report),
                ),
            )
        ),
        procedure_reported=codes.PROCEDURE,
        imaging_measurements=groups,
        title=codes.REPORT,
        referenced_images=evidence if not demand_source(series).multi_frame else None,
    )
    return sr.Comprehensive3DSR(
        evidence=[*evidence, *([] if segments is None else [segments])],
        content=content[0],
        is_complete=True,
        is_final=False,
        coding_schemes=[
            CodingSchemeIdentificationItem(
                codes.OWN_SCHEME, name=codes.OWN_SCHEME_NAME, version=__version__
            )
        ],
        **described(series, "sr", report),
    )


def to_file(series: Series, report: Report) -> bytes:
    """The structured report as a DICOM file; raises as `structured_report` does."""
    return to_bytes(structured_report(series, report))


def _algorithm(report: Report) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=model_name(report),
        version=str((report.document.get("model") or {}).get("version", "unknown")),
        parameters=[f"{key}: {value}" for key, value in parameters(report).items()],
    )


def _reading(series: Series, report: Report) -> sr.MeasurementsAndQualitativeEvaluations:
    """What was said of the series as a whole."""
    found = report.document["classification"] or {}
    said = [sr.QualitativeEvaluation(codes.VERDICT, codes.VERDICTS[report.verdict])]
    if found:
        said.append(sr.QualitativeEvaluation(codes.LIKELIEST, codes.kind_of(found["label"])))
        said += [
            sr.QualitativeEvaluation(codes.IN_SET, codes.kind_of(label))
            for label in found["prediction_set"]
        ]
    source = demand_source(series)
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid_from(f"reading {described(series, 'sr', report)['sop_instance_uid']}"),
            identifier="Series",
        ),
        finding_type=codes.READING,
        algorithm_id=_algorithm(report),
        finding_sites=[sr.FindingSite(codes.SITE)],
        measurements=[
            sr.Measurement(codes.probability_of(label), float(value), codes.NO_UNIT)
            for label, value in found.get("probabilities", {}).items()
        ],
        qualitative_evaluations=said,
        source_images=[
            sr.SourceImageForMeasurementGroup(source.sop_class_uid, uid)
            for uid in dict.fromkeys(uid for uid, _ in source.instances)
        ],
    )


def _lesion(series: Series, report: Report, segments: Dataset, lesion: dict[str, Any]) -> Any:
    """One lesion's measurements, tied to its segment."""
    number = int(lesion["id"])
    uid, name = tracking(series, report, number)
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid, identifier=name),
        finding_type=codes.NEOPLASM,
        algorithm_id=_algorithm(report),
        finding_sites=[sr.FindingSite(codes.SITE)],
        measurements=_measurements(series, lesion),
        referenced_segment=sr.ReferencedSegment(
            segments.SOPClassUID,
            segments.SOPInstanceUID,
            number,
            source_series=sr.SourceSeriesForSegmentation(images(series)[0].SeriesInstanceUID),
        ),
    )


def _measurements(series: Series, lesion: dict[str, Any]) -> list[sr.Measurement]:
    """Volume or area, the two diameters where they are known, and the score."""
    values = []
    if lesion["volume_ml"] is not None:
        values.append((codes.VOLUME, lesion["volume_ml"], codes.MILLILITRE))
    elif series.volume.affine is not None:
        area = _area_mm2(series, lesion)
        values.append((codes.AREA, area, codes.SQUARE_MILLIMETRE))
    if lesion["diameters_mm"] is not None:
        longest, across = lesion["diameters_mm"]
        values.append((codes.LONG_AXIS, longest, codes.MILLIMETRE))
        values.append((codes.SHORT_AXIS, across, codes.MILLIMETRE))
    values.append((codes.SCORE, lesion["score"], codes.NO_UNIT))
    return [sr.Measurement(name, float(value), unit) for name, value, unit in values]


def _area_mm2(series: Series, lesion: dict[str, Any]) -> float:
    _, row_mm, column_mm = spacing_mm(series.volume.affine)
    return round(lesion["area_px"] * row_mm * column_mm, 2)
