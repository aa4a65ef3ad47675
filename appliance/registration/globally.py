"""Where refinement starts: every turn, size and shift of a coarse grid, by Fourier transforms.

Grey values are cut into a few classes. For each turn and size, the correlation of every class of
one picture with every class of the other gives the joint histogram of all shifts at once. Edges
come likewise: the squared cosine of two directions is half of one plus the cosine of twice the
angle between them, a product of complex numbers. Their sum finds more heads than either alone.

References
----------
Öfverstedt, Lindblad, Sladoje, "Fast computation of mutual information in the frequency domain with
applications to global multimodal image alignment", Pattern Recognition Letters 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy import fft, ndimage

from appliance.core.transforms import about, rotation
from appliance.registration.edges import Field, carried, field_of
from appliance.registration.images import Head
from appliance.registration.likeness import resampled
from appliance.registration.starts import Start, distinct, plausible

_CLASSES = 5
_SIGMA, _DEPTH = 0.8, 1.0
_SIZES = 0.08
_OVERLAP = 0.7
"""Share of the smaller head that has to lie in the other."""
_REACH = 0.25
"""Shift of the centroids, as a share of the head's size."""
_EACH = 2
"""Shifts kept for each turn and size."""


def of_pictures(fixed: Head, moving: Head, keep: int) -> list[Start]:
    """The best distinct starts of two pictures on coarse grids, best first.

    Moderate turns are tried finely, the rest of the circle coarsely, which few pictures need.
    """
    reach = int(np.ceil(_REACH * fixed.size / fixed.step))
    own = _Spectra(fixed, reach)
    limits, field = _limits(moving), field_of(moving, _SIGMA, _DEPTH)
    mask, inverse = moving.mask.astype(np.float32), np.linalg.inv(moving.to_world)
    shape, ratio = fixed.values.shape, moving.size / fixed.size
    found = []
    for matrix in _laid_over(fixed, moving):
        index = inverse @ matrix @ fixed.to_world
        values, inside = (resampled(a, shape, index) for a in (moving.values, mask))
        scores = own.information(_classes(values, inside >= 0.5, limits))
        scores += own.edges(carried(field, shape, index))
        weight = plausible(matrix, ratio)
        for place in _peaks(scores):
            offset = about((0, 0), np.eye(2), (np.array(place) - reach) * fixed.step)
            found.append(Start(matrix @ offset, weight * float(scores[place])))
    return distinct(fixed, found, keep)


class _Spectra:
    """Transforms of the fixed picture, and its scores with a moved one for every shift."""

    def __init__(self, fixed: Head, reach: int) -> None:
        self._side = fft.next_fast_len(max(fixed.values.shape) + reach, real=True)
        shifts = np.arange(-reach, reach + 1)
        self._wanted = np.ix_(shifts, shifts)
        classes = _classes(fixed.values, fixed.mask, _limits(fixed))
        field = field_of(fixed, _SIGMA, _DEPTH)
        self._area, self._energy = float(classes.sum()), float(field.energy.sum())
        self._classes, self._lengths = (np.conj(self._real(a)) for a in (classes, field.energy))
        self._doubled = np.conj(self._complex(_doubled(field)))

    def _real(self, array: np.ndarray) -> np.ndarray:
        return fft.rfft2(array, (self._side, self._side))

    def _complex(self, array: np.ndarray) -> np.ndarray:
        return fft.fft2(array, (self._side, self._side))

    def _back(self, spectrum: np.ndarray) -> np.ndarray:
        found = fft.irfft2(spectrum, (self._side, self._side))
        return found[..., self._wanted[0], self._wanted[1]]

    def information(self, classes: np.ndarray) -> np.ndarray:
        """Information over what both heads share, for every shift."""
        table = np.maximum(self._back(self._classes[:, None] * self._real(classes)[None]), 0.0)
        total = table.sum((0, 1))
        apart = _entropies(table.sum(1)) + _entropies(table.sum(0))
        together = _entropies(table.reshape(-1, *total.shape))
        smaller = min(self._area, float(classes.sum()))
        overlap = np.minimum(1.0, total / (_OVERLAP * smaller + 1e-6))
        return 2 * (apart - together) / np.maximum(apart, 1e-6) * overlap

    def edges(self, field: Field) -> np.ndarray:
        """Agreement of the edges, for every shift."""
        energy = field.energy
        product = self._back(self._lengths * self._real(energy))
        angles = fft.ifft2(self._doubled * self._complex(_doubled(field))).real[self._wanted]
        return 0.5 * (product + angles) / (np.sqrt(self._energy * float(energy.sum())) + 1e-6)


def _doubled(field: Field) -> np.ndarray:
    """Directions with their angle doubled, complex64."""
    return ((field.rows + 1j * field.columns) ** 2).astype(np.complex64)


def _limits(head: Head) -> np.ndarray:
    """Inner limits of the classes: an equal share of the head in each."""
    return np.quantile(head.values[head.mask], np.linspace(0, 1, _CLASSES + 1)[1:-1])


def _classes(values: np.ndarray, mask: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Indicators (classes, rows, columns) float32; nothing outside the head."""
    number = np.where(mask, np.searchsorted(limits, values), -1)
    return (number == np.arange(_CLASSES)[:, None, None]).astype(np.float32)


def _laid_over(fixed: Head, moving: Head) -> Iterator[np.ndarray]:
    """Transforms that lay centroid on centroid."""
    shift, ratio = moving.centre - fixed.centre, moving.size / fixed.size
    sizes = ratio * np.exp(_SIZES * np.arange(-3, 4))
    same = np.exp(_SIZES * np.arange(-1, 2))  # one head may have been taken for half of itself
    apart = np.abs(np.log(same[:, None] / sizes)).min(1)
    near = product(range(-42, 43, 6), (*sizes, *same[apart > 0.6 * _SIZES]))
    far = product(range(60, 301, 15), ratio * np.exp(_SIZES * np.array([-1, 1])))
    for degrees, size in (*near, *far):
        yield about(fixed.centre, size * rotation(degrees), shift)


def _peaks(scores: np.ndarray) -> list[tuple[int, int]]:
    """Places of the highest local maxima."""
    places = np.argwhere(ndimage.maximum_filter(scores, 5) == scores)
    order = np.argsort(-scores[tuple(places.T)], kind="stable")[:_EACH]
    return [(int(row), int(column)) for row, column in places[order]]


def _entropies(counts: np.ndarray) -> np.ndarray:
    """Entropy over the first axis, nats."""
    whole = np.maximum(counts.sum(0), 1e-6)
    logs = np.log(np.maximum(counts, 1e-6))
    return np.log(whole) - (counts * logs).sum(0) / whole
