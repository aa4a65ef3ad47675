"""What a trained network answers to prepared slices, in Keras, in a process of its own.

``python -m optimize parity --keras`` calls it: TensorFlow and OpenVINO do not share a process,
and the two sides meet in files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from appliance.core.errors import NotFound, Unavailable

_BATCH = 8


def answer(saved_model: Path, source: Path, out: Path) -> int:
    """Answers of a SavedModel to the array ``image`` of an ``.npz``, one array for each output.

    Parameters
    ----------
    source : Path
        ``image``, (n, size, size, 1) float32.
    out : Path
        ``.npz``, written whole or not at all.

    Returns
    -------
    int
        Slices.
    """
    import numpy as np
    import tensorflow as tf
    from tqdm import tqdm

    with np.load(source, allow_pickle=False) as archive:
        images = archive["image"]
    serve = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    parts: list[dict[str, Any]] = []
    for start in tqdm(range(0, len(images), _BATCH), desc="Keras", disable=None):
        outputs = serve(image=tf.constant(images[start : start + _BATCH]))
        parts.append({name: value.numpy() for name, value in outputs.items()})
    part = out.with_name(out.name + ".part")
    with part.open("wb") as stream:
        np.savez(stream, **{n: np.concatenate([p[n] for p in parts]) for n in parts[0]})
    part.replace(out)
    return len(images)


def _run(arguments: argparse.Namespace) -> int:
    saved_model = arguments.run_folder / "export" / "saved_model"
    if not saved_model.is_dir():
        raise NotFound(
            f"{arguments.run_folder} has no export: run `python -m training train` first"
        )
    if not arguments.source.is_file():
        raise NotFound(f"{arguments.source} does not exist")
    try:
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise Unavailable("Keras answers need TensorFlow: install neuralscan-edge[training]") from (
            error
        )
    answer(saved_model, arguments.source, arguments.out)
    return 0


def add_verb(verbs: Any) -> None:
    """Add ``answer``."""
    verb = verbs.add_parser(
        "answer",
        help="what Keras answers to prepared slices (for the parity gate)",
        description=__doc__,
        epilog="example: python -m training answer runs/third slices.npz answers.npz",
    )
    verb.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a training run")
    verb.add_argument("source", metavar="SLICES", type=Path, help=".npz with the array image")
    verb.add_argument("out", metavar="OUT", type=Path, help=".npz to write")
    verb.set_defaults(run=_run)
