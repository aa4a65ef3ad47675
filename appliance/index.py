"""The SQLite index: its tables, its migrations, and opening it safely."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from appliance.core.errors import Busy, Unavailable

logger = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 5000

metadata = sa.MetaData()

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("study", sa.String, primary_key=True),
    sa.Column("created", sa.String, nullable=False, index=True),
    sa.Column("title", sa.String),
    sa.Column("sample", sa.Boolean, nullable=False),
    sa.Column("refusals", sa.JSON, nullable=False),
)
"""One row for each study; ``study`` is its StudyInstanceUID."""

records = sa.Table(
    "records",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column(
        "study", sa.ForeignKey("studies.study", ondelete="CASCADE"), nullable=False, index=True
    ),
)
"""The files under ``studies/`` a row was made from."""

series = sa.Table(
    "series",
    metadata,
    sa.Column("study", sa.ForeignKey("studies.study", ondelete="CASCADE"), primary_key=True),
    sa.Column("series", sa.String, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("pixels", sa.String, nullable=False, index=True),
    sa.Column("meta", sa.JSON, nullable=False),
)
"""``pixels`` is the digest of the array's file; ``meta`` is what the record says of the series."""

results = sa.Table(
    "results",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("study", sa.String, nullable=False),
    sa.Column("series", sa.String, nullable=False),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("verdict", sa.String),
    sa.Column("label", sa.String),
    sa.Column("label_map", sa.String, index=True),
    sa.Column("heat", sa.String, index=True),
    sa.ForeignKeyConstraint(
        ["study", "series"], ["series.study", "series.series"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("study", "series", "task"),
)
"""The last result of each task on each series; the document is the file ``results/<digest>``."""

library = sa.Table(
    "library",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("study", sa.String, nullable=False),
    sa.Column("series", sa.String, nullable=False),
    sa.Column("slice", sa.Integer, nullable=False),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False, index=True),
    sa.Column("embedder", sa.String, nullable=False, index=True),
    sa.Column("embedding", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ["study", "series"], ["series.study", "series.series"], ondelete="CASCADE"
    ),
    sa.UniqueConstraint("study", "series", "slice"),
)
"""Cases the user put by with a label; the record is the file ``library/<digest>``. ``embedding``
is little-endian float32, made by what ``embedder`` names."""

pairs = sa.Table(
    "pairs",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("created", sa.String, nullable=False, index=True),
    sa.Column("verdict", sa.String),
    sa.Column("fixed_study", sa.String, nullable=False),
    sa.Column("fixed_series", sa.String, nullable=False),
    sa.Column("moving_study", sa.String, nullable=False, index=True),
    sa.Column("moving_series", sa.String, nullable=False),
    sa.Column("arrays", sa.JSON, nullable=False),
    *(
        sa.ForeignKeyConstraint(
            [f"{role}_study", f"{role}_series"],
            ["series.study", "series.series"],
            ondelete="CASCADE",
        )
        for role in ("fixed", "moving")
    ),
    sa.UniqueConstraint("task", "fixed_study", "fixed_series", "moving_study", "moving_series"),
)
"""The last result of each task on each pair of series, which goes with either of them. The record
is the file ``pairs/<digest>``; ``arrays`` are the digests of its layers."""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("study", sa.ForeignKey("studies.study", ondelete="CASCADE"), index=True),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created", sa.String, nullable=False),
    sa.Column("started", sa.String),
    sa.Column("finished", sa.String),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("results", sa.JSON, nullable=False),
)
"""``study`` is null for work on the machine itself."""


def _configure(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine) -> None:
    """Bring the tables to this version's shape, whatever version wrote them."""
    with engine.begin() as connection:
        command.upgrade(_configure(connection), "head")


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection, _record) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            f"busy_timeout = {_BUSY_MS}",
            "foreign_keys = ON",
            "synchronous = NORMAL",
            "secure_delete = ON",  # what was deleted does not stay in free pages
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def open_index(path: Path) -> sa.Engine:
    """The index at a path, made or migrated as needed.

    A damaged file is moved aside, never overwritten: what it says can be read again from the
    records, except for the list of jobs.

    Raises
    ------
    Unavailable
        When the file cannot be opened or was written by a newer version.
    """
    fresh = not path.exists()
    engine = _engine(path)
    try:
        with storage_errors():
            if not fresh:
                _check(engine)
            upgrade(engine)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        if fresh:
            raise Unavailable(f"the index cannot be written: {error.orig}") from error
        aside = path.with_suffix(f".damaged-{time_ns()}")
        path.rename(aside)
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        logger.warning(
            "the index was damaged; it is rebuilt, the old one is kept as %s", aside.name
        )
        return open_index(path)
    return engine


def _check(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if answer != "ok":
        raise sa.exc.DatabaseError("PRAGMA quick_check", None, ValueError(answer))


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate a full disk, a locked index and a newer index into our own errors.

    Raises
    ------
    Busy
        When another process holds the index for longer than five seconds.
    Unavailable
        When nothing can be written.
    """
    from alembic.util.exc import CommandError

    try:
        yield
    except sa.exc.OperationalError as error:
        text = str(error.orig)
        if "locked" in text or "busy" in text:
            raise Busy("the index is locked by another process; try again") from error
        if "full" in text or "disk I/O" in text or "readonly" in text:
            raise Unavailable(f"nothing can be stored ({text}); free space on the disk") from error
        raise
    except CommandError as error:
        raise Unavailable(
            "the index was written by a newer version; update neuralscan-edge or choose another "
            "data folder"
        ) from error
    except OSError as error:
        raise Unavailable(
            f"nothing can be stored ({error.strerror or error}); free space on the disk or "
            "choose another data folder"
        ) from error
