"""Material no network was trained on: other sources, a real series, a skull-stripped volume.

Every network of the run is asked. Where there is one trained on all folds, which is what would be
shipped, its figures stand beside those of the fold models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appliance.core.geometry import viewing
from appliance.core.intervals import Bootstrap, weighted_mean
from appliance.core.metrics import dice
from appliance.core.types import LABELS, Report, Series
from appliance.ingest import read_path
from appliance.pictures import read as read_picture
from appliance.registry import Package
from optimize import refusals
from optimize.build import analyzer_of, rows_of
from optimize.cases import Case
from optimize.figures import entry, figures
from optimize.kept import code_digest, kept_file, kept_json, kept_rows
from training.evaluation.plan import Judged

SCHWANNOMA = Path("dicom", "t1c_mr_vestibular_schwannoma.zip")
TUMOUR_SLICES, HEALTHY_SLICES = range(12, 22), range(24, 74)
"""Slices of that series, 0-based from the feet, judged by its publisher's segmentation."""
BRATS = Path("nifti", "brats2013_pat0005")
_SECOND = Path("figshare", "second_reader_masks")


def other_sources(
    packages: Mapping[str, Package], kept: Mapping[str, Path], cases: Sequence[Case], resamples: int
) -> dict[str, Any] | None:
    """Figures of every network on the other sources, and of all of them together.

    Returns
    -------
    dict or None
        ``by_network``; ``mean``: rows of all networks in one list (a group holds its slice once
        for each network, so the interval does not count a slice several times). None without
        such slices.
    """
    if not cases:
        return None
    rows = {
        name: rows_of(package, cases, kept[name], f"other-sources-{name}")
        for name, package in packages.items()
    }
    folds = [row for name, found in rows.items() if name != "all" for row in found]
    return {
        "slices": len(cases),
        "groups": len({case.group for case in cases}),
        "by_network": {name: figures(found, resamples) for name, found in rows.items()},
        "mean": figures(folds or rows["all"], resamples),
    }


def _kept(package: Package, folder: Path, what: str, data: Path, make) -> dict[str, Any]:
    """A JSON value that a package and one data file decide."""
    source = code_digest("optimize.refusals", alone=("training.evaluation.elsewhere",))
    path = kept_file(folder, what, "json", package.sha256, [data.name, data.stat().st_size], source)
    return kept_json(path, make)


def from_the_feet(series: Series) -> bool:
    """Whether slice 0 of the viewing grid is the one nearest to the feet."""
    affine = viewing(series.volume).apply_volume(series.volume).affine
    return affine is None or float(affine[2, 0]) > 0


def schwannoma(
    packages: Mapping[str, Package], kept: Mapping[str, Path], root: Path
) -> dict[str, Any] | None:
    """The vestibular schwannoma series, slice by slice and as a whole; None where it is absent."""
    path = root / SCHWANNOMA
    if not path.is_file():
        return None
    (series,) = read_path(path).series
    upwards = from_the_feet(series)
    found = {
        name: _kept(
            package,
            kept[name],
            f"schwannoma-{name}",
            path,
            lambda package=package: series_figures(analyzer_of(package).analyze(series), upwards),
        )
        for name, package in packages.items()
    }
    return {"by_network": found, "mean": _mean_of(found)}


