"""Records to rows of the index and back: functions on a connection, which `Store` calls."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import numpy as np
import sqlalchemy as sa

from appliance import index, pair_rows, planes
from appliance.core.geometry import spacing_mm
from appliance.core.types import Series, Source
from appliance.render import describe_view, display

PLAIN = ("name", "sha256", "kind", "modality", "sequence", "plane")
"""What of a series is kept as it is."""

Used = set[tuple[str, str]]
"""Files by kind and digest."""


def describe(series: Series, pixels: str) -> dict[str, Any]:
    """What a record says of a series whose array is the file ``pixels``."""
    volume = series.volume
    spacing = None if volume.affine is None else [round(v, 6) for v in spacing_mm(volume.affine)]
    return {
        "series": series.series_instance_uid,
        **{key: getattr(series, key) for key in PLAIN},
        "warnings": list(series.warnings),
        "window": None if series.window is None else [float(v) for v in series.window],
        "source": None if series.source is None else _source_json(series.source),
        "pixels": pixels,
        "shape": [int(n) for n in volume.shape],
        "spacing_mm": spacing,
        "affine": None if volume.affine is None else np.asarray(volume.affine).tolist(),
        "view": describe_view(volume),
        "display": display(volume, series.window),
    }


def _source_json(source: Source) -> dict[str, Any]:
    """The images behind a series; what names the patient is never kept in a record."""
    return {key: value for key, value in asdict(source).items() if key != "header"}


def source_of(meta: dict[str, Any]) -> Source | None:
    """The images behind a series, as its record says; None in records of earlier versions.

    Examples
    --------
    >>> source_of({"source": _source_json(Source("1.2", (("1.3", 0),), ((0.0, 0.0, 1.0),)))})
    Source(sop_class_uid='1.2', instances=(('1.3', 0),), positions=((0.0, 0.0, 1.0),), \
frame_of_reference_uid='', thickness_mm=None, multi_frame=False, lossy=False, \
burned_in=False)
    """
    kept = meta.get("source")
    if kept is None:
        return None
    instances = tuple((uid, frame) for uid, frame in kept["instances"])
    positions = kept["positions"] and tuple(map(tuple, kept["positions"]))
    return Source(**{**kept, "instances": instances, "positions": positions})


def unique(metas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Series without repetitions, no two under one identifier.

    Examples
    --------
    >>> metas = [{"series": "1", "pixels": p} for p in ("a", "b", "a")]
    >>> [m["series"] for m in unique(metas)]
    ['1', '1.2']
    """
    kept: dict[str, dict[str, Any]] = {}
    for meta in metas:
        uid, number = meta["series"], 1
        while uid in kept and kept[uid]["pixels"] != meta["pixels"]:
            number += 1
            uid = f"{meta['series']}.{number}"
        kept.setdefault(uid, {**meta, "series": uid})
    return list(kept.values())


def add_study(connection: sa.Connection, digest: str, record: dict[str, Any]) -> Used:
    """Index a study's record; the files of series it replaces."""
    uid, table, series = record["study"], index.studies, index.series
    row = connection.execute(sa.select(table).where(table.c.study == uid)).first()
    if row is None:
        values = {key: record[key] for key in ("study", "created", "title", "sample", "refusals")}
        connection.execute(sa.insert(table).values(**values))
    else:
        more = [r for r in record["refusals"] if r not in row.refusals]
        connection.execute(
            sa.update(table).where(table.c.study == uid).values(refusals=row.refusals + more)
        )
    connection.execute(sa.insert(index.records).values(digest=digest, study=uid))
    before = files_of(connection, uid)
    there = sa.select(series.c.series, series.c.pixels).where(series.c.study == uid)
    kept = dict(connection.execute(there).all())
    position = len(kept)
    for meta in record["series"]:
        name = meta["series"]
        if kept.get(name) == meta["pixels"]:
            continue
        this = (series.c.study == uid) & (series.c.series == name)
        connection.execute(sa.delete(series).where(this))
        values = {"study": uid, "series": name, "position": position, "pixels": meta["pixels"]}
        connection.execute(sa.insert(series).values(**values, meta=meta))
        position += 1
    return before - files_of(connection, uid)


