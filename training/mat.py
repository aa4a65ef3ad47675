"""The published figshare files (MATLAB 7.3) to a data root in the project's layout.

Each file holds one slice: ``cjdata/label`` (1 meningioma, 2 glioma, 3 pituitary), ``PID`` (the
publisher's number of the patient), ``image`` (int16) and ``tumorMask``. MATLAB 7.3 files are
HDF5; arrays lie there column by column, so they are transposed on reading. ``cvind.mat``, which
comes along, holds the authors' own five-fold index.

References
----------
J. Cheng, "brain tumor dataset", figshare 1512427, CC BY 4.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from appliance.core.errors import CorruptFile, InputError, Unavailable

KINDS = {1: "meningioma", 2: "glioma", 3: "pituitary"}
_INDEX = "cvind.mat"


@dataclass(frozen=True)
class MatSlice:
    """One published slice.

    Attributes
    ----------
    name : str
        File name without ``.mat``; the publisher's number.
    patient : str
        The publisher's number of the patient, unchanged: for grouping, never written.
    image : (rows, columns) uint8 or uint16
    mask : (rows, columns) uint8, 0 or 1
    """

    name: str
    label: str
    patient: str
    image: np.ndarray
    mask: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """``x0, y0, x1, y1`` of the mask, half-open, pixels."""
        rows, columns = np.nonzero(self.mask)
        return (
            int(columns.min()),
            int(rows.min()),
            int(columns.max()) + 1,
            int(rows.max()) + 1,
        )


def _hdf5() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise Unavailable(
            ".mat files need h5py: install neuralscan-edge[training], or use a data root"
        ) from error
    return h5py


def _in_order(path: Path) -> tuple[int, str]:
    return (int(path.stem) if path.stem.isdigit() else 0, path.stem)


def mat_files(folder: Path) -> list[Path]:
    """The slices' files in a folder and the folders in it, by number.

    Raises
    ------
    InputError
        When two files have one name.
    """
    found = sorted((p for p in folder.rglob("*.mat") if p.name != _INDEX), key=_in_order)
    counts = Counter(path.stem for path in found)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise InputError(f"expected each .mat file once, found {twice[:5]} in several folders")
    return found


def read_mat(path: Path) -> MatSlice:
    """One published file.

    Raises
    ------
    CorruptFile
        When it is no MATLAB 7.3 file or lacks a part; the message names the file.
    Unavailable
        When h5py is not installed.
    """
    h5py = _hdf5()
    try:
        with h5py.File(path, "r") as stream:
            fields = {
                name: np.asarray(stream["cjdata"][name])
                for name in ("label", "PID", "image", "tumorMask")
            }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptFile(
            f"{path.name}: expected a MATLAB 7.3 file with cjdata (label, PID, image, tumorMask); "
            f"download it again ({error})"
        ) from error
    try:
        label = KINDS[int(fields["label"].item())]
        patient = "".join(chr(int(code)) for code in fields["PID"].ravel())
    except (ValueError, KeyError, OverflowError) as error:
        raise CorruptFile(f"{path.name}: the label is none of {sorted(KINDS)}") from error
    image, mask = fields["image"].T, (fields["tumorMask"].T > 0).astype(np.uint8)
    if image.ndim != 2 or image.shape != mask.shape or not mask.any() or not patient.strip():
        raise CorruptFile(
            f"{path.name}: expected a picture, a mask of its size with a tumour in it and a "
            f"patient number; found {image.shape} and {mask.shape}, {int(mask.sum())} pixels"
        )
    return MatSlice(path.stem, label, patient.strip(), _as_stored(image, path), mask)


def _as_stored(image: np.ndarray, path: Path) -> np.ndarray:
    """The grey values as unsigned integers, nothing lost: a PNG holds no negative ones."""
    image = image.astype(np.int64) if image.dtype.kind in "iu" else image
    if image.dtype.kind != "i":
        raise CorruptFile(f"{path.name}: expected whole grey values, found {image.dtype}")
    image = image - min(int(image.min()), 0)
    if image.max() > 65535:
        raise CorruptFile(f"{path.name}: grey values span more than 16 bits")
    return image.astype(np.uint8 if image.max() < 256 else np.uint16)


def author_folds(folder: Path) -> dict[str, int]:
    """The authors' own fold by file name, where ``cvind.mat`` lies beside the slices."""
    found = sorted(folder.rglob(_INDEX))
    if not found:
        return {}
    try:
        with _hdf5().File(found[0], "r") as stream:
            values = np.asarray(stream["cvind"]).ravel()
    except (OSError, KeyError) as error:
        raise CorruptFile(f"{_INDEX}: expected MATLAB 7.3 with the vector cvind") from error
    return {str(number): int(value) for number, value in enumerate(values, 1)}


def write_pictures(slices: Iterator[MatSlice], folder: Path) -> list[dict[str, Any]]:
    """Images and masks as lossless PNG, and what ``labels.csv`` says of each but its fold.

    Returns
    -------
    list of dict
        ``id, image, mask, label, patient, tumor_px, box_xyxy``
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for one in slices:
        file = f"{int(one.name):04d}.png" if one.name.isdigit() else f"{one.name}.png"
        for name, plane in (("images", one.image), ("masks", one.mask * 255)):
            (folder / name / file).write_bytes(cv2.imencode(".png", plane)[1].tobytes())
        rows.append(
            {
                "id": one.name,
                "image": f"images/{file}",
                "mask": f"masks/{file}",
                "label": one.label,
                "patient": one.patient,
                "tumor_px": int(one.mask.sum()),
                "box_xyxy": " ".join(map(str, one.box)),
            }
        )
    return rows


def numbered(patients: Sequence[str]) -> Mapping[str, str]:
    """A running number for each patient, so that the publisher's numbers stay behind.

    >>> numbered(["MR9", "100", "MR9"])
    {'100': '1', 'MR9': '2'}
    """
    return {name: str(number) for number, name in enumerate(sorted(set(patients)), 1)}
