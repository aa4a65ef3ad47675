"""Addresses inside a report, so that a page follows them instead of composing them."""

from __future__ import annotations

from typing import Any

from appliance.core.types import Report, Series
from appliance.export import is_picture

BASE = "/api/v1"


def of_recent(report: Report, pictures: bool = True) -> dict[str, Any]:
    """A direct analysis as JSON, with the addresses of its pictures.

    Parameters
    ----------
    pictures : bool
        False for an input that could not be read.
    """
    document = report.to_json()
    base = f"{BASE}/analyze/{document['input']['sha256']}" if pictures else None
    return _linked(document, report, base, "image.png", "mask.png", "heat.png", "overlay.png")


def of_study(report: Report, series: Series | None) -> dict[str, Any]:
    """A stored report as JSON, with the addresses of its pictures; None where there are none."""
    document = report.to_json()
    if series is None:
        return _linked(document, report, None, "", "", "", "")
    study = f"{BASE}/studies/{series.study_instance_uid}"
    uid = series.series_instance_uid
    slices = f"series/{uid}/slices/0"
    mask = f"{slices}/mask.png" if is_picture(series) else f"mask.nii.gz?series={uid}"
    return _linked(
        document,
        report,
        study,
        f"{slices}.png",
        mask,
        f"{slices}/heat.png",
        f"{slices}.png?overlay=contour",
    )


def of_pair(pair: str, document: dict[str, Any]) -> dict[str, Any]:
    """A stored result on two series as JSON, with its identifier and the addresses of its files."""
    base = f"{BASE}/pairs/{pair}"
    flat = document["inputs"]["fixed"]["shape"][0] == 1
    ending = "png" if flat else "nii.gz"
    layers = [name for name in document["layers"] if name != "fixed"]
    files = [f"{name}.json" for name in document["documents"]] + list(document["texts"])
    files += [f"{name}.{ending}" for name in layers]
    slices = {name: f"{base}/slices/{{index}}/{name}.png" for name in document["layers"]}
    return {
        **document,
        "id": pair,
        "links": {
            "self": base,
            "html": f"{base}/report.html",
            "pdf": f"{base}/report.pdf",
            "slices": slices,
            "files": {file: f"{base}/files/{file}" for file in files},
        },
    }


def _linked(
    document: dict[str, Any],
    report: Report,
    base: str | None,
    image: str,
    mask: str,
    heat: str,
    overlay: str,
) -> dict[str, Any]:
    links = {
        "image": base and f"{base}/{image}",
        "overlay": base and f"{base}/{overlay}",
        "mask": f"{base}/{mask}" if base and report.label_map is not None else None,
        "heat": f"{base}/{heat}" if base and report.heat is not None else None,
    }
    return {**document, "mask": links["mask"], "links": links}
