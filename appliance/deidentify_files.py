"""Folders and archives of DICOM images, written again without what tells a person.

Everything is read twice: first to learn which images belong together and where text is burned
into them, then to write them one by one, so that memory holds one image at a time. A series is
written whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance import archives, burned_in, dicom
from appliance.archives import natural_key
from appliance.atomic import put_folder
from appliance.burned_in import Box
from appliance.core.errors import (
    BadRequest,
    BurnedInText,
    CorruptFile,
    InputError,
    TooLarge,
    UnsupportedFormat,
)
from appliance.deidentify import Rename, deidentify
from appliance.dicom_blacken import blacken
from appliance.formats import is_junk, sniff
from appliance.limits import Limits

Load = Callable[[], bytes]


@dataclass
class _Image:
    name: str
    load: Load
    texts: list[tuple[Box, ...]]


@dataclass
class _Series:
    """Images of one series, as the first reading found them."""

    images: list[_Image] = field(default_factory=list)
    flagged: bool = False
    shapes: set[tuple[int, int]] = field(default_factory=set)

    def boxes(self) -> tuple[Box, ...]:
        return burned_in.recurring([texts for image in self.images for texts in image.texts])


@dataclass(frozen=True)
class Written:
    """A series that was written.

    Attributes
    ----------
    study : str
        Pseudonym of the study.
    folder : Path
    files, boxes : int
        Images in it; places that were blackened in each of them.
    """

    study: str
    folder: Path
    files: int
    boxes: int


@dataclass(frozen=True)
class LeftOut:
    """What was not written, and why; ``name`` is what the user calls it."""

    name: str
    error: InputError

    def refusal(self) -> dict[str, str]:
        """``{"code", "message"}``, as a report says it."""
        return {"code": self.error.code, "message": self.error.message}


def deidentify_paths(
    paths: Sequence[Path],
    out: Path,
    rename: Rename,
    mask_text: bool = False,
    black_out: Sequence[Box] = (),
    progress: Callable[[float], None] = lambda share: None,
    limits: Limits = Limits(),  # noqa: B008
) -> Iterator[Written | LeftOut]:
    """Every series below the paths, de-identified, each into a folder of its own.

    Parameters
    ----------
    out : Path
        Gets ``<study>/<series>/<image>.dcm``, all three pseudonyms.
    rename : callable
        A UID to the one that stands for it.
    mask_text : bool
        Blacken the text that is found instead of leaving such a series out.
    black_out : sequence of Box
        Blacken these places in every image, too.
    progress : callable
        Told the share that is done, 0 to 1.
    """
    found: dict[str, _Series] = defaultdict(_Series)
    members = list(_members(paths, limits))
    for count, (name, load) in enumerate(members, 1):
        try:
            _look(name, load, found, limits)
        except InputError as error:
            if not is_junk(name, ""):
                yield LeftOut(name, error)
        progress(0.5 * count / len(members))
    total, done = sum(len(series.images) for series in found.values()), 0
    for series in found.values():
        boxes = series.boxes()
        try:
            _demand_clean(series, boxes, mask_text, black_out)
            masked = (*boxes, *black_out) if mask_text or black_out else ()
            yield _write(series, out, rename, masked)
        except InputError as error:
            yield LeftOut(series.images[0].name, error)
        done += len(series.images)
        progress(0.5 + 0.5 * done / total)


def _members(paths: Sequence[Path], limits: Limits) -> Iterator[tuple[str, Load]]:
    """Files with their loaders: of folders and of zips, too; links are not followed."""
    for path in paths:
        files = [path]
        if path.is_dir():
            files = [Path(root, name) for root, _, names in os.walk(path) for name in names]
            files.sort(key=lambda p: natural_key(p.as_posix()))
        for file in files:
            load = _loader(file, limits)
            if not _is_zip(file):
                yield str(file), load
                continue
            try:
                packed, locked = archives.members(load(), limits)
                for name, unpack in packed:
                    yield f"{file}:{name}", unpack
                if locked:
                    raise UnsupportedFormat(f"{locked} files of the zip need a password")
            except InputError as error:
                yield str(file), _raising(error)


def _is_zip(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return sniff(stream.read(4096)) == "zip"
    except OSError:
        return False


def _loader(path: Path, limits: Limits) -> Load:
    def load() -> bytes:
        try:
            if not path.is_file():
                raise UnsupportedFormat("expected a plain file, found something else")
            if path.stat().st_size > limits.file_bytes:
                raise TooLarge(f"expected a file of at most {limits.file_bytes >> 20} MiB")
            return path.read_bytes()
        except OSError as error:
            raise CorruptFile("expected a file that can be opened; check its rights") from error

    return load


def _raising(error: InputError) -> Load:
    def load() -> bytes:
        raise error

    return load


def _look(name: str, load: Load, found: dict[str, _Series], limits: Limits) -> None:
    """Learn where an image belongs and what text is in it; raises InputError for what is none."""
    data = load()
    if not dicom.sniff(data):
        raise UnsupportedFormat(
            "expected a DICOM image; other pictures have no header to treat: save the pixels anew"
        )
    frames = dicom.parse(data, hashlib.sha256(data).hexdigest(), limits)
    series = found[frames[0].header.series_instance_uid]
    origin = frames[0].header.origin
    series.flagged |= origin is not None and origin.burned_in
    series.shapes |= {frame.array.shape for frame in frames}
    texts = [burned_in.find(frame.array) for frame in frames]
    series.images.append(_Image(name, load, texts))


def _demand_clean(
    series: _Series, boxes: tuple[Box, ...], mask_text: bool, black_out: Sequence[Box]
) -> None:
    """Raise BurnedInText where text would leave with the images."""
    if boxes and not mask_text:
        (row0, column0, row1, column1), more = boxes[0], len(boxes) - 1
        raise BurnedInText(
            f"text is burned into the images (rows {row0} to {row1}, columns {column0} to "
            f"{column1}{f', and {more} more places' if more else ''}); look at them, then blacken "
            "it with --mask-text, or the places you name with --black-out"
        )
    if series.flagged and not boxes and not black_out:
        raise BurnedInText(
            "the header says that text is burned into the images, but none was found; look at "
            "them and name the places with --black-out ROW0,COLUMN0,ROW1,COLUMN1"
        )
    for row0, column0, row1, column1 in black_out:
        for rows, columns in series.shapes:
            if not (0 <= row0 < row1 <= rows and 0 <= column0 < column1 <= columns):
                raise BadRequest(
                    f"--black-out: expected a place inside {rows} rows and {columns} columns, "
                    f"found {row0},{column0},{row1},{column1}"
                )


def _write(series: _Series, out: Path, rename: Rename, boxes: tuple[Box, ...]) -> Written:
    """Write a series into a hidden folder that gets its name when it is whole."""
    out.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".deidentify-", dir=out))
    try:
        for image in series.images:
            dataset = _treated(image.load(), rename, boxes)
            stream = io.BytesIO()
            dataset.save_as(stream, enforce_file_format=True)
            (part / f"{dataset.SOPInstanceUID}.dcm").write_bytes(stream.getvalue())
        study = str(dataset.StudyInstanceUID)
        folder = out / study / str(dataset.SeriesInstanceUID)
        folder.parent.mkdir(exist_ok=True)
        count = len(list(part.iterdir()))
        part.chmod(0o755)
        put_folder(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Written(study, folder.resolve(), count, len(boxes))


def _treated(data: bytes, rename: Rename, boxes: Sequence[Box]) -> pydicom.Dataset:
    """One image de-identified, text blackened where there is some."""
    dataset = _dataset(data)
    if boxes:
        blacken(dataset, data, boxes)
    deidentify(dataset, rename, cleaned=bool(boxes))
    if boxes:
        dataset.DerivationDescription = f"Text blackened in {len(boxes)} places"
    return dataset


def _dataset(data: bytes) -> pydicom.Dataset:
    """A whole data set, its transfer syntax known; what cannot be read was refused before."""
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax if little else ExplicitVRBigEndian
    return dataset
