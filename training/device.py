"""Which TensorFlow runs the training, with which thread pool and precision: measured, recorded.

Intel Extension for TensorFlow (ITEX) where it is installed, stock TensorFlow with oneDNN
otherwise. ITEX reads its settings when it is loaded, so each is tried in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from appliance.core.errors import Unavailable
from training.workers import Cluster

logger = logging.getLogger(__name__)

BACKENDS: dict[str, dict[str, str]] = {
    "f32": {"ITEX_OMP_THREADPOOL": "0", "ITEX_AUTO_MIXED_PRECISION": "0"},
    "f32-omp": {"ITEX_OMP_THREADPOOL": "1", "ITEX_AUTO_MIXED_PRECISION": "0"},
    "bf16": {"ITEX_OMP_THREADPOOL": "0", "ITEX_AUTO_MIXED_PRECISION": "1"},
    "bf16-omp": {"ITEX_OMP_THREADPOOL": "1", "ITEX_AUTO_MIXED_PRECISION": "1"},
}
_GAIN = 0.9  # bf16 has to save a tenth of the time to be worth its rounding
_WARM_UP, _MEASURED = 2, 5
_LIMIT_S = 240.0


def _itex() -> str:
    try:
        return importlib.metadata.version("intel-extension-for-tensorflow")
    except importlib.metadata.PackageNotFoundError:
        return ""


def start(seed: int, name: str = "f32", cluster: Cluster | None = None) -> dict[str, Any]:
    """Set the backend, seed everything, and say what runs; before TensorFlow is imported.

    Returns
    -------
    dict
        ``backend`` (``itex`` or ``stock``), versions, setting and precision, for the manifest.

    Raises
    ------
    Unavailable
        When TensorFlow is not installed.
    """
    os.environ.update(BACKENDS[name])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    cluster = cluster or Cluster()
    cluster.announce()
    try:
        import tensorflow as tf
    except ImportError as error:
        raise Unavailable("training needs TensorFlow: install neuralscan-edge[training]") from error
    itex = _itex()
    tf.keras.utils.set_random_seed(seed)
    return {
        "backend": "itex" if itex else "stock",
        "intel_extension_for_tensorflow": itex,
        "tensorflow": tf.__version__,
        "setting": name,
        "itex_omp_threadpool": BACKENDS[name]["ITEX_OMP_THREADPOOL"],
        "precision": "bfloat16 mixed" if name.startswith("bf16") else "float32",
        "workers": cluster.count,
    }


def measure_here(name: str) -> float:
    """Median seconds of a training step of the shipped network, batch 16, in this process."""
    start(0, name)
    import numpy as np
    import tensorflow as tf

    from training.config import Config
    from training.networks import build
    from training.step import make_step

    config = Config("probe", "Probe")
    side = config.preprocessing.size
    model, average = (build(side, config.dropout, attention=True) for _ in range(2))
    step = make_step(model, average, tf.keras.optimizers.AdamW(1e-4), config)
    rng = np.random.default_rng(0)
    mask = rng.random((config.batch, config.mask_side, config.mask_side, 1)) > 0.9
    batch = (
        tf.constant(rng.normal(size=(config.batch, side, side, 1)), tf.float32),
        tf.constant(mask, tf.float32),
        tf.constant(rng.integers(0, 4, config.batch)),
        tf.fill((config.batch,), tf.constant(-1, tf.int64)),
        tf.constant(0.99),
    )
    times = []
    for _ in range(_WARM_UP + _MEASURED):
        begun = time.perf_counter()
        step(*batch)[0].numpy()
        times.append(time.perf_counter() - begun)
    return float(np.median(times[_WARM_UP:]))


def _measure_apart(name: str) -> float | None:
    """`measure_here` in a fresh process; None when it fails or takes too long."""
    code = f"from training.device import measure_here; print(measure_here({name!r}))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=True,
        )
        return float(done.stdout.split()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        logger.warning("backend %s could not be measured: %s", name, type(error).__name__)
        return None


def best(seconds: dict[str, float | None]) -> str:
    """The fastest setting; bf16 only when it is clearly faster than float32.

    >>> best({"f32": 1.0, "f32-omp": 0.9, "bf16": 0.85, "bf16-omp": None})
    'f32-omp'
    >>> best({"f32": 1.0, "bf16": 0.6})
    'bf16'
    >>> best({"f32": None})
    'f32'
    """
    known = {name: value for name, value in seconds.items() if value is not None}
    if not known:
        return "f32"
    exact = {name: value for name, value in known.items() if name.startswith("f32")}
    fastest = min(known, key=known.__getitem__)
    if not exact or fastest in exact:
        return fastest
    plain = min(exact, key=exact.__getitem__)
    return fastest if known[fastest] < _GAIN * exact[plain] else plain


def choose(name: str, out: Path) -> str:
    """The setting to use: as asked, or measured once and kept in ``OUT/backend.json``.

    Parameters
    ----------
    name : str
        A name of `BACKENDS`; ``auto`` to measure; ``recorded`` for what the run used before.
    """
    if name in BACKENDS:
        return name
    record = out / "backend.json"
    if record.is_file():
        return json.loads(record.read_text())["chosen"]
    if name == "recorded" or not _itex():
        return "f32"  # stock TensorFlow knows none of these settings
    logger.info("measuring the training backends %s", ", ".join(BACKENDS))
    seconds = {backend: _measure_apart(backend) for backend in BACKENDS}
    chosen = best(seconds)
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"chosen": chosen, "seconds_per_step": seconds}, indent=1))
    logger.info("chose %s from %s", chosen, seconds)
    return chosen
