"""Environments of the peers, built once under a cache folder from pinned versions, then reused.

A peer whose packages would not live beside ours gets a venv of its own. LoadGen is one folder
on ``PYTHONPATH`` for all of them, so that every target is driven by the same traffic.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from appliance.core.errors import Unavailable

ROOT = Path(__file__).resolve().parents[1]
_STAMP = ".complete"
_LIMIT_S = 1800


@dataclass(frozen=True)
class Environment:
    """What a peer needs.

    Attributes
    ----------
    pins : tuple of str
        Exact versions.
    python : tuple of int
        The newest Python (major, minor) the packages exist for.
    base : str
        An environment whose packages are seen too; those of `pins` are then installed alone.
    """

    name: str
    pins: tuple[str, ...]
    python: tuple[int, int] = (3, 13)
    base: str = ""


ENVIRONMENTS = {
    one.name: one
    for one in (
        Environment(
            "onnxruntime",
            ("onnxruntime==1.31.1", "onnx==1.23.2", "numpy==1.26.4", "ml_dtypes==0.5.4",
             "protobuf==7.36.2", "flatbuffers==25.12.19", "typing_extensions==4.16.0",
             "packaging==26.3"),
            (3, 12),
        ),
        Environment(
            "litert",
            ("ai-edge-litert==2.3.0", "numpy==1.26.4", "protobuf==7.36.2",
             "flatbuffers==25.12.19", "ml_dtypes==0.5.4"),
            (3, 12),
        ),
        Environment(
            "tensorflow",
            ("tensorflow-cpu==2.15.1", "keras==2.15.0", "numpy==1.26.4", "ml_dtypes==0.3.2",
             "protobuf==4.25.9", "setuptools==80.9.0", "wrapt==1.14.2", "h5py==3.16.0"),
            (3, 11),
        ),
        Environment(
            "itex",
            ("intel-extension-for-tensorflow==2.15.0.0",
             "intel-extension-for-tensorflow-lib==2.15.0.0.0"),
            (3, 11),
            base="tensorflow",
        ),
    )
}  # fmt: skip
LOADGEN = "mlcommons-loadgen==6.0.17"


def cache_folder() -> Path:
    """``NEURALSCAN_BENCHMARK_CACHE``, or ``neuralscan/benchmarks`` in the user's cache."""
    named = os.environ.get("NEURALSCAN_BENCHMARK_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "neuralscan" / "benchmarks"


def _python_for(newest: tuple[int, int]) -> str:
    """An interpreter no newer than asked for: this one, or one on ``PATH``.

    Raises
    ------
    Unavailable
    """
    if sys.version_info[:2] <= newest:
        return sys.executable
    for minor in range(newest[1], 9, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    raise Unavailable(f"needs Python 3.{newest[1]} or older, which is not installed here")


def _run(command: list[str], what: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what} could not be built: {type(error).__name__}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = (lines or done.stderr.splitlines() or ["no message"])[-1]
        raise Unavailable(f"{what} could not be built: {reason.strip()[:200]}")
    return done.stdout


def _key(environment: Environment) -> str:
    text = json.dumps([environment.pins, environment.base, sys.version_info[:2]])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def interpreter(name: str, cache: Path, build: bool = True) -> Path:
    """Python of an environment; builds it where it does not stand yet.

    Raises
    ------
    Unavailable
        When it cannot be built, or does not stand and may not be; the message says why.
    """
    environment = ENVIRONMENTS[name]
    folder = cache / "environments" / f"{name}-{_key(environment)}"
    python = folder / "bin" / "python"
    if (folder / _STAMP).is_file():
        return python
    if not build:
        raise Unavailable(
            f"its environment {name} does not stand here: python -m benchmarks run builds it"
        )
    base = interpreter(environment.base, cache) if environment.base else None
    start = _python_for(environment.python)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    steps = [
        ([start, "-m", "venv", str(folder)], "creating"),
        ([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check",
          *(["--no-deps"] if base else []), *environment.pins], "installing"),
    ]  # fmt: skip
    what = f"environment {name}"
    with tqdm(total=len(steps), desc=what, disable=None, leave=False) as bar:
        for command, doing in steps:
            bar.set_postfix_str(doing)
            _run(command, what)
            bar.update()
    if base is not None:
        (_packages(python) / "base.pth").write_text(f"{_packages(base)}\n", encoding="utf-8")
    (folder / _STAMP).touch()
    return python


def _packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    return Path(_run([str(python), "-c", code], "environment").strip())


def loadgen(python: Path | str, cache: Path, build: bool = True) -> Path | None:
    """A folder with LoadGen for that Python; None where it is not and cannot be installed."""
    tag = _run([str(python), "-c", "import sys; print('%d%d' % sys.version_info[:2])"], "LoadGen")
    folder = cache / "environments" / f"loadgen-{LOADGEN.split('==')[1]}-{tag.strip()}"
    if (folder / _STAMP).is_file():
        return folder
    if not build:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    wanted = ["--target", str(folder), "--no-deps", LOADGEN]
    if str(python) != sys.executable:
        command[0] = str(python)
    try:
        _run([*command, *wanted], "LoadGen")
    except Unavailable:
        return None
    (folder / _STAMP).touch()
    return folder


def variables(folders: Iterable[Path | None]) -> dict[str, str]:
    """The environment variables a peer starts with: our sources and LoadGen are importable."""
    paths = [str(ROOT), *(str(path) for path in folders if path is not None)]
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
