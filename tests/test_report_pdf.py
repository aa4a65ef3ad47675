"""`appliance.report_pdf` and `dicom_pdf`: one page a report, with the report's own figures."""

from __future__ import annotations

import io
import re
import zlib
from base64 import a85decode

import numpy as np
import pydicom

from appliance import NOTICE, dicom_pdf, report_pdf
from appliance.core.types import Report
from tests.readings import complaints, dicom_series, report_of, two_lesions


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", data))


def words(data: bytes) -> str:
    """The text of a PDF's pages, as its drawing commands spell it."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            plain = zlib.decompress(a85decode(stream.strip(), adobe=False))
        except ValueError:
            plain = zlib.decompress(a85decode(b"<~" + stream.strip(), adobe=True))
        except zlib.error:
            continue
        found += re.findall(rb"\((.*?)(?<!\\)\)\s*Tj", plain, re.DOTALL)
    text = b" ".join(found).decode("cp1252")
    return re.sub(r"\\([()\\])", r"\1", text)


def test_it_says_what_the_report_says():
    series = dicom_series()
    report = two_lesions(series)
    data = report_pdf.to_pdf([(report, series)])
    said = words(data)
    assert pages(data) == 1
    assert "Tumour found: meningioma most likely" in said
    lesion = report.document["lesions"][0]
    assert f"{lesion['volume_ml']:.2f}" in said
    assert "{:.1f} x {:.1f}".format(*lesion["diameters_mm"]) in said
    for part in (NOTICE, "70.0 %", "Meningioma, Glioma", "A < warning > & more.", "first 1.2.3"):
        assert part in said
    assert b"/Subtype /Image" in data


def test_a_page_for_each_report_whatever_it_holds():
    series = dicom_series(2)
    nothing = report_of(series, np.zeros(series.volume.shape, np.uint8), "no_tumor")
    many = [f"warning {i}, {'long ' * 40}" for i in range(40)]
    long = {**nothing.document, "quality": {**nothing.document["quality"], "warnings": many}}
    refusal = {"code": "unreadable", "message": "expected a scan (of a head)"}
    refused = {
        **nothing.document,
        "verdict": "refused",
        "refusal": refusal,
        "classification": None,
        "slices": [],
        "input": {**nothing.document["input"], "name": "頭.png", "shape": None, "spacing_mm": None},
    }
    data = report_pdf.to_pdf([(Report(long), series), (Report(refused), None)])
    assert pages(data) == 2
    assert "expected a scan (of a head) (unreadable)" in words(data)


def test_the_page_inside_a_dicom_object(tmp_path):
    series = dicom_series()
    report = two_lesions(series)
    (tmp_path / "report.dcm").write_bytes(dicom_pdf.to_file(series, report))
    assert complaints(tmp_path / "report.dcm") == []
    found = pydicom.dcmread(tmp_path / "report.dcm")
    data = found.EncapsulatedDocument[: found.EncapsulatedDocumentLength]
    assert data == report_pdf.to_pdf([(report, series)])
    assert len(found.SourceInstanceSequence) == 6
    assert io.BytesIO(data).read(5) == b"%PDF-"


def test_text_in_the_pictures_is_said(tmp_path):
    series = dicom_series(2, BurnedInAnnotation="YES")
    assert "burned into the pictures" in series.warnings[0]
    assert dicom_pdf.encapsulated(series, two_lesions(series)).BurnedInAnnotation == "YES"
    assert dicom_pdf.encapsulated(dicom_series(2), two_lesions(series)).BurnedInAnnotation == "NO"
