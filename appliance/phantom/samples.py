"""Phantoms as files: one on request, and the sample studies of the demonstration."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import cv2

from appliance.core.errors import BadRequest
from appliance.phantom.paint import Paint
from appliance.phantom.person import make_person
from appliance.phantom.scan import PhantomVolume, make, slice_of
from appliance.phantom.unsuitable import write_unsuitable
from appliance.phantom.writers import (
    best_slice,
    picture,
    towards_ras,
    truth_json,
    write_dicom,
    write_nifti,
    write_png,
    write_truth,
)

FORMATS = ("png", "dicom", "nifti")
SUFFIXES = {"png": (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), "dicom": (".zip",),
            "nifti": (".nii.gz",)}  # fmt: skip
NIFTI_SHAPE, NIFTI_SPACING_MM, NIFTI_THICKNESS_MM = (46, 256, 256), (3.0, 0.9, 0.9), 2.0
DICOM_SHAPE, DICOM_SPACING_MM, DICOM_THICKNESS_MM = (28, 256, 256), (5.0, 0.9, 0.9), 4.5
OBLIQUE_DEG = 7.0
DEMO_SEEDS = {"glioma": 4, "meningioma": 2, "pituitary": 3, "none": 3, "dicom": 4, "nifti": 0,
              "pair": 2}  # fmt: skip
PAIR_TURN_DEG, PAIR_SHIFT_PX = 7.0, (9.0, -6.0)
"""How the MR of the sample pair lies beside its CT: turned, shifted to the right and upwards."""
DEMO_PLANES: dict[str, str] = {}


def generate(
    out: Path | str,
    format: str = "png",
    lesion: str = "glioma",
    seed: int = 0,
    plane: str = "axial",
    contrast: str = "t1c",
    paint: Paint | None = None,
    shape: tuple[int, int, int] | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
) -> list[Path]:
    """A phantom and its truth as files; the paths, images first, then the truth.

    Parameters
    ----------
    out : path
        A folder, made when missing: it receives ``phantom.png``, ``series/*.dcm`` or
        ``phantom_t1c.nii.gz``, and ``truth.json`` with ``truth_mask.png`` or
        ``truth_mask.nii.gz``. Or a file name with a suffix of the format (``.png``, ``.nii.gz``,
        ``.zip`` for a DICOM series); the truth then goes beside it as ``NAME.truth.json`` and
        so on.
    format : str
        ``png`` (one slice through the lesion), ``dicom`` (oblique, file names shuffled) or
        ``nifti``.
    lesion : str
        ``none``, ``glioma``, ``meningioma`` or ``pituitary``.
    seed : int
        Same arguments, same bytes.

    Raises
    ------
    BadRequest
        When a name is unknown.
    Unavailable
        When the template is not installed.
    """
    if format not in FORMATS:
        raise BadRequest(f"format is one of {', '.join(FORMATS)}, not {format!r}")
    if seed < 0:
        raise BadRequest(f"seed is 0 or more, not {seed}")
    person = make_person(lesion, seed, paint or Paint.of(contrast))
    if format == "png":
        _, rows, _ = shape or (1, 512, 512)
        step, pixel, _ = spacing_mm or (4.0, 0.45, 0.45)
        phantom = slice_of(person, plane, None, rows, pixel, step, contrast)
    else:
        stack = format == "dicom"
        thickness = None
        if spacing_mm is None:
            thickness = DICOM_THICKNESS_MM if stack else NIFTI_THICKNESS_MM
        phantom = make(
            shape=shape or (DICOM_SHAPE if stack else NIFTI_SHAPE),
            spacing_mm=spacing_mm or (DICOM_SPACING_MM if stack else NIFTI_SPACING_MM),
            thickness_mm=thickness,
            oblique_deg=OBLIQUE_DEG if stack else 0.0,
            plane=plane,
            contrast=contrast,
            person=person,
        )
    return save(phantom, Path(out), format)


def save(phantom: PhantomVolume, out: Path, format: str) -> list[Path]:
    """A scanned phantom and its truth as files, named as `generate` says."""
    to_file = out.name.lower().endswith(SUFFIXES[format]) and not out.is_dir()
    folder = out.parent if to_file else out
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f"{out.name}.truth" if to_file else "truth"
    mask = f"{prefix}_mask" if not to_file else prefix
    index = None
    if format == "png":
        index = best_slice(phantom)
        images = [write_png(phantom, out if to_file else folder / "phantom.png", index)]
        truth = write_truth(phantom, folder / f"{mask}.png", index)
    elif format == "nifti":
        phantom = towards_ras(phantom)
        truth = folder / f"{mask}.nii.gz"
        name = out if to_file else folder / f"phantom_{phantom.contrast}.nii.gz"
        images = [write_nifti(phantom, name, truth)]
    else:
        truth = write_truth(phantom, folder / f"{mask}.nii.gz")
        if to_file:
            images = [_zipped_series(phantom, out)]
        else:
            images = write_dicom(phantom, folder / "series")
    note = folder / f"{prefix}.json"
    note.write_text(truth_json(phantom, images, index), encoding="utf-8")
    return [*images, note, truth]


def _zipped_series(phantom: PhantomVolume, path: Path) -> Path:
    """The DICOM series in one zip file, the same bytes every time."""
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(write_dicom(phantom, Path(folder)))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
            for file in files:
                entry = zipfile.ZipInfo(f"series/{file.name}", (2020, 1, 1, 12, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return path


def ct_mr_pair(path: Path, lesion: str = "glioma", seed: int = DEMO_SEEDS["pair"]) -> Path:
    """One slice of one head as CT and as T2, the MR turned and shifted, in a zip of two PNGs."""
    ct, mr = (
        picture(slice_of(make_person(lesion, seed, Paint.of(kind)), contrast=kind))
        for kind in ("ct", "t2")
    )
    rows, columns = mr.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), PAIR_TURN_DEG, 1.0)
    turn[:, 2] += PAIR_SHIFT_PX
    pictures = {"ct.png": ct, "mr_t2.png": cv2.warpAffine(mr, turn, (columns, rows))}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pixels in pictures.items():
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 12, 0, 0))
            archive.writestr(entry, cv2.imencode(".png", pixels)[1].tobytes())
    return path


def demo_studies(folder: Path | str) -> list[tuple[str, Path]]:
    """The sample studies of ``serve --demo``, written to a folder: (title, file) of each.

    One picture for each kind of tumour and a healthy one, a DICOM series, a NIfTI volume, a CT and
    an MR of one head to compare, and one file that must be refused. The truth stands in the
    subfolder ``truth``.
    """
    folder = Path(folder)
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    studies: list[tuple[str, Path]] = []

    def keep(title: str, files: list[Path]) -> None:
        studies.append((title, files[0]))
        for extra in files[1:]:
            extra.replace(truth / extra.name)

    for lesion, title in (
        ("glioma", "Glioma, one slice (PNG)"),
        ("meningioma", "Meningioma, one slice (PNG)"),
        ("pituitary", "Pituitary tumour, one slice (PNG)"),
        ("none", "Healthy head, one slice (PNG)"),
    ):
        name = "healthy" if lesion == "none" else lesion
        plane = DEMO_PLANES.get(lesion, "axial")
        keep(title, generate(folder / f"{name}.png", "png", lesion, DEMO_SEEDS[lesion], plane))
    keep(
        "Meningioma, whole head (DICOM series, oblique)",
        generate(folder / "meningioma_series.zip", "dicom", "meningioma", DEMO_SEEDS["dicom"]),
    )
    keep(
        "Glioma, whole head (NIfTI)",
        generate(folder / "glioma_t1c.nii.gz", "nifti", "glioma", DEMO_SEEDS["nifti"]),
    )
    studies.append(("CT and MR of one head, to compare", ct_mr_pair(folder / "ct_mr.zip")))
    photo = write_unsuitable(folder / "photograph.png", "photo")
    studies.append(("A colour photograph, which must be refused", photo))
    return studies
