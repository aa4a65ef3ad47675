"""Many paths through one analyser: some are decoded and written while others are inferred.

Results are written as they come, each input into a folder of its own, so that no input and no
run overwrites another.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from appliance import export, handover, ingest
from appliance.archives import natural_key
from appliance.core.errors import BurnedInText, CorruptFile, NotFound
from appliance.core.types import Refusal, Report, Series, Study, Volume
from appliance.formats import is_junk, sniff
from appliance.machine import usable_cores
from appliance.outputs import writing
from appliance.render import Pictures
from appliance.report import to_html

_PICTURES = frozenset({"png", "jpeg", "tiff", "bmp"})
_TOGETHER = frozenset({"dicom", "nifti", "gzip", "zip"})
_AHEAD = 2  # paths submitted for each worker
_CROWD = 4
"""At least so many paths are worked on at once."""


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


def _read(path: Path, read: Callable[[Path], Study]) -> tuple[Study, float]:
    start = perf_counter()
    try:
        study = read(path)
    except NotFound as error:  # a link to nowhere, or gone since the command began
        study = Study(
            "", (), (Refusal(CorruptFile.code, error.message, ingest.base_name(path.name)),)
        )
    return study, (perf_counter() - start) * 1e3


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
    digest = sha256[:8] or "unread"
    return f"{safe.removesuffix(digest).rstrip('-') or 'input'}-{digest}"


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
        Of ``json``, ``html``, ``png``, ``nifti`` and `handover.FORMATS`; the mask is written
        whatever they say.
    """
    with writing(out):
        return _write(report, series, out, formats)


def _write(report: Report, series: Series | None, out: Path, formats: Sequence[str]) -> Outcome:
    document = report.to_json()
    folder = fresh_folder(out, stem_of(document["input"]["name"], document["input"]["sha256"]))
    try:
        return _fill(folder, report, series, formats)
    except BaseException:  # Ctrl-C among them: half a result is worse than none
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(folder: Path, report: Report, series: Series | None, formats: Sequence[str]) -> Outcome:
    document = report.to_json()
    if series is not None and report.label_map is not None:
        document["mask"] = str(_write_masks(report.label_map, series, folder, formats))
    shown, missing = _shown(report, series, formats)
    if missing:
        document = {**document, "not_written": missing}
    if "png" in formats and shown is not None and report.verdict != "refused" and not missing:
        pictures = Pictures.of(shown, report)
        (folder / "overlay.png").write_bytes(pictures.slice(pictures.telling(), "contour"))
    if set(handover.FORMATS) & set(formats):
        given = replace(report, document=document)
        files, more = handover.write(given, series, folder, formats)
        document = {**document, "files": files, "not_written": {**missing, **more}}
    if "html" in formats and not missing:
        page = to_html([(replace(report, document=document), shown)])
        (folder / "report.html").write_text(page, encoding="utf-8", errors="backslashreplace")
    if "json" in formats:
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (folder / "report.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    return Outcome(document, folder)


def _shown(
    report: Report, series: Series | None, formats: Sequence[str]
) -> tuple[Series | None, dict[str, str]]:
    """The series as pictures may show it, and which formats with pictures are not written."""
    pictured = [name for name in ("png", "html") if name in formats]
    try:
        return handover.covered([(report, series)])[0][1] if pictured else series, {}
    except BurnedInText as error:
        return series, dict.fromkeys(pictured, error.message)


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
    read: Callable[[Path], Study] = ingest.read_path,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """Every series and every refusal of every path, in order.

    Many pictures are decoded, analysed and written by several threads at once; a path that may
    hold a volume is worked on alone, so that memory holds one of them.

    Parameters
    ----------
    analyzer : appliance.pipeline.Analyzer
    progress : callable
        Told the share of ``paths`` that is done, 0 to 1.
    read : callable
        Path to study.
    workers : int, optional
        Threads for many pictures; the cores this process may use otherwise.
    """
    if len(paths) >= _CROWD:
        count = workers or max(1, math.ceil(usable_cores()))
        yield from _analyze_many(analyzer, paths, out, formats, progress, read, count)
        return
    for done, path in enumerate(paths):

        def within(share: float, done: int = done) -> None:
            progress((done + share) / len(paths))

        yield from _analyze_path(analyzer, path, out, formats, read, within)
        progress((done + 1) / len(paths))


def _analyze_many(
    analyzer: Any,
    paths: Sequence[Path],
    out: Path,
    formats: Sequence[str],
    progress: Callable[[float], None],
    read: Callable[[Path], Study],
    count: int,
) -> Iterator[Outcome]:
    """The same with `count` threads, in order."""
    alone = threading.Lock()

    def work(path: Path) -> list[Outcome]:
        with nullcontext() if _is_picture(path) else alone:
            return list(_analyze_path(analyzer, path, out, formats, read, crowd=True))

    waiting = iter(paths)
    with ThreadPoolExecutor(count, thread_name_prefix="analyze") as pool:
        ahead: deque[Future[list[Outcome]]] = deque()
        try:
            for done in range(len(paths)):
                for path in islice(waiting, _AHEAD * count - len(ahead)):
                    ahead.append(pool.submit(work, path))
                yield from ahead.popleft().result()
                progress((done + 1) / len(paths))
        finally:
            for future in ahead:
                future.cancel()


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return sniff(stream.read(4096)) in _PICTURES
    except OSError:
        return False


def _analyze_path(
    analyzer: Any,
    path: Path,
    out: Path,
    formats: Sequence[str],
    read: Callable[[Path], Study],
    progress: Callable[[float], None] = lambda share: None,
    crowd: bool = False,
) -> Iterator[Outcome]:
    """Everything one path holds, analysed and written."""
    study, decode_ms = _read(path, read)
    parts = len(study.series) + len(study.refusals)
    share_ms = decode_ms / max(parts, 1)
    for part, series in enumerate(study.series):
        report = analyzer.analyze(
            series,
            progress=lambda share, part=part: progress((part + share) / parts),
            decode_ms=share_ms,
            crowd=crowd,
        )
        yield write(report, series, out, formats)
    for refusal in study.refusals:
        yield write(analyzer.refuse(refusal), None, out, formats)
