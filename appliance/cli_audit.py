"""``neuralscan audit``: check the chain of what was done."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.exits import DONE, GATE
from appliance.verbs import epilog, line, settings_with


@click.group(epilog=epilog("neuralscan audit verify", "neuralscan audit verify --json"))
def audit() -> None:
    """Check the log of what was done with this data folder."""


@audit.command("verify", epilog=epilog("neuralscan audit verify --data /srv/ns"))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(data: Path | None, as_json: bool) -> int:
    """Check every entry against its seal and the entry before it.

    Exit code 0 when the chain holds, 4 when it does not; then the first bad line is named.
    """
    from appliance.audit import FILE, Audit

    folder = settings_with(data=data).data
    found = Audit(folder).verify()
    if as_json:
        line(found.to_json())
    elif found.good:
        click.echo(f"{found.entries} entries, the chain holds; last seal {found.seal}")
    else:
        click.echo(f"{folder / FILE}, line {found.line}: {found.reason}")
    return DONE if found.good else GATE
