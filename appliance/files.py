"""Files addressed by digest: written once, whole or not at all, never changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

import numpy as np

from appliance.atomic import sync_folder
from appliance.core.errors import NotFound, Unavailable

_SUFFIX = {"arrays": ".npy"} | dict.fromkeys(("studies", "results", "library", "pairs"), ".json")


class _Hashing:
    """A stream that hashes what passes through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.hash = stream, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self.stream.write(data)


class Files:
    """A folder of files by kind and SHA-256: ``arrays``, and JSON as ``studies``, ``results``,
    ``library``, ``pairs``.

    Examples
    --------
    >>> import tempfile
    >>> files = Files(Path(tempfile.mkdtemp()))
    >>> digest, new = files.put_array(np.arange(3))
    >>> files.array(digest).tolist(), new, files.put_array(np.arange(3))[1]
    ([0, 1, 2], True, False)
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for kind in _SUFFIX:
            (root / kind).mkdir(parents=True, exist_ok=True)
        for left_over in root.glob("*/*.part"):
            left_over.unlink(missing_ok=True)

    def path(self, kind: str, digest: str) -> Path:
        """Where a file is; digests come from this class, never from a client."""
        return self.root / kind / (digest + _SUFFIX[kind])

    def digests(self, kind: str) -> set[str]:
        """All files of a kind."""
        return {p.stem for p in (self.root / kind).glob("*" + _SUFFIX[kind])}

    def _put(self, kind: str, write: Callable[[Any], Any]) -> tuple[str, bool]:
        folder = self.root / kind
        with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as stream:
            try:
                hashing = _Hashing(stream)
                write(hashing)
                stream.flush()
                os.fsync(stream.fileno())
                stream.close()
                digest = hashing.hash.hexdigest()
                path = self.path(kind, digest)
                new = not path.exists()
                os.replace(stream.name, path)
            except BaseException:
                with suppress(OSError):  # on a full disk closing fails too: it writes what is left
                    stream.close()
                Path(stream.name).unlink(missing_ok=True)
                raise
        sync_folder(folder)
        return digest, new

    def put_array(self, array: np.ndarray) -> tuple[str, bool]:
        """Keep an array; its digest, and whether it was not there before."""
        plain = np.ascontiguousarray(array)
        return self._put("arrays", lambda s: np.lib.format.write_array(s, plain, (1, 0), False))

    def put_json(self, kind: str, document: Any) -> tuple[str, bool]:
        """Keep a JSON document; its digest, and whether it was not there before."""
        data = json.dumps(document, ensure_ascii=False).encode()
        return self._put(kind, lambda stream: stream.write(data))

    def array(self, digest: str) -> np.ndarray:
        """A kept array, mapped from disk: only what is touched is read.

        Raises
        ------
        NotFound
            When it was deleted meanwhile.
        Unavailable
            When the file is damaged.
        """
        path = self.path("arrays", digest)
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except FileNotFoundError as error:
            raise NotFound("these pixels were deleted") from error
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"a stored file is damaged ({path.name[:12]}): delete the study, upload it again"
            ) from error

    def json(self, kind: str, digest: str) -> Any:
        """A kept JSON document; raises NotFound or Unavailable as `array` does."""
        path = self.path(kind, digest)
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise NotFound("this result was deleted") from error
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"a stored file is damaged ({path.name[:12]}): delete the study, upload it again"
            ) from error

    def records(self, kind: str, digests: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Digest and document of those JSON files of a kind that can be read."""
        for digest in digests:
            with suppress(NotFound, Unavailable):
                yield digest, self.json(kind, digest)

    def remove(self, kind: str, digest: str) -> None:
        """Remove a file; nothing happens when it is not there."""
        self.path(kind, digest).unlink(missing_ok=True)
