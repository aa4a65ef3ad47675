"""Two pictures of one place in one: in two colours, and as a chessboard."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.pair_document import LABELS
from appliance.pairs import Pair
from appliance.render import compose, png

SQUARES = 8
_SHOWN = 3


def two_colours(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Fixed in green, moved in magenta: what both show is grey, what one shows has a colour.

    Parameters
    ----------
    fixed, moved : (rows, columns) uint8

    Returns
    -------
    (rows, columns, 3) uint8, RGB

    Examples
    --------
    >>> two_colours(np.array([[9, 200]], np.uint8), np.array([[9, 0]], np.uint8)).tolist()
    [[[9, 9, 9], [0, 200, 0]]]
    """
    return np.stack([moved, fixed, moved], axis=-1)


def chessboard(fixed: np.ndarray, moved: np.ndarray, squares: int = SQUARES) -> np.ndarray:
    """Fields of one and the other by turns: an edge that breaks off at a field lies elsewhere.

    Examples
    --------
    >>> chessboard(np.zeros((2, 4), np.uint8), np.ones((2, 4), np.uint8), 4).tolist()
    [[0, 1, 0, 1], [1, 0, 1, 0]]
    """
    size = max(1, max(fixed.shape) // squares)
    rows, columns = np.indices(fixed.shape) // size
    return np.where((rows + columns) % 2 == 0, fixed, moved).astype(np.uint8)


def slices_shown(pair: Pair) -> list[int]:
    """Slices of the viewing grid a report shows: a few between the ends, or the only one."""
    count = pair.document["view"]["shape"][0]
    if count == 1:
        return [0]
    places = np.linspace(0.3, 0.7, min(_SHOWN, count)) * (count - 1)
    return sorted({round(float(place)) for place in places})


def grey_slice(pair: Pair, layer: str, number: int) -> np.ndarray:
    """A slice of a layer as grey values, (rows, columns) uint8."""
    data = np.frombuffer(pair.picture(layer, number), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def for_report(pair: Pair) -> list[tuple[str, bytes]]:
    """Captions and PNGs: each slice in two colours, as a chessboard, fused, outlined.

    None where text in the pictures may name the patient: a report leaves.
    """
    layers, found = pair.document["layers"], []
    if pair.document["text_in_pictures"]:
        return []
    numbers = slices_shown(pair)
    for number in numbers:
        where = f", slice {number + 1}" if pair.document["view"]["shape"][0] > 1 else ""
        fixed = grey_slice(pair, "fixed", number)
        if "moved" in layers:
            moved = grey_slice(pair, "moved", number)
            caption = f"Fixed green, moving magenta{where}"
            found.append((caption, png(two_colours(fixed, moved))))
            found.append((f"Chessboard{where}", png(chessboard(fixed, moved))))
        if "fused" in layers:
            found.append((f"Fused{where}", png(grey_slice(pair, "fused", number))))
        for name, layer in layers.items():
            if layer["kind"] == LABELS:
                mask = grey_slice(pair, name, number)
                caption = f"{name.replace('_', ' ').capitalize()}{where}"
                found.append((caption, png(compose(fixed, mask))))
    return found
