"""Refinement by Mattes mutual information (SimpleITK), from a start, on the grids as given.

References
----------
Mattes et al., "PET-CT image registration in the chest using free-form deformations", IEEE TMI 2003.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from appliance.registration.images import Head

RIGID, SIMILARITY, AFFINE = "rigid", "similarity", "affine"
_BINS = 32


def to_itk(array: np.ndarray, to_world: np.ndarray) -> sitk.Image:
    """An array on an axis-parallel grid as an ITK image; ITK's axes are the world's, reversed.

    Parameters
    ----------
    to_world : (n + 1, n + 1) float64
        Diagonal but for the last column, as `appliance.registration.images.Head` has it.
    """
    image = sitk.GetImageFromArray(array)
    size = array.ndim
    image.SetSpacing([float(to_world[a, a]) for a in reversed(range(size))])
    image.SetOrigin([float(to_world[a, size]) for a in reversed(range(size))])
    return image


def _blank(model: str, size: int) -> sitk.Transform:
    if model == AFFINE:
        return sitk.AffineTransform(size)
    if size == 2:
        return sitk.Euler2DTransform() if model == RIGID else sitk.Similarity2DTransform()
    return sitk.VersorRigid3DTransform() if model == RIGID else sitk.Similarity3DTransform()


def itk_transform(model: str, matrix: np.ndarray, centre: np.ndarray) -> sitk.Transform:
    """An ITK transform in reversed axes; what the model cannot hold is left out.

    Parameters
    ----------
    matrix : (n + 1, n + 1) float64
        World of FIXED to world of MOVING.
    centre : (n,) float64
        Fixed world point the parameters turn about.
    """
    size = len(matrix) - 1
    transform = _blank(model, size)
    linear = np.ascontiguousarray(matrix[:size, :size][::-1, ::-1])
    shift = (matrix[:size, :size] @ centre + matrix[:size, size] - centre)[::-1]
    if model != AFFINE:
        left, sizes, right = np.linalg.svd(linear)
        if np.linalg.det(left @ right) < 0:
            left[:, -1] = -left[:, -1]
        scale = 1.0 if model == RIGID else float(np.prod(sizes) ** (1 / size))
        linear = scale * left @ right
    transform.SetCenter([float(v) for v in centre[::-1]])
    tolerance = () if model == AFFINE else (1e-6,)
    transform.SetMatrix([float(v) for v in linear.ravel()], *tolerance)
    transform.SetTranslation([float(v) for v in shift])
    return transform


def world_matrix(transform: sitk.Transform, size: int) -> np.ndarray:
    """The matrix (size + 1, size + 1) of an ITK transform in reversed axes."""
    linear = np.array(transform.GetMatrix()).reshape(size, size)
    middle, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(size + 1)
    matrix[:size, :size] = linear[::-1, ::-1]
    matrix[:size, size] = (middle + shift - linear @ middle)[::-1]
    return matrix


def refine(
    fixed: Head,
    moving: Head,
    start: np.ndarray,
    model: str,
    steps: int = 60,
    check: Callable[[], None] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """The world matrix that gradient descent reaches; the start where ITK finds no overlap.

    Mutual information is taken over the larger of the two heads, which holds the other one: a CT
    without scalp or cut by its field of view lies inside the MR, and air would only pull outlines
    of different tissues onto each other.

    Parameters
    ----------
    check : callable, optional
        Called in each iteration; what it raises stops the work.
    """
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(threads)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    larger = fixed if fixed.size >= moving.size else moving
    mask = to_itk(larger.mask.astype(np.uint8), larger.to_world)
    (method.SetMetricFixedMask if larger is fixed else method.SetMetricMovingMask)(mask)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0 * fixed.step,
        minStep=0.02 * fixed.step,
        numberOfIterations=steps,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    transform = itk_transform(model, start, fixed.centre)
    method.SetInitialTransform(transform, inPlace=True)
    stopped: list[BaseException] = []

    def watch() -> None:
        try:
            if check is not None:
                check()
        except BaseException as error:  # ITK would swallow it
            stopped.append(error)
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, watch)
    images = (to_itk(h.values, h.to_world) for h in (fixed, moving))
    try:
        method.Execute(*images)
    except RuntimeError:  # no overlap left, or no gradient
        return start
    if stopped:
        raise stopped[0]
    return world_matrix(transform, fixed.values.ndim)
