"""A network as bytes: what was verified is what is compiled, no file is read a second time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from appliance.core.errors import ModelError


@dataclass(frozen=True)
class Ir:
    """An OpenVINO IR in memory.

    Attributes
    ----------
    xml, weights : bytes
        ``model.xml`` and ``model.bin``.
    name : str
        What messages call it.
    """

    xml: bytes = field(repr=False)
    weights: bytes = field(repr=False)
    name: str = "the network"

    @classmethod
    def read(cls, model: Path) -> Ir:
        """``model.xml`` and its ``.bin`` beside it; raises ModelError when one cannot be read."""
        try:
            return cls(model.read_bytes(), model.with_suffix(".bin").read_bytes(), model.name)
        except OSError as error:
            name = Path(error.filename or model).name
            raise ModelError(
                f"the network cannot be read: {name} ({error.strerror or error}); "
                "expected model.xml and model.bin beside each other"
            ) from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of both parts."""
        parts = (hashlib.sha256(part).digest() for part in (self.xml, self.weights))
        return hashlib.sha256(b"".join(parts)).hexdigest()
