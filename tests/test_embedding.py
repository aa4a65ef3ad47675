"""appliance.embedding: what retrieval compares, and when two of them may be compared."""

from dataclasses import replace

import numpy as np
import pytest

from appliance.core.errors import BlankImage, ManifestError, NotFound
from appliance.core.types import Volume
from appliance.embedding import embed, embedder_of, retrieved
from tests.conftest import make_series


def changed(manifest, **document):
    return replace(manifest, document={**manifest.document, **document})


def test_it_is_the_embedding_of_the_one_pass_scaled_to_length_one(analyzer, series):
    wanted = analyzer.read(series).embeddings[4]
    found = analyzer.embed(series, 4)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_only_the_part_that_the_manifest_names_is_compared(analyzer, series):
    part = changed(analyzer.manifest, retrieval={"features": [4, 10]})
    wanted = analyzer.read(series).embeddings[4, 4:10]
    found = embed(series, 4, part, analyzer.infer)
    assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)
    for pair in ([1], ["a", "b"], [1.5, 2]):
        with pytest.raises(ManifestError):
            retrieved(changed(analyzer.manifest, retrieval={"features": pair}))
    older = {k: v for k, v in analyzer.manifest.document.items() if k != "retrieval"}
    assert retrieved(replace(analyzer.manifest, document=older)) == slice(0, None)


def test_slices_that_are_not_there_or_empty(analyzer, series):
    for index in (-1, 9):
        with pytest.raises(NotFound):
            analyzer.embed(series, index)
    with pytest.raises(BlankImage):
        analyzer.embed(make_series(volume=Volume(np.zeros((3, 40, 40), np.uint8))), 1)


def test_its_name_changes_with_the_network_and_nothing_else(analyzer):
    manifest = analyzer.manifest
    name = analyzer.embedder
    assert embedder_of(changed(manifest, metrics={"new": 1}), "INT8") == name
    again = {**manifest.files, "opinion.npz": {"sha256": "0" * 64, "bytes": 1}}
    assert embedder_of(replace(manifest, files=again), "INT8") == name
    other = {**manifest.files, "model.bin": {"sha256": "0" * 64, "bytes": 1}}
    spec = replace(manifest.preprocessing, margin=0.1)
    assert name not in {
        embedder_of(replace(manifest, files=other), "INT8"),
        embedder_of(replace(manifest, preprocessing=spec), "INT8"),
        embedder_of(changed(manifest, retrieval={"features": [0, 4]}), "INT8"),
    }
