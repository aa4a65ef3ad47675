"""Rows of the index for results of tasks on two series: functions on a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from appliance import index
from appliance.files import Files

Used = set[tuple[str, str]]
"""Files by kind and digest."""

table = index.pairs
_PLACE = ("fixed_study", "fixed_series", "moving_study", "moving_series")


def place_of(places: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Columns that say which series a result is about, in which role."""
    return {
        f"{role}_{what}": places[role][what]
        for role in ("fixed", "moving")
        for what in ("study", "series")
    }


def same(task: str, places: Mapping[str, Mapping[str, str]]) -> sa.ColumnElement[bool]:
    """The condition for the results of a task on a pair; there is one at most."""
    named = {"task": task, **place_of(places)}
    return sa.and_(*(table.c[key] == value for key, value in named.items()))


def files_named(
    connection: sa.Connection, study: str | None = None, without: str | None = None
) -> Used:
    """The files that rows name: of all pairs, those with a study, or those without it."""
    asked = sa.select(table.c.digest, table.c.arrays)
    if study is not None:
        asked = asked.where((table.c.fixed_study == study) | (table.c.moving_study == study))
    if without is not None:
        asked = asked.where((table.c.fixed_study != without) & (table.c.moving_study != without))
    found: Used = set()
    for digest, arrays in connection.execute(asked):
        found |= {("pairs", digest)} | {("arrays", array) for array in arrays}
    return found


def add(connection: sa.Connection, digest: str, record: dict[str, Any]) -> Used:
    """Index a record; the files of the earlier result of that task on that pair.

    Raises
    ------
    sqlalchemy.exc.IntegrityError
        When one of the series is gone.
    """
    named = {"task": record["task"], **place_of(record["inputs"])}
    this = same(record["task"], record["inputs"])
    before: Used = set()
    for old, arrays in connection.execute(sa.select(table.c.digest, table.c.arrays).where(this)):
        before |= {("pairs", old)} | {("arrays", array) for array in arrays}
    connection.execute(sa.delete(table).where(this))
    connection.execute(
        sa.insert(table).values(
            **named,
            digest=digest,
            created=record["created"],
            verdict=record["document"].get("verdict"),
            arrays=sorted(set(record["layers"].values())),
        )
    )
    return before


def reconcile(connection: sa.Connection, files: Files, complete: bool) -> None:
    """Forget rows whose record is gone, index records that are not; remove those nobody owns.

    While not every study could be read (`complete` is False) a record without its series stays.
    """
    there = files.digests("pairs")
    indexed = set(connection.scalars(sa.select(table.c.digest)))
    for digest in indexed - there:
        connection.execute(sa.delete(table).where(table.c.digest == digest))
    found = dict(files.records("pairs", there - indexed))
    arrays = files.digests("arrays")
    for digest, record in sorted(found.items(), key=lambda item: item[1]["created"]):
        owned = _owned(connection, record)
        if not owned and not complete:
            continue
        this = same(record["task"], record["inputs"])
        newest = connection.scalar(sa.select(table.c.created).where(this)) or ""
        whole = set(record["layers"].values()) <= arrays
        if not (owned and whole and newest < record["created"]):
            files.remove("pairs", digest)
            continue
        for kind, old in add(connection, digest, record):
            if kind == "pairs":
                files.remove(kind, old)


def _owned(connection: sa.Connection, record: dict[str, Any]) -> bool:
    """Whether both series of a record are there."""
    series = index.series.c
    return all(
        connection.scalar(
            sa.select(series.position).where(
                series.study == place["study"], series.series == place["series"]
            )
        )
        is not None
        for place in record["inputs"].values()
    )
