"""Results in the form another system takes: which there are, and what makes them.

The libraries that write DICOM and PDF take a second to load, so they are loaded when first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core.errors import BurnedInText, GeometryError, NotFound

if TYPE_CHECKING:
    from appliance.core.types import Report, Series

OBJECTS = {
    "seg": "appliance.dicom_seg",
    "sr": "appliance.dicom_sr",
    "rtstruct": "appliance.dicom_rtstruct",
    "report": "appliance.dicom_pdf",
}
"""DICOM objects by the name of their file, and the module that writes each."""

FORMATS = ("pdf", "seg", "sr", "rtstruct")
"""What can be asked for; ``pdf`` is the page, and for DICOM images the page as an object too."""


Entries = Sequence[tuple["Report", "Series | None"]]


def covered(entries: Entries) -> Entries:
    """Reports with pictures that may leave: text in them is blackened.

    Raises
    ------
    BurnedInText
        When there is text that cannot be blackened.
    """
    from appliance import burned_in

    return [
        (report, None if series is None else burned_in.covered(series, report.document))
        for report, series in entries
    ]


def dicom(kind: str, report: Report, series: Series | None) -> bytes:
    """A result as a DICOM file.

    Parameters
    ----------
    kind : str
        A key of `OBJECTS`.

    Raises
    ------
    NotFound
        When there is nothing to write: no DICOM images behind the input, or nothing found.
    GeometryError
        When the images have no place in the patient.
    BurnedInText
        When the object shows pictures, and text in them cannot be blackened.
    """
    if series is None:
        raise NotFound("this input could not be read: there is nothing to write")
    if kind == "report":
        ((_, series),) = covered([(report, series)])
    return importlib.import_module(OBJECTS[kind]).to_file(series, report)


def first(kind: str, entries: Iterable[tuple[Report, Series | None]]) -> bytes:
    """The first series' object that can be written; raises what the last one raised."""
    error: Exception = NotFound("nothing of this study was analysed yet: start the task analyze")
    for report, series in entries:
        try:
            return dicom(kind, report, series)
        except (NotFound, GeometryError, BurnedInText) as found:
            error = found
    raise error


def pdf(entries: Entries) -> bytes:
    """Reports as one PDF, a page each; raises BurnedInText."""
    from appliance import report_pdf

    return report_pdf.to_pdf(covered(entries))


def html(entries: Entries) -> str:
    """Reports as one HTML page; raises BurnedInText."""
    from appliance import report

    return report.to_html(covered(entries))


def write(report: Report, series: Series | None, folder: Path, formats: Iterable[str]) -> Any:
    """Write the chosen formats of one report into a folder of its own.

    Returns
    -------
    files : dict of str to str
        Absolute paths by the name of the format; ``report`` is the page as a DICOM object.
    missing : dict of str to str
        Why a format was not written.
    """
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    kinds = [name for name in formats if name in OBJECTS]
    if "pdf" in formats:
        path = folder / "report.pdf"
        try:
            path.write_bytes(pdf([(report, series)]))
            files["pdf"] = str(path)
            kinds += ["report"] if series is not None and series.source is not None else []
        except BurnedInText as error:
            missing["pdf"] = error.message
    for kind in kinds:
        path = folder / f"{kind}.dcm"
        try:
            path.write_bytes(dicom(kind, report, series))
            files[kind] = str(path)
        except (NotFound, GeometryError, BurnedInText) as error:
            missing[kind] = error.message
    return files, missing
