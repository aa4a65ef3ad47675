"""The draft manifest says what a configuration uses, and nothing it does not."""

from __future__ import annotations

import json
from dataclasses import replace

from appliance.core.manifest import parse
from training.config import Config, held_out
from training.configs.first import CONFIG
from training.draft import OUTPUTS, draft_manifest

PLAIN = Config("plain", "Plain")


def _provenance(config: Config) -> dict:
    return draft_manifest(config, {"backend": "stock"})["provenance"]


def test_the_plain_network_names_neither_attention_nor_more_data():
    found = _provenance(PLAIN)
    assert found["architecture"] == "EfficientNet-Lite0 encoder, separable decoder"
    assert [entry["name"] for entry in found["data"]] == [
        "brain tumor dataset",
        "BRISC 2025, slices without tumour",
    ]


def test_each_part_that_is_used_is_named():
    assert "attention" in _provenance(replace(PLAIN, attention=True))["architecture"]
    assert "dense decoder" in _provenance(replace(PLAIN, decoder="dense"))["architecture"]
    (readers,) = _provenance(replace(PLAIN, second_reader=True))["data"][2:]
    assert "second reader" in readers["name"]
    (heads,) = _provenance(replace(PLAIN, heads=240))["data"][2:]
    assert heads["name"] == "240 generated healthy slices"
    assert "MNI152" in heads["origin"]
    everything = replace(PLAIN, attention=True, second_reader=True, heads=8)
    assert len(_provenance(everything)["data"]) == 4
    assert all(entry["licence"] for entry in _provenance(everything)["data"])


def test_folds_seed_epochs_and_backend_are_those_of_the_run():
    found = _provenance(held_out(replace(PLAIN, seed=3, epochs=5), 2))
    assert (found["trained_on_folds"], found["calibrated_on_folds"]) == ([1, 3, 4], [2])
    assert (found["seed"], found["epochs"]) == (3, 5)
    assert found["backend"] == {"backend": "stock"}
    assert found["commit"]


def test_the_draft_is_a_manifest_once_optimize_has_filled_it():
    document = json.loads(json.dumps(draft_manifest(CONFIG, {})))
    file = {"sha256": "0" * 64, "bytes": 1}
    filled = {
        **document,
        "verdict": {},
        "files": {"model.xml": file, "model.bin": file},
        "probe": {},
        "metrics": {},
    }
    manifest = parse(filled)
    assert set(manifest.outputs) == set(OUTPUTS)
    assert manifest.preprocessing == CONFIG.preprocessing
