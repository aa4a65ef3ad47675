"""Lesions of one series on another: carried, refused after a failed registration, or none."""

import numpy as np
import pytest

from appliance.core.errors import WrongModality
from appliance.registration.register import LPS_MM, Registration
from appliance.tasks import carry as task
from tests.conftest import make_series


def registered(monkeypatch, verdict: str) -> None:
    """Registration answers at once: both series lie on each other."""
    found = Registration(verdict, ("told so",), LPS_MM, np.eye(4), "rigid")
    monkeypatch.setattr(task, "register", lambda *given, **watched: found)


def carried(analyzer, lesion: bool = True):
    inputs = {"fixed": make_series(False, modality="CT"), "moving": make_series(lesion)}
    return inputs, analyzer.run_task("carry", inputs, {})


def test_lesions_lie_on_the_ct_as_they_lay_in_the_mr(analyzer, monkeypatch):
    registered(monkeypatch, "good")
    inputs, found = carried(analyzer)
    drawn = analyzer.run_task("segment", {"image": inputs["moving"]}, {})
    assert found.verdict == "carried"
    assert found.refusal is None
    assert np.array_equal(found.label_map.array, drawn.label_map.array)
    assert [(f.box, f.area_px, f.score) for f in found.findings] == [
        (f.box, f.area_px, f.score) for f in drawn.findings
    ]
    document = found.documents["carried"]
    assert document["fixed"]["modality"] == "CT"
    assert document["lesions"][0]["volume_ml"] == pytest.approx(
        drawn.findings[0].volume_ml, rel=1e-3
    )
    assert set(found.documents) == {"carried", "registration"}
    assert set(found.derived) == {"moved"}


def test_nothing_is_carried_after_a_failed_registration(analyzer, monkeypatch):
    registered(monkeypatch, "failed")
    _, found = carried(analyzer)
    assert (found.verdict, found.refusal.code) == ("refused", "registration_failed")
    assert "told so" in found.reasons[0]
    assert (found.label_map, found.findings, found.measurements) == (None, (), ())
    assert set(found.documents) == {"registration"}


def test_a_doubtful_registration_warns_and_a_head_without_lesion_leaves_nothing(
    analyzer, monkeypatch
):
    registered(monkeypatch, "doubtful")
    _, found = carried(analyzer, lesion=False)
    assert found.verdict == "nothing_to_carry"
    assert "told so" in found.warnings[0]
    assert not found.label_map.array.any()
    assert found.documents["carried"]["lesions"] == []


def test_the_ct_cannot_be_the_one_that_is_read(analyzer, monkeypatch):
    registered(monkeypatch, "good")
    with pytest.raises(WrongModality):
        analyzer.run_task(
            "carry", {"fixed": make_series(), "moving": make_series(modality="CT")}, {}
        )
