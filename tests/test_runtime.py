"""The pool lends one request to each caller; the precision and the import order are held."""

import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from appliance import exits
from appliance.core.errors import ModelError, Unavailable
from appliance.ir import Ir
from appliance.runtime import Network
from tests.tiny import SIZE


@pytest.fixture(scope="module")
def outputs():
    return {name: name for name in ("logits", "mask", "cam", "embedding")}


@pytest.fixture(scope="module")
def model(tiny_folder):
    return tiny_folder / "tiny" / "model.xml"


def inputs(n, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (1, SIZE, SIZE, 1)).astype(np.float32) for _ in range(n)]


@pytest.mark.parametrize("hint", ["LATENCY", "THROUGHPUT"])
def test_hammered_by_threads_every_caller_gets_its_own_answer(model, outputs, hint):
    network = Network(model, outputs, device="CPU", hint=hint)
    arrays = inputs(16)
    serial = [network.infer(a)["mask"] for a in arrays]
    wrong: list[int] = []

    def client(offset: int) -> None:
        for turn in range(150):
            index = (turn * 7 + offset) % len(arrays)
            if not np.array_equal(network.infer(arrays[index])["mask"], serial[index]):
                wrong.append(index)

    threads = [threading.Thread(target=client, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_stream_comes_back_in_order_and_the_pool_is_whole_afterwards(model, outputs):
    network = Network(model, outputs, device="CPU", hint="THROUGHPUT")
    arrays = inputs(37, seed=1)
    serial = [network.infer(a)["logits"] for a in arrays]
    for _ in range(2):
        stream = [o["logits"] for o in network.infer_many(arrays)]
        assert all(np.array_equal(a, b) for a, b in zip(serial, stream, strict=True))
    assert network._pool.qsize() == network.requests


def test_an_abandoned_stream_returns_its_requests(model, outputs):
    network = Network(model, outputs, device="CPU", hint="THROUGHPUT")
    stream = network.infer_many(inputs(20))
    next(stream)
    stream.close()
    assert network._pool.qsize() == network.requests

    def breaking():
        yield from inputs(3)
        raise ValueError("the reader failed")

    with pytest.raises(ValueError):
        list(network.infer_many(breaking()))
    assert network._pool.qsize() == network.requests


def test_a_batch_is_answered_slice_by_slice(model, outputs):
    network = Network(model, outputs, device="CPU")
    batch = np.concatenate(inputs(3))
    whole = network.infer(batch)
    assert whole["mask"].shape[0] == 3
    assert np.array_equal(whole["mask"][1:2], network.infer(batch[1:2])["mask"])


def test_a_missing_device_names_those_that_are_there(model, outputs):
    with pytest.raises(Unavailable, match="found CPU"):
        Network(model, outputs, device="NPU")


def test_a_missing_output_is_a_model_error(model):
    with pytest.raises(ModelError, match="lacks the outputs"):
        Network(model, {"logits": "nowhere"}, device="CPU")


def test_what_is_compiled_are_the_bytes_that_were_read(model, outputs, tmp_path):
    """A file changed after it was verified changes nothing, with and without a cache."""
    for part in (model, model.with_suffix(".bin")):
        shutil.copy(part, tmp_path / part.name)
    copy, array = tmp_path / "model.xml", inputs(1)[0]
    ir = Ir.read(copy)
    expected = Network(model, outputs, device="CPU").infer(array)["mask"]
    for part in (copy, copy.with_suffix(".bin")):
        part.write_bytes(b"changed meanwhile")
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        network = Network(ir, outputs, device="CPU", cache=cache)
        assert np.array_equal(network.infer(array)["mask"], expected)
    with pytest.raises(ModelError):
        Network(copy, outputs, device="CPU")


def test_another_network_does_not_meet_the_cache_of_the_first(model, outputs, tmp_path):
    ir = Ir.read(model)
    Network(ir, outputs, device="CPU", cache=tmp_path)
    weights = np.frombuffer(ir.weights, np.float32).copy()
    assert len(np.flatnonzero(weights == 40)) == 1
    weights[weights == 40] = 80
    other = Ir(ir.xml, weights.tobytes())
    array = inputs(1)[0]
    first, second = (Network(i, outputs, device="CPU", cache=tmp_path) for i in (ir, other))
    assert np.allclose(2 * first.infer(array)["mask"], second.infer(array)["mask"], atol=1e-3)


def test_a_missing_network_says_which_file(tmp_path, outputs):
    with pytest.raises(ModelError, match=r"model\.xml"):
        Network(tmp_path / "model.xml", outputs, device="CPU")


def test_a_corrupt_cache_entry_is_compiled_anew(model, outputs, tmp_path):
    cache = tmp_path / "cache"
    first = Network(model, outputs, device="CPU", cache=cache)
    entries = [p for p in cache.rglob("*") if p.is_file()]
    assert entries
    for entry in entries:
        entry.write_bytes(b"broken")
    again = Network(model, outputs, device="CPU", cache=cache)
    array = inputs(1)[0]
    assert np.array_equal(first.infer(array)["mask"], again.infer(array)["mask"])


CORES = """
import os
from appliance.pipeline import Analyzer
import daal4py
Analyzer(device="CPU")
assert daal4py.num_threads() == len(os.sched_getaffinity(0)), daal4py.num_threads()
import cv2
assert cv2.getNumThreads() == 1, cv2.getNumThreads()
"""


def test_onedal_and_opencv_leave_openvino_its_threads():
    """A limit of oneDAL's is one of the TBB both share: with 1, a slice took twice as long.

    OpenCV has threads of its own, which wait on the network's cores for more work.
    """
    found = subprocess.run(
        [sys.executable, "-c", CORES], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]


SILENT = """
import socket, sys
def forbidden(*_):
    raise SystemExit("something asked for the network")
socket.socket.connect = socket.getaddrinfo = forbidden
from appliance.pipeline import Analyzer
from appliance.ingest import read_bytes
from appliance.core.probe import probe_picture
import cv2
analyzer = Analyzer(device="CPU")
data = cv2.imencode(".png", probe_picture())[1].tobytes()
analyzer.analyze(read_bytes(data, "a.png").series[0])
assert sys.modules["openvino_telemetry"] is None
"""


def test_nothing_leaves_the_machine_while_reading_a_slice():
    """OpenVINO's own telemetry, sent on import, included; a background thread would show too."""
    found = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert "network" not in found.stderr


@pytest.mark.parametrize(
    "order",
    [
        "import appliance.runtime, appliance.onedal",
        "import appliance.onedal, appliance.runtime",
        "import appliance.pipeline",
        "import appliance.backends",
        "import appliance.replay",
        "import optimize.parity",
        "import optimize.quantize",
        "import appliance.cli",
    ],
)
def test_any_first_import_works_in_a_fresh_process(order):
    if "quantize" in order:
        pytest.importorskip("nncf")
    found = subprocess.run(
        [sys.executable, "-c", order], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]


def test_the_wrong_order_says_so_and_ends_with_5():
    code = (
        "import openvino, sys; from appliance.cli import main; sys.exit(main(['models', 'check']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    if found.returncode == 0:
        pytest.skip("here scikit-learn-intelex loads after OpenVINO too")
    assert found.returncode == exits.MISSING
    assert found.stderr.startswith("error: scikit-learn-intelex cannot be loaded after OpenVINO")
    assert "import appliance.runtime before openvino" in found.stderr
    assert not found.stdout
