"""How a command ends: one exit code for each kind of error, one line on stderr for each.

0 done, 1 internal fault, 2 wrong usage, 3 input refused, 4 a quality gate failed, 5 a device, a
model or an optional part is missing; 130 when interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from appliance.core.errors import (
    ApplianceError,
    BadRequest,
    InputError,
    ModelError,
    NotFound,
    ProbeFailed,
    Unavailable,
)

DONE, FAULT, USAGE, REFUSED, GATE, MISSING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
CODES: tuple[tuple[type[ApplianceError], int], ...] = (
    (InputError, REFUSED),
    (BadRequest, USAGE),
    (ProbeFailed, GATE),
    (ModelError, MISSING),
    (NotFound, MISSING),
    (Unavailable, MISSING),
)
"""Exit code of each error class; the first that fits counts, `FAULT` where none does."""


def exit_code(error: BaseException) -> int:
    """The code an error ends the command with.

    >>> from appliance.core.errors import CorruptFile
    >>> exit_code(CorruptFile("")), exit_code(ZeroDivisionError())
    (3, 1)
    """
    return next((code for kind, code in CODES if isinstance(error, kind)), FAULT)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _fault(error: BaseException, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    else:
        _say(f"internal fault: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        _say("run `neuralscan --debug VERB ...` for the traceback")
    return FAULT


def _not_loaded(error: ImportError, debug: bool) -> int:
    """A library that is missing has a remedy; one of our own modules that is broken has none."""
    name = (error.name or "").partition(".")[0]
    if not name or name in ("appliance", "ui"):
        return _fault(error, debug)
    _say(f"error: {name} cannot be loaded ({error}); install neuralscan-edge again")
    return MISSING


def _reader_left() -> int:
    """The reader of stdout is gone, as with ``| head``: no complaint from the interpreter."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAULT


def run(command: Callable[[], int | None], debug: bool) -> int:
    """Call a command and return its exit code; nothing escapes as a traceback.

    Parameters
    ----------
    debug : bool
        Print the traceback of an internal fault.
    """
    try:
        return command() or DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except ApplianceError as error:
        code = exit_code(error)
        if code == FAULT:
            return _fault(error, debug)
        _say(f"error: {error.message}")
        return code
    except ImportError as error:
        return _not_loaded(error, debug)
    except Exception as error:
        return _fault(error, debug)
