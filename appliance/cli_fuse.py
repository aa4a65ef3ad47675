"""``neuralscan fuse``: two images of one head in one picture, or a refusal with its reason."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli_pair import one_series, summary, two_images
from appliance.exits import DONE, REFUSED
from appliance.verbs import JSON, epilog, line

METHODS = ("gradient-energy", "guided", "laplacian", "wavelet", "pca", "weighted")
"""Stand here too so that ``--help`` loads no library; a test holds them against the table."""


@click.command(
    epilog=epilog(
        "neuralscan fuse ct.png mr.png --out fused",
        "neuralscan fuse ct.nii.gz mr.nii.gz --out fused --method laplacian --json",
        "neuralscan fuse ct.png mr.png --out fused --registration registered/registration.json",
    )
)
@two_images("the fused image, fusion.json and the registration's files")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=METHODS[0],
    show_default=True,
    help="How grey values are combined.",
)
@click.option(
    "--registration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A registration.json of this pair; it is not registered again.",
)
@JSON
def fuse(
    fixed: Path, moving: Path, out: Path, method: str, registration: Path | None, as_json: bool
) -> int:
    """Register MOVING onto FIXED and lay both into one picture, on the grid of FIXED.

    Exit code 0 when fused; 3 when the registration failed: nothing is fused then, and
    fusion.json says why. A doubtful registration fuses with a warning.
    """
    from appliance import console
    from appliance.fusion import outputs
    from appliance.fusion.fuse import REFUSED as NOT_FUSED
    from appliance.fusion.fuse import fuse as run
    from appliance.fusion.known import read_registration
    from appliance.outputs import writing
    from appliance.pair_cover import leaving

    pair = [one_series(path) for path in (fixed, moving)]
    drawn = [leaving(series) for series in pair]
    known = None if registration is None else read_registration(registration, *pair)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with console.Bar("fuse") as bar:
        found = run(*pair, method, bar.to, known)
        with writing(out):
            outputs.write(found, pair[0], drawn[1], out)
    for text in found.warnings + found.reasons:
        click.echo(text, err=True)
    if as_json:
        line(found.to_json())
    else:
        click.echo(summary(found.verdict, found.reasons or found.warnings))
    return REFUSED if found.verdict == NOT_FUSED else DONE
