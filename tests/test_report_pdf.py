"""`appliance.report_pdf` and `dicom_pdf`: one page a report, with the report's own figures."""

from __future__ import annotations

import io
import json
import re
import zlib
from base64 import a85decode

import numpy as np
import pydicom
import pytest

from appliance import NOTICE, dicom_pdf, report_pdf
from appliance.core.types import Report
from appliance.report import LABELS, percent, to_html, to_json
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


def cells(html: str) -> list[list[str]]:
    """The rows of a page's tables, as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    plain = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in plain]


def with_many(series, count: int) -> Report:
    """A report of so many lesions, the first the largest, one or several on a slice."""
    labels = np.zeros(series.volume.shape, np.uint8)
    for number in range(count):
        row, column = divmod(number, 6)
        top, left = 4 * row, 5 * column
        labels[number % len(labels), top : top + 3, left : left + 4 - number % 2] = number + 1
    return report_of(series, labels)


@pytest.mark.parametrize("case", ["one lesion", "volume", "many lesions"])
def test_json_page_and_pdf_say_the_same_numbers(case):
    series = dicom_series(1 if case == "one lesion" else 6)
    report = {
        "one lesion": lambda: with_many(series, 1),
        "volume": lambda: two_lesions(series),
        "many lesions": lambda: with_many(series, 40),
    }[case]()
    document = json.loads(to_json(report))
    html, said = to_html([(report, series)]), words(report_pdf.to_pdf([(report, series)]))
    rows = cells(html)
    for label, share in document["classification"]["probabilities"].items():
        (found,) = [row[1] for row in rows if row[0] == LABELS[label]]
        assert found == percent(share).replace("<", "&lt;")
        assert percent(share) in said
    listed = 0
    for lesion in document["lesions"]:
        (row,) = [r for r in rows if len(r) == 6 and r[0] == str(lesion["id"])]
        across, volume = lesion["diameters_mm"], lesion["volume_ml"]
        assert row[2] == f"{lesion['score']:.2f}"
        assert row[3] == str(lesion["area_px"])
        assert row[4] == "{:.1f} × {:.1f}".format(*across)
        assert row[5] == ("not measured" if volume is None else f"{volume:.2f}")
        printed = " ".join([*row[:4], row[4].replace("×", "x"), row[5]])
        listed += printed in " ".join(said.split())
    assert listed == min(len(document["lesions"]), 8)
    if len(document["lesions"]) > 8:
        rest = document["lesions"][8:]
        area = sum(lesion["area_px"] for lesion in rest)
        assert f"{len(rest)} smaller ones, {area} pixels together" in said
    for text in (document["model"]["name"], document["model"]["version"], document["notice"]):
        assert text in html
        assert text in said
    spacing = document["input"]["spacing_mm"]
    assert " × ".join(f"{v:g}" for v in spacing) in html.replace(".0 ", " ")
    assert " x ".join(f"{v:g}" for v in spacing) in said


def test_every_kind_of_report_is_one_a4_page_that_can_be_read():
    """One page each, and never shrunk below three quarters of its size."""
    single, volume = dicom_series(1), dicom_series()
    refused = Report(
        {
            **two_lesions(volume).document,
            "verdict": "refused",
            "refusal": {"code": "unreadable", "message": "expected a scan, found none"},
            "classification": None,
            "slices": [],
            "lesions": [],
        }
    )
    for report, series in (
        (with_many(single, 1), single),
        (with_many(single, 40), single),
        (with_many(volume, 40), volume),
        (two_lesions(volume), volume),
        (refused, None),
    ):
        data = report_pdf.to_pdf([(report, series)])
        assert pages(data) == 1
        (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
        assert [float(side) for side in box] == pytest.approx([595.28, 841.89], abs=0.01)
        assert report_pdf.shrunk(report, series) >= 0.75
