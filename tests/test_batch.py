"""Many paths: order, streaming, progress, and names that overwrite nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from threading import Lock
from time import sleep

import nibabel
import numpy as np
import pytest

from appliance import batch
from appliance.core.errors import BadRequest, Unavailable
from appliance.core.types import Series, Volume
from tests.fakes import Reader, write_picture
from tests.serving import Bright


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder as a viewer exports it: pictures, clutter, one empty file."""
    folder = tmp_path / "export"
    (folder / "sub").mkdir(parents=True)
    for name in ("s10.png", "s2.png", "sub/s1.png"):
        write_picture(folder / name)
    (folder / "notes.txt").write_text("nothing to see")
    (folder / "broken.png").write_bytes(b"")
    return folder


def test_a_folder_of_pictures_is_read_one_by_one(export, tmp_path):
    files = batch.expand([export])
    assert [p.name for p in files] == ["broken.png", "s2.png", "s10.png", "s1.png"]
    outcomes = list(batch.analyze_paths(Reader(), files, tmp_path / "o"))
    assert [outcome.refused for outcome in outcomes] == [True, False, False, False]


def test_a_folder_with_a_volume_stays_whole(tmp_path):
    write_picture(tmp_path / "a.png")
    image = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4))
    nibabel.save(image, tmp_path / "b.nii")
    assert batch.expand([tmp_path]) == [tmp_path]


class Crowded(Reader):
    """Notes how many analyses run at once; the first of them takes longest."""

    def __init__(self):
        super().__init__()
        self.lock, self.now, self.most, self.crowds, self.volumes = Lock(), 0, 0, set(), 0

    def analyze(self, series, *args, **kwargs):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.crowds.add(kwargs["crowd"])
            self.volumes += series.volume.shape[0] > 1
            assert self.volumes <= 1, "two volumes in memory"
        sleep(0.05 if series.name.startswith("0") else 0.01)
        report = super().analyze(series, *args, **kwargs)
        with self.lock:
            self.now -= 1
            self.volumes -= series.volume.shape[0] > 1
        return report


def test_many_pictures_are_worked_on_at_once_and_told_in_order(tmp_path):
    paths = [write_picture(tmp_path / f"{i}.png", 10 + i) for i in range(9)]
    reader = Crowded()
    seen: list[float] = []
    outcomes = list(batch.analyze_paths(reader, paths, tmp_path / "o", (), seen.append, workers=3))
    assert [o.document["input"]["name"] for o in outcomes] == [p.name for p in paths]
    assert reader.most == 3
    assert reader.crowds == {True}
    assert seen == pytest.approx([(i + 1) / 9 for i in range(9)])


def test_few_pictures_get_every_core_in_turn(tmp_path):
    paths = [write_picture(tmp_path / f"{i}.png", 10 + i) for i in range(3)]
    reader = Crowded()
    assert len(list(batch.analyze_paths(reader, paths, tmp_path / "o", ()))) == 3
    assert (reader.most, reader.crowds) == (1, {False})


def test_two_volumes_are_never_in_memory_at_once(tmp_path):
    grid = np.zeros((32, 32, 4), np.float32)
    grid[8:24, 8:24] = 100.0
    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.nii")
        nibabel.save(nibabel.Nifti1Image(grid, np.eye(4)), paths[-1])
    outcomes = list(batch.analyze_paths(Crowded(), paths, tmp_path / "o", (), workers=4))
    assert len(outcomes) == 5


def test_a_fault_stops_the_rest(tmp_path):
    paths = [write_picture(tmp_path / f"{i}.png", 10 + i) for i in range(40)]

    class Failing(Reader):
        seen = 0

        def analyze(self, series, *args, **kwargs):
            Failing.seen += 1
            raise Unavailable("the device went away")

    with pytest.raises(Unavailable, match="went away"):
        list(batch.analyze_paths(Failing(), paths, tmp_path / "o", (), workers=2))
    assert Failing.seen < 10


def test_progress_ends_at_one(tmp_path):
    paths = [write_picture(tmp_path / f"{i}.png") for i in range(3)]
    seen: list[float] = []
    list(batch.analyze_paths(Reader(), paths, tmp_path / "o", (), seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_folder_with_nothing_to_read_stays_whole(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    assert batch.expand([tmp_path]) == [tmp_path]


def test_folders_are_fresh(tmp_path):
    made = [batch.fresh_folder(tmp_path / "out", "a-0123") for _ in range(3)]
    assert [folder.name for folder in made] == ["a-0123", "a-0123-2", "a-0123-3"]
    assert all(folder.is_absolute() for folder in made)


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    write_picture(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    outcomes = list(batch.analyze_paths(Reader(), batch.expand([tmp_path]), tmp_path / "o"))
    assert [outcome.refused for outcome in outcomes] == [False, True]


def test_what_is_gone_when_its_turn_comes_is_refused(tmp_path):
    paths = [tmp_path / "gone.png", write_picture(tmp_path / "a.png")]
    outcomes = list(batch.analyze_paths(Reader(), paths, tmp_path / "o"))
    assert [outcome.refused for outcome in outcomes] == [True, False]
    assert outcomes[0].document["refusal"]["code"] == "unreadable"


@pytest.mark.parametrize(
    ("number", "error"), [(errno.EROFS, BadRequest), (errno.ENOSPC, Unavailable)]
)
def test_a_folder_that_takes_no_results_is_said(number, error, tmp_path, monkeypatch):
    def refuse(*_args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(batch, "fresh_folder", refuse)
    with pytest.raises(error, match="--out"):
        list(batch.analyze_paths(Reader(), [write_picture(tmp_path / "a.png")], tmp_path / "o"))


@pytest.mark.parametrize("where", ["export.write_mask", "handover.write", "to_html", "json.dumps"])
def test_an_interrupted_write_leaves_nothing(where, tmp_path, monkeypatch):
    """Ctrl-C while the results of a volume are written: all of them or none."""
    array = np.full((4, 40, 60), 90, np.uint8)
    array[1:3, 10:20, 30:45] = 250
    series = Series(Volume(array, np.diag([3.0, 1, 1, 1])[[2, 1, 0, 3]]), "nifti", "a.nii", "ab")
    report = Bright().analyze(series)
    formats = ("json", "html", "pdf")
    whole = batch.write(report, series, tmp_path / "whole", formats)
    assert {p.name for p in whole.folder.iterdir()} >= {"mask.nii.gz", "report.json", "report.pdf"}

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"appliance.batch.{where}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batch.write(report, series, tmp_path / "half", formats)
    assert list((tmp_path / "half").iterdir()) == []
