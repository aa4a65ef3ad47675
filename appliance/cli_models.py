"""``neuralscan models``: list, check, install, activate and sign-check the model packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from appliance.core.errors import ChecksumMismatch, ModelError, Unavailable
from appliance.exits import DONE, GATE, MISSING
from appliance.verbs import DEVICE, JSON, epilog, line, settings_with


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "neuralscan models",
        "neuralscan models check",
        "neuralscan models install first-0.2.0.zip",
        "neuralscan models rollback first",
    ),
)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, describe, check and install the model packages; alone it lists them.

    A running server keeps the package it started with: restart it after a change.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(models_list)


def _found() -> list[Any]:
    from appliance.registry import survey

    found = list(survey(settings_with().sources))
    if not any(place.answers for place in found):
        raise Unavailable(
            "no model package found; reinstall neuralscan-edge or point NEURALSCAN_MODELS at one"
        )
    return found


def _installed(settings: Any = None) -> Any:
    from appliance.installed import Installed

    settings = settings or settings_with()
    return Installed(settings.installed, settings.sources.trust)


@models.command("list", epilog=epilog("neuralscan models list --json"))
@JSON
def models_list(as_json: bool = False) -> int:
    """Print every package with its version, size, origin and state, the served one first.

    Exit code 5 when one is unusable.
    """
    broken, served = False, False
    for place in _found():
        if place.package is None:
            broken = True
            facts = {"path": str(place.path), "origin": place.origin, "state": "unusable"}
            facts["error"] = {"code": place.problem.code, "message": place.problem.message}
            text = f"{place.path.name}  UNUSABLE: {place.problem.message}"
        else:
            state = "inactive" if not place.answers else ("hidden" if served else "served")
            served = served or place.answers
            facts, text = _facts(place, state)
        line(facts) if as_json else click.echo(text)
    return MISSING if broken else DONE


def _facts(place: Any, state: str) -> tuple[dict[str, Any], str]:
    """What `models list` says of a usable package, as JSON and as a line."""
    package = place.package
    size = sum(entry["bytes"] for entry in package.manifest.files.values())
    facts = {
        "name": package.name,
        "version": package.version,
        "title": package.manifest.title,
        "bytes": size,
        "origin": place.origin,
        "state": state,
        "signed_by": package.signed_by,
    }
    signed = f", signed by {package.signed_by}" if package.signed_by else ""
    where = f"({place.origin}, {state}{signed})"
    megabytes = f"{size / 1e6:.1f} MB"
    title = package.manifest.title
    return facts, f"{package.name}  {package.version}  {megabytes:>8}  {title}  {where}"


@models.command("show", epilog=epilog("neuralscan models show first"))
@click.argument("name")
def models_show(name: str) -> None:
    """Print a package's card as JSON."""
    from appliance.registry import find_package

    card = find_package(name, settings_with().sources).manifest.to_json()
    click.echo(json.dumps(card, indent=2, ensure_ascii=False))


@models.command("check", epilog=epilog("neuralscan models check --device CPU"))
@DEVICE
@JSON
def models_check(device: str | None, as_json: bool) -> int:
    """Verify every package and replay its probes, on each device of this machine.

    Each precision answers generated pictures; the table holds how far that is from what was
    shipped, and how far the precisions are from each other. Exit code 4 when a package fails.
    """
    failed = False
    settings = settings_with(device=device)
    for place in _found():
        if not place.answers and place.package is None:
            continue
        outcome = _checked(place, _devices(settings.device))
        failed = failed or not outcome["passed"]
        if as_json:
            line(outcome)
        else:
            _show(outcome)
    return GATE if failed else DONE


def _devices(asked: str) -> list[str]:
    """The device that was asked for, or all of them."""
    from appliance.runtime import devices

    return devices() if asked == "AUTO" else [asked]


