"""``neuralscan register``: two images of one head brought together, with a verdict on itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.core.errors import BadRequest, CorruptFile, InputError
from appliance.exits import DONE, GATE
from appliance.verbs import JSON, epilog, line

PATH = click.Path(exists=True, path_type=Path)


@click.command(
    epilog=epilog(
        "neuralscan register ct.png mr.png --out registered",
        "neuralscan register prior.nii.gz current.nii.gz --out registered --json",
    )
)
@click.argument("fixed", type=PATH)
@click.argument("moving", type=PATH)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for registration.json, transform.tfm and the moved image.",
)
@JSON
def register(fixed: Path, moving: Path, out: Path, as_json: bool) -> int:
    """Bring MOVING onto FIXED: two pictures, or two volumes with geometry; CT, PET and MR alike.

    Exit code 0 when the verdict is good or doubtful, 4 when it failed. The files are written
    either way.
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
            outputs.write(found, *pair, out)
    line(found.to_json()) if as_json else click.echo(summary(found.verdict, found.reasons))
    return GATE if found.verdict == "failed" else DONE


def summary(verdict: str, reasons: tuple[str, ...]) -> str:
    """A verdict and its reasons in one line.

    >>> summary("doubtful", ("few edges lie on edges",))
    'doubtful: few edges lie on edges'
    """
    return ": ".join([verdict, "; ".join(reasons)] if reasons else [verdict])


def one_series(path: Path) -> Any:
    """The one series a path holds.

    Raises
    ------
    InputError
        When nothing there can be read.
    BadRequest
        When it holds several series.
    """
    from appliance import ingest

    study = ingest.read_path(path)
    if not study.series:
        refusal = study.refusals[0]
        raise _error_of(refusal.code)(f"{path.name}: {refusal.message}")
    if len(study.series) > 1:
        raise BadRequest(
            f"{path.name}: expected one series, found {len(study.series)}; name one of its files"
        )
    return study.series[0]


def _error_of(code: str) -> type[InputError]:
    return next((kind for kind in InputError.__subclasses__() if kind.code == code), CorruptFile)
