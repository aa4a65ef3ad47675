"""How OpenVINO may use this machine's CPU, measured by ``neuralscan doctor`` and kept in a file.

The file holds for one CPU, one number of usable cores, one OpenVINO and one network; anywhere else
it is ignored with a word in the log, because a setting measured elsewhere is a guess.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.atomic import put_file
from appliance.core.errors import BadRequest

logger = logging.getLogger(__name__)
FILE = "tuning.json"
SCHEMA = "neuralscan/tuning/1"
_DEVICE = "AUTO"


@dataclass(frozen=True)
class Tuning:
    """A device and what OpenVINO is told about the CPU; None and 0 leave it to OpenVINO.

    Attributes
    ----------
    device : str
        OpenVINO device.
    cpu_threads : int
        ``INFERENCE_NUM_THREADS``.
    pinning : bool, optional
        ``ENABLE_CPU_PINNING``: each inference thread stays on one core.
    hyper_threading : bool, optional
        ``ENABLE_HYPER_THREADING``: use both threads of a core.
    """

    device: str = _DEVICE
    cpu_threads: int = 0
    pinning: bool | None = None
    hyper_threading: bool | None = None

    def __post_init__(self) -> None:
        flags = (self.pinning, self.hyper_threading)
        good = isinstance(self.device, str) and isinstance(self.cpu_threads, int)
        if not good or self.cpu_threads < 0 or any(f not in (None, True, False) for f in flags):
            raise BadRequest(f"expected a tuning as `neuralscan doctor --save` writes it: {self}")

    def properties(self) -> dict[str, Any]:
        """OpenVINO's CPU properties; only what differs from its own choice.

        >>> Tuning("CPU", cpu_threads=4, pinning=False).properties()
        {'INFERENCE_NUM_THREADS': 4, 'ENABLE_CPU_PINNING': False}
        """
        found = {
            "INFERENCE_NUM_THREADS": self.cpu_threads or None,
            "ENABLE_CPU_PINNING": self.pinning,
            "ENABLE_HYPER_THREADING": self.hyper_threading,
        }
        return {key: value for key, value in found.items() if value is not None}

    def words(self) -> str:
        """The setting in a few words.

        >>> Tuning("CPU", hyper_threading=False).words()
        'CPU, hyper_threading off'
        """
        parts = [self.device]
        if self.cpu_threads:
            parts.append(f"{self.cpu_threads} thread{'s' if self.cpu_threads > 1 else ''}")
        for name in ("pinning", "hyper_threading"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name} {'on' if value else 'off'}")
        return ", ".join(parts)

    def on(self, device: str) -> Tuning:
        """This tuning where it was measured; an explicitly named other device has none."""
        if device in (_DEVICE, self.device):
            return self
        return Tuning(device)


def save(folder: Path, tuning: Tuning, valid_for: Mapping[str, Any]) -> Path:
    """Write the file that `load` reads back.

    Parameters
    ----------
    valid_for : mapping
        What has to be the same when it is used: CPU, cores, OpenVINO, network.
    """
    document = {"schema": SCHEMA, "tuning": asdict(tuning), "valid_for": dict(valid_for)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    put_file(path, (json.dumps(document, indent=1) + "\n").encode())
    return path


def load(folder: Path, here: Mapping[str, Any], device: str = _DEVICE) -> Tuning:
    """The saved tuning where it fits, else none but the device asked for.

    Parameters
    ----------
    here : mapping
        This machine's side of ``valid_for``.
    """
    plain = Tuning(device)
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(document["schema"])
        tuning, valid_for = Tuning(**document["tuning"]), dict(document["valid_for"])
    except FileNotFoundError:
        return plain
    except (OSError, ValueError, TypeError, KeyError, BadRequest) as error:
        logger.warning("%s is not readable (%s) and ignored", FILE, type(error).__name__)
        return plain
    if changed := sorted(k for k in valid_for if valid_for[k] != here.get(k)):
        logger.warning(
            "%s was measured for another %s and is ignored; run `neuralscan doctor --save` again",
            FILE,
            ", ".join(changed),
        )
        return plain
    return tuning.on(device)
