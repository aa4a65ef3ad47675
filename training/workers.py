"""Several machines: TensorFlow's own ``MultiWorkerMirroredStrategy``, set up from two options.

Every worker runs the same command with the same ``--workers`` and its own ``--worker``. Each
sees the same epoch, takes every n-th slice of it, and all sum their gradients; the first one
writes history and checkpoints. The batch of a configuration is the batch of one worker.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from appliance.core.errors import BadRequest


@dataclass(frozen=True)
class Cluster:
    """Addresses of all workers and the place of this one among them."""

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def count(self) -> int:
        """Workers that take part, at least 1."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the results."""
        return self.index == 0

    def announce(self) -> None:
        """Set ``TF_CONFIG``; before TensorFlow is imported."""
        if self.count > 1:
            os.environ["TF_CONFIG"] = json.dumps(
                {
                    "cluster": {"worker": list(self.addresses)},
                    "task": {"type": "worker", "index": self.index},
                }
            )

    def strategy(self):
        """``MultiWorkerMirroredStrategy`` for several workers, the default one otherwise."""
        import tensorflow as tf

        if self.count > 1:
            return tf.distribute.MultiWorkerMirroredStrategy()
        return tf.distribute.get_strategy()


def cluster(workers: str | None, worker: int) -> Cluster:
    """From ``host:port,host:port`` and an index.

    Raises
    ------
    BadRequest
        For an address without a port, a repeated address or an index out of range.

    Examples
    --------
    >>> cluster("10.0.0.1:3000,10.0.0.2:3000", 1).count
    2
    """
    addresses = tuple(a.strip() for a in workers.split(",")) if workers else ()
    wrong = [a for a in addresses if not a.rpartition(":")[2].isdigit() or ":" not in a]
    if wrong or len(set(addresses)) != len(addresses):
        raise BadRequest(f"--workers lists different host:port addresses, found {workers!r}")
    if not 0 <= worker < max(1, len(addresses)):
        raise BadRequest(f"--worker is a place in --workers, counted from 0, found {worker}")
    return Cluster(addresses, worker)