def add_result(connection: sa.Connection, digest: str, record: dict[str, Any]) -> Used:
    """Index a result; the files of the earlier one it replaces."""
    table = index.results
    named = {key: record[key] for key in ("study", "series", "task")}
    this = sa.and_(*(table.c[key] == value for key, value in named.items()))
    before = files_of(connection, record["study"])
    connection.execute(sa.delete(table).where(this))
    document = record["document"]
    connection.execute(
        sa.insert(table).values(
            **named,
            digest=digest,
            created=record["created"],
            verdict=document.get("verdict"),
            label=(document.get("classification") or {}).get("label"),
            label_map=record["label_map"],
            heat=record["heat"],
        )
    )
    return before - files_of(connection, record["study"])


def add_case(connection: sa.Connection, digest: str, record: dict[str, Any]) -> Used:
    """Index a library record; the file of the earlier one of that slice, which it replaces.

    Raises
    ------
    ValueError
        When the record's embedding is no base64.
    """
    table = index.library
    embedding = base64.b64decode(record["embedding"], validate=True)
    named = {key: record[key] for key in ("study", "series", "slice")}
    this = sa.and_(*(table.c[key] == value for key, value in named.items()))
    before = set(connection.scalars(sa.select(table.c.digest).where(this)))
    connection.execute(sa.delete(table).where(this))
    more = {key: record[key] for key in ("label", "created", "embedder")}
    connection.execute(sa.insert(table).values(**named, **more, digest=digest, embedding=embedding))
    return {("library", old) for old in before - {digest}}


def files_of(
    connection: sa.Connection, study: str | None = None, without: str | None = None
) -> Used:
    """The files that rows name: of one study, of all, or of all but one."""
    found: Used = set()
    results = index.results.c
    for column, kind in (
        (index.records.c.digest, "studies"),
        (index.series.c.pixels, "arrays"),
        (results.digest, "results"),
        (results.label_map, "arrays"),
        (results.heat, "arrays"),
        (index.library.c.digest, "library"),
    ):
        asked = sa.select(column).where(column.is_not(None))
        if study is not None:
            asked = asked.where(column.table.c.study == study)
        if without is not None:
            asked = asked.where(column.table.c.study != without)
        found |= {(kind, digest) for digest in connection.scalars(asked)}
    return found | pair_rows.files_named(connection, study, without)


def study_json(connection: sa.Connection, row: Any) -> dict[str, Any]:
    """A study and its series as the API shows them."""
    series, results, jobs = index.series, index.results, index.jobs
    analysed = sa.and_(
        results.c.study == series.c.study,
        results.c.series == series.c.series,
        results.c.task == "analyze",
    )
    asked = (
        sa.select(series.c.meta, results.c.verdict, results.c.label)
        .join(results, analysed, isouter=True)
        .where(series.c.study == row.study)
        .order_by(series.c.position)
    )
    waiting = (
        sa.select(jobs.c.job)
        .where(jobs.c.study == row.study, jobs.c.state.in_(("queued", "running")))
        .order_by(jobs.c.created.desc())
        .limit(1)
    )
    return {
        "study_instance_uid": row.study,
        "created": row.created,
        "title": row.title,
        "sample": row.sample,
        "job": connection.scalar(waiting),
        "series": [_series_json(row.study, *found) for found in connection.execute(asked)],
        "refusals": row.refusals,
    }


def _series_json(
    study: str, meta: dict[str, Any], verdict: str | None, label: str | None
) -> dict[str, Any]:
    shown = ("shape", "spacing_mm", "view", "display", "warnings")
    return {
        "series_instance_uid": meta["series"],
        "study_instance_uid": study,
        **{key: meta[key] for key in (*PLAIN, *shown)},
        "planes": planes.describe(
            tuple(meta["shape"]),
            None if meta["affine"] is None else np.array(meta["affine"], np.float64),
        ),
        "verdict": verdict,
        "label": label,
    }
