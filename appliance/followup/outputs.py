"""What ``track`` leaves behind: document, page, timeline, the earlier lesions carried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance import NOTICE, export
from appliance.atomic import put_file
from appliance.core.geometry import viewing
from appliance.core.types import Volume
from appliance.followup.course import Course
from appliance.followup.document import SCHEMA
from appliance.followup.judge import NOT_COMPARABLE
from appliance.followup.page import timeline_svg, to_html
from appliance.followup.pictures import panels

DOCUMENT, PAGE, TIMELINE = "followup.json", "followup.html", "timeline.svg"


def as_text(document: Mapping[str, Any]) -> bytes:
    """A document as indented JSON."""
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def write(
    course: Course, document: Mapping[str, Any], folder: Path, formats: Sequence[str]
) -> None:
    """Write ``followup.json``, ``timeline.svg``, the earlier lesions on the later grid, and a page.

    Files of an earlier run are replaced.

    Parameters
    ----------
    formats : sequence of str
        ``json`` and ``html``; the document is written whatever they say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    put_file(folder / DOCUMENT, as_text(document))
    plot = timeline_svg(document)
    if plot:
        put_file(folder / TIMELINE, plot.encode())
    carried = carried_on_input(course)
    if carried is not None:
        given = course.exams[-1].given
        picture = export.is_picture(given)
        data = export.mask_png(carried) if picture else export.mask_nifti(given, carried)
        put_file(folder / ("prior_lesions.png" if picture else "prior_lesions.nii.gz"), data)
    if "html" in formats:
        page = to_html(document, panels(course.last, *course.exams[-2:]))
        put_file(folder / PAGE, page.encode("utf-8", "backslashreplace"))


def carried_on_input(course: Course) -> Volume | None:
    """The earlier lesions on the grid of the later study as it was given."""
    current, carried = course.exams[-1], course.last.carried
    if carried is None:
        return None
    return on_input(current.given.volume, carried)


def on_input(given: Volume, upright: Volume) -> Volume:
    """A volume of the grid that is compared on, on the input's own grid."""
    if given.shape[0] == 1:
        return upright
    return Volume(viewing(given).undo(upright.array), given.affine)


def unread(reason: str) -> dict[str, Any]:
    """The document of studies that could not even be read."""
    return {
        "schema": SCHEMA,
        "verdict": NOT_COMPARABLE,
        "reasons": [reason],
        "lesions": [],
        "registration": None,
        "notice": NOTICE,
    }
