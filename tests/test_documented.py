"""What can be used stands in the README: verbs, options, routes, tasks, settings."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from appliance.app import close, create_app
from appliance.cli import cli
from appliance.core import errors
from appliance.settings import PREFIX, Settings
from appliance.task import load_tasks

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("appliance", "training", "optimize", "benchmarks", "ui")


def _walk(group: click.Group, path: str = "neuralscan") -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += _walk(command, f"{path} {name}")
    return found


def _sources() -> str:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("path", [path for path, _ in _walk(cli)])
def test_every_verb(path):
    parts = path.split()
    assert f"`{path}" in README or f"`{' '.join(parts[1:])}" in README


@pytest.mark.parametrize(
    "option",
    sorted(
        {
            option
            for _, command in [("", cli), *_walk(cli)]
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in parameter.opts
        }
    ),
)
def test_every_option(option):
    assert f"`{option}`" in README


def test_no_option_that_does_not_exist():
    known = {
        option
        for _, command in [("", cli), *_walk(cli)]
        for parameter in command.params
        for option in parameter.opts
    }
    table = re.findall(r"^\| `(--[a-z-]+)` \|", README, re.MULTILINE)
    assert table
    assert set(table) <= known


@pytest.mark.parametrize("package", ["training", "optimize", "benchmarks"])
def test_every_verb_of_the_engineers_tools(package, capsys):
    with pytest.raises(SystemExit):
        importlib.import_module(f"{package}.__main__").main(["--help"])
    verbs = re.search(r"\{([a-z,-]+)\}", capsys.readouterr().out)[1].split(",")
    for verb in verbs:
        assert f"`python -m {package} {verb}" in README


@pytest.mark.parametrize("task", sorted(load_tasks()))
def test_every_task(task):
    assert f"`{task}`" in README


def _codes(cls: type) -> set[str]:
    return {cls.code}.union(*(_codes(child) for child in cls.__subclasses__()))


def test_every_refusal_code():
    internal = {errors.InputError.code, errors.MissingSeries.code}
    for code in _codes(errors.InputError) - internal:
        assert f"`{code}`" in README


def test_every_environment_variable():
    names = set(re.findall(r"\bNEURALSCAN_[A-Z][A-Z_]*[A-Z]\b", _sources()))
    assert names
    assert not {name for name in names if f"`{name}`" not in README}


def _route(rule: str) -> str:
    """A rule of the URL map as the README writes it, without the base."""
    path = re.sub(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z0-9_]+)>", "{}", rule)
    return path.removeprefix("/api/v1") or "/"


def _documented() -> set[str]:
    """Routes of the README's table, with "…/x" written out and names of parameters dropped."""
    table = README.split("<!-- routes -->")[1].split("<!-- /routes -->")[0]
    found: set[str] = set()
    for line in table.splitlines():
        last = ""
        for text in re.findall(r"`([^`]*)`", line.split(" | ")[0]):
            path = text.split(" ", 1)[-1]
            if path.startswith("…"):
                path = last.rsplit("/", 1)[0] + path[1:]
            last = path
            found.add(re.sub(r"\{[^}]*\}", "{}", path))
    return found


def test_every_route(analyzer, tmp_path):
    app = create_app(Settings(data=tmp_path), analyzer)
    close(app)
    rules = {_route(rule.rule) for rule in app.url_map.iter_rules()}
    documented = _documented()
    assert not rules - documented, "routes the README lacks"
    assert not documented - rules, "routes that do not exist"


@pytest.mark.parametrize("name", [PREFIX + field.name.upper() for field in fields(Settings)])
def test_every_setting(name):
    assert f"`{name}`" in README
