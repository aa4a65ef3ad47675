"""The last direct analyses, in memory only: bounded in number and in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection

from appliance.core.errors import NotFound
from appliance.core.types import Report, Series

_BYTES = 512 << 20

Entry = tuple[Series, Report]


class Recent:
    """Series and report by the input's digest; the least recently used one goes first.

    Parameters
    ----------
    count, limit_bytes : int
        How many are kept, and how large their arrays may be together. The newest always stays.
    """

    def __init__(self, count: int, limit_bytes: int = _BYTES) -> None:
        self._count, self._limit = count, limit_bytes
        self._kept: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, series: Series, report: Report) -> None:
        """Keep an analysis, in place of an earlier one of the same input."""
        with self._lock:
            self._drop(series.sha256)
            self._kept[series.sha256] = (series, report)
            self._bytes += _size((series, report))
            while len(self._kept) > 1 and (
                len(self._kept) > self._count or self._bytes > self._limit
            ):
                self._drop(next(iter(self._kept)))

    def _drop(self, digest: str) -> None:
        entry = self._kept.pop(digest, None)
        if entry is not None:
            self._bytes -= _size(entry)

    def get(self, digest: str) -> Entry:
        """An analysis; raises NotFound."""
        with self._lock:
            if digest not in self._kept:
                raise NotFound("there is no recent analysis of that image: analyse it again")
            self._kept.move_to_end(digest)
            return self._kept[digest]

    def forget(self, study: str, digests: Collection[str] = ()) -> None:
        """Drop what belongs to a study: the same inputs, and other files of it."""
        with self._lock:
            for digest, (series, _) in list(self._kept.items()):
                if digest in digests or series.study_instance_uid == study:
                    self._drop(digest)

    def __len__(self) -> int:
        return len(self._kept)


def _size(entry: Entry) -> int:
    series, report = entry
    volumes = (series.volume, report.label_map, report.heat)
    return sum(volume.array.nbytes for volume in volumes if volume is not None)
