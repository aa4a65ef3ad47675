"""What retrieval compares: the network's embedding of one slice, and the name of what made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

import numpy as np

from appliance.core.errors import ManifestError, NotFound
from appliance.core.geometry import viewing
from appliance.core.manifest import Manifest
from appliance.core.preprocess import prepare
from appliance.core.types import Series
from appliance.package import PRECISIONS


def retrieved(manifest: Manifest) -> slice:
    """Part of the embedding that retrieval compares: ``retrieval.features``, else all of it.

    Raises
    ------
    ManifestError
        When it is no pair of whole numbers.
    """
    pair = manifest.document.get("retrieval", {}).get("features", [0, None])
    if len(pair) != 2 or not all(part is None or isinstance(part, int) for part in pair):
        raise ManifestError(f"retrieval.features is {pair!r}, expected first and last + 1")
    return slice(*pair)


def embedder_of(manifest: Manifest, precision: str) -> str:
    """Digest of all that makes an embedding: network, preprocessing, part that is compared.

    A package written again around the same network keeps it.
    """
    folder, part = PRECISIONS[precision], retrieved(manifest)
    parts = {
        "network": [manifest.files[f"{folder}model.{kind}"]["sha256"] for kind in ("xml", "bin")],
        "preprocessing": manifest.preprocessing.to_json(),
        "features": [part.start, part.stop],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def embed(
    series: Series,
    index: int,
    manifest: Manifest,
    infer: Callable[[np.ndarray], Mapping[str, np.ndarray]],
) -> np.ndarray:
    """The embedding of a slice of the viewing grid, scaled to length 1.

    Parameters
    ----------
    infer : callable
        Outputs for one prepared slice, (1, size, size, 1) float32.

    Returns
    -------
    (features,) float32

    Raises
    ------
    BlankImage, GeometryError
        When the slice has no content.
    NotFound
        When there is no such slice.
    """
    view = viewing(series.volume)
    if not 0 <= index < view.view_shape[0]:
        raise NotFound(f"expected a slice from 0 to {view.view_shape[0] - 1}, asked {index}")
    plane = np.ascontiguousarray(view.apply(series.volume.array)[index])
    item = prepare(plane, manifest.preprocessing)
    vector = infer(item.array[None])["embedding"][0, retrieved(manifest)].astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
