"""Index and files brought to agree again: what a restored folder or a killed process needs."""

from __future__ import annotations

import binascii
import logging

import sqlalchemy as sa

from appliance import index, pair_rows, rows
from appliance.files import Files

logger = logging.getLogger(__name__)


def reconcile(connection: sa.Connection, files: Files) -> bool:
    """Index records that are not indexed, forget rows whose record is gone.

    Returns
    -------
    bool
        Whether every record could be read.
    """
    indexed = rows.files_of(connection)
    table, results = index.records, index.results
    for digest in {d for kind, d in indexed if kind == "studies"} - files.digests("studies"):
        owner = sa.select(table.c.study).where(table.c.digest == digest).scalar_subquery()
        connection.execute(sa.delete(index.studies).where(index.studies.c.study == owner))
    for digest in {d for kind, d in indexed if kind == "results"} - files.digests("results"):
        connection.execute(sa.delete(results).where(results.c.digest == digest))
    cases = index.library
    for digest in {d for kind, d in indexed if kind == "library"} - files.digests("library"):
        connection.execute(sa.delete(cases).where(cases.c.digest == digest))
    indexed = rows.files_of(connection)
    arrays = files.digests("arrays")
    complete = _read_again(connection, files, arrays, {d for k, d in indexed if k == "studies"})
    _adopt_results(connection, files, arrays, {d for k, d in indexed if k == "results"})
    _adopt_cases(connection, files, {d for k, d in indexed if k == "library"}, complete)
    pair_rows.reconcile(connection, files, complete)
    return complete


def _read_again(
    connection: sa.Connection, files: Files, arrays: set[str], indexed: set[str]
) -> bool:
    """Index the study records that are not, as far as their arrays are there; whether all could
    be read."""
    missing = files.digests("studies") - indexed
    found = dict(files.records("studies", missing))
    for digest, record in sorted(found.items(), key=lambda item: item[1]["created"]):
        whole = [meta for meta in record["series"] if meta["pixels"] in arrays]
        rows.add_study(connection, digest, {**record, "series": whole})
    if missing:
        logger.warning("%d of %d study records were indexed again", len(found), len(missing))
    return len(found) == len(missing)


def _adopt_results(
    connection: sa.Connection, files: Files, arrays: set[str], indexed: set[str]
) -> None:
    """Index results that are newer than what is indexed; remove those nobody owns."""
    found = dict(files.records("results", files.digests("results") - indexed))
    table, series = index.results, index.series
    for digest, record in sorted(found.items(), key=lambda item: item[1]["created"]):
        same = {key: record[key] for key in ("study", "series")}
        owner = sa.select(series.c.meta).where(
            *(series.c[key] == value for key, value in same.items())
        )
        same["task"] = record["task"]
        newest = connection.scalar(
            sa.select(table.c.created).where(*(table.c[k] == v for k, v in same.items()))
        )
        whole = {record["label_map"], record["heat"]} - {None} <= arrays
        owned = connection.scalar(owner) is not None
        if owned and whole and (newest or "") < record["created"]:
            for kind, old in rows.add_result(connection, digest, record):
                if kind == "results":
                    files.remove(kind, old)
        else:
            files.remove("results", digest)


def _adopt_cases(
    connection: sa.Connection, files: Files, indexed: set[str], complete: bool
) -> None:
    """Index library records that are not, newest last; remove those whose series is gone.

    While not every study could be read, a record without a series is left alone: it is a
    person's work.
    """
    found = dict(files.records("library", files.digests("library") - indexed))
    table, series = index.library, index.series
    for digest, record in sorted(found.items(), key=lambda item: item[1]["created"]):
        place = {key: record[key] for key in ("study", "series")}
        owner = sa.select(series.c.series).where(*(series.c[k] == v for k, v in place.items()))
        place["slice"] = record["slice"]
        newest = connection.scalar(
            sa.select(table.c.created).where(*(table.c[k] == v for k, v in place.items()))
        )
        orphan = connection.scalar(owner) is None
        if orphan and not complete:
            continue
        if orphan or (newest or "") >= record["created"]:
            files.remove("library", digest)
            continue
        try:
            replaced = rows.add_case(connection, digest, record)
        except (ValueError, binascii.Error):
            files.remove("library", digest)
            continue
        for kind, old in replaced:
            files.remove(kind, old)
