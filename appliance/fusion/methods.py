"""The methods by name, and how they go through a volume: slice by slice, weights from the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from appliance.core.errors import BadRequest, GeometryError
from appliance.core.types import Volume
from appliance.fusion.global_weights import principal_weights, weighted
from appliance.fusion.gradient_energy import gradient_energy
from appliance.fusion.guided import guided
from appliance.fusion.multiscale import laplacian, wavelet

Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Two pictures (rows, columns), 0 to 1, to one."""


@dataclass(frozen=True)
class Method:
    """A way to fuse.

    Attributes
    ----------
    prepare : callable
        Both whole volumes to what fuses a slice of each.
    """

    name: str
    title: str
    prepare: Callable[[np.ndarray, np.ndarray], Combine]


def _principal(fixed: np.ndarray, moved: np.ndarray) -> Combine:
    one, other = principal_weights(fixed, moved)
    return lambda a, b: one * a + other * b


def _each(combine: Combine) -> Callable[[np.ndarray, np.ndarray], Combine]:
    return lambda fixed, moved: combine


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("gradient-energy", "Joint bilateral filter, local gradient energy",
               _each(gradient_energy)),
        Method("guided", "Guided filter", _each(guided)),
        Method("laplacian", "Laplacian pyramid", _each(laplacian)),
        Method("wavelet", "Undecimated wavelets", _each(wavelet)),
        Method("pca", "Principal components", _principal),
        Method("weighted", "Equal shares", _each(weighted)),
    )
}  # fmt: skip
"""The first one is the default."""
DEFAULT = next(iter(METHODS))


def find_method(name: str) -> Method:
    """A method by name; raises BadRequest with the known names."""
    if name not in METHODS:
        raise BadRequest(f"expected the method to be one of {', '.join(METHODS)}, found {name!r}")
    return METHODS[name]


def fuse_volumes(
    fixed: Volume,
    moved: Volume,
    method: str = DEFAULT,
    watch: Callable[[float], None] = lambda share: None,
) -> Volume:
    """Two volumes on one grid, 0 to 1, fused slice by slice: float32, 0 to 1, the grid of FIXED.

    Raises
    ------
    BadRequest
        For an unknown method.
    GeometryError
        When the grids differ.
    """
    if fixed.shape != moved.shape:
        raise GeometryError(
            f"fixed is {fixed.shape}, moved is {moved.shape}; carry it across first"
        )
    combine = find_method(method).prepare(fixed.array, moved.array)
    out = np.zeros(fixed.shape, np.float32)
    for number in range(fixed.shape[0]):
        watch(number / fixed.shape[0])
        one, other = (np.ascontiguousarray(v.array[number], np.float32) for v in (fixed, moved))
        if one.any() or other.any():
            out[number] = np.clip(combine(one, other), 0.0, 1.0)
    watch(1.0)
    return fixed.with_array(out)
