"""The clinic's own library: slices with a label a person confirmed, found again by likeness.

A case is a slice of a stored study, its label and its embedding: a unit vector of the network's
answer. It is a record under ``library/``, indexed like everything else that is stored, and goes
with its study. Nothing of it leaves the machine, and nothing is learnt from it.

An embedding means something only beside embeddings of the same network. Each case names what made
its own (``embedder``); cases of another network are left out of a search until they have been
read again from their stored pixels, a few with every search.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from appliance import index, rows
from appliance.core.errors import ApplianceError, BadRequest, NotFound, TooLarge
from appliance.core.types import LABELS, Series
from appliance.store import Store, utc_now

if TYPE_CHECKING:
    from appliance.neighbours import Neighbours

logger = logging.getLogger(__name__)
CASE_SCHEMA = "neuralscan/library-case/1"
CASE_LABELS = (*LABELS, "other")
"""What a person may call a case."""
_BYTES = np.dtype("<f4")

Embed = Callable[[Series, int], np.ndarray]
"""Series and slice of the viewing grid to a unit vector."""

table = index.library


def check_label(label: Any) -> str:
    """The label, if it is one; raises BadRequest."""
    if label not in CASE_LABELS:
        raise BadRequest(f"expected label to be one of {', '.join(CASE_LABELS)}")
    return label


class Library:
    """Cases of one data folder.

    Parameters
    ----------
    most : int
        How many there may be.
    """

    def __init__(self, store: Store, most: int) -> None:
        self._store, self.most = store, most
        self._lock = threading.Lock()
        self._known: tuple[tuple[str, ...], Neighbours] | None = None

    def __len__(self) -> int:
        with self._store.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    def put(
        self, study: str, series: str, number: int, label: str, embedder: str, vector: np.ndarray
    ) -> dict[str, Any]:
        """Keep a case, in place of an earlier one of the same slice; the case as JSON.

        Raises
        ------
        BadRequest
            For a label that is none.
        NotFound
            When the series was deleted meanwhile.
        TooLarge
            When the library is full.
        Unavailable
            When the disk is; the earlier case is kept then.
        """
        record = {
            "schema": CASE_SCHEMA,
            "study": study,
            "series": series,
            "slice": number,
            "label": check_label(label),
            "created": utc_now(),
        }
        with self._store.writing():
            self._store.meta(study, series)
            if self._row(study, series, number) is None and len(self) >= self.most:
                raise TooLarge(
                    f"the library holds {self.most} cases, as many as NEURALSCAN_LIBRARY allows: "
                    "remove one first"
                )
            self._write(record, embedder, vector)
        return self.case(study, series, number)

    def _write(self, record: dict[str, Any], embedder: str, vector: np.ndarray) -> None:
        data = base64.b64encode(np.asarray(vector, _BYTES).tobytes()).decode()
        whole = {**record, "embedder": embedder, "embedding": data}
        with self._store.writing() as written:
            digest, new = self._store.files.put_json("library", whole)
            if new:
                written.append(("library", digest))
            with self._store.engine.begin() as connection:
                replaced = rows.add_case(connection, digest, whole)
            written.clear()
            self._store.remove_unused(replaced)

    def remove(self, study: str, series: str, number: int | None = None) -> None:
        """Remove a case, or all of a series; raises NotFound when there is none."""
        this = (table.c.study == study) & (table.c.series == series)
        if number is not None:
            this &= table.c.slice == number
        with self._store.writing():
            with self._store.engine.connect() as connection:
                gone = list(connection.scalars(sa.select(table.c.digest).where(this)))
            if not gone:
                raise NotFound("there is no such case in the library")
            for digest in gone:  # records first: without them the next start forgets the case
                self._store.files.remove("library", digest)
            with self._store.engine.begin() as connection:
                connection.execute(sa.delete(table).where(this))

    def _row(self, study: str, series: str, number: int) -> Any:
        this = (table.c.study == study) & (table.c.series == series) & (table.c.slice == number)
        with self._store.engine.connect() as connection:
            return connection.execute(sa.select(table).where(this)).first()

    def case(self, study: str, series: str, number: int) -> dict[str, Any]:
        """One case as JSON; raises NotFound."""
        row = self._row(study, series, number)
        if row is None:
            raise NotFound("there is no such case in the library")
        return self._described([row])[0]

    def cases(
        self, limit: int, offset: int = 0, study: str | None = None, series: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """Cases, newest first, and how many there are; of one series where it is named."""
        of = sa.true()
        if study is not None:
            of = (table.c.study == study) & (table.c.series == series)
        newest = sa.select(table).where(of).order_by(table.c.created.desc(), table.c.digest)
        with self._store.engine.connect() as connection:
            count = sa.select(sa.func.count()).select_from(table).where(of)
            total = connection.scalar(count) or 0
            found = connection.execute(newest.limit(limit).offset(offset)).all()
        return self._described(found), total

    def _described(self, found: list[Any]) -> list[dict[str, Any]]:
        """Rows as JSON, with the name of their series."""
        series = index.series
        places = [(row.study, row.series) for row in found]
        wanted = sa.tuple_(series.c.study, series.c.series).in_(places)
        names: dict[tuple[str, str], str] = {}
        if found:
            with self._store.engine.connect() as connection:
                asked = sa.select(series.c.study, series.c.series, series.c.meta).where(wanted)
                for study, uid, meta in connection.execute(asked):
                    names[study, uid] = meta["name"]
        return [
            {
                "study_instance_uid": row.study,
                "series_instance_uid": row.series,
                "slice": row.slice,
                "label": row.label,
                "created": row.created,
                "name": names.get((row.study, row.series), ""),
            }
            for row in found
        ]

    def stale(self, embedder: str) -> int:
        """Cases that another network embedded."""
        count = sa.select(sa.func.count()).select_from(table)
        with self._store.engine.connect() as connection:
            return connection.scalar(count.where(table.c.embedder != embedder)) or 0

    def renew(self, embedder: str, embed: Embed, most: int) -> None:
        """Read stale cases again, at most so many; one that cannot be read stays stale."""
        stale = sa.select(table).where(table.c.embedder != embedder).order_by(table.c.created)
        with self._store.engine.connect() as connection:
            found = connection.execute(stale.limit(most)).all()
        for row in found:
            try:
                vector = embed(self._store.series(row.study, row.series), row.slice)
                with self._store.writing():
                    now = self._row(row.study, row.series, row.slice)
                    if now is not None and now.digest == row.digest:  # unchanged meanwhile
                        names = ("study", "series", "slice", "label", "created")
                        record = {name: getattr(row, name) for name in names}
                        self._write({"schema": CASE_SCHEMA, **record}, embedder, vector)
            except ApplianceError as error:
                logger.warning("a case of the library stays stale: %s", error.code)

    def nearest(
        self, vector: np.ndarray, embedder: str, count: int, without: str | None = None
    ) -> list[dict[str, Any]]:
        """The most similar cases, nearest first, each with its ``distance``.

        Parameters
        ----------
        vector : (features,) float32, of length 1
        without : str, optional
            A study that is left out: its own slices are no other case.

        Returns
        -------
        list
            ``distance`` is 1 minus the cosine: 0 for the same picture.
        """
        order = sa.select(table).where(table.c.embedder == embedder).order_by(table.c.digest)
        with self._store.engine.connect() as connection:
            found = connection.execute(order).all()
        own = sum(row.study == without for row in found)
        wanted = min(count + own, len(found))
        if not found or not wanted:
            return []
        distances, places = self._bank(found).nearest(vector[None], wanted)
        pairs = [
            (found[place], float(distance) ** 2 / 2)
            for place, distance in zip(places[0], distances[0], strict=True)
            if found[place].study != without
        ][:count]
        described = self._described([row for row, _ in pairs])
        return [
            {**case, "distance": round(distance, 4)}
            for case, (_, distance) in zip(described, pairs, strict=True)
        ]

    def _bank(self, found: list[Any]) -> Neighbours:
        """The rows' embeddings as oneDAL wants them; made anew when the rows changed."""
        from appliance.neighbours import Neighbours  # with the analyser, not with the first page

        key = tuple(row.digest for row in found)
        with self._lock:
            if self._known is None or self._known[0] != key:
                vectors = np.stack([np.frombuffer(row.embedding, _BYTES) for row in found])
                self._known = key, Neighbours(vectors.astype(np.float32))
            return self._known[1]
