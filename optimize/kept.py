"""Work that survives a kill: rows and arrays on disk, under names that hold what decided them."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_OURS = ("appliance", "optimize", "training")


def digest(*parts: Any) -> str:
    """Sixteen digits for any values: paths by their bytes, everything else by its JSON.

    >>> digest("a", 1) == digest("a", 1) != digest("a", 2)
    True
    """
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else json.dumps(part).encode()
        found.update(hashlib.blake2b(data).digest())
    return found.hexdigest()


def _source(name: str) -> Path | None:
    """File of one of our modules, without importing it."""
    if name.partition(".")[0] not in _OURS:
        return None
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return None if found is None or found.origin is None else Path(found.origin)


def _imported(path: Path) -> set[str]:
    """Names a module imports, anywhere in it; ``from a import b`` gives ``a`` and ``a.b``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@cache
def code_digest(*roots: str, alone: tuple[str, ...] = ()) -> str:
    """Digest of our modules that `roots` import, directly or not, and of OpenVINO's version.

    Taken once: what changes on disk later is not what this process runs.

    Parameters
    ----------
    alone : tuple of str
        Modules that count without what they import.
    """
    found: dict[str, Path] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = None if name in found else _source(name)
        if path is not None:
            found[name] = path
            waiting += _imported(path)
    for name in alone:
        found[name] = _source(name)
    paths = [found[name] for name in sorted(found)]
    return digest(importlib.metadata.version("openvino"), *paths)


def kept_file(folder: Path, name: str, ending: str, *parts: Any) -> Path:
    """``FOLDER/NAME-DIGEST.ENDING``; files of the same name that other values decided are dropped.

    Parameters
    ----------
    parts : anything `digest` takes
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{digest(*parts)}.{ending}"
    for old in folder.glob(f"{name}-{'[0-9a-f]' * 16}.{ending}"):
        if old != path:
            old.unlink()
    return path


def kept_bytes(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; made and written, whole or not at all, when it is not there."""
    if not path.is_file():
        part = path.with_name(path.name + ".part")
        part.write_bytes(make())
        part.replace(path)
    return path.read_bytes()


def kept_json(path: Path, make: Callable[[], Any]) -> Any:
    """As `kept_bytes`, for a JSON value."""
    return json.loads(kept_bytes(path, lambda: json.dumps(make()).encode()))


def _read(path: Path | None) -> list[dict[str, Any]]:
    """Whole rows of an earlier run; a line that the kill cut short does not count."""
    if path is None or not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def kept_rows(
    path: Path | None,
    items: Sequence[Item],
    make: Callable[[Item], dict[str, Any]],
    what: str,
) -> list[dict[str, Any]]:
    """A row for each item, in order; rows that `path` holds already are not made again.

    Parameters
    ----------
    path : Path or None
        JSON lines; None keeps nothing.
    make : callable
        Item to row.
    what : str
        What the progress bar calls it.
    """
    rows = _read(path)[: len(items)]
    if len(rows) == len(items):
        return rows
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_lines(rows), encoding="utf-8")
    bar = tqdm(items[len(rows) :], initial=len(rows), total=len(items), desc=what, disable=None)
    for item in bar:
        # Through JSON at once: a row is the same whether it was kept or just made.
        text = _lines([make(item)])
        rows.append(json.loads(text))
        if path is not None:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
    return rows


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
