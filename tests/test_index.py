"""appliance.index: migrations make what the tables say, and damage is survived."""

import sqlite3

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from appliance import index
from appliance.core.errors import Busy, Unavailable
from appliance.index import open_index, storage_errors


def test_the_migrations_make_the_tables_the_code_uses(tmp_path):
    engine = open_index(tmp_path / "index.sqlite")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), index.metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


def test_down_and_up_again(tmp_path):
    engine = open_index(tmp_path / "index.sqlite")
    with engine.begin() as connection:
        command.downgrade(index._configure(connection), "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    index.upgrade(engine)
    assert "jobs" in sa.inspect(engine).get_table_names()


def test_a_damaged_index_is_moved_aside(tmp_path):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"this is no database" * 100)
    engine = open_index(path)
    assert "studies" in sa.inspect(engine).get_table_names()
    assert len(list(tmp_path.glob("index.damaged-*"))) == 1


def test_an_index_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "index.sqlite"
    open_index(path).dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer version"):
        open_index(path)
    assert path.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("database is locked", Busy), ("database or disk is full", Unavailable)],
)
def test_sqlite_errors_are_translated(text, expected):
    with pytest.raises(expected), storage_errors():
        raise sa.exc.OperationalError("", None, sqlite3.OperationalError(text))
