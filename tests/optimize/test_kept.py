"""What a killed run leaves behind is taken up, and nothing that other values decided."""

import json

import pytest

from optimize.kept import kept_bytes, kept_file, kept_rows


def test_rows_go_on_where_they_stopped(tmp_path):
    path, made = tmp_path / "rows.jsonl", []

    def make(item: int) -> dict:
        if item == 3 and not made.count("second"):
            raise KeyboardInterrupt
        made.append(item)
        return {"item": item, "half": item / 3}

    with pytest.raises(KeyboardInterrupt):
        kept_rows(path, range(6), make, "rows")
    path.write_text(path.read_text() + '{"item": 3, "ha')  # the kill came in the middle of a line
    made.append("second")
    rows = kept_rows(path, range(6), make, "rows")
    assert made == [0, 1, 2, "second", 3, 4, 5]
    assert rows == [{"item": i, "half": i / 3} for i in range(6)]
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows
    assert kept_rows(path, range(6), None, "rows") == rows


def test_another_value_is_another_file(tmp_path):
    first = kept_file(tmp_path, "rows-fold1", "jsonl", {"threshold": 0.5})
    first.write_text("")
    other = kept_file(tmp_path, "rows-fold10", "jsonl", {"threshold": 0.5})
    other.write_text("")
    assert kept_file(tmp_path, "rows-fold1", "jsonl", {"threshold": 0.5}) == first
    second = kept_file(tmp_path, "rows-fold1", "jsonl", {"threshold": 0.6})
    assert second != first
    assert not first.exists()
    assert other.exists()


def test_a_failed_step_leaves_nothing(tmp_path):
    path = tmp_path / "answers.npz"

    def fail() -> bytes:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        kept_bytes(path, fail)
    assert not path.exists()
    assert kept_bytes(path, lambda: b"whole") == b"whole"
    assert kept_bytes(path, fail) == b"whole"


def test_a_digest_knows_what_a_module_imports(tmp_path, monkeypatch):
    from optimize import kept

    (tmp_path / "training").mkdir()
    for name, text in (
        ("__init__", ""),
        ("a", "from training import b"),
        ("b", "X = 1"),
        ("c", ""),
    ):
        (tmp_path / "training" / f"{name}.py").write_text(text)
    monkeypatch.setattr(
        kept,
        "_source",
        lambda name: next(
            (p for p in [tmp_path / f"{name.replace('.', '/')}.py"] if p.is_file()), None
        ),
    )

    def digest(**changes) -> str:
        for name, text in changes.items():
            (tmp_path / "training" / f"{name}.py").write_text(text)
        return kept.code_digest.__wrapped__("training.a")

    first = digest()
    assert digest(c="Y = 2") == first
    assert digest(b="X = 2") != first
    assert digest(b="X = 1") == first
    assert digest(a="from training import c") != first
