"""Which TensorFlow runs the training: ITEX where it is installed, stock with oneDNN otherwise.

Measured on two cores: ITEX's own thread pool slows several-fold when another process takes the
cores; ``ITEX_OMP_THREADPOOL=0`` does not. It has to be set before TensorFlow is imported.
"""

from __future__ import annotations

import importlib.metadata
import os

from appliance.core.errors import Unavailable


def start(seed: int) -> dict[str, str]:
    """Choose the backend, seed everything, and say what runs.

    Returns
    -------
    dict
        ``backend`` (``itex`` or ``stock``), versions and thread pool, for the manifest.

    Raises
    ------
    Unavailable
        When TensorFlow is not installed.
    """
    os.environ.setdefault("ITEX_OMP_THREADPOOL", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise Unavailable("training needs TensorFlow: install neuralscan-edge[training]") from error
    try:
        itex = importlib.metadata.version("intel-extension-for-tensorflow")
    except importlib.metadata.PackageNotFoundError:
        itex = ""
    tf.keras.utils.set_random_seed(seed)
    return {
        "backend": "itex" if itex else "stock",
        "intel_extension_for_tensorflow": itex,
        "tensorflow": tf.__version__,
        "itex_omp_threadpool": os.environ["ITEX_OMP_THREADPOOL"],
        "precision": "float32",
    }
