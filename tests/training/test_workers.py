"""Two workers on one host train one network: same weights on both, one set of results."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.core.errors import BadRequest
from tests.small_root import write_small_root
from training.workers import Cluster, cluster

ROOT = Path(__file__).parents[2]
WORK = """
import hashlib, json, sys
from pathlib import Path
from appliance.core.preprocess import Preprocessing
from training.config import Config
from training.device import start
from training.workers import cluster
root, out, addresses, index = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
workers = cluster(addresses, index)
config = Config(
    "small", "Small", preprocessing=Preprocessing(size=64), mask_side=32, epochs=1, batch=8,
)
backend = start(config.seed, cluster=workers)
from tests.small_network import build_small
from training import train
train.build_for, train.load_imagenet = build_small, lambda *_: 0  # the strategy is what is tested
seen = {}
whole = train._Run.save
def save(self, *arguments):
    weights = self.checkpoint.average.get_weights()
    seen["weights"] = hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest()
    whole(self, *arguments)
train._Run.save = save
history = train.train(config, root, out, backend, workers)
print(json.dumps({"workers": history["backend"]["workers"], **seen}))
"""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for held in sockets:
        held.close()
    return ports


def test_two_workers_end_with_the_same_weights(tmp_path):
    pytest.importorskip("tensorflow")
    root = write_small_root(tmp_path / "root")
    addresses = ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(root), str(tmp_path / "run"), addresses, str(index)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    try:
        ends = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [p.returncode for p in processes] == [0, 0], ends[0][1][-2000:] + ends[1][1][-2000:]
    chief, other = (json.loads(out.splitlines()[-1]) for out, _ in ends)
    assert chief == other
    assert chief["workers"] == 2
    document = json.loads((tmp_path / "run" / "history.json").read_text())
    assert len(document["epochs"]) == 1
    assert list((tmp_path / "run" / "checkpoints").glob("ckpt-1.index"))
    assert list((tmp_path / "run" / "logs").glob("events.*"))


def test_addresses_are_checked():
    assert cluster(None, 0) == Cluster()
    assert cluster("a:1, b:2", 1).addresses == ("a:1", "b:2")
    for wrong in ("a", "a:1,a:1", "a:x"):
        with pytest.raises(BadRequest, match="--workers"):
            cluster(wrong, 0)
    for index in (-1, 2):
        with pytest.raises(BadRequest, match="--worker"):
            cluster("a:1,b:2", index)
