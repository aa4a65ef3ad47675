"""``neuralscan register``: two images of one head brought together, with a verdict on itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli_pair import error_of, one_series, summary, two_images
from appliance.exits import DONE, GATE
from appliance.verbs import JSON, epilog, line


@click.command(
    epilog=epilog(
        "neuralscan register ct.png mr.png --out registered",
        "neuralscan register prior.nii.gz current.nii.gz --out registered --json",
        "neuralscan register ct.nii.gz mr.nii.gz --out registered --carry",
    )
)
@two_images("registration.json, transform.tfm and the moved image")
@click.option(
    "--carry",
    is_flag=True,
    help="Also read MOVING and report its lesions on FIXED, in its pixels and millimetres.",
)
@JSON
def register(fixed: Path, moving: Path, out: Path, carry: bool, as_json: bool) -> int:
    """Bring MOVING onto FIXED: two pictures, or two volumes with geometry; CT, PET and MR alike.

    Exit code 0 when the verdict is good or doubtful, 4 when it failed. The files are written
    either way. With --carry, 3 when MOVING is no image the network reads; nothing is carried then,
    nor after a failed registration.
    """
    from appliance import console
    from appliance.outputs import writing
    from appliance.registration import outputs
    from appliance.registration.register import register as run

    pair = [one_series(path) for path in (fixed, moving)]
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with console.Bar("register") as bar:
        found = run(*pair, progress=bar.to)
        with writing(out):
            outputs.write(found, pair[0], _drawn(pair[1]), out)
    line(found.to_json()) if as_json else click.echo(summary(found.verdict, found.reasons))
    if found.verdict == "failed":
        return GATE
    if carry:
        _carry(*pair, found, out)
    return DONE


def _drawn(moving: Any) -> Any:
    """MOVING as its picture is written: text found in it is black.

    Where the header says that there is text, and none was found, all of it is.
    """
    from dataclasses import replace

    import numpy as np

    from appliance.pair_cover import shown

    seen = shown(moving)
    if seen.text:
        click.echo(f"{moving.name}: there seems to be text in the picture; it is black", err=True)
    if not seen.withheld:
        return seen.series
    array = moving.volume.array
    return replace(moving, volume=moving.volume.with_array(np.full_like(array, array.min())))


def _carry(fixed: Any, moving: Any, found: Any, out: Path) -> None:
    """Read MOVING and leave its lesions on FIXED.

    Raises
    ------
    InputError
        When the network refuses MOVING.
    """
    from appliance import console
    from appliance.followup import carried
    from appliance.followup.reader import read_exam
    from appliance.outputs import writing
    from appliance.pipeline import build_analyzer
    from appliance.verbs import settings_with

    analyzer = build_analyzer(settings_with())
    with console.Bar("carry") as bar:
        exam = read_exam(analyzer, moving, bar.to)
    if exam.refusal is not None:
        raise error_of(exam.refusal.code)(f"{moving.name}: {exam.refusal.message}")
    seen = carried.carry_lesions(exam, fixed, found)
    document = carried.document_of(seen, exam, fixed, found, analyzer.model())
    with writing(out):
        carried.write(seen, document, fixed, out)
    for lesion in document["lesions"]:
        click.echo(f"lesion {lesion['id']}: {_size_of(lesion)}", err=True)


def _size_of(lesion: Any) -> str:
    """A carried lesion's size in words.

    >>> _size_of({"area_px": 12, "volume_ml": None, "diameters": [5.0, 3.0],
    ...           "diameters_unit": "px", "outside_share": 0.0})
    '12 px, 5.0 x 3.0 px'
    """
    if lesion["area_px"] is None:
        return "outside what FIXED shows"
    text = f"{lesion['area_px']} px"
    if lesion["volume_ml"] is not None:
        text += f", {lesion['volume_ml']:.2f} ml"
    long, short = lesion["diameters"]
    text += f", {long:.1f} x {short:.1f} {lesion['diameters_unit']}"
    return text + (f"; {lesion['outside_share']:.0%} outside" if lesion["outside_share"] else "")
