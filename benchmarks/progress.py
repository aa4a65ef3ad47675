"""How a run tells what it does, to a person or to a program, and how it is asked to end."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[str, float], None]
FORMS = ("bar", "json")


@contextmanager
def told(form: str) -> Iterator[Progress]:
    """What is called with the text and the share of the whole, 0 to 1, of each step.

    ``json`` writes ``{"progress": 0.31, "doing": "litert INT8 offline"}`` to standard error.
    """
    if form == "json":

        def say(text: str, share: float) -> None:
            line = json.dumps({"progress": round(share, 4), "doing": text})
            print(line, file=sys.stderr, flush=True)

        yield say
        return
    with tqdm(total=100, desc="benchmarks", disable=None, leave=False, unit="%") as bar:

        def draw(text: str, share: float) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update(round(100 * share) - bar.n)

        yield draw


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came: the block under way is finished, all processes are closed.

    A second SIGINT interrupts at once.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def note(number: int, _: object) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
