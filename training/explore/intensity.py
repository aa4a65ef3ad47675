"""Grey values of the head by set, as given and as the network gets them."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.explore.both import Bench
from training.explore.slices import Collected

COLUMNS = ("file", "prepared")
_BINS = 48


def intensities(collected: Collected, bench: Bench) -> dict[str, Any]:
    """Low-order moments of head pixels by set, and their histograms.

    ``file`` counts grey values from 0 to 1 of what the file can hold, ``prepared`` from -1 to 1.
    """
    source = collected.column("source")
    rows, histograms = [], {}
    for name in dict.fromkeys(source.tolist()):
        members = np.flatnonzero(source == name)
        pixels = np.column_stack(
            [
                np.concatenate([collected.slices[row].given for row in members]),
                np.concatenate([collected.slices[row].sampled for row in members]),
            ]
        )
        moments = bench.moments(f"intensities: {name}", pixels)
        of_slices = np.array([collected.slices[row].given.mean() for row in members])
        rows.append(
            {
                "set": name,
                "pixels": len(pixels),
                **{
                    f"{column}_{key}": round(float(getattr(moments, key)[number]), 4)
                    for number, column in enumerate(COLUMNS)
                    for key in ("minimum", "maximum", "mean", "deviation")
                },
                "deviation_of_slice_means": round(float(of_slices.std()), 4),
            }
        )
        histograms[name] = {
            column: np.round(
                np.histogram(pixels[:, number], _BINS, ends, density=True)[0], 4
            ).tolist()
            for number, (column, ends) in enumerate(
                zip(COLUMNS, ((0.0, 1.0), (-1.0, 1.0)), strict=True)
            )
        }
    return {"by_set": rows, "histograms": histograms, "bins": _BINS}
