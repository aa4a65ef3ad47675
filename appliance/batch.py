"""Many paths through one analyser: the next input is decoded while this one is inferred.

Results are written as they come, each input into a folder of its own, so that no input and no
run overwrites another.
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from appliance import export, ingest
from appliance.archives import natural_key
from appliance.core.errors import CorruptFile, NotFound
from appliance.core.types import Refusal, Report, Series, Study, Volume
from appliance.formats import is_junk, sniff
from appliance.outputs import writing
from appliance.render import Pictures
from appliance.report import to_html

_PICTURES = frozenset({"png", "jpeg", "tiff", "bmp"})
_TOGETHER = frozenset({"dicom", "nifti", "gzip", "zip"})
_AHEAD = 2


@dataclass(frozen=True)
class Outcome:
    """One report and where its files are.

    Attributes
    ----------
    document : dict
        The report's JSON, ``mask`` filled in.
    folder : Path
        Absolute; holds everything written about this series.
    """

    document: dict[str, Any]
    folder: Path

    @property
    def refused(self) -> bool:
        return self.document["verdict"] == "refused"


def expand(paths: Iterable[Path]) -> list[Path]:
    """What is read at once: a folder that holds pictures only becomes its pictures.

    Each picture is a series of its own, so thousands of them need not be in memory together.
    Folders with DICOM, NIfTI or zips stay whole, since a series may be spread over them.
    """
    found: list[Path] = []
    for path in paths:
        found += (_pictures_below(path) or [path]) if path.is_dir() else [path]
    return found


def _pictures_below(folder: Path) -> list[Path]:
    """The folder's pictures and unknown files, in natural order; empty when it stays whole."""
    files = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    chosen, pictures = [], 0
    for path in sorted(files, key=lambda p: natural_key(p.relative_to(folder).as_posix())):
        try:
            kind = "unknown"
            if path.is_file():  # opening a pipe would wait for someone to write
                with path.open("rb") as stream:
                    kind = sniff(stream.read(4096))
        except OSError:
            kind = "unknown"
        if kind in _TOGETHER:
            return []
        pictures += kind in _PICTURES
        if not is_junk(path.relative_to(folder).as_posix(), kind):
            chosen.append(path)
    return chosen if pictures else []


def _read(path: Path) -> tuple[Study, float]:
    start = perf_counter()
    try:
        study = ingest.read_path(path)
    except NotFound as error:  # a link to nowhere, or gone since the command began
        study = Study(
            "", (), (Refusal(CorruptFile.code, error.message, ingest.base_name(path.name)),)
        )
    return study, (perf_counter() - start) * 1e3


def read_ahead(paths: Iterable[Path]) -> Iterator[tuple[Study, float]]:
    """Studies in the order of the paths, with the milliseconds it took to decode each.

    One thread stays a few paths ahead of the consumer.
    """
    waiting = iter(paths)
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        ahead: deque = deque()
        try:
            for path in waiting:
                ahead.append(pool.submit(_read, path))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def stem_of(name: str, sha256: str) -> str:
    """A folder name for an input: letters and digits of its name, and the digest's start.

    >>> stem_of("../Slice 12.png", "0123456789abcdef")
    'Slice-12-01234567'
    >>> stem_of("", "0123456789abcdef")
    'input-01234567'
    """
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    base = re.sub(r"(\.nii)?\.[A-Za-z0-9]{1,5}$", "", base)
    safe = re.sub(r"[^A-Za-z0-9]+", "-", base).strip("-")[:40]
    return f"{safe or 'input'}-{sha256[:8] or 'unread'}"


def fresh_folder(out: Path, stem: str) -> Path:
    """A folder that did not exist before: ``stem``, ``stem-2``, ``stem-3`` and so on."""
    number = 1
    while True:
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder.resolve()
        except FileExistsError:
            number += 1


def write(report: Report, series: Series | None, out: Path, formats: Sequence[str]) -> Outcome:
    """Write the mask and the chosen formats of one report.

    Parameters
    ----------
    series : Series or None
        None for an input that could not be read.
    formats : sequence of str
        Of ``json``, ``html``, ``png``, ``nifti``; the mask is written whatever they say.
    """
    with writing(out):
        return _write(report, series, out, formats)


def _write(report: Report, series: Series | None, out: Path, formats: Sequence[str]) -> Outcome:
    document = report.to_json()
    folder = fresh_folder(out, stem_of(document["input"]["name"], document["input"]["sha256"]))
    if series is not None and report.label_map is not None:
        document["mask"] = str(_write_masks(report.label_map, series, folder, formats))
    if "png" in formats and series is not None and report.verdict != "refused":
        pictures = Pictures.of(series, report)
        (folder / "overlay.png").write_bytes(pictures.slice(pictures.telling(), "contour"))
    if "html" in formats:
        page = to_html([(replace(report, document=document), series)])
        (folder / "report.html").write_text(page, encoding="utf-8", errors="backslashreplace")
    if "json" in formats:
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (folder / "report.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    return Outcome(document, folder)


def _write_masks(label_map: Volume, series: Series, folder: Path, formats: Sequence[str]) -> Path:
    """The mask in the input's own kind of file, and as NIfTI too where that was asked for."""
    path = export.write_mask(series, label_map, folder)
    if export.is_picture(series) and "nifti" in formats:
        (folder / "mask.nii.gz").write_bytes(export.mask_nifti(series, label_map))
    return path


def analyze_paths(
    analyzer: Any,
    paths: Sequence[Path],
    out: Path,
    formats: Sequence[str] = ("json",),
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[Outcome]:
    """Every series and every refusal of every path, in order.

    Parameters
    ----------
    analyzer : appliance.pipeline.Analyzer
    progress : callable
        Told the share of ``paths`` that is done, 0 to 1.
    """
    for done, (study, decode_ms) in enumerate(read_ahead(paths)):
        parts = len(study.series) + len(study.refusals)
        share_ms = decode_ms / max(parts, 1)

        def within(share: float, part: int = 0, done: int = done, parts: int = parts) -> None:
            progress((done + (part + share) / parts) / len(paths))

        for part, series in enumerate(study.series):
            report = analyzer.analyze(
                series,
                progress=lambda share, part=part, within=within: within(share, part),
                decode_ms=share_ms,
            )
            yield write(report, series, out, formats)
        for refusal in study.refusals:
            yield write(analyzer.refuse(refusal), None, out, formats)
        progress((done + 1) / len(paths))
