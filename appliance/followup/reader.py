"""The analyser as follow-up needs it: exams of series, and an outliner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from appliance.core.types import Report, Series
from appliance.followup.exam import Exam, from_report
from appliance.followup.sight import Outliner, network_outliner


def read_exam(
    analyzer: Any, series: Series, progress: Callable[[float], None] = lambda share: None
) -> Exam:
    """An exam as ``analyze`` would report it; a refusal is an exam too."""
    return from_report(analyzer.analyze(series, progress), series)


def read_exams(
    analyzer: Any, given: Sequence[Series], progress: Callable[[float], None]
) -> tuple[list[Report], list[Exam]]:
    """The reports of all studies, and the exams that are compared."""
    reports = [
        analyzer.analyze(series, lambda share, n=n: progress((n + share) / len(given)))
        for n, series in enumerate(given)
    ]
    pairs = zip(reports, given, strict=True)
    return reports, [from_report(report, series) for report, series in pairs]


def model_of(reports: Sequence[Report]) -> Mapping[str, Any]:
    """What read the studies: the ``model`` part of their reports."""
    return reports[-1].document["model"]


def outliner_of(analyzer: Any) -> Outliner:
    """The analyser's network as outliner."""
    return network_outliner(analyzer.read, analyzer.manifest)
