"""A server's answers are the network's own, and every way it can fail has its error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from appliance import exits
from appliance.backends import open_network
from appliance.cli import main
from appliance.core.errors import BadRequest, Busy, ModelError, Unavailable
from appliance.ir import Ir
from appliance.kserve import KServeNetwork
from appliance.kserve_wire import parse_address
from appliance.pipeline import Analyzer
from appliance.runtime import Network
from optimize.ovms import export
from tests.conftest import make_series
from tests.fakes import write_picture
from tests.kserve_server import Trouble, serving
from tests.test_runtime import inputs
from tests.tiny import SIZE

OUTPUTS = {name: name for name in ("logits", "mask", "cam", "embedding")}
SHAPE = (1, SIZE, SIZE, 1)


@pytest.fixture(scope="module")
def ir(tiny_folder):
    return Ir.read(tiny_folder / "tiny" / "model.xml")


@pytest.fixture(scope="module")
def local(ir):
    return Network(ir, OUTPUTS, device="CPU")


@pytest.fixture
def server(ir):
    with serving(ir) as running:
        yield running


def client(server, path: str = "", **more) -> KServeNetwork:
    return KServeNetwork(server.address + path, "tiny", OUTPUTS, input_shape=SHAPE, **more)


@pytest.mark.parametrize("binary", [True, False])
def test_answers_are_those_of_the_network(server, local, binary):
    server.trouble = Trouble(binary=binary)
    network = client(server)
    assert network._binary is binary
    array = inputs(1)[0]
    expected, found = local.infer(array), network.infer(array)
    for name in OUTPUTS:
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], expected[name]), name
    assert np.array_equal(server.seen[-1], array)


def test_a_batch_and_a_stream_come_back_in_order(server, local):
    network = client(server)
    arrays = inputs(11, seed=3)
    expected = [local.infer(a)["mask"] for a in arrays]
    stream = [found["mask"] for found in network.infer_many(iter(arrays))]
    assert all(np.array_equal(a, b) for a, b in zip(expected, stream, strict=True))
    batch = network.infer(np.concatenate(arrays))
    assert np.array_equal(batch["mask"], np.concatenate(expected))


def test_threads_get_their_own_answers(server, local):
    network = client(server)
    arrays = inputs(8, seed=4)
    expected = [local.infer(a)["logits"] for a in arrays]
    wrong = []

    def ask(offset: int) -> None:
        for turn in range(8):
            index = (turn + offset) % len(arrays)
            if not np.array_equal(network.infer(arrays[index])["logits"], expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_stream_can_be_left_and_cancelled(server):
    network = client(server)
    stream = network.infer_many(inputs(20))
    next(stream)
    stream.close()
    asked = len(server.seen)
    assert asked < 20
    assert list(network.infer_many(inputs(3), cancelled=lambda: True)) == []
    assert len(network.infer(inputs(1)[0])) == 4


def test_a_connection_the_server_closed_is_made_again(server):
    server.trouble = Trouble(hang_up=True)
    network = client(server)
    for array in inputs(3):
        network.infer(array)


@pytest.mark.parametrize("path", ["/tiny", "/tiny/1"])
def test_model_and_version_can_be_named(server, path):
    assert client(server, path).device == server.address


@pytest.mark.parametrize("path", ["/other", "/tiny/7"])
def test_a_model_that_is_not_served_is_named(server, path):
    with pytest.raises(ModelError, match=f"does not serve {path[1:5]}.*404.*export-ovms"):
        client(server, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 8, 8]}]}, "another"),
        ({"inputs": [{"name": "image", "datatype": "UINT8", "shape": list(SHAPE)}]}, "UINT8"),
        ({"outputs": [{"name": "logits"}]}, "without the outputs"),
        ({"inputs": []}, "otherwise than the KServe protocol"),
        ({"outputs": None}, "otherwise than the KServe protocol"),
    ],
)
def test_another_model_is_refused(server, change, said):
    server.trouble = Trouble(card=change)
    with pytest.raises(ModelError, match=said):
        client(server)


def test_a_free_dimension_fits(server):
    card = {"inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, SIZE, SIZE, 1]}]}
    server.trouble = Trouble(card=card)
    client(server)


def test_nobody_there_is_unavailable_with_the_remedy():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="cannot be reached.*start the server"):
        KServeNetwork(f"kserve://127.0.0.1:{port}", "tiny", OUTPUTS, input_shape=SHAPE)


def test_a_server_that_is_no_such_server():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def babble() -> None:
            connection, _ = listening.accept()
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        threading.Thread(target=babble, daemon=True).start()
        address = f"kserve://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be reached"):
            KServeNetwork(address, "tiny", OUTPUTS, input_shape=SHAPE, timeout_s=5)


def test_a_server_that_does_not_answer_in_time(server):
    server.trouble = Trouble(delay_s=0.8)
    before = time.monotonic()
    with pytest.raises(Unavailable, match=r"within 0\.2 s"):
        client(server, timeout_s=0.2)
    assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    ("status", "kind"), [(503, Busy), (429, Busy), (500, Unavailable), (400, ModelError)]
)
def test_errors_of_the_server_have_their_kind(server, status, kind):
    network = client(server)
    server.trouble = Trouble(status=status)
    with pytest.raises(kind, match="out of order") as caught:
        network.infer(inputs(1)[0])
    assert type(caught.value) is kind


def _answer(**changes) -> bytes:
    output = {"name": "logits", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}
    rest = [{**output, "name": name} for name in ("mask", "cam", "embedding")]
    return json.dumps({"outputs": [{**output, **changes}, *rest]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"outputs": []}',
        _answer(data=[0, 0]),
        _answer(data="text"),
        _answer(datatype="BYTES"),
        _answer(shape=[2, 2]),
        _answer(shape=[2, 2], data=[0, 0, 0, 0]),
        _answer(data=[0, 0, float("nan"), 0]),
        _answer(parameters={"binary_data_size": 16}, data=None),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_model_error(server, body):
    network = client(server)
    server.trouble = Trouble(body=body)
    with pytest.raises(ModelError):
        network.infer(inputs(1)[0])


def test_a_slice_of_another_size_is_not_sent(server):
    with pytest.raises(ModelError, match="expected"):
        client(server).infer(np.zeros((1, 8, 8, 1), np.float32))


@pytest.mark.parametrize(
    "address",
    ["", "localhost:8000", "http://localhost", "kserve://", "kserve://h:port", "kserve://h/a/b/c",
     "kserve://me@h", "kserve://h?x=1", "kserve://[::1"],
)  # fmt: skip
def test_other_addresses_are_wrong_usage(address):
    with pytest.raises(BadRequest, match="kserve://HOST:PORT"):
        parse_address(address, "tiny")


def test_the_same_report_as_on_this_machine(server, tiny_package):
    here = Analyzer(device="CPU", package=tiny_package)
    there = Analyzer(package=tiny_package, backend=server.address)
    there.warm_up()
    for series in (make_series(), make_series(slices=1)):
        one, other = here.analyze(series).document, there.analyze(series).document
        for key in ("verdict", "classification", "lesions", "slices", "quality"):
            assert one[key] == other[key], key
        assert other["model"]["device"] == server.address
        assert other["model"]["sha256"] == one["model"]["sha256"]


def test_another_network_of_the_same_shape_is_found_by_its_answers(tiny_package, ir):
    weights = np.frombuffer(ir.weights, np.float32).copy()
    weights[weights == 40] = 20
    with (
        serving(Ir(ir.xml, weights.tobytes())) as other,
        pytest.raises(ModelError, match=r"runs another network than tiny 0\.0\.1 INT8"),
    ):
        open_network(tiny_package, backend=other.address)


@pytest.fixture
def picture(tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path / "home"))
    return str(write_picture(tmp_path / "a.png"))


def test_the_command_line_reads_through_a_server(server, picture, tmp_path, capsys):
    arguments = ["analyze", picture, "--json", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--backend", server.address]) in (exits.DONE, exits.REFUSED)
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["device"] == server.address


@pytest.mark.parametrize(
    ("address", "code"),
    [("kserve://127.0.0.1:1", exits.MISSING), ("http://127.0.0.1:1", exits.USAGE)],
)
def test_the_command_line_says_what_is_missing(picture, address, code, capsys):
    assert main(["analyze", picture, "--backend", address]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert not captured.out


@pytest.mark.parametrize("engine", ["kserve", "mlserver"])
def test_against_a_real_server(engine, tiny_package, tmp_path, local):
    """With ``KSERVE_PYTHON`` or ``MLSERVER_PYTHON``: a Python that has the server and openvino."""
    python = os.environ.get(f"{engine.upper()}_PYTHON")
    if not python:
        pytest.skip(f"set {engine.upper()}_PYTHON to a Python that has {engine} and openvino")
    export(tiny_package, tmp_path / "repository")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "real_servers.py"
    server = subprocess.Popen(
        [python, script, engine, tmp_path / "repository", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    try:
        until = time.monotonic() + 90
        while True:
            try:
                network = open_network(tiny_package, backend=f"kserve://127.0.0.1:{port}")
                break
            except Unavailable:
                assert time.monotonic() < until
                assert server.poll() is None, "the server ended"
                time.sleep(0.5)
        assert network._binary is (engine == "kserve")
        arrays = inputs(6, seed=9)
        for array, found in zip(arrays, network.infer_many(arrays), strict=True):
            expected = local.infer(array)
            for name in OUTPUTS:
                assert np.allclose(found[name], expected[name], atol=1e-5), name
    finally:
        server.terminate()
        server.wait(60)
