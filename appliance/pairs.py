"""Results of tasks on two series: kept with both of them, and gone with either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from appliance import index, pair_rows
from appliance.core.errors import NotFound
from appliance.core.types import Result, Series, Volume
from appliance.index import storage_errors
from appliance.pair_document import LABELS, as_document
from appliance.render import Pictures
from appliance.store import Store, utc_now

SCHEMA = "neuralscan/stored-pair/1"
table = index.pairs

Places = Mapping[str, Mapping[str, str]]
"""``{role: {"study", "series"}}`` for ``fixed`` and ``moving``."""


@dataclass(frozen=True)
class Pair:
    """A stored result with what it was made of.

    Attributes
    ----------
    document : mapping
        JSON of schema ``neuralscan/pair/1``.
    layers : mapping of str to Volume
        On the grid of FIXED; ``fixed`` itself among them.
    documents, texts : mapping
        What else can be taken away.
    """

    id: str
    document: Mapping[str, Any]
    fixed: Series
    layers: Mapping[str, Volume]
    documents: Mapping[str, Any]
    texts: Mapping[str, str]

    def picture(
        self, name: str, number: int, level: float | None = None, window: float | None = None
    ) -> bytes:
        """A slice of a layer on the viewing grid as PNG; labels as 0 and 255.

        Raises
        ------
        BadRequest
            For a window that is none.
        NotFound
            For an unknown layer or slice.
        """
        if name not in self.layers:
            raise NotFound(f"there is no layer {name!r}; there are {', '.join(self.layers)}")
        shown = self.document["layers"][name]
        volume = self.layers[name]
        if shown["kind"] == LABELS:
            volume = volume.with_array((volume.array > 0).astype(np.uint8) * 255)
        series = Series(volume, self.fixed.kind, name, "")
        return Pictures(series, shown["display"]).slice(number, "none", level, window)


class Pairs:
    """The results of one data folder."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(
        self,
        task: str,
        places: Places,
        inputs: Mapping[str, Series],
        result: Result,
        timings_ms: Mapping[str, float],
        options: Mapping[str, Any],
        model: Mapping[str, Any] | None = None,
    ) -> str:
        """Keep a result, in place of an earlier one of that task on that pair; its identifier.

        Raises
        ------
        GeometryError
            When a layer is not on the grid of FIXED.
        NotFound
            When a series was deleted meanwhile.
        Unavailable
            When the disk is full; the earlier result is kept then.
        """
        document, layers = as_document(task, inputs, result, timings_ms, options, model)
        with self._store.writing() as written:
            record: dict[str, Any] = {
                "schema": SCHEMA,
                "task": task,
                "inputs": {role: dict(place) for role, place in places.items()},
                "created": utc_now(),
                "replaces": self._made_before(task, places),
                "document": document,
                "documents": {name: dict(value) for name, value in result.documents.items()},
                "texts": dict(result.texts),
                "layers": {},
            }
            for name, volume in layers.items():
                digest, new = self._store.files.put_array(volume.array)
                record["layers"][name] = digest
                if new:
                    written.append(("arrays", digest))
            digest, _ = self._store.files.put_json("pairs", record)
            written.append(("pairs", digest))
            try:
                with self._store.engine.begin() as connection:
                    replaced = pair_rows.add(connection, digest, record)
            except sa.exc.IntegrityError as error:
                raise NotFound("one of the two series was deleted meanwhile") from error
            written.clear()
            self._store.remove_unused(replaced)
        return digest

    def get(self, pair: str) -> Pair:
        """A result; raises NotFound."""
        record = self._record(pair)
        fixed = self._store.series(**record["inputs"]["fixed"])
        layers = {
            name: Volume(self._store.files.array(digest), fixed.volume.affine)
            for name, digest in record["layers"].items()
        }
        return Pair(
            pair,
            record["document"] | _when(record),
            fixed,
            {"fixed": fixed.volume, **layers},
            record["documents"],
            record["texts"],
        )

    def document(self, pair: str) -> dict[str, Any]:
        """What a result says, without its arrays; raises NotFound."""
        record = self._record(pair)
        return {
            **record["document"],
            **_when(record),
            "documents": record["documents"],
            "texts": sorted(record["texts"]),
        }

    def _made_before(self, task: str, places: Places) -> str | None:
        """When the result was made that a new one of this task on this pair takes the place of."""
        with self._store.engine.connect() as connection:
            return connection.scalar(sa.select(table.c.created).where(pair_rows.same(task, places)))

    def _record(self, pair: str) -> dict[str, Any]:
        with self._store.engine.connect() as connection:
            known = connection.scalar(sa.select(table.c.digest).where(table.c.digest == pair))
        if known is None:
            raise NotFound("there is no such result; GET /api/v1/pairs lists them")
        return self._store.files.json("pairs", pair)

    def all(
        self, limit: int, offset: int = 0, study: str | None = None, task: str | None = None
    ) -> tuple[list[str], int]:
        """Identifiers, newest first, and how many there are; of one study or task if named."""
        of = sa.true()
        if study is not None:
            of &= (table.c.fixed_study == study) | (table.c.moving_study == study)
        if task is not None:
            of &= table.c.task == task
        newest = sa.select(table.c.digest).where(of).order_by(table.c.created.desc())
        with self._store.engine.connect() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(table).where(of)) or 0
            return list(connection.scalars(newest.limit(limit).offset(offset))), total

    def remove(self, pair: str) -> None:
        """Remove a result and the arrays only it uses; raises NotFound."""
        with self._store.writing():
            record = self._record(pair)
            self._store.files.remove("pairs", pair)  # first: without it the next start forgets it
            with storage_errors(), self._store.engine.begin() as connection:
                connection.execute(sa.delete(table).where(table.c.digest == pair))
            self._store.remove_unused({("arrays", one) for one in record["layers"].values()})


def _when(record: Mapping[str, Any]) -> dict[str, Any]:
    """When a result was made, and the one it took the place of; not known of earlier versions'."""
    return {"created": record["created"], "replaces": record.get("replaces")}
