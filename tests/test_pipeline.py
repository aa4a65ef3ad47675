"""From a series to a report: the contract's shape, and truths that must hold."""

import json
import threading

import cv2
import numpy as np
import pytest

from appliance import burned_in
from appliance.core.geometry import voxel_ml
from appliance.core.types import LABELS, Refusal, Volume
from appliance.pipeline import Analyzer
from appliance.reading import Cancelled
from tests.conftest import AFFINE, head_array, make_series

KEYS = {
    "schema", "input", "verdict", "refusal", "classification", "slices", "lesions", "mask",
    "quality", "timings_ms", "model", "notice",
}  # fmt: skip


def check_shape(report):
    document = report.to_json()
    json.dumps(document, allow_nan=False)
    assert set(document) >= KEYS
    assert document["schema"] == "neuralscan/report/1"
    assert set(document["timings_ms"]) == {"decode", "prepare", "infer", "interpret", "total"}
    if document["verdict"] == "refused":
        assert document["classification"] is None
        assert document["mask"] is None
        assert document["lesions"] == []
        assert document["slices"] == []
        assert set(document["refusal"]) == {"code", "message"}
        assert report.label_map is None
        return document
    assert document["refusal"] is None
    seen = document["classification"]
    assert list(seen["probabilities"]) == list(LABELS)
    assert sum(seen["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
    assert seen["label"] in seen["prediction_set"]
    assert [s["index"] for s in document["slices"]] == list(range(len(document["slices"])))
    assert (report.label_map is None) == (document["verdict"] == "no_tumor")
    return document


def test_a_lesion_is_found_and_measured(analyzer, series):
    document = check_shape(analyzer.analyze(series))
    assert document["verdict"] == "tumor"
    (lesion,) = document["lesions"]
    truth = head_array() != head_array(lesion=False)
    volume = truth.sum() * voxel_ml(AFFINE)
    assert lesion["volume_ml"] == pytest.approx(volume, rel=0.35)
    spans = [np.flatnonzero(truth.any(axis=a)) for a in ((1, 2), (0, 2), (0, 1))]
    wanted = [s[0] for s in spans] + [s[-1] + 1 for s in spans]
    assert np.abs(np.array(lesion["box"]) - wanted).max() <= 3
    assert lesion["diameters_mm"][0] >= lesion["diameters_mm"][1] > 0


def test_mask_box_and_slices_agree(analyzer, series):
    report = analyzer.analyze(series)
    mask = report.label_map.array
    assert mask.shape == series.volume.shape
    assert (report.label_map.affine == series.volume.affine).all()
    for lesion in report.document["lesions"]:
        s0, r0, c0, s1, r1, c1 = lesion["box"]
        inside = mask == lesion["id"]
        assert inside.sum() == lesion["area_px"]
        assert inside[s0:s1, r0:r1, c0:c1].sum() == inside.sum()
    pixels = [int((plane > 0).sum()) for plane in mask]
    assert pixels == [s["mask_px"] for s in report.document["slices"]]


def test_a_healthy_head_has_no_mask(analyzer):
    document = check_shape(analyzer.analyze(make_series(lesion=False)))
    assert document["verdict"] == "no_tumor"
    assert document["lesions"] == []
    assert document["classification"]["label"] == "no_tumor"


def test_a_picture_has_no_millimetres(analyzer):
    volume = Volume(head_array((9, 96, 80))[4:5], None)
    document = check_shape(analyzer.analyze(make_series(slices=1, volume=volume)))
    assert document["verdict"] == "tumor"
    assert document["input"]["spacing_mm"] is None
    (lesion,) = document["lesions"]
    assert lesion["volume_ml"] is None
    assert lesion["diameters_mm"] is None


@pytest.mark.parametrize(
    ("axes", "flips"), [((0, 1, 2), (1, 1, -1)), ((2, 1, 0), (1, -1, 1)), ((1, 2, 0), (1, 1, 1))]
)
def test_storage_order_changes_nothing_but_the_order(analyzer, series, axes, flips):
    straight = analyzer.analyze(series)
    array = series.volume.array.transpose(axes)
    affine = AFFINE[:, [*axes, 3]].copy()
    index = tuple(slice(None, None, step) for step in flips)
    for axis, step in enumerate(flips):
        if step < 0:
            affine[:, 3] += affine[:, axis] * (array.shape[axis] - 1)
            affine[:, axis] *= -1
    turned = analyzer.analyze(make_series(volume=Volume(array[index], affine)))
    assert turned.verdict == straight.verdict
    back = turned.label_map.array[index].transpose(np.argsort(axes))
    assert (back == straight.label_map.array).all()
    assert (
        turned.document["lesions"][0]["volume_ml"] == straight.document["lesions"][0]["volume_ml"]
    )
    assert turned.document["lesions"][0]["view_box"] == straight.document["lesions"][0]["view_box"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"modality": "CT"}, "wrong_modality"),
        ({"modality": "PT"}, "wrong_modality"),
        ({"modality": "MR", "sequence": "T2"}, "wrong_sequence"),
        ({"sequence": "FLAIR"}, "wrong_sequence"),
        ({"volume": Volume(np.zeros((3, 64, 64), np.uint8))}, "empty"),
        ({"volume": Volume(np.zeros((1, 4, 4), np.uint8))}, "bad_geometry"),
    ],
)
def test_refusals_have_codes_and_reasons(analyzer, change, code):
    document = check_shape(analyzer.analyze(make_series(**change)))
    assert document["verdict"] == "refused"
    assert document["refusal"]["code"] == code
    assert len(document["refusal"]["message"]) > 30


