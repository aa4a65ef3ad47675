"""The synthesis as Markdown and as one HTML page; renders the JSON and computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.wording import markdown_table
from training.compare_report import interval
from training.gan_plan import sheet
from training.page import COLOURS, figure, new_figure, page, picture, prose, table

_ABLATION = ("figure", "real only", "with synthetic", "difference", "each seed", "so it")
_CLASSES = (
    "class",
    "n",
    "Fréchet: synthetic to held-out",
    "held-out to training",
    "synthetic to training",
    "read as wanted",
    "real read right",
)
_SPACES = {"pixels": "pixels (RMS difference, 64×64)", "embedding": "embedding (32 components)"}
_DISTANCES = (
    ("same_run_real", "real slice to its neighbour in the same run (same person)"),
    ("held_out_to_training", "held-out real slice to the training slices (other people)"),
    ("synthetic_to_training", "synthetic slice to the training slices"),
    ("synthetic_to_synthetic", "synthetic slice to the other synthetic slices"),
)


def lead(document: Mapping[str, Any]) -> str:
    """What was done and what came of it, in one paragraph."""
    plan, found, effect = document["plan"], document["check"], document["ablation"]
    slices = document["gan"]["training_slices"]
    folds = ", ".join(map(str, plan["train_folds"]))
    return (
        f"A class-conditional GAN, {plan['size']}×{plan['size']}, trained for {plan['steps']} "
        f"steps on {slices} slices (folds {folds}). Of {found['drawn']} pictures drawn "
        f"{found['copies']['either']} were dropped as possible copies and {found['kept']} kept "
        f"(+{found['kept'] / slices:.0%}). {effect['sentence']}"
    )


def ablation_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """One row for each figure of the ablation."""
    return [
        [
            row["figure"],
            interval(row["real"]),
            interval(row["with_synthetic"]),
            interval(row["difference"], signed=True),
            ", ".join(f"{change:+.3f}" for change in row["difference_by_seed"]),
            row["words"],
        ]
        for row in document["ablation"]["figures"]
    ]


def class_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Likeness to real slices, by class."""

    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else f"{value:{form}}"

    return [
        [
            row["class"],
            str(row["n"]),
            shown(row["synthetic_to_held_out"], ".1f"),
            shown(row["training_to_held_out"], ".1f"),
            shown(row["synthetic_to_training"], ".1f"),
            shown(row["synthetic_read_as_wanted"], ".2f"),
            shown(row["real_read_right"], ".2f"),
        ]
        for row in document["check"]["classes"]
    ]


def distance_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """How close everything is to a training slice, in both spaces."""
    rows = []
    for space, title in _SPACES.items():
        for key, what in _DISTANCES:
            found = document["check"]["distances"][space][key]
            if found is not None:
                marks = (f"{found[mark]:.3f}" for mark in ("smallest", "p1", "p5", "p50", "p95"))
                rows.append([title, what, str(found["n"]), *marks])
    return rows


_DISTANCE_HEAD = ("space", "from … to nearest", "n", "smallest", "1 %", "5 %", "median", "95 %")


def ablation_text(document: Mapping[str, Any]) -> str:
    """How the ablation was done."""
    effect = document["ablation"]
    return (
        f"{effect['classifier']}, {effect['protocol']['budget']} of {effect['steps_an_epoch']} "
        f"steps, seeds {', '.join(map(str, effect['seeds']))}, "
        f"{effect['slices']['real']} real slices against "
        f"{effect['slices']['synthetic']} with synthetic ones. Intervals are 95 %."
    )


def judge_text(document: Mapping[str, Any]) -> str:
    """Whose embedding it is."""
    judge = document["check"]["judge"]
    folds = ", ".join(map(str, judge["trained_on_folds"] or ())) or "unknown"
    return (
        f"Embedding of the package {judge['package']} {judge['version']}, trained on folds "
        f"{folds}; all pictures enlarged from the generated size. Folds it was trained on look "
        "more alike to it than to a stranger."
    )


def markdown(document: Mapping[str, Any]) -> str:
    """The synthesis as Markdown."""
    notes = "\n".join(f"- {note}" for note in document["notes"])
    return (
        f"# Synthetic slices\n\n{lead(document)}\n\n"
        f"## With and without, on real slices\n\n{ablation_text(document)}\n\n"
        f"{markdown_table(_ABLATION, ablation_rows(document))}\n\n"
        f"## Copies of patients\n\n{markdown_table(_DISTANCE_HEAD, distance_rows(document))}\n\n"
        f"## Likeness by class\n\n{judge_text(document)}\n\n"
        f"{markdown_table(_CLASSES, class_rows(document))}\n\n## How to read it\n\n{notes}\n"
    )


