"""What every peer offers to the worker: a way to answer one slice, and one to answer many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Outputs = Mapping[str, np.ndarray]
"""``logits`` (n, 4) and ``mask`` (n, side, side, 1), float32; others may be there."""


@dataclass(frozen=True)
class Way:
    """How calls are made in one kind of scenario.

    Attributes
    ----------
    call : callable
        Answers query number i.
    callers : int
        How many threads may call at once.
    items : int
        Slices that one call answers.
    hint : str
        Threads and settings, for the row.
    stages : callable, optional
        Milliseconds by stage from what ``call`` answered; for what knows its stages.
    """

    call: Callable[[int], Any]
    callers: int = 1
    items: int = 1
    hint: str = ""
    stages: Callable[[Any], Mapping[str, float]] | None = None


class Peer(Protocol):
    """A network, or the whole appliance, ready to be called.

    Attributes
    ----------
    device : str
    versions : mapping
        Of what answers.
    size_mb : float
        Of the network's files, 10^6 bytes.
    """

    device: str
    versions: Mapping[str, str]
    size_mb: float

    def latency(self) -> Way:
        """One slice at a time, all cores on it."""

    def throughput(self) -> Way:
        """Many slices, as the framework does them best."""

    # serving() -> Way, where given, is how single slices are answered that come by chance; else
    # they queue for `latency`.

    def answer(self, arrays: np.ndarray) -> Outputs:
        """Outputs for (n, side, side, 1) float32."""

    def close(self) -> None:
        """Give back what is not memory."""


@dataclass
class NetworkPeer:
    """A peer around one function that answers a batch; frameworks fill in the rest.

    Attributes
    ----------
    single, many : callable
        ``(n, side, side, 1) float32`` to outputs: with all threads on one call; one of ``callers``
        at once.
    batch : int
        Slices in a call of ``many``.
    samples : (n, side, side, 1) float32
        What is sent round and round, so that no call sees the array of the last.
    """

    samples: np.ndarray
    single: Callable[[np.ndarray], Outputs]
    many: Callable[[np.ndarray], Outputs]
    callers: int
    batch: int
    device: str
    versions: Mapping[str, str]
    size_mb: float
    hints: tuple[str, str] = ("", "")
    _keep: list[Any] = field(default_factory=list)

    def latency(self) -> Way:
        n = len(self.samples)
        return Way(lambda i: self.single(self.samples[i % n : i % n + 1]), 1, 1, self.hints[0])

    def throughput(self) -> Way:
        n = max(len(self.samples) // self.batch, 1)
        batches = [self.samples[k * self.batch : (k + 1) * self.batch] for k in range(n)]
        if len(batches[0]) < self.batch:
            batches = [np.concatenate([self.samples] * self.batch)[: self.batch]]
        return Way(lambda i: self.many(batches[i % n]), self.callers, self.batch, self.hints[1])

    def answer(self, arrays: np.ndarray) -> Outputs:
        parts = [self.single(arrays[i : i + 1]) for i in range(len(arrays))]
        return {key: np.concatenate([part[key] for part in parts]) for key in ("logits", "mask")}

    def close(self) -> None:
        self._keep.clear()
