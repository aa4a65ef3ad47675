"""The report's page inside a DICOM object, so that an archive can keep it with the images.

References
----------
DICOM PS3.3 A.45.1 (encapsulated PDF), C.24.2.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EncapsulatedPDFStorage

from appliance.core.types import Report, Series
from appliance.dicom_objects import demand_source, images, new_object, reference_to, to_bytes
from appliance.report_pdf import to_pdf


def encapsulated(series: Series, report: Report) -> Dataset:
    """The report as PDF in a DICOM object that names the images it was made from.

    Raises
    ------
    NotFound
        When the series is not of DICOM images.
    """
    source = demand_source(series)
    dataset = new_object("pdf", EncapsulatedPDFStorage, "DOC", series, report)
    dataset.ConversionType = "WSD"
    dataset.ContentDate, dataset.ContentTime = (
        dataset.InstanceCreationDate,
        dataset.InstanceCreationTime,
    )
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "YES" if source.burned_in else "NO"
    dataset.DocumentTitle = "Reading of a brain MR series by an algorithm"
    dataset.ConceptNameCodeSequence = Sequence([])
    dataset.SourceInstanceSequence = Sequence([reference_to(image) for image in images(series)])
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data = to_pdf([(report, series)])
    dataset.EncapsulatedDocumentLength = len(data)
    dataset.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    return dataset


def to_file(series: Series, report: Report) -> bytes:
    """The encapsulated report as a DICOM file; raises as `encapsulated` does."""
    return to_bytes(encapsulated(series, report))
