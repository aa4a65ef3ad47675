"""A network without its runtime: layers and weights that any framework can rebuild.

`benchmarks.irgraph` fills it from a package's IR, the converters of `benchmarks.peers` rebuild it.
Four-dimensional tensors are (batch, rows, columns, channels). Imports NumPy alone, because it is
read in environments that hold nothing else of ours.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

GRAPH_SCHEMA = "neuralscan/graph/1"


@dataclass
class Graph:
    """Layers in the order of their computation.

    Attributes
    ----------
    layers : list of dict
        ``op``, ``name``, ``inputs`` (names of layers; ``"image"`` is the input) and what the
        operation needs: ``conv`` and ``depthwise`` have ``weights`` (rows, columns, in, out) or
        (rows, columns, channels), ``bias``, ``strides``, ``before``, ``after`` (padding);
        ``clamp`` has ``low``, ``high``; ``resize`` has ``size``; ``shuffle`` (channels to a
        ``block`` of pixels, blocks outermost); ``mean`` and ``sum`` have
        ``keep``; ``concat`` joins the last axis; ``const`` has ``value``. Arrays stand in
        `arrays` under the layer's name and the key.
    outputs : dict
        Output name to layer.
    shape : tuple of int
        Of the input, (1, rows, columns, 1).
    """

    shape: tuple[int, ...]
    layers: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """An ``.npz`` with the layers as JSON beside the arrays, written in one step."""
        text = json.dumps(
            {
                "schema": GRAPH_SCHEMA,
                "shape": self.shape,
                "layers": self.layers,
                "outputs": self.outputs,
            }
        )
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as stream:
            np.savez(stream, layers=np.array(text), **self.arrays)
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Graph:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as archive:
            document = json.loads(str(archive["layers"]))
            arrays = {name: archive[name] for name in archive.files if name != "layers"}
        shape = tuple(document["shape"])
        return cls(shape, document["layers"], document["outputs"], arrays)

    @property
    def digest(self) -> str:
        """SHA-256 of layers and weights, 16 digits."""
        total = hashlib.sha256(json.dumps([self.layers, self.outputs], sort_keys=True).encode())
        for name in sorted(self.arrays):
            total.update(name.encode() + self.arrays[name].tobytes())
        return total.hexdigest()[:16]
