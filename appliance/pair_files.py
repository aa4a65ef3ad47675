"""What of a result on two series can be taken away, by file name."""

from __future__ import annotations

import json

from appliance import nifti
from appliance.core.errors import BurnedInText, NotFound
from appliance.core.types import Volume
from appliance.pair_document import LABELS, withheld
from appliance.pairs import Pair
from appliance.registration.outputs import picture

_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".gz": "application/gzip",
    ".svg": "image/svg+xml",
}


def file_of(pair: Pair, name: str) -> tuple[bytes, str]:
    """Bytes and media type of a file: a document, a text, or a layer on the grid of FIXED.

    Raises
    ------
    BurnedInText
        For a picture that may name the patient.
    NotFound
        When the result has no such file.
    """
    media = next((kind for end, kind in _TYPES.items() if name.endswith(end)), "text/plain")
    stem = name.removesuffix(".json")
    if stem != name and stem in pair.documents:
        return (json.dumps(pair.documents[stem], indent=1) + "\n").encode(), media
    if name in pair.texts:
        return pair.texts[name].encode(), media
    layer = name.removesuffix(".png").removesuffix(".nii.gz")
    if layer in pair.layers and layer != "fixed" and name == layer_file(pair, layer):
        return layer_bytes(pair, layer), media
    raise NotFound(f"this result has no file {name!r}")


def layer_file(pair: Pair, layer: str) -> str:
    """What a layer's file is called: a picture for one slice, else a NIfTI volume."""
    return f"{layer}.png" if pair.fixed.volume.shape[0] == 1 else f"{layer}.nii.gz"


def layer_bytes(pair: Pair, layer: str) -> bytes:
    """A layer as that file; labels of a picture as 0 and 255, of a volume as they are."""
    volume = pair.layers[layer]
    labels = pair.document["layers"][layer]["kind"] == LABELS
    if withheld(pair.document) and not labels:
        raise BurnedInText(
            "text is, or is said to be, part of one of the two pictures, and it was not made "
            "black; take the transform, or bring a picture without text"
        )
    if volume.shape[0] > 1:
        return nifti.to_bytes(volume)
    if labels:
        volume = Volume((volume.array > 0).astype("uint8") * 255, volume.affine)
    return picture(volume)
