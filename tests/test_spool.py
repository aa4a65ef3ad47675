"""What spills over to a disk can be read back, and by nobody else."""

from __future__ import annotations

import os
import random

import pytest

from appliance import spool
from tests.scans import dicom_dataset, noise, saved
from tests.serving import (  # noqa: F401 - fixtures
    app,
    bright,
    client,
    settings,
    upload,
)


@pytest.fixture
def on_disk(monkeypatch):
    """The nameless files as somebody with the disk would see them."""
    handles = []
    make = spool.TemporaryFile

    def watched(*args, **options):
        file = make(*args, **options)
        handles.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(spool, "TemporaryFile", watched)
    yield lambda: [os.pread(handle, 1 << 24, 0) for handle in handles]
    for handle in handles:
        os.close(handle)


def test_any_place_can_be_read(on_disk):
    plain = random.Random(1).randbytes(300_000)
    with spool.sealed_file() as stream:
        for start in range(0, len(plain), 7777):
            stream.write(plain[start : start + 7777])
        for place in (0, 1, 15, 16, 17, 65_537, 299_999, 300_000):
            stream.seek(place)
            assert stream.read(1000) == plain[place : place + 1000]
        assert stream.seek(0, 2) == len(plain)
        (kept,) = on_disk()
    assert len(kept) == len(plain)
    assert sum(a == b for a, b in zip(kept, plain, strict=True)) < 0.01 * len(plain)


def test_a_long_upload_leaves_no_name_on_the_disk(client, on_disk):  # noqa: F811
    files = [
        (f"{i}.dcm", saved(dicom_dataset(noise((400, 400), seed=i), i, PatientName="Musterfrau")))
        for i in range(5)
    ]
    study = upload(client, *files)
    assert study["series"][0]["shape"] == [5, 400, 400]
    kept = on_disk()
    assert sum(map(len, kept)) > 500_000
    assert not any(b"Musterfrau" in data for data in kept)


def test_the_web_server_uses_the_same_files(on_disk):
    from waitress.buffers import OverflowableBuffer

    from appliance import serve  # noqa: F401 - tells waitress

    buffer = OverflowableBuffer(1000)
    for _ in range(100):
        buffer.append(b"Musterfrau" * 100)
    assert buffer.get(20, skip=True) == b"Musterfrau" * 2
    assert len(buffer) == 99_980
    buffer.getfile().flush()
    assert on_disk()
    assert not any(b"Musterfrau" in data for data in on_disk())
    buffer.close()
