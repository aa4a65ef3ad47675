"""Studies and results on disk: files addressed by digest, and an index that can be rebuilt.

A study is a record (JSON, under ``studies/``) that names its arrays (``arrays/``); a result is a
record (``results/``) that names its label map and heat map. Records and arrays are written once;
the index is derived from them, and `Store` reconciles the two when it opens.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from appliance import index, render, rows
from appliance.core.errors import NotFound
from appliance.core.types import Refusal, Report, Series, Study, Volume
from appliance.files import Files
from appliance.index import open_index, storage_errors
from appliance.reconcile import reconcile

logger = logging.getLogger(__name__)
STUDY_SCHEMA = "neuralscan/study/1"
RESULT_SCHEMA = "neuralscan/stored-result/1"
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


def utc_now() -> str:
    """This moment, as ISO 8601 with microseconds, so that records sort by age."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def safe_uid(uid: str, otherwise: str) -> str:
    """The identifier where it can stand in an address, else one derived from a digest.

    Examples
    --------
    >>> safe_uid("1.2.840.1", "")
    '1.2.840.1'
    >>> safe_uid("../up", "ab")[:5]
    '2.25.'
    """
    if _UID.fullmatch(uid):
        return uid
    digest = hashlib.sha256(f"{uid}\n{otherwise}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


class Store:
    """What is kept below a data folder.

    Parameters
    ----------
    root : Path
        Created when missing. One process at a time writes to it.

    Raises
    ------
    Unavailable
        When the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        with storage_errors():
            root.mkdir(parents=True, exist_ok=True)
            self.files = Files(root)
        self.engine = open_index(root / "index.sqlite")
        self._lock = threading.RLock()
        with self.writing():
            self._reconcile()

    def close(self) -> None:
        """Let go of the index."""
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[list[tuple[str, str]]]:
        """One writer at a time; files of a write that failed are taken back."""
        written: list[tuple[str, str]] = []
        with self._lock:
            try:
                with storage_errors():
                    yield written
            except BaseException:
                for kind, digest in reversed(written):
                    self.files.remove(kind, digest)
                raise

    @staticmethod
    def uid_of(study: Study) -> str:
        """The identifier a study is kept under."""
        digests = [s.sha256 for s in study.series] + [r.sha256 for r in study.refusals]
        return safe_uid(study.study_instance_uid, ",".join(digests))

    def put(self, study: Study, title: str | None = None, sample: bool = False) -> str:
        """Keep a study; its StudyInstanceUID. What is there already is not stored twice.

        A later upload of the same study adds its series; a series that changed replaces the
        earlier one and its results.

        Raises
        ------
        Unavailable
            When the disk is full; nothing is left half written.
        """
        uid = self.uid_of(study)
        with self.writing() as written:
            metas = []
            for series in study.series:
                series = replace(
                    series, series_instance_uid=safe_uid(series.series_instance_uid, series.sha256)
                )
                digest, new = self.files.put_array(series.volume.array)
                if new:
                    written.append(("arrays", digest))
                metas.append(rows.describe(series, digest))
            metas = rows.unique(metas)
            record = {
                "schema": STUDY_SCHEMA,
                "study": uid,
                "created": utc_now(),
                "title": title,
                "sample": sample,
                "refusals": [asdict(refusal) for refusal in study.refusals],
                "series": metas,
            }
            if not self._has(record):
                digest, _ = self.files.put_json("studies", record)
                written.append(("studies", digest))
                with self.engine.begin() as connection:
                    replaced = rows.add_study(connection, digest, record)
                written.clear()
                self.remove_unused(replaced)
        return uid

    def _has(self, record: dict[str, Any]) -> bool:
        """Whether a study holds all of a record already."""
        with self.engine.connect() as connection:
            row = connection.execute(
                sa.select(index.studies).where(index.studies.c.study == record["study"])
            ).first()
            kept = dict(
                connection.execute(
                    sa.select(index.series.c.series, index.series.c.pixels).where(
                        index.series.c.study == record["study"]
                    )
                ).all()
            )
        if row is None or any(kept.get(m["series"]) != m["pixels"] for m in record["series"]):
            return False
        return all(refusal in row.refusals for refusal in record["refusals"])

    def put_result(self, study: str, series: str, task: str, report: Report) -> None:
        """Keep the answer of a task on a series, in place of an earlier one.

        Raises
        ------
        NotFound
            When the series was deleted meanwhile.
        Unavailable
            When the disk is full; the earlier answer is kept then.
        """
        with self.writing() as written:
            self.meta(study, series)
            record: dict[str, Any] = {
                "schema": RESULT_SCHEMA,
                "study": study,
                "series": series,
                "task": task,
                "created": utc_now(),
                "document": report.to_json(),
            }
            for name in ("label_map", "heat"):
                volume: Volume | None = getattr(report, name)
                record[name] = None
                if volume is not None:
                    array = volume.array
                    if array.dtype.kind == "f":
                        array = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
                    record[name], new = self.files.put_array(array)
                    if new:
                        written.append(("arrays", record[name]))
            digest, _ = self.files.put_json("results", record)
            written.append(("results", digest))
            with self.engine.begin() as connection:
                old = rows.add_result(connection, digest, record)
            written.clear()
            self.remove_unused(old)

    def studies(self, limit: int = 100, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Studies, newest first, and how many there are."""
        table = index.studies
        newest = sa.select(table).order_by(table.c.created.desc(), table.c.study)
        with self.engine.connect() as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            found = connection.execute(newest.limit(limit).offset(offset)).all()
            return [rows.study_json(connection, row) for row in found], total

    def all_studies(self) -> set[str]:
        """The identifiers of all studies."""
        with self.engine.connect() as connection:
            return set(connection.scalars(sa.select(index.studies.c.study)))

    def study(self, study: str) -> dict[str, Any]:
        """One study with its series; raises NotFound."""
        with self.engine.connect() as connection:
            row = connection.execute(
                sa.select(index.studies).where(index.studies.c.study == study)
            ).first()
            if row is None:
                raise NotFound("there is no such study; GET /api/v1/studies lists them")
            return rows.study_json(connection, row)

    def refusals(self, study: str) -> list[Refusal]:
        """What of a study could not be read."""
        return [Refusal(**refusal) for refusal in self.study(study)["refusals"]]

    def meta(self, study: str, series: str) -> dict[str, Any]:
        """What the record says of a series; raises NotFound."""
        table = index.series
        asked = sa.select(table.c.meta).where(table.c.study == study, table.c.series == series)
        with self.engine.connect() as connection:
            meta = connection.scalar(asked)
        if meta is None:
            raise NotFound("there is no such series in this study")
        return meta

    def series(self, study: str, series: str) -> Series:
        """A series, its pixels mapped from disk; raises NotFound."""
        return self._load(study, self.meta(study, series))

    def _load(self, study: str, meta: dict[str, Any]) -> Series:
        affine = None if meta["affine"] is None else np.array(meta["affine"], np.float64)
        return Series(
            Volume(self.files.array(meta["pixels"]), affine),
            series_instance_uid=meta["series"],
            study_instance_uid=study,
            warnings=tuple(meta["warnings"]),
            window=None if meta["window"] is None else tuple(meta["window"]),
            source=rows.source_of(meta),
            **{key: meta[key] for key in rows.PLAIN},
        )

    def report(self, study: str, series: str, task: str = "analyze") -> Report:
        """The last answer of a task on a series; raises NotFound before there is one."""
        meta = self.meta(study, series)
        table = index.results
        asked = sa.select(table.c.digest).where(
            table.c.study == study, table.c.series == series, table.c.task == task
        )
        with self.engine.connect() as connection:
            digest = connection.scalar(asked)
        if digest is None:
            raise NotFound(f"this series has no result of the task {task} yet: start the task")
        record = self.files.json("results", digest)
        affine = None if meta["affine"] is None else np.array(meta["affine"], np.float64)
        arrays = {
            name: record[name] and Volume(self.files.array(record[name]), affine)
            for name in ("label_map", "heat")
        }
        return Report(record["document"], **arrays)

    def pictures(self, study: str, series: str) -> render.Pictures:
        """Slices of a series, with the layers of its report where there is one."""
        meta = self.meta(study, series)
        try:
            report = self.report(study, series)
        except NotFound:
            report = None
        return render.Pictures(self._load(study, meta), meta["display"], report)

    def delete(self, study: str) -> None:
        """Remove a study with everything only it uses; raises NotFound."""
        with self.writing():
            self.study(study)
            with self.engine.connect() as connection:
                own = rows.files_of(connection, study) - rows.files_of(connection, without=study)
            # Records first: without them the next start forgets the study. The rows last: on a
            # full disk they can only go once the files made room.
            for kind, digest in sorted(own, reverse=True):
                self.files.remove(kind, digest)
            with self.engine.begin() as connection:
                connection.execute(sa.delete(index.studies).where(index.studies.c.study == study))
            with self.engine.connect() as connection:  # the log keeps pages as they were
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").first()
            if busy is not None and busy[0]:
                logger.warning("the index is being read: its log is emptied with the next deletion")
            for old in self.files.root.glob("index.damaged-*"):  # it names deleted studies, too
                old.unlink(missing_ok=True)

    def remove_unused(self, candidates: set[tuple[str, str]]) -> None:
        """Remove those files no row of the index names any more."""
        if not candidates:
            return
        with self.engine.connect() as connection:
            used = rows.files_of(connection)
        for kind, digest in candidates - used:
            self.files.remove(kind, digest)

    def _reconcile(self) -> None:
        """Make the index say what the files say; the files are right."""
        with self.engine.begin() as connection:
            complete = reconcile(connection, self.files)
            used = rows.files_of(connection)
        if complete:  # else an unreadable record may still own what looks unused
            for digest in self.files.digests("arrays"):
                if ("arrays", digest) not in used:
                    self.files.remove("arrays", digest)