def _histograms(arrays: Mapping[str, np.ndarray], document: Mapping[str, Any]) -> str:
    """Distances to the nearest training slice: real held-out, synthetic, same person."""
    fig, axes = new_figure(height=4.6, rows=2)
    for one, space in zip(axes, _SPACES, strict=True):
        named = (
            (f"same_run_{space}", "same person, real", COLOURS[2]),
            (f"real_{space}", "held-out, real", COLOURS[0]),
            (f"made_{space}", "synthetic", COLOURS[1]),
        )
        top = max((np.percentile(arrays[key], 99) for key, _, _ in named if len(arrays[key])))
        for key, label, colour in named:
            if len(arrays[key]):
                bins = np.linspace(0, top, 41)
                weights = np.full(len(arrays[key]), 1.0 / len(arrays[key]))
                one.hist(
                    arrays[key], bins, weights=weights, histtype="step", label=label, color=colour
                )
        limits = document["check"]["distances"][space]["limit_by_class"].values()
        for limit in limits:
            one.axvline(limit, color=COLOURS[5], linewidth=0.8, linestyle=":")
        one.set(xlabel=f"distance in {space}", ylabel="share")
    axes[0].legend()
    return figure(
        fig,
        "Distance of slices to the nearest training slice. Left of a dotted line (one for each "
        "class) a synthetic slice is dropped.",
    )


def _course(document: Mapping[str, Any]) -> str:
    """Losses over the steps."""
    rounds = document["rounds"]
    fig, axes = new_figure(height=2.8)
    steps = [entry["step"] for entry in rounds]
    for index, key in enumerate(("discriminator_loss", "score_real", "score_fake")):
        label = key.replace("_", " ")
        axes.plot(steps, [entry[key] for entry in rounds], label=label, color=COLOURS[index])
    axes.set(xlabel="step")
    axes.legend()
    return figure(fig, "The game: the discriminator's loss, and its mean score of real and forged.")


def _pairs(pairs: np.ndarray) -> str:
    """Each synthetic slice above the training slice nearest to it."""
    if not len(pairs):
        return prose("Nothing was kept.")
    stacked = [sheet(pair, 1) for pair in pairs]
    rows = [np.hstack(stacked[i : i + 6]) for i in range(0, len(stacked), 6)]
    whole = np.vstack([row for row in rows if row.shape == rows[0].shape])
    return picture(
        whole,
        "The kept synthetic slices that lie closest to the training slices (upper of each pair), "
        "and the training slice they are closest to (lower). Patients' slices: keep this page "
        "where the data may be.",
    )


def html(document: Mapping[str, Any], out: Path) -> str:
    """The synthesis as one self-contained page, with pictures from the files in `out`."""
    with np.load(out / "check.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    samples = cv2.imread(str(out / "samples.png"), cv2.IMREAD_GRAYSCALE)
    seconds = float(np.median([entry["seconds_a_step"] for entry in document["rounds"]]))
    gan, plan = document["gan"], document["plan"]
    settings = [[key.replace("_", " "), str(value)] for key, value in plan.items()]
    settings += [
        ["generator, parameters", str(gan["generator_parameters"])],
        ["discriminator, parameters", str(gan["discriminator_parameters"])],
        ["seconds a step", f"{seconds:.2f}"],
        ["backend", f"{gan['backend']['backend']}, {gan['backend']['precision']}"],
    ]
    sections = [
        (
            "With and without, on real slices",
            prose(document["ablation"]["sentence"], ablation_text(document))
            + table(_ABLATION, ablation_rows(document)),
        ),
        (
            "Samples",
            picture(
                samples,
                "Kept synthetic slices, not picked; a row for each class: glioma, meningioma, "
                "pituitary, no tumour.",
            ),
        ),
        (
            "Copies of patients",
            _histograms(arrays, document)
            + table(_DISTANCE_HEAD, distance_rows(document))
            + _pairs(arrays["pairs"]),
        ),
        (
            "Likeness by class",
            table(_CLASSES, class_rows(document)) + prose(judge_text(document)),
        ),
        ("How to read it", prose(*document["notes"])),
        ("Training", _course(document) + table(("setting", "value"), settings)),
    ]
    return page("Synthetic slices", sections, lead(document))
