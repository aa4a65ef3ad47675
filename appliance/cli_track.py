"""``neuralscan track``: two or more studies of one head, what changed, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli_pair import PATH, one_series, out_folder
from appliance.core.errors import InputError
from appliance.exits import DONE, REFUSED
from appliance.verbs import BACKEND, DEVICE, JSON, epilog, line

_READING = 0.2


class _Days(click.ParamType):
    """Whole numbers with commas between them."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: expected whole numbers, such as 0,92,181", param, ctx)


@click.command(
    epilog=epilog(
        "neuralscan track prior.nii.gz current.nii.gz --out followup",
        "neuralscan track first.zip second.zip third.zip --days 0,92,181 --out followup",
    )
)
@click.argument(
    "studies",
    nargs=-1,
    required=True,
    metavar="PRIOR CURRENT...",
    type=PATH,
)
@out_folder("followup.json, followup.html, timeline.svg and the carried lesions")
@click.option("--days", type=_Days(), help="Days between the studies, such as 0,92; no dates.")
@JSON
@DEVICE
@BACKEND
def track(
    studies: tuple[Path, ...],
    out: Path,
    days: tuple[int, ...] | None,
    as_json: bool,
    device: str | None,
    backend: str | None,
) -> int:
    """Compare two studies or more, the earliest first: lesions matched, change with an error band.

    A change inside the band is called within_error. Exit code 0 when the last two studies were
    compared, 3 when they are not comparable; followup.json says why.
    """
    from appliance import console
    from appliance.followup import outputs
    from appliance.outputs import writing

    if len(studies) < 2:
        raise click.UsageError("expected two studies or more, the earliest first")
    if days is not None and (len(days) != len(studies) or list(days) != sorted(set(days))):
        raise click.UsageError(f"--days: expected {len(studies)} numbers that grow")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        series = [one_series(path) for path in studies]
    except InputError as error:
        with writing(out):
            (out / outputs.DOCUMENT).write_bytes(outputs.as_text(outputs.unread(error.message)))
        raise
    with console.Bar("track") as bar:
        document = _tracked(series, out, days, device, backend, bar)
    line(document) if as_json else click.echo(summary(document))
    return REFUSED if document["verdict"] == "not_comparable" else DONE


def _tracked(
    series: list[Any],
    out: Path,
    days: tuple[int, ...] | None,
    device: str | None,
    backend: str | None,
    bar: Any,
) -> dict[str, Any]:
    from appliance.followup import outputs
    from appliance.followup.compare import How
    from appliance.followup.course import follow
    from appliance.followup.document import document_of
    from appliance.followup.reader import model_of, outliner_of, read_exams
    from appliance.outputs import writing
    from appliance.pipeline import build_analyzer
    from appliance.verbs import settings_with

    analyzer = build_analyzer(settings_with(device=device, backend=backend))
    reports, exams = read_exams(analyzer, series, lambda share: bar.to(_READING * share))
    how = How(outliner_of(analyzer))
    course = follow(exams, how, lambda s: bar.to(_READING + (1 - _READING) * s), days)
    document = document_of(course, how.limits, model_of(reports))
    with writing(out):
        outputs.write(course, document, out, ("json", "html"))
    return document


def summary(document: dict[str, Any]) -> str:
    """A follow-up in a few lines.

    >>> summary({"verdict": "not_comparable", "reasons": ["the plane differs"], "lesions": []})
    'not_comparable: the plane differs'
    """
    word, reasons = document["verdict"], "; ".join(document["reasons"])
    lines = [f"{word}: {reasons}" if reasons else word]
    for lesion in document["lesions"]:
        ids = " -> ".join(
            "+".join(map(str, lesion[side])) or "none" for side in ("prior_all", "current_all")
        )
        text = f"    lesion {ids}: {lesion['verdict']}; {lesion['measure']} "
        text += f"{lesion['prior_value']:.4g} -> {lesion['current_value']:.4g}"
        if lesion["change_percent"] is not None:
            text += f", {lesion['change_percent']:+.1f} %"
        if lesion["band_percent"] is not None:
            text += f" (band {lesion['band_percent']:.1f} %)"
        lines.append(text + (f"; {lesion['reason']}" if lesion["reason"] else ""))
    return "\n".join([*lines, *(f"    warning: {w}" for w in document.get("warnings", []))])
