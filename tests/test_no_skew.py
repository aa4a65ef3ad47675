"""Training, calibration and serving feed a network the same bytes for the same file."""

import json

import cv2
import numpy as np
import pytest

from appliance.core.preprocess import Preprocessing
from appliance.core.probe import probe_picture
from appliance.core.types import LABELS
from appliance.ingest import read_bytes
from appliance.pipeline import Analyzer


@pytest.fixture
def root(tmp_path):
    """A data root in the published layout, with generated pictures of several formats."""
    (tmp_path / "figshare" / "images").mkdir(parents=True)
    (tmp_path / "figshare" / "masks").mkdir()
    (tmp_path / "no_tumor").mkdir()
    picture = probe_picture()
    lines = ["id,image,mask,label,fold,author_fold,run,tumor_px,box_xyxy"]
    for number, label in enumerate(LABELS[:3]):
        moved = np.roll(picture, 4 * number, 1)
        cv2.imwrite(str(tmp_path / "figshare" / "images" / f"{number}.jpg"), moved)
        mask = (moved > 170).astype(np.uint8) * 255
        cv2.imwrite(str(tmp_path / "figshare" / "masks" / f"{number}.png"), mask)
        lines.append(
            f"{number},images/{number}.jpg,masks/{number}.png,{label},1,1,{number},9,0 0 1 1"
        )
    (tmp_path / "figshare" / "labels.csv").write_text("\n".join(lines) + "\n")
    colour = cv2.cvtColor(probe_picture(lesion=False), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "no_tumor" / "a.png"), colour)
    deep = probe_picture(lesion=False).astype(np.uint16) * 200
    cv2.imwrite(str(tmp_path / "no_tumor" / "b.png"), deep)
    rows = ["image,plane,group,fold", "no_tumor/a.png,ax,1,1", "no_tumor/b.png,ax,2,1"]
    (tmp_path / "no_tumor.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def served(package, files):
    """What the server's network is given, captured at the runtime's door."""
    analyzer = Analyzer(device="CPU", package=package)
    network = analyzer._network("LATENCY")
    captured = []
    original = network.infer_many

    def spy(arrays, *args):
        def watch():
            for array in arrays:
                captured.append(array.tobytes())
                yield array

        return original(watch(), *args)

    network.infer_many = spy
    for file in files:
        (series,) = read_bytes(file.read_bytes(), file.name).series
        analyzer.analyze(series)
    return captured


def test_loader_calibration_and_server_agree_byte_for_byte(root, tiny_package):
    pytest.importorskip("tensorflow")
    from optimize import cases as listed
    from training import data
    from training.config import Config
    from training.loader import plain_batches

    spec = tiny_package.manifest.preprocessing
    cases = data.tumour_cases(root) + data.healthy_cases(root)
    config = Config("t", "t", preprocessing=Preprocessing(**spec.to_json()), mask_side=32, batch=2)
    slices = data.load(cases, config.preprocessing)
    loader = [a.tobytes() for batch, *_ in plain_batches(slices, config) for a in batch.numpy()]

    export = root / "export"
    export.mkdir()
    rows = [
        {
            "image": str(c.image.relative_to(root)),
            "mask": c.mask and str(c.mask.relative_to(root)),
            "label": c.label,
            "fold": c.fold,
            "group": c.group,
            "source": c.source,
        }
        for c in cases
    ]
    (export / "cases.json").write_text(json.dumps({"training": rows}))
    again = listed.read_cases(export, root, "training")
    calibration = [item.array.tobytes() for item in listed.prepared(again, spec)]
    server = served(tiny_package, [case.image for case in cases])
    assert len(server) == 5
    assert loader == calibration == server
