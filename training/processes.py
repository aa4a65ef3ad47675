"""Steps in processes of their own: TensorFlow and OpenVINO's importer never share one."""

from __future__ import annotations

import ctypes
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.atomic import put_file
from appliance.core.errors import ApplianceError, InputError, NotFound, Unavailable

logger = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[1]
_KINDS: dict[int, type[ApplianceError]] = {2: NotFound, 3: InputError, 5: Unavailable}
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


def step(title: str, module: str, *arguments: object) -> str:
    """Run ``python -m MODULE ARGUMENTS`` to its end and return its stdout; stderr passes through.

    Raises
    ------
    ApplianceError
        When it fails; the kind follows its exit code, the message names the step.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    logger.info("%s", title)
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        kind = _KINDS.get(done.returncode, ApplianceError)
        raise kind(f"{title} failed with exit code {done.returncode}; its reason stands above")
    return done.stdout


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it is killed.

    Otherwise a killed comparison would leave a training run behind, and the next call would
    write to the same checkpoints.
    """
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM)
    except (OSError, AttributeError):  # not Linux
        logger.debug("no prctl here")


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put_file(path, (json.dumps(document, indent=1) + "\n").encode())


def worker(run: Callable[[], None]) -> int:
    """A step's side of it: runs it, and turns our errors into a line and an exit code."""
    end_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        run()
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return next((code for code, kind in _KINDS.items() if isinstance(error, kind)), 1)
    return 0
