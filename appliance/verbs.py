"""What the verbs of the command line share: help, options, settings, one line of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

DEVICE = click.option("--device", help="OpenVINO device: AUTO, CPU, GPU, NPU.")
BACKEND = click.option(
    "--backend", help="kserve://HOST:PORT[/MODEL]: a server that runs the network."
)
PATHS = click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, path_type=Path),
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def epilog(*examples: str) -> str:
    """The examples below a verb's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)


def settings_with(**given: Any) -> Any:
    """Settings from ``NEURALSCAN_*``, with the flags that were given on top."""
    from appliance.settings import Settings

    return Settings.load(**{key: value for key, value in given.items() if value is not None})


def line(document: Any) -> None:
    """Print a document as one line of JSON."""
    from appliance import console

    click.echo(console.as_line(document))
