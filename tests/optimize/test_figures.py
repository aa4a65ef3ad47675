"""Figures of rows against scikit-learn and against counting by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from appliance.core.types import LABELS
from optimize.figures import figures, reliability


def make_row(rng, index: int) -> dict:
    """A scored row as chance would have it."""
    truth = LABELS[int(rng.integers(4))]
    chances = rng.dirichlet(np.ones(4) + 4 * np.eye(4)[LABELS.index(truth)])
    chances = dict(zip(LABELS, np.round(chances, 5).tolist(), strict=True))
    refused = rng.random() < 0.1
    ill = truth != "no_tumor"
    detections = [{"score": float(rng.random()), "lesion": 0 if ill else None}]
    return {
        "group": f"g{index // 3}",
        "truth": truth,
        "label": None if refused else max(chances, key=chances.get),
        "probabilities": None if refused else chances,
        "prediction_set": None if refused else [k for k in LABELS if chances[k] > 0.1],
        "verdict": "refused" if refused else "tumor" if chances["no_tumor"] < 0.5 else "no_tumor",
        "witnesses": None if refused else {"classifier": 0.7, "outline": float(rng.random())},
        "mask_px": 0 if refused else int(rng.integers(0, 50)),
        "dice": float(rng.random()) * (not refused) if ill else None,
        "hd95_px": None if refused or not ill else float(rng.random() * 9),
        "lesions": int(ill),
        "touched": int(ill and not refused),
        "detections": [] if refused else detections,
    }


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(8)
    return [make_row(rng, i) for i in range(240)]


@pytest.fixture(scope="module")
def found(rows):
    return figures(rows, resamples=200)


def test_classes_agree_with_scikit_learn(rows, found):
    truth = [row["truth"] for row in rows]
    said = [row["label"] or "refused" for row in rows]
    assert found["accuracy"]["value"] == pytest.approx(
        reference.accuracy_score(truth, said), abs=1e-4
    )
    table = reference.confusion_matrix(truth, said, labels=[*LABELS, "refused"])
    assert found["confusion"] == table[:4].tolist()
    parts = reference.precision_recall_fscore_support(truth, said, labels=LABELS)
    for index, label in enumerate(LABELS):
        for name, values in zip(("precision", "recall", "f1"), parts[:3], strict=True):
            assert found["by_class"][label][name]["value"] == pytest.approx(values[index], abs=1e-4)
    assert found["f1"]["value"] == pytest.approx(parts[2].mean(), abs=1e-4)


def test_presence_agrees_with_scikit_learn(rows, found):
    read = [row for row in rows if row["label"]]
    ill = [row["truth"] != "no_tumor" for row in read]
    presence = [1 - row["probabilities"]["no_tumor"] for row in read]
    assert found["auc"]["value"] == pytest.approx(reference.roc_auc_score(ill, presence), abs=1e-4)
    assert found["auc"]["n"] == len(read)


def test_counts_by_hand(rows, found):
    ill = [row for row in rows if row["truth"] != "no_tumor"]
    well = [row for row in rows if row["truth"] == "no_tumor"]
    read = [row for row in rows if row["label"]]

    def share(part, hit):
        return pytest.approx(sum(map(hit, part)) / len(part), abs=1e-4)

    assert found["n"] == 240
    assert found["groups"] == 80
    assert found["sensitivity"]["value"] == share(
        ill, lambda r: r["label"] not in (None, "no_tumor")
    )
    assert found["specificity"]["value"] == share(well, lambda r: r["label"] == "no_tumor")
    assert found["false_mask_rate"]["value"] == share(well, lambda r: r["mask_px"] > 0)
    assert found["refused"]["value"] == share(rows, lambda r: r["verdict"] == "refused")
    assert found["set_coverage"]["value"] == share(
        read, lambda r: r["truth"] in r["prediction_set"]
    )
    assert found["set_size"]["value"] == share(read, lambda r: len(r["prediction_set"]))
    assert found["contradiction"]["value"] == share(read, lambda r: r["witnesses"]["outline"] < 0.5)
    assert found["dice"]["value"] == share(ill, lambda r: r["dice"])
    read_ill = [row for row in ill if row["label"]]
    assert found["dice_when_read"]["value"] == share(read_ill, lambda r: r["dice"])
    assert found["sensitivity_when_read"]["value"] == share(
        read_ill, lambda r: r["label"] != "no_tumor"
    )
    assert found["lesions_touched"]["value"] == share(ill, lambda r: r["touched"])
    for entry in (found["accuracy"], found["dice"], found["auc"]):
        low, high = entry["interval"]
        assert low < entry["value"] < high


def test_a_refused_slice_is_wrong_and_empty():
    row = {
        "group": "a", "truth": "glioma", "label": None, "verdict": "refused", "dice": 0.0,
        "mask_px": 0, "probabilities": None, "prediction_set": None, "witnesses": None,
        "hd95_px": None, "lesions": 1, "touched": 0, "detections": [],
    }  # fmt: skip
    found = figures([row], resamples=100)
    assert found["refused"]["value"] == 1.0
    assert found["accuracy"]["value"] == found["dice"]["value"] == found["ap50"]["value"] == 0.0
    assert found["auc"]["value"] is None
    assert found["specificity"]["n"] == 0


def test_a_reliability_bin_is_counted_once():
    confidence = np.array([0.31, 0.34, 0.99, 1.0])
    bins = reliability(confidence, np.array([True, False, True, True]), 10)
    assert [b["n"] for b in bins] == [2, 2]
    assert bins[0]["right"] == 0.5
