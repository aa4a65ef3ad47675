"""``neuralscan deidentify``: DICOM images as files that can be given away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.exits import DONE, REFUSED
from appliance.verbs import JSON, PATHS, epilog, settings_with


class _Place(click.ParamType):
    """ROW0,COLUMN0,ROW1,COLUMN1, half-open."""

    name = "place"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int, int, int]:
        if isinstance(value, tuple):
            return value
        try:
            row0, column0, row1, column1 = (int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"expected ROW0,COLUMN0,ROW1,COLUMN1, found {value!r}", param, ctx)
        return row0, column0, row1, column1


@click.command(
    epilog=epilog(
        "neuralscan deidentify series/ --out shared",
        "neuralscan deidentify study.zip --out shared --mask-text",
        "neuralscan deidentify series/ --out shared --black-out 0,0,40,200",
    )
)
@PATHS
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder the files are written to.",
)
@click.option("--mask-text", is_flag=True, help="Blacken text found in the images.")
@click.option(
    "--black-out",
    type=_Place(),
    multiple=True,
    metavar="ROW0,COLUMN0,ROW1,COLUMN1",
    help="Blacken this place in every image; may be given several times.",
)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.")
@JSON
def deidentify(
    paths: tuple[Path, ...],
    out: Path,
    mask_text: bool,
    black_out: tuple[tuple[int, int, int, int], ...],
    data: Path | None,
    as_json: bool,
) -> int:
    """Write DICOM images again without what tells a person (PS3.15 Basic Profile).

    UIDs become the pseudonyms that this data folder's key makes, so that results of this appliance
    fit the files. A series with text in its pixels is held back until it is blackened. Faces are
    not removed: they can be computed from a volume of the head.

    Exit code 0 when everything was written, 3 when anything was left out.
    """
    from appliance import pseudonym
    from appliance.audit import Audit, operator
    from appliance.console import Bar, as_line, one_line
    from appliance.deidentify_files import Written, deidentify_paths
    from appliance.outputs import writing

    folder = settings_with(data=data).data
    rename, log = pseudonym.load(folder).uid, Audit(folder)
    left_out = 0
    with Bar("deidentify") as bar, writing(out):
        found = deidentify_paths(paths, out, rename, mask_text, black_out, bar.to)
        for item in found:
            if isinstance(item, Written):
                facts = {"files": item.files, "places_blackened": item.boxes}
                log.record("study.deidentified", operator(), item.study, item.folder.name, **facts)
                said = {"written": str(item.folder), **facts}
                text = f"{item.folder}: {item.files} images, {item.boxes} places blackened"
            else:
                left_out += 1
                said = {"left_out": item.name, **item.refusal()}
                text = f"left out {item.name}: {item.error.message}"
            bar.print(as_line(said) if as_json else one_line(text))
    return REFUSED if left_out else DONE
