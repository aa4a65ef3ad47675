"""The network's options of ``neuralscan serve``, and ``neuralscan pacs``: an archive by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance.core.errors import BadRequest, InputError
from appliance.exits import DONE, REFUSED
from appliance.verbs import JSON, epilog, line, settings_with

URL = click.option("--url", default="", help="DICOMweb service; else NEURALSCAN_PACS_URL.")
PEER = click.option("--peer", default="", help="DICOM peer, HOST:PORT:AET; else the one of --push.")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TLS = (
    click.option("--dicom-tls-cert", type=FILE, help="Our certificate (PEM): DICOM over TLS only."),
    click.option("--dicom-tls-key", type=FILE, help="Its key (PEM, not encrypted)."),
    click.option(
        "--dicom-tls-ca", type=FILE, help="Certificates (PEM) that those of peers must come from."
    ),
)


def _tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(TLS):
        command = option(command)
    return command


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The network's options of ``serve``."""
    for option in reversed(
        (
            click.option(
                "--dicom-port",
                type=click.IntRange(0, 65535),
                help="Answer C-STORE and C-ECHO there; 0 takes a free port.",
            ),
            click.option("--dicom-host", help="Address to bind for DICOM; loopback by default."),
            click.option(
                "--dicom-peer",
                "dicom_peers",
                multiple=True,
                metavar="AET[@HOST]",
                help="Who may send; once for each.",
            ),
            *TLS,
            click.option(
                "--push",
                metavar="HOST:PORT:AET|URL",
                help="Send results there: a DICOM peer, or a DICOMweb service.",
            ),
            click.option(
                "--watch",
                type=click.Path(file_okay=False, path_type=Path),
                help="Take in what is put into this folder.",
            ),
        )
    ):
        command = option(command)
    return command


def network_settings(dicom_peers: tuple[str, ...], **given: Any) -> dict[str, Any]:
    """Those options as settings; None where one was not given."""
    return {"dicom_peers": dicom_peers or None, **given}


@click.group(
    epilog=epilog(
        "neuralscan pacs echo --peer 10.0.0.5:104:PACS",
        "neuralscan pacs find --date 20240101-20240131 --modality MR",
        "neuralscan pacs fetch 1.2.840.1 1.2.840.1.4",
        "neuralscan pacs send results/*/seg.dcm",
    )
)
def pacs() -> None:
    """Look for series in an archive, fetch them, send results.

    Address and credentials of a DICOMweb service come from NEURALSCAN_PACS_URL and
    NEURALSCAN_PACS_USER, NEURALSCAN_PACS_PASSWORD or NEURALSCAN_PACS_TOKEN.
    """


@pacs.command("echo", epilog=epilog("neuralscan pacs echo --peer 10.0.0.5:104:PACS"))
@PEER
@_tls_options
def echo(peer: str, **tls_files: Path | None) -> None:
    """Ask a DICOM peer whether it is there and talks to us (C-ECHO)."""
    from appliance.network import scu, tls

    settings = settings_with(**tls_files)
    found = _peer(peer, settings)
    scu.echo(found, settings.dicom_aet, settings.dicom_timeout_s, tls.calling(settings))
    click.echo(f"{found} answers")


@pacs.command(
    "find",
    epilog=epilog(
        "neuralscan pacs find --accession 4711 --patients",
        "neuralscan pacs find --date 20240101-20240131 --modality MR --json",
    ),
)
@URL
@click.option("--study", help="StudyInstanceUID.")
@click.option("--patient-id", help="Number of a patient.")
@click.option("--accession", help="Accession number.")
@click.option("--date", help="Date of the study: 20240101, or 20240101-20240131.")
@click.option("--modality", default="MR", show_default=True, help="Modality of the series.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--patients", is_flag=True, help="Show names and numbers of patients.")
@JSON
def find(url: str, limit: int, patients: bool, as_json: bool, **filters: str | None) -> None:
    """List the series in the archive that fit (QIDO-RS)."""
    from appliance import console
    from appliance.network.archive import Archive

    given = {name: value for name, value in filters.items() if value}
    if not set(given) - {"modality"}:
        raise BadRequest("name a study, a patient, an accession number or a date")
    with console.working("pacs find"):
        found = Archive(settings_with(), url).find(given, limit, patients)
    for one in found:
        if as_json:
            line(one)
        else:
            said = [console.one_line(str(v)) for v in one.values() if v is not None]
            click.echo("  ".join(said))
    if len(found) == limit:
        click.echo(f"there may be more than {limit}: narrow it, or raise --limit", err=True)


@pacs.command(
    "fetch",
    epilog=epilog(
        "neuralscan pacs fetch 1.2.840.1 1.2.840.1.4",
        "neuralscan pacs fetch --data /srv/ns 1.2.840.1 1.2.840.1.4 1.2.840.1.5",
    ),
)
@URL
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.")
@click.argument("study")
@click.argument("series", nargs=-1, required=True)
def fetch(url: str, data: Path | None, study: str, series: tuple[str, ...]) -> int:
    """Fetch series of a study into the appliance (WADO-RS).

    They join what its server received: it takes them in when it runs, or when it is started next.
    Exit code 3 when an image was refused.
    """
    from appliance import console
    from appliance.network.archive import Archive
    from appliance.network.reception import Reception

    settings = settings_with(data=data)
    archive, reception = Archive(settings, url), Reception.of(settings)
    kept, refused = 0, 0
    with console.working("pacs fetch"):
        for uid in series:
            for image in archive.fetch(study, uid):
                try:
                    reception.take(image)
                    kept += 1
                except InputError as error:
                    refused += 1
                    click.echo(f"an image was refused ({error.code}): {error.message}", err=True)
    click.echo(f"{kept} images of {len(series)} series; {refused} refused")
    return REFUSED if refused else DONE


@pacs.command(
    "send",
    epilog=epilog(
        "neuralscan pacs send results/*/seg.dcm results/*/sr.dcm",
        "neuralscan pacs send --peer 10.0.0.5:104:PACS results/*/report.dcm",
    ),
)
@URL
@PEER
@_tls_options
@click.argument("files", nargs=-1, required=True, type=FILE)
def send(url: str, peer: str, files: tuple[Path, ...], **tls_files: Path | None) -> None:
    """Send results as `analyze --formats seg,sr,pdf --linked` writes them.

    Over DICOMweb (STOW-RS), or with --peer over DICOM (C-STORE). Other files than segmentations,
    structured reports, PDF reports and structure sets are not sent.
    """
    from appliance import console
    from appliance.network import scu, tls
    from appliance.network.archive import Archive

    if url and peer:
        raise BadRequest("name either --url or --peer")
    settings = settings_with(**tls_files)
    data = [path.read_bytes() for path in files]
    with console.working("pacs send"):
        if peer or not (url or settings.pacs_url):
            found = _peer(peer, settings)
            wait_s, secure = settings.dicom_timeout_s, tls.calling(settings)
            scu.store(found, settings.dicom_aet, wait_s, data, secure)
            click.echo(f"{len(data)} objects are at {found}")
        else:
            archive = Archive(settings, url)
            archive.send(data)
            click.echo(f"{len(data)} objects are in {archive}")


def _peer(text: str, settings: Any) -> Any:
    from appliance.network.peers import Peer

    known = settings.push if "://" not in settings.push else ""
    if not (text or known):
        raise BadRequest("name a DICOM peer with --peer HOST:PORT:AET, or NEURALSCAN_PUSH")
    return Peer.read(text or known)
