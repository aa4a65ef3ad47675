"""Lossless and 12-bit JPEG pixels of a DICOM file, decoded in a process of their own.

Only GDCM decodes these under a licence we can ship. A damaged stream makes it abort, or crash, the
process it runs in (46 of 1,500 streams with a few bytes changed). So it runs in a child that lives
as long as there is work, and whose end is one unreadable file.

Each message is eight bytes of length and then the bytes: a DICOM file to the child, an ``.npy``
file back; of length zero when the pixels cannot be decoded.
"""

from __future__ import annotations

import atexit
import functools
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pydicom
import pydicom.pixels
from pydicom.uid import JPEGExtended12Bit

from appliance.core.errors import CorruptFile, UnsupportedFormat

_PATIENCE_S = 60.0


class Decoder:
    """The child process, started when first needed and again after it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen | None = None

    def decode(self, data: bytes) -> np.ndarray:
        """Stored values of a whole DICOM file, as pydicom returns them.

        Raises
        ------
        CorruptFile
            When the pixels cannot be decoded, or the child died of them.
        UnsupportedFormat
            When no child can be started.
        """
        with self._lock:
            child = self._started()
            watch = threading.Timer(_PATIENCE_S, child.kill)
            watch.start()
            try:
                _send(child.stdin, data)
                answer = _receive(child.stdout)
            except (OSError, EOFError, ValueError) as error:
                self._stop()
                raise _damaged() from error
            finally:
                watch.cancel()
        if not answer:
            raise _damaged()
        return np.load(io.BytesIO(answer), allow_pickle=False)

    def _started(self) -> subprocess.Popen:
        if self._child is not None and self._child.poll() is None:
            return self._child
        root = str(Path(__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "appliance.dicom_lossless"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        except OSError as error:
            raise UnsupportedFormat(
                "lossless JPEG needs a helper process, which cannot be started; "
                "export uncompressed (explicit VR little endian)"
            ) from error
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            try:
                pipe.close()
            except OSError:
                continue

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()


@functools.cache
def shared() -> Decoder:
    """The decoder all readers of this process use."""
    decoder = Decoder()
    atexit.register(decoder.close)
    return decoder


def _damaged() -> CorruptFile:
    return CorruptFile(
        "expected lossless JPEG pixels, they are damaged or of a kind that cannot be decoded; "
        "export uncompressed (explicit VR little endian)"
    )


def _send(pipe: BinaryIO, data: bytes) -> None:
    pipe.write(len(data).to_bytes(8, "big"))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: BinaryIO) -> bytes:
    head = pipe.read(8)
    length = int.from_bytes(head, "big")
    data = pipe.read(length) if len(head) == 8 else b""
    if len(head) < 8 or len(data) < length:
        raise EOFError("the pipe was closed")
    return data


def _by_gdcm(data: bytes, dataset: pydicom.Dataset) -> np.ndarray:
    """12-bit JPEG by GDCM alone: pydicom does not hand it what it can decode.

    GDCM reads files by name; this one lies in memory and nowhere else.
    """
    import gdcm

    handle = os.memfd_create("dicom")
    try:
        with os.fdopen(os.dup(handle), "wb") as stream:
            stream.write(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(f"/proc/self/fd/{handle}")
        if not reader.Read():
            raise ValueError("GDCM cannot read it")
        buffer = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    finally:
        os.close(handle)
    frames = int(dataset.get("NumberOfFrames") or 1)
    kind = np.int16 if dataset.PixelRepresentation else np.uint16
    shape = (frames, dataset.Rows, dataset.Columns)
    return np.frombuffer(buffer, kind).reshape(shape if frames > 1 else shape[1:])


def main() -> int:
    """Answer requests on stdin until it is closed."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    while True:
        try:
            data = _receive(sys.stdin.buffer)
        except EOFError:
            return 0
        try:
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
            if dataset.file_meta.TransferSyntaxUID == JPEGExtended12Bit:
                array = _by_gdcm(data, dataset)
            else:
                array = pydicom.pixels.pixel_array(dataset, decoding_plugin="gdcm")
            answer = io.BytesIO()
            np.save(answer, array, allow_pickle=False)
            _send(sys.stdout.buffer, answer.getvalue())
        except Exception:
            # Whatever is wrong with the pixels, the caller learns that they cannot be decoded.
            _send(sys.stdout.buffer, b"")


if __name__ == "__main__":
    sys.exit(main())
