"""The same study as another visit to the scanner would have given it: turned, shifted, noisy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_TURN_DEG, _ZOOM, _SHIFT = 6.0, 0.05, 0.02
_GAMMA, _TILT, _NOISE = 0.15, 0.08, 0.015


@dataclass(frozen=True)
class Disturbance:
    """One way to disturb a study; the same for all of its slices.

    Attributes
    ----------
    degrees, zoom : float
        Turn about the middle of the slice, and change of size.
    shift : (rows, columns) float
        As a share of the slice's sides.
    gamma : float
        Exponent of the grey values between darkest and brightest.
    tilt : (rows, columns) float
        Change of brightness from one side to the other, as a share.
    noise : float
        Standard deviation, as a share of the range of grey values.
    between : bool
        Slices halfway between the given ones (stacks only).
    seed : int
        Of the noise.
    """

    degrees: float
    zoom: float
    shift: tuple[float, float]
    gamma: float
    tilt: tuple[float, float]
    noise: float
    between: bool
    seed: int


def draw(count: int, seed: int = 0, stack: bool = False) -> list[Disturbance]:
    """Disturbances that a seed decides; of a stack every other one lies between the slices."""
    rng = np.random.default_rng(seed)

    def within(size: float) -> float:
        return float(rng.uniform(-size, size))

    return [
        Disturbance(
            within(_TURN_DEG),
            1.0 + within(_ZOOM),
            (within(_SHIFT), within(_SHIFT)),
            float(np.exp(within(_GAMMA))),
            (within(_TILT), within(_TILT)),
            float(rng.uniform(0.3, 1.0)) * _NOISE,
            stack and bool(number % 2),
            seed * 1000 + number,
        )
        for number in range(count)
    ]


def disturbed(array: np.ndarray, by: Disturbance) -> np.ndarray:
    """The slices disturbed, of their own type.

    Parameters
    ----------
    array : (slices, rows, columns) numeric

    Returns
    -------
    (slices, rows, columns), one slice fewer where they lie between the given ones
    """
    values = array.astype(np.float32)
    if by.between:
        values = 0.5 * (values[1:] + values[:-1])
    low, high = (float(v) for v in np.percentile(values[:, ::2, ::2], (0.5, 99.5)))
    span = max(high - low, 1e-6)
    rng = np.random.default_rng(by.seed)
    size = values.shape[1:]
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in size)
    ramp = 1.0 + by.tilt[0] * down[:, None] + by.tilt[1] * across[None]
    matrix = _matrix(size, by)
    out = np.empty(values.shape, np.float32)
    for number, plane in enumerate(values):
        turned = cv2.warpAffine(
            plane, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderValue=float(plane.min())
        )
        share = np.clip((turned - low) / span, 0.0, None)
        bright = np.power(share, by.gamma) * ramp
        bright += by.noise * rng.standard_normal(size, np.float32)
        out[number] = low + span * np.abs(bright)
    if np.issubdtype(array.dtype, np.integer):
        kind = np.iinfo(array.dtype)
        return np.clip(np.rint(out), kind.min, kind.max).astype(array.dtype)
    return out.astype(array.dtype)


def undone(planes: np.ndarray, by: Disturbance) -> np.ndarray:
    """What was found in a disturbed study, in the place it has in the study as given.

    Parameters
    ----------
    planes : (slices, rows, columns) float32

    Returns
    -------
    same shape; a stack between the slices stays there
    """
    size = planes.shape[1:]
    matrix = _matrix(size, by)
    out = np.zeros(planes.shape, np.float32)
    for number, plane in enumerate(planes):
        if plane.any():
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            out[number] = cv2.warpAffine(plane, matrix, size[::-1], flags=flags)
    return out


def _matrix(size: tuple[int, int], by: Disturbance) -> np.ndarray:
    middle = (size[1] - 1) / 2.0, (size[0] - 1) / 2.0
    matrix = cv2.getRotationMatrix2D(middle, by.degrees, by.zoom)
    matrix[:, 2] += by.shift[1] * size[1], by.shift[0] * size[0]
    return matrix
