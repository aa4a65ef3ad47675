"""The command line: ``neuralscan VERB``. Data on stdout, everything else on stderr.

The exit codes are a table in `appliance.exits`. The verbs import what they need when they run, so
that ``--help`` answers at once.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from appliance import __version__, exits
from appliance.cli_audit import audit
from appliance.cli_deidentify import deidentify
from appliance.cli_fuse import fuse
from appliance.cli_models import models
from appliance.cli_network import network_options, network_settings, pacs
from appliance.cli_register import register
from appliance.cli_track import track
from appliance.core.errors import Unavailable
from appliance.crash import no_core_dumps
from appliance.exits import DONE, REFUSED
from appliance.handover import FORMATS as HANDOVER
from appliance.verbs import BACKEND, DEVICE, PATHS, epilog, line, settings_with

FORMATS = ("json", "html", "png", "nifti", *HANDOVER)


class _Formats(click.ParamType):
    """A comma-separated list of `FORMATS`."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(p.strip() for p in value.split(",") if p.strip()))
        if unknown := sorted(set(chosen) - set(FORMATS)):
            self.fail(f"{', '.join(unknown)} unknown; known are {', '.join(FORMATS)}", param, ctx)
        return chosen


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "neuralscan serve --demo",
        "neuralscan analyze slice.png --json",
        "neuralscan doctor",
    ),
)
@click.option(
    "--debug", is_flag=True, help="Log more, and show the traceback of an internal fault."
)
@click.version_option(__version__, prog_name="neuralscan")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Read brain MR slices on this machine. Research use only; not a medical device."""
    ctx.obj = debug
    no_core_dumps()
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(
        level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )


@cli.command(
    epilog=epilog(
        "neuralscan serve --demo",
        "neuralscan serve --port 9000 --data /srv/ns",
        "neuralscan serve --dicom-port 11112 --dicom-peer CT1 --linked --push 10.0.0.5:104:PACS",
        "neuralscan serve --watch /srv/inbox",
    )
)
@click.option("--host", help="Address to bind; loopback unless you say otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.")
@DEVICE
@BACKEND
@click.option("--demo", is_flag=True, help="Load generated sample studies and analyse them.")
@click.option(
    "--linked",
    is_flag=True,
    help="Keep original identifiers, encrypted, and write DICOM objects under them.",
)
@network_options
def serve(
    host: str | None,
    port: int | None,
    data: Path | None,
    device: str | None,
    backend: str | None,
    demo: bool,
    linked: bool,
    **network: Any,
) -> None:
    """Serve the web page and the API; prints the address once ready."""
    from appliance.console import Bar
    from appliance.serve import serve as run

    settings = settings_with(
        host=host,
        port=port,
        data=data,
        device=device,
        backend=backend,
        demo=demo or None,
        linked=linked or None,
        **network_settings(**network),
    )
    with ExitStack() as until_ready:
        bar = until_ready.enter_context(Bar("neuralscan serve"))

        def announce(line: str) -> None:
            until_ready.close()
            click.echo(line)

        run(settings, announce=announce, progress=bar.to)


@cli.command(
    epilog=epilog(
        "neuralscan analyze slice.png",
        "neuralscan analyze study.zip folder/ --out results --formats json,html,png",
        "neuralscan analyze series/ --out results --formats seg,sr,pdf --linked",
        "neuralscan analyze *.png --json > reports.jsonl",
    )
)
@PATHS
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for masks and reports; default: a fresh folder for temporary files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON report a line.")
@click.option(
    "--formats",
    type=_Formats(),
    default="json",
    show_default=True,
    help=f"What to write beside the mask: {','.join(FORMATS)}.",
)
@click.option(
    "--linked",
    is_flag=True,
    help="Write DICOM objects under the patient and UIDs of their source, not under pseudonyms.",
)
@DEVICE
@BACKEND
def analyze(
    paths: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
    formats: tuple[str, ...],
    linked: bool,
    device: str | None,
    backend: str | None,
) -> int:
    """Read images, DICOM files, folders, zips or NIfTI volumes: one report for each series.

    Exit code 0 when no input was refused, 3 when any was.
    """
    from appliance import batch, console
    from appliance.pipeline import build_analyzer
    from appliance.pseudonym import reader

    settings = settings_with(device=device, backend=backend)
    analyzer = build_analyzer(settings)
    folder = out or Path(tempfile.mkdtemp(prefix="neuralscan-"))
    refused = 0
    with console.Bar("analyze") as bar:
        for outcome in batch.analyze_paths(
            analyzer, batch.expand(paths), folder, formats, bar.to, reader(settings.data, linked)
        ):
            refused += outcome.refused
            document = outcome.document
            bar.print(console.as_line(document) if as_json else console.summary(document))
    click.echo(f"results in {folder.resolve()}", err=True)
    return REFUSED if refused else DONE


cli.add_command(models)
cli.add_command(register)
cli.add_command(track)
cli.add_command(fuse)
cli.add_command(audit)
cli.add_command(deidentify)
cli.add_command(pacs)


@cli.command(
    epilog=epilog("neuralscan doctor", "neuralscan doctor --save", "neuralscan doctor --json")
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--report", "as_report", is_flag=True, help="Print a block for a bug report.")
@click.option("--save", is_flag=True, help="Let serve and analyze use the recommended setting.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600),
    default=20.0,
    show_default=True,
    help="Length of all trials together.",
)
def doctor(as_json: bool, as_report: bool, save: bool, seconds: float) -> None:
    """Show CPU, memory, devices and versions, try each way to run, recommend a setting.

    With --save the recommendation is written to the data folder; it is used as long as CPU, cores,
    OpenVINO and network are the same. NEURALSCAN_TUNING=off ignores it.
    """
    from appliance import console, tuning
    from appliance import doctor as examination
    from appliance.machine import valid_for
    from appliance.outputs import writing
    from appliance.registry import find_package

    settings = settings_with()
    with console.Bar("doctor") as bar:
        findings = examination.examine(settings.data, settings.sources, seconds, bar.to)
    if as_json:
        line(findings)
    else:
        click.echo(examination.report(findings) if as_report else examination.text(findings))
    if save:
        if findings["recommended"] is None:
            raise Unavailable("nothing could be measured, so there is no setting to save")
        chosen = tuning.Tuning(**findings["recommended"]["tuning"])
        with writing(settings.data):
            path = tuning.save(
                settings.data, chosen, valid_for(find_package(sources=settings.sources))
            )
        click.echo(f"saved to {path}", err=True)


@cli.command(
    epilog=epilog(
        "neuralscan phantom samples --lesion meningioma --seed 3",
        "neuralscan phantom samples --format dicom",
        "neuralscan phantom ct.nii.gz --format nifti --contrast ct",
    )
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["png", "dicom", "nifti"]),
    default="png",
    show_default=True,
    help="One slice, a DICOM series or a NIfTI volume.",
)
@click.option(
    "--lesion",
    type=click.Choice(["none", "glioma", "meningioma", "pituitary"]),
    default="glioma",
    show_default=True,
    help="What is painted into the head.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which head.")
@click.option(
    "--contrast",
    type=click.Choice(["t1c", "t2", "ct"]),
    default="t1c",
    show_default=True,
    help="How it is seen; the same seed is the same head.",
)
def phantom(out: Path, kind: str, lesion: str, seed: int, contrast: str) -> None:
    """Generate a head with known truth; prints the files it wrote.

    OUT is a folder, or a file name that fits the format.
    """
    from appliance import console
    from appliance import phantom as heads
    from appliance.outputs import writing

    with console.working("phantom"), writing(out, "choose another OUT"):
        paths = heads.generate(out, kind, lesion, seed, contrast=contrast)
    for path in paths:
        click.echo(str(path))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code; nothing escapes as a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a name no terminal can show is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return exits.run(
        lambda: cli.main(arguments, prog_name="neuralscan", standalone_mode=False),
        debug="--debug" in arguments[:1],
    )


if __name__ == "__main__":
    sys.exit(main())
