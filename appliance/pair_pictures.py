"""Two pictures of one place in one: in two colours, and as a chessboard."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from appliance import burned_in
from appliance.core.geometry import viewing
from appliance.pair_document import LABELS, withheld
from appliance.pair_words import layer_name, roles
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
    """Slices of the viewing grid a report shows: a few between the ends, or the only one.

    The one on which most is outlined is among them.
    """
    count = pair.document["view"]["shape"][0]
    if count == 1:
        return [0]
    places = np.linspace(0.3, 0.7, min(_SHOWN, count)) * (count - 1)
    chosen = list(dict.fromkeys(round(float(place)) for place in places))
    areas = _outlined(pair)
    if areas.any() and int(areas.argmax()) not in chosen:
        fullest = int(areas.argmax())
        chosen.remove(min(chosen, key=lambda number: abs(number - fullest)))
        chosen.append(fullest)
    return sorted(chosen)


def _outlined(pair: Pair) -> np.ndarray:
    """Pixels of all labels on each slice of the viewing grid, (slices,) int64."""
    view = viewing(pair.fixed.volume)
    areas = np.zeros(pair.document["view"]["shape"][0], np.int64)
    for name, layer in pair.document["layers"].items():
        if layer["kind"] == LABELS:
            areas += (view.apply(pair.layers[name].array) > 0).sum(axis=(1, 2))
    return areas


def grey_slice(pair: Pair, layer: str, number: int) -> np.ndarray:
    """A slice of a layer as grey values, (rows, columns) uint8."""
    data = np.frombuffer(pair.picture(layer, number), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def for_report(pair: Pair) -> list[tuple[str, bytes]]:
    """Captions and PNGs: each slice in two colours, as a chessboard, fused, outlined.

    A report leaves: text that was found is black; none where it is only said to be there.
    """
    layers, found = pair.document["layers"], []
    if withheld(pair.document):
        return []
    pair = _covered(pair)
    numbers, names = slices_shown(pair), roles(pair.document["task"])
    for number in numbers:
        where = f", slice {number + 1}" if pair.document["view"]["shape"][0] > 1 else ""
        fixed = grey_slice(pair, "fixed", number)
        if "moved" in layers:
            moved = grey_slice(pair, "moved", number)
            caption = f"{names['fixed'].capitalize()} green, {names['moving']} magenta{where}"
            found.append((caption, png(two_colours(fixed, moved))))
            found.append((f"Chessboard{where}", png(chessboard(fixed, moved))))
        if "fused" in layers:
            found.append((f"Fused{where}", png(grey_slice(pair, "fused", number))))
        for name, layer in layers.items():
            if layer["kind"] == LABELS:
                mask = grey_slice(pair, name, number)
                caption = f"{layer_name(pair.document['task'], name)}{where}"
                found.append((caption, png(compose(fixed, mask))))
    return found


def _covered(pair: Pair) -> Pair:
    """The pair with text in FIXED black; what was carried or fused was made of such pictures."""
    places = pair.document.get("text_places", {}).get("fixed") or ()
    if not places:
        return pair
    fixed = burned_in.covered(pair.fixed, {"quality": {"text_places": places}})
    return replace(pair, layers={**pair.layers, "fixed": fixed.volume})
