"""Every error has its exit code, and nothing ends as a traceback."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from appliance import exits
from appliance.core import errors


def _subclasses(cls: type) -> list[type]:
    return [cls, *(s for child in cls.__subclasses__() for s in _subclasses(child))]


@pytest.mark.parametrize("cls", _subclasses(errors.ApplianceError)[1:])
def test_every_error_has_an_exit_code(cls):
    code = exits.exit_code(cls("reason"))
    if issubclass(cls, errors.InputError):
        assert code == exits.REFUSED
    assert code in (exits.USAGE, exits.REFUSED, exits.GATE, exits.MISSING)


def test_a_missing_library_is_5(capsys):
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'sklearnex'", name="sklearnex")

    assert exits.run(fail, debug=False) == exits.MISSING
    assert "sklearnex" in capsys.readouterr().err


def test_a_reader_that_leaves_ends_quietly():
    code = (
        "import sys\nfrom appliance import exits\n"
        "def f(): raise BrokenPipeError\nsys.exit(exits.run(f, False))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exits.FAULT, "")


def test_one_of_our_own_modules_that_is_broken_is_a_fault(capsys):
    def fail() -> None:
        raise ImportError("cannot import name", name="appliance.app")

    assert exits.run(fail, debug=False) == exits.FAULT
    assert "--debug" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interruption_says_so(error, capsys):
    def fail() -> None:
        raise error

    assert exits.run(fail, debug=False) == exits.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"