def test_out_of_distribution_is_refused_with_its_score(tiny_package, series):
    from dataclasses import replace

    strict = Analyzer(device="CPU", package=tiny_package)
    strict._outliers = replace(
        strict._outliers,
        direction=np.ones(16, np.float32),
        contrast_limit=-50.0,
        contrast_centre=-100.0,
    )
    document = check_shape(strict.analyze(series))
    assert document["refusal"]["code"] == "out_of_distribution"
    assert document["quality"]["in_distribution"] is False
    assert document["quality"]["ood_score"] > 1.0


def test_blank_slices_of_a_stack_are_reported_as_such(analyzer):
    array = head_array()
    array[0] = array[8] = 0
    document = check_shape(analyzer.analyze(make_series(volume=Volume(array, AFFINE))))
    assert document["verdict"] == "tumor"
    assert [document["slices"][i]["verdict"] for i in (0, 8)] == ["refused", "refused"]


def test_an_unreadable_file_gets_a_report_too(analyzer):
    document = check_shape(
        analyzer.refuse(Refusal("unreadable", "The file is cut short; send it again.", "a.png"))
    )
    assert document["input"]["name"] == "a.png"


def test_progress_and_cancel(analyzer, series):
    seen: list[float] = []
    analyzer.analyze(series, progress=seen.append)
    assert seen == sorted(seen)
    assert 0.8 <= seen[-1] <= 1.0
    with pytest.raises(Cancelled):
        analyzer.analyze(series, cancelled=lambda: len(seen) > 3)


def test_the_input_is_not_edited(analyzer, series):
    before = series.volume.array.copy()
    series.volume.array.setflags(write=False)
    analyzer.analyze(series)
    assert (series.volume.array == before).all()


def test_same_answer_twice(analyzer, series):
    first, second = analyzer.analyze(series), analyzer.analyze(series)
    assert first.document["classification"] == second.document["classification"]
    assert (first.label_map.array == second.label_map.array).all()


def test_a_task_passes_the_network_once(tiny_package, series):
    analyzer = Analyzer(device="CPU", package=tiny_package)
    network = analyzer._network("THROUGHPUT")
    original, seen = network.infer_many, []

    def counting(arrays, *rest):
        def watch():
            for array in arrays:
                seen.append(array)
                yield array

        return original(watch(), *rest)

    network.infer_many = counting
    result = analyzer.run_task("segment", {"image": series}, {})
    assert len(seen) == series.volume.shape[0]
    assert result.verdict == "tumor"


def test_each_precision_has_its_own_refusal_estimator(tmp_path, tiny_package):
    from dataclasses import replace

    import openvino as ov

    from appliance.registry import open_package
    from optimize.package import write
    from tests.tiny import accept_everything, bright_spot_model, draft

    for name in ("int8", "fp16"):
        (tmp_path / "networks" / name).mkdir(parents=True)
        ov.save_model(bright_spot_model(), str(tmp_path / "networks" / name / "model.xml"))
    nothing = replace(accept_everything(), distance_limit=1e-9)
    estimators = {"INT8": accept_everything(), "FP16": nothing}
    rule = tiny_package.manifest.verdict
    folder = write(tmp_path / "tiny", draft(), tmp_path / "networks", rule, estimators)
    verdicts = {
        precision: Analyzer(device="CPU", package=open_package(folder), precision=precision)
        .analyze(make_series(slices=1))
        .verdict
        for precision in ("INT8", "FP16")
    }
    assert verdicts["FP16"] == "refused"
    assert verdicts["INT8"] != "refused"


def test_the_header_is_the_better_reason_of_a_series_that_could_not_be_read(tiny_package):
    analyzer = Analyzer(device="CPU", package=tiny_package)
    uneven = Refusal("bad_geometry", "uneven", "a.zip", modality="CT")
    report = analyzer.refuse(uneven)
    assert report.document["refusal"]["code"] == "wrong_modality"
    fits = Refusal("bad_geometry", "uneven", "a.zip", modality="MR")
    assert analyzer.refuse(fits).document["refusal"]["code"] == "bad_geometry"


def test_text_in_a_picture_is_said_and_its_place_reported(analyzer, series):
    assert analyzer.analyze(series).document["quality"]["text_places"] == []
    wider = np.pad(head_array(), ((0, 0), (30, 2), (10, 10)))
    written = np.zeros(wider.shape[1:], np.uint8)
    cv2.putText(written, "DOE 1943", (2, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    wider[:, written > 0] = wider.max()
    quality = analyzer.analyze(make_series(volume=Volume(wider, AFFINE))).document["quality"]
    assert any("text in the picture" in warning for warning in quality["warnings"])
    ((row0, _, row1, _),) = quality["text_places"]
    assert 0 <= row0 < row1 <= 30


def test_text_is_searched_once_beside_the_reading_and_by_a_crowd_in_its_own_threads(
    analyzer, series, monkeypatch
):
    threads = []
    real = burned_in.noticed

    def noticed(given):
        threads.append(threading.current_thread())
        return real(given)

    monkeypatch.setattr(burned_in, "noticed", noticed)
    alone = analyzer.analyze(series).document
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    crowded = analyzer.analyze(series, crowd=True).document
    assert threads[1:] == [threading.current_thread()]
    for document in (alone, crowded):
        document.pop("timings_ms")
    assert alone == crowded
