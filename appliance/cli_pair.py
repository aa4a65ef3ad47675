"""What the verbs on two images share: their arguments, reading them, one line of a verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance.core.errors import BadRequest, CorruptFile, InputError

PATH = click.Path(exists=True, path_type=Path)


def two_images(holds: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The arguments FIXED and MOVING, and the option ``--out`` with what its folder holds."""

    def add(command: Callable[..., int]) -> Callable[..., int]:
        command = out_folder(holds)(command)
        for name in ("moving", "fixed"):
            command = click.argument(name, type=PATH)(command)
        return command

    return add


def out_folder(holds: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The option ``--out``."""
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", required=True, type=folder, help=f"Folder for {holds}.")


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
        raise error_of(refusal.code)(f"{path.name}: {refusal.message}")
    if len(study.series) > 1:
        raise BadRequest(
            f"{path.name}: expected one series, found {len(study.series)}; name one of its files"
        )
    return study.series[0]


def error_of(code: str) -> type[InputError]:
    """The error of a refusal's code."""
    return next((kind for kind in InputError.__subclasses__() if kind.code == code), CorruptFile)