def _checked(place: Any, devices: list[str]) -> dict[str, Any]:
    from appliance import console
    from appliance.replay import demand, replay

    if place.package is None:
        problem = place.problem
        outcome = {"name": place.path.name, "version": None, "passed": False, "rows": []}
        return {**outcome, "error": {"code": problem.code, "message": problem.message}}
    package = place.package
    outcome = {"name": package.name, "version": package.version, "passed": True, "rows": []}
    try:
        with console.working("models check"):
            outcome["rows"] = replay(package, devices)
            demand(package, outcome["rows"])
    except ModelError as error:
        outcome["passed"] = False
        outcome["error"] = {"code": error.code, "message": error.message}
    return outcome


def _show(outcome: dict[str, Any]) -> None:
    from appliance.replay import table

    text = "passed" if outcome["passed"] else f"FAILED: {outcome['error']['message']}"
    click.echo(f"{outcome['name']}  {outcome['version'] or ''}  {text}")
    for row in table(outcome["rows"]).splitlines() if outcome["rows"] else ():
        click.echo(f"    {row}")


@models.command(
    "install",
    epilog=epilog(
        "neuralscan models install first-0.2.0.zip",
        "neuralscan models install packages/first --no-activate",
    ),
)
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--no-activate", is_flag=True, help="Only install; another version stays active.")
@DEVICE
def models_install(source: Path, no_activate: bool, device: str | None) -> int:
    """Take over a package from a folder or a zip, verified, and make it the active one.

    Before it becomes active its probes are replayed here; when that fails (exit code 4) it stays
    installed and inactive.
    """
    settings = settings_with(device=device)
    installed = _installed(settings)
    package = installed.install(source)
    click.echo(f"installed {package.name} {package.version}")
    if no_activate:
        return DONE
    return _activate(installed, package.name, package.version, settings.device)


@models.command("activate", epilog=epilog("neuralscan models activate first 0.2.0"))
@click.argument("name")
@click.argument("version")
@DEVICE
def models_activate(name: str, version: str, device: str | None) -> int:
    """Make an installed version the active one, after its probes were replayed here."""
    settings = settings_with(device=device)
    return _activate(_installed(settings), name, version, settings.device)


def _activate(installed: Any, name: str, version: str, device: str) -> int:
    from appliance.registry import Found

    package = installed.version(name, version)
    outcome = _checked(Found(package.path, "installed", False, package), [device])
    if not outcome["passed"]:
        _show(outcome)
        kind = outcome["error"]["code"]
        click.echo(f"error: {name} {version} was not activated", err=True)
        return MISSING if kind == ChecksumMismatch.code else GATE
    installed.activate(name, version)
    click.echo(f"active {name} {version}")
    return DONE


@models.command("rollback", epilog=epilog("neuralscan models rollback first"))
@click.argument("name")
def models_rollback(name: str) -> None:
    """Make the version active again that was so before; a shipped one answers when none is left."""
    version = _installed().rollback(name)
    click.echo(f"active {name} {version}" if version else f"no installed version of {name} active")


@models.command(
    "remove",
    epilog=epilog("neuralscan models remove first 0.1.0", "neuralscan models remove first"),
)
@click.argument("name")
@click.argument("version", required=False)
def models_remove(name: str, version: str | None) -> None:
    """Remove an installed version that is not active, or all of a package."""
    for gone in _installed().remove(name, version):
        click.echo(f"removed {name} {gone}")


@models.command("keygen", epilog=epilog("neuralscan models keygen keys/clinic"))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def models_keygen(out: Path) -> None:
    """Make a key pair for signing packages: OUT.key, to be kept secret, and OUT.pub.

    Sign with `python -m optimize sign PACKAGE --key OUT.key`. Files are never overwritten.
    """
    from appliance import signing
    from appliance.outputs import writing

    with writing(out.parent, "choose another OUT", "keys"):
        private, public, name = signing.generate(out)
    click.echo(f"{private}  private, keep it secret\n{public}  public, key {name}")


@models.command("trust", epilog=epilog("neuralscan models trust keys/clinic.pub"))
@click.argument("public", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def models_trust(public: Path) -> None:
    """Use packages signed by this public key."""
    from appliance import signing
    from appliance.outputs import writing

    folder = settings_with().sources.trust.folder
    with writing(folder, "choose another NEURALSCAN_TRUST", "keys"):
        path, name = signing.trust(public, folder)
    click.echo(f"trusted {name}  ({path})")
