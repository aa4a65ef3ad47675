"""Counts and durations for Prometheus, in a registry of the application's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_STAGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)


class Telemetry:
    """What is measured while serving; no label comes from a client."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "neuralscan_stage_seconds",
            "Time of one analysis by stage",
            ["stage"],
            buckets=_STAGES,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "neuralscan_reports", "Reports by verdict", ["verdict"], registry=self.registry
        )
        self._refusals = Counter(
            "neuralscan_refusals", "Refused inputs by code", ["code"], registry=self.registry
        )
        self._requests = Histogram(
            "neuralscan_http_request_seconds",
            "Time to answer a request",
            ["route", "method", "status"],
            buckets=_STAGES,
            registry=self.registry,
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a number that is read when asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def report(self, document: Mapping[str, Any]) -> None:
        """Count one report."""
        self._verdicts.labels(document["verdict"]).inc()
        if document.get("refusal"):
            self._refusals.labels(document["refusal"]["code"]).inc()
        for stage, spent_ms in document["timings_ms"].items():
            self._stages.labels(stage).observe(spent_ms / 1e3)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; ``route`` is the rule, not the address."""
        self._requests.labels(route, method, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
