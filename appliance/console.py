"""What a person at a terminal sees: one summary for each report, and a progress bar."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Any

import click
from tqdm import tqdm

_SHOW_AFTER_S = 2.0
_LESIONS = 5


def summary(document: Mapping[str, Any]) -> str:
    """A report in a few lines: verdict, label, lesions, mask, time.

    Parameters
    ----------
    document : mapping
        JSON of schema ``neuralscan/report/1``.

    Examples
    --------
    >>> refused = {"input": {"name": "a.txt", "shape": None}, "verdict": "refused",
    ...            "refusal": {"code": "unsupported_format", "message": "expected a scan"}}
    >>> summary(refused)
    'a.txt: refused (unsupported_format): expected a scan'
    """
    name = one_line(document["input"]["name"]) or "input"
    if document["verdict"] == "refused":
        refusal = document["refusal"]
        return f"{name}: refused ({refusal['code']}): {refusal['message']}"
    found = document["classification"]
    label = found["label"]
    lines = [f"{name}: {document['verdict']}; {label} {found['probabilities'][label]:.0%}"]
    slices = document["input"]["shape"][0]
    lines[0] += f", {slices} slices" if slices > 1 else ""
    lines[0] += f", {document['timings_ms']['total']:.0f} ms"
    possible = found["prediction_set"]
    if len(possible) > 1:
        lines.append(f"possible at {found['coverage']:.0%} coverage: {', '.join(possible)}")
    lines += document.get("reasons", [])
    lesions = document["lesions"]
    lines += [_lesion(lesion, slices > 1) for lesion in lesions[:_LESIONS]]
    if len(lesions) > _LESIONS:
        lines.append(f"and {len(lesions) - _LESIONS} smaller lesions")
    lines += [f"warning: {text}" for text in document["quality"]["warnings"]]
    if document["mask"]:
        lines.append(f"mask: {document['mask']}")
    lines += [f"{name}: {path}" for name, path in document.get("files", {}).items()]
    lines += [f"no {name}: {why}" for name, why in document.get("not_written", {}).items()]
    return "\n    ".join(lines)


def one_line(name: str) -> str:
    r"""A name as a terminal may show it: what would move the cursor or ring is spelt out.

    >>> one_line("a\nb.png")
    'a\\nb.png'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def as_line(document: Any) -> str:
    """A document as one line of JSON that stdout can take, whatever its encoding."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document)
    return text


def on_terminal() -> bool:
    """Whether stderr is a terminal; a program may be started without any."""
    return sys.stderr is not None and sys.stderr.isatty()


def _lesion(lesion: Mapping[str, Any], of_many: bool) -> str:
    box = lesion["box"]
    place = f"rows {box[1]}-{box[4] - 1}, columns {box[2]}-{box[5] - 1}"
    if of_many:
        place = f"slices {box[0]}-{box[3] - 1}, {place}"
    size = f"{lesion['area_px']} px"
    if lesion["volume_ml"] is not None:
        size += f", {lesion['volume_ml']:.2f} ml"
    if lesion["diameters_mm"] is not None:
        long, short = lesion["diameters_mm"]
        size += f", {long:.1f} x {short:.1f} mm"
    return f"lesion {lesion['id']}: {place}; {size}; score {lesion['score']:.2f}"


def _on_stderr() -> dict[str, Any]:
    """Where bars go and how wide they are; some terminals say that they have no size."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = 0
    return {"file": sys.stderr, "ncols": columns or 80, "nrows": 20, "leave": False}


@contextmanager
def working(title: str) -> Iterator[None]:
    """Show the time spent, on stderr after two seconds, around work of unknown length."""
    done = threading.Event()

    def show() -> None:
        if done.wait(_SHOW_AFTER_S):
            return
        with tqdm(bar_format=title + " {elapsed}", delay=_SHOW_AFTER_S, **_on_stderr()) as bar:
            bar.start_t -= _SHOW_AFTER_S
            while not done.wait(0.5):
                bar.refresh()

    if not on_terminal():
        yield
        return
    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Bar:
    """A progress bar on stderr after two seconds of work; nothing where stderr is no terminal."""

    def __init__(self, title: str) -> None:
        self._bar = tqdm(
            total=1.0,
            delay=_SHOW_AFTER_S,
            disable=not on_terminal(),
            bar_format=title + " {percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left",
            **_on_stderr(),
        )
        self._show_at = monotonic() + _SHOW_AFTER_S

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def to(self, share: float) -> None:
        """Set the share of the work that is done, 0 to 1."""
        self._bar.update(max(0.0, min(share, 1.0) - self._bar.n))

    def print(self, text: str) -> None:
        """A line on stdout, not torn apart by the bar."""
        if self._bar.disable or monotonic() < self._show_at:
            click.echo(text)
            return
        with self._bar.external_write_mode(file=sys.stdout):
            click.echo(text)
