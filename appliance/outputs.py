"""Results below a folder the user chose: what the system refuses, said with the remedy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.core.errors import BadRequest, Unavailable


@contextmanager
def writing(
    out: Path, remedy: str = "choose another folder with --out", what: str = "results"
) -> Iterator[None]:
    """Translate what goes wrong when files are written below a folder.

    Parameters
    ----------
    what : str
        What is written, as the message calls it.

    Raises
    ------
    BadRequest
        When nothing can be written there.
    Unavailable
        When the disk is full.
    """
    try:
        yield
    except OSError as error:
        text = f"{what} cannot be written below {out} ({error.strerror or error})"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(f"{text}; free space, or {remedy}") from error
        raise BadRequest(f"{text}; {remedy}") from error