def _mean_of(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean of the numbers over the fold models (over what there is when there are none)."""
    chosen = [f for name, f in found.items() if name != "all"] or list(found.values())
    keys = [k for k, v in chosen[0].items() if isinstance(v, int | float)]
    return {k: round(float(np.mean([f[k] for f in chosen])), 4) for k in keys}


def series_figures(
    report: Report,
    upwards: bool = True,
    tumour: Sequence[int] = TUMOUR_SLICES,
    healthy: Sequence[int] = HEALTHY_SLICES,
) -> dict[str, Any]:
    """Shares of a series' slices, by their own verdicts.

    Parameters
    ----------
    upwards : bool
        Slice 0 of the report is the one nearest to the feet.
    tumour, healthy : sequences of int
        0-based from the feet.
    """
    document = report.document
    slices = document["slices"] if upwards else document["slices"][::-1]

    def share(chosen: Sequence[int], hit) -> float:
        return sum(bool(slices) and hit(slices[i]) for i in chosen) / len(chosen)

    return {
        "verdict": document["verdict"],
        "refusal": document["refusal"],
        "ood_score": document["quality"]["ood_score"],
        "tumour_slices": len(tumour),
        "healthy_slices": len(healthy),
        "found_tumor": share(tumour, lambda s: s["verdict"] == "tumor"),
        "found_tumor_or_uncertain": share(
            tumour, lambda s: s["verdict"] in ("tumor", "uncertain") and s["mask_px"] > 0
        ),
        "tumour_labelled": share(tumour, lambda s: s["label"] != LABELS[-1]),
        "healthy_called_tumor": share(healthy, lambda s: s["verdict"] == "tumor"),
        "healthy_uncertain": share(healthy, lambda s: s["verdict"] == "uncertain"),
        "healthy_labelled_tumour": share(healthy, lambda s: s["label"] != LABELS[-1]),
        "healthy_with_mask": share(healthy, lambda s: s["mask_px"] > 0),
    }


def brats(
    packages: Mapping[str, Package], kept: Mapping[str, Path], root: Path
) -> dict[str, Any] | None:
    """The skull-stripped T1c volume, evaluation only: lesion found, false alarms counted."""
    image, labels = (root / BRATS / name for name in ("t1c_zscored.nii.gz", "labels.nii.gz"))
    if not (image.is_file() and labels.is_file()):
        return None
    (series,), (truth,) = read_path(image).series, read_path(labels).series
    inside = truth.volume.array > 0
    return {
        "by_network": {
            name: _kept(
                package,
                kept[name],
                f"brats-{name}",
                image,
                lambda package=package: volume_figures(
                    analyzer_of(package).analyze(series), inside
                ),
            )
            for name, package in packages.items()
        }
    }


def volume_figures(report: Report, truth: np.ndarray) -> dict[str, Any]:
    """A volume's report beside its true mask.

    Parameters
    ----------
    truth : (slices, rows, columns) bool
        On the input's grid.

    Returns
    -------
    dict
        ``lesion_found``: a drawn lesion covers a true voxel; ``false_lesions``: drawn lesions that
        cover none; ``dice`` over the volume, None when it was refused.
    """
    document = report.document
    drawn = np.zeros(truth.shape, int) if report.label_map is None else report.label_map.array
    numbers = set(np.unique(drawn)) - {0}
    right = {n for n in numbers if (truth & (drawn == n)).any()}
    refused = document["verdict"] == "refused"
    return {
        "verdict": document["verdict"],
        "refusal": document["refusal"],
        "ood_score": document["quality"]["ood_score"],
        "lesion_found": bool(right),
        "false_lesions": len(numbers - right),
        "dice": None if refused else round(dice(drawn, truth), 4),
        "slices_read": {
            kind: sum(s["verdict"] == kind for s in document["slices"])
            for kind in ("tumor", "uncertain", "no_tumor", "refused")
        },
    }


def unsuitable(
    packages: Mapping[str, Package], kept: Mapping[str, Path], root: Path
) -> dict[str, list[dict[str, Any]]]:
    """By network, the share of unsuitable input that is refused, one row for each kind."""
    return {
        name: _kept(
            package,
            kept[name],
            f"refusals-{name}",
            root,
            lambda package=package: refusals.measure(analyzer_of(package), root),
        )
        for name, package in packages.items()
    }


def readers(judged: Sequence[Judged], root: Path, resamples: int) -> dict[str, Any] | None:
    """Agreement of two groups of readers on the scored slices, beside the network's Dice there.

    Returns
    -------
    dict or None
        By class ``readers`` and ``network`` (mean Dice with interval) on the same slices, and
        ``readers_median``. None where there are no second masks.
    """
    folder = root / _SECOND
    pairs = [
        (case, row)
        for j in judged
        for case, row in zip(j.cases, j.rows["INT8"], strict=True)
        if case.source == "figshare" and (folder / (case.image.stem + ".png")).is_file()
    ]
    if not pairs:
        return None

    def agreement(case: Case) -> dict[str, float]:
        second = read_picture((folder / (case.image.stem + ".png")).read_bytes())[0][0]
        return {"dice": dice(second, case.truth())}

    found = kept_rows(None, [case for case, _ in pairs], agreement, "readers")
    readers_dice = np.array([row["dice"] for row in found])
    network_dice = np.array([row["dice"] for _, row in pairs])
    labels = np.array([case.label for case, _ in pairs])
    draws = Bootstrap([case.group for case, _ in pairs], resamples)
    out = {}
    for label in (*LABELS[:-1], "all"):
        own = np.ones(len(labels), bool) if label == "all" else labels == label
        if own.any():
            out[label] = {
                "readers": entry(weighted_mean(readers_dice, own), own, draws),
                "network": entry(weighted_mean(network_dice, own), own, draws),
                "readers_median": round(float(np.median(readers_dice[own])), 4),
            }
    return out
