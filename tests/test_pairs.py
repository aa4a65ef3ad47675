"""`appliance.pairs`: what is kept of a result on two series, and what cannot be."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from appliance import burned_in, pair_report
from appliance.core.errors import BurnedInText, GeometryError, NotFound
from appliance.core.geometry import viewing
from appliance.core.types import Measurement, Result, Source, Study, Volume
from appliance.pair_files import file_of
from appliance.pair_pictures import for_report
from appliance.pair_work import named
from appliance.pairs import Pairs
from appliance.store import Store
from tests.conftest import make_series

SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
def kept(tmp_path):
    """A store with two series, their places, and the pairs."""
    store = Store(tmp_path)
    found = {}
    for role, lesion in (("fixed", True), ("moving", False)):
        series = replace(
            make_series(lesion),
            sha256=role,
            series_instance_uid=role,
            study_instance_uid=f"study-{role}",
        )
        store.put(Study(f"study-{role}", (series,)))
        found[role] = series
    places = {role: {"study": f"study-{role}", "series": role} for role in found}
    yield store, Pairs(store), found, places
    store.close()


def result(inputs, **changes) -> Result:
    shape = inputs["fixed"].volume.shape
    mask = np.zeros(shape, np.uint8)
    mask[4, 20:40, 20:40] = 3
    values = {
        "verdict": "larger",
        "reasons": ("it grew",),
        "measurements": (Measurement("change", 12.0, "%"),),
        "label_map": Volume(mask),
        "derived": {"moved": inputs["moving"].volume},
        "documents": {"followup": {"verdict": "larger"}},
        "texts": {"timeline.svg": SVG},
        **changes,
    }
    return Result("track", **values)


def test_layers_documents_and_texts_come_back(kept):
    _, pairs, inputs, places = kept
    pair = pairs.get(pairs.put("track", places, inputs, result(inputs), {"total": 1.0}, {}))
    assert set(pair.layers) == {"fixed", "moved", "label_map"}
    assert pair.document["layers"]["label_map"]["kind"] == "labels"
    assert np.array_equal(pair.layers["moved"].array, inputs["moving"].volume.array)
    assert np.allclose(pair.layers["moved"].affine, inputs["fixed"].volume.affine)
    data, media = file_of(pair, "timeline.svg")
    assert (data.decode(), media) == (SVG, "image/svg+xml")
    assert file_of(pair, "followup.json")[1] == "application/json"
    assert file_of(pair, "label_map.nii.gz")[1] == "application/gzip"
    for name in ("label_map.png", "fixed.nii.gz", "nothing.json", "../index.sqlite"):
        with pytest.raises(NotFound):
            file_of(pair, name)


def test_a_mask_is_drawn_as_0_and_255_whatever_its_labels(kept):
    _, pairs, inputs, places = kept
    pair = pairs.get(pairs.put("track", places, inputs, result(inputs), {}, {}))
    drawn = [
        cv2.imdecode(np.frombuffer(pair.picture("label_map", n), np.uint8), -1) for n in range(9)
    ]
    assert sum(int((picture > 0).sum()) for picture in drawn) == 400
    assert {int(value) for picture in drawn for value in np.unique(picture)} == {0, 255}


def test_the_page_shows_every_layer_and_drawing_and_says_the_verdict(kept):
    _, pairs, inputs, places = kept
    pair = pairs.get(pairs.put("track", places, inputs, result(inputs), {"total": 1.0}, {}))
    captions = [caption for caption, _ in for_report(pair)]
    assert sum(caption.startswith("Lesions of the later") for caption in captions) == 3
    assert any(caption.endswith(f"slice {fullest(pair)}") for caption in captions)
    page = pair_report.to_html(pair)
    assert "data:image/svg+xml;base64," in page
    for words in ("Larger", "it grew", "Change", "12", "Timeline", "Earlier study"):
        assert words in page


def fullest(pair) -> int:
    """The slice, from 1, of the viewing grid that holds the mask."""
    seen = viewing(pair.fixed.volume).apply(pair.layers["label_map"].array)
    return int(seen.sum(axis=(1, 2)).argmax()) + 1


def test_what_does_not_fit_is_not_kept(kept):
    store, pairs, inputs, places = kept
    before = store.files.digests("arrays")
    small = result(inputs, derived={"moved": Volume(np.zeros((2, 3, 4), np.uint8))})
    with pytest.raises(GeometryError, match="moved"):
        pairs.put("track", places, inputs, small, {}, {})
    gone = {**places, "moving": {"study": "study-moving", "series": "gone"}}
    with pytest.raises(NotFound):
        pairs.put("track", gone, inputs, result(inputs), {}, {})
    assert store.files.digests("arrays") == before
    assert not store.files.digests("pairs")
    assert pairs.all(10) == ([], 0)


def test_results_of_a_study_or_task_are_found_newest_first(kept):
    _, pairs, inputs, places = kept
    first = pairs.put("track", places, inputs, result(inputs), {}, {})
    second = pairs.put("register", places, inputs, result(inputs), {}, {})
    turned = {"fixed": places["moving"], "moving": places["fixed"]}
    other = {"fixed": inputs["moving"], "moving": inputs["fixed"]}
    third = pairs.put("track", turned, other, result(other), {}, {})
    assert pairs.all(10) == ([third, second, first], 3)
    assert pairs.all(10, task="track") == ([third, first], 2)
    assert pairs.all(1, offset=1, study="study-fixed") == ([second], 3)
    assert pairs.all(10, study="another") == ([], 0)


def test_a_picture_with_text_is_looked_at_but_does_not_leave(kept):
    _, pairs, inputs, places = kept
    marked = Source("1.2", (("1.3", 0),), burned_in=True)
    named = {**inputs, "moving": replace(inputs["moving"], source=marked)}
    pair = pairs.get(pairs.put("track", places, named, result(inputs), {"total": 1.0}, {}))
    assert pair.document["text_in_pictures"] is True
    assert any("text" in warning for warning in pair.document["warnings"])
    assert pair.picture("moved", 4)
    with pytest.raises(BurnedInText):
        file_of(pair, "moved.nii.gz")
    for name in ("label_map.nii.gz", "followup.json", "timeline.svg"):
        assert file_of(pair, name)[0]
    page = pair_report.to_html(pair)
    assert "data:image/png" not in page
    assert "text in the picture" in page


def test_text_that_was_found_is_black_in_the_report_and_the_pictures_leave(kept, monkeypatch):
    _, pairs, inputs, places = kept
    monkeypatch.setattr(burned_in, "noticed", lambda series: (series, ((0, 0, 20, 30),)))
    pair = pairs.get(pairs.put("track", places, inputs, result(inputs), {"total": 1.0}, {}))
    assert pair.document["text_in_pictures"] is True
    assert pair.document["pictures_withheld"] is False
    assert file_of(pair, "moved.nii.gz")[0]
    drawn = dict(for_report(pair))
    chosen = next(c for c in drawn if c.startswith("Later study green"))
    picture = cv2.imdecode(np.frombuffer(drawn[chosen], np.uint8), cv2.IMREAD_COLOR)
    view = viewing(pair.fixed.volume)
    text = np.zeros(pair.fixed.volume.shape, bool)
    text[:, :20, :30] = True
    assert not picture[..., 1][view.apply(text)[0]].any()
    assert picture[..., 1].any()


def test_results_of_earlier_versions_keep_their_pictures_here(kept):
    _, pairs, inputs, places = kept
    pair = pairs.get(pairs.put("track", places, inputs, result(inputs), {"total": 1.0}, {}))
    new = ("pictures_withheld", "text_places", "model")
    older = {key: value for key, value in pair.document.items() if key not in new}
    pair = replace(pair, document={**older, "text_in_pictures": True})
    assert for_report(pair) == []
    assert "track" in pair_report.to_html(pair)
    with pytest.raises(BurnedInText):
        file_of(pair, "moved.nii.gz")


def test_a_result_says_which_network_read_and_which_result_it_replaces(kept):
    _, pairs, inputs, places = kept
    model = {
        "name": "m", "version": "1", "precision": "INT8", "device": "CPU", "sha256": "ab" * 32
    }  # fmt: skip
    blank = {"followup": {"verdict": "larger", "model": {"name": "m", "precision": ""}}}
    made = named(result(inputs, documents=blank), model)
    assert made.documents["followup"]["model"] == model
    assert named(result(inputs), None).documents == {"followup": {"verdict": "larger"}}
    first = pairs.get(pairs.put("track", places, inputs, made, {"total": 1.0}, {}, model))
    assert (first.document["model"], first.document["replaces"]) == (model, None)
    assert "INT8 on CPU" in pair_report.to_html(first)
    again = pairs.document(pairs.put("track", places, inputs, made, {"total": 2.0}, {}, model))
    assert again["replaces"] == first.document["created"]
    other = pairs.document(pairs.put("register", places, inputs, made, {}, {}))
    assert (other["replaces"], other["model"]) == (None, None)
    assert pairs.all(10)[1] == 2
