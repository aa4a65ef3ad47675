"""appliance.phantom: what is painted is where and as large as the truth says."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pydicom
import pytest

from appliance import ingest, phantom
from appliance.core.errors import BadRequest, Unavailable
from appliance.core.geometry import LPS_FROM_RAS, plane_of, voxel_ml
from appliance.phantom import Paint, lesions, template

COARSE = {"shape": (30, 60, 60), "spacing_mm": (5.0, 3.8, 3.8), "thickness_mm": 1.0}
TUMOURS = ("glioma", "meningioma", "pituitary")


@pytest.fixture(scope="module")
def heads() -> dict[str, phantom.PhantomVolume]:
    return {kind: phantom.make(kind, seed=3, **COARSE) for kind in phantom.LESIONS}


def _centre(truth) -> np.ndarray:
    index = np.argwhere(truth.array).mean(0)
    return (truth.affine @ np.append(index, 1.0))[:3]


def test_a_ball_has_the_volume_of_a_ball():
    radius = np.full((lesions.ROWS, lesions.COLUMNS), 10.0)
    ball = lesions.StarBody(np.array([1.0, 2.0, 3.0]), radius)
    assert ball.volume_ml == pytest.approx(4 / 3 * np.pi, rel=1e-6)
    assert ball.centroid == pytest.approx([1, 2, 3], abs=1e-6)
    assert ball.depth(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 16.0]])) == pytest.approx([-10, 3])


@pytest.mark.parametrize("kind", TUMOURS)
def test_voxels_agree_with_the_surface(kind):
    """The counted volume and centre match the quadrature, on whatever grid."""
    person = phantom.make_person(kind, 5)
    centre = tuple(person.centre_lps)
    for plane, tilt in (("axial", 0.0), ("coronal", 9.0), ("sagittal", 14.0)):
        head = phantom.make(
            person=person, plane=plane, oblique_deg=tilt, centre_mm=centre,
            shape=(36, 36, 36), spacing_mm=(1.9, 1.8, 1.7), thickness_mm=1.0,
        )  # fmt: skip
        assert head.truth_ml == pytest.approx(head.volume_ml, rel=0.03)
        assert _centre(head.truth) == pytest.approx(centre, abs=0.3)
        assert plane_of(head.volume.affine) == plane
        assert np.linalg.det(head.volume.affine[:3, :3][:, [2, 1, 0]]) > 0


def test_same_arguments_same_bytes(heads):
    again = phantom.make("glioma", seed=3, **COARSE)
    assert (again.volume.array == heads["glioma"].volume.array).all()
    other = phantom.make("glioma", seed=4, **COARSE)
    assert (other.volume.array != again.volume.array).mean() > 0.2


@pytest.mark.parametrize("kind", TUMOURS)
def test_lesion_is_painted_into_the_same_head(heads, kind):
    """Far from the lesion, and outside the brain, it is the healthy head of that seed."""
    head, healthy = heads[kind], heads["none"]
    assert healthy.truth.array.sum() == 0
    assert healthy.centre_mm is None
    assert healthy.box is None
    inside = head.truth.array > 0
    assert inside.any()
    noise = 4 * head.person.paint.noise * head.person.paint.units
    differs = np.abs(head.volume.array.astype(float) - healthy.volume.array) > noise
    assert differs[inside].mean() > 0.5
    assert 0.0 < differs.mean() < 0.12


@pytest.mark.parametrize("kind", TUMOURS)
def test_lesion_enhances(heads, kind):
    head = heads[kind]
    lesion = head.volume.array[head.truth.array > 0] / head.person.paint.units
    assert np.percentile(lesion, 90) > 1.35
    box = head.box
    assert all(low < high for low, high in zip(box[:3], box[3:], strict=True))
    boxed = head.truth.array[tuple(map(slice, box[:3], box[3:]))]
    assert boxed.sum() == head.truth.array.sum()


def test_glioma_is_a_ring_around_a_dark_core():
    person = phantom.make_person("glioma", 0)
    head = phantom.slice_of(person, "axial", size=256, pixel_mm=0.9)
    mask = head.truth.array[0]
    core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=8) > 0
    rim = (mask > 0) & (cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=3) == 0)
    image = head.volume.array[0]
    assert np.median(image[rim]) > 1.5 * np.median(image[core])


def test_the_head_is_a_head(heads):
    """Dark air, bright scalp, brain between, and most of the field is one of them."""
    head = heads["none"]
    image = head.volume.array[14] / head.person.paint.units
    assert image[:4, :12].max() < 0.3
    middle = image[24:36, 24:36]
    assert 0.3 < np.median(middle) < 1.2
    assert np.percentile(image, 99) > 1.6
    assert 0.25 < (image > 0.3).mean() < 0.75


def test_radius_is_obeyed():
    small = phantom.make_person("pituitary", 1, radius_mm=6.0)
    large = phantom.make_person("pituitary", 1, radius_mm=12.0)
    assert large.volume_ml == pytest.approx(8 * small.volume_ml, rel=0.02)


def test_meningioma_stays_inside_the_skull_and_touches_it():
    person = phantom.make_person("meningioma", 2)
    points = person.lesion.centre[:, None] + lesions._directions().reshape(
        3, -1
    ) * person.lesion.radius.reshape(-1)
    placed = person.warp(points)
    cavity = template.sample(person.template.cavity, placed, template.GRID_ORIGIN, template.GRID_MM)
    assert cavity.max() < person.paint.csf_mm + 1.5
    assert (cavity > 0).mean() > 0.05


def test_contrasts_differ():
    slices = {
        c: phantom.slice_of(
            phantom.make_person("none", 0, Paint.of(c)), size=96, pixel_mm=2.4, contrast=c
        )
        for c in phantom.CONTRASTS
    }
    ventricle = (slice(None), *np.unravel_index(40 * 96 + 47, (96, 96)))
    assert len({int(s.volume.array[ventricle][0]) for s in slices.values()}) == 3
    assert (phantom.picture(slices["ct"]) == 255).mean() > 0.02


def test_png(tmp_path):
    files = phantom.generate(tmp_path, "png", "meningioma", 1, shape=(1, 128, 128),
                             spacing_mm=(5.0, 1.8, 1.8))  # fmt: skip
    assert [f.name for f in files] == ["phantom.png", "truth.json", "truth_mask.png"]
    image = cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(str(files[2]), cv2.IMREAD_UNCHANGED)
    truth = json.loads(files[1].read_text(encoding="utf-8"))
    assert image.shape == mask.shape == (128, 128)
    assert image.dtype == np.uint8
    assert image.max() == 255
    assert set(np.unique(mask)) == {0, 255}
    assert truth["area_px"] == (mask > 0).sum()
    assert truth["label"] == "meningioma"
    assert truth["volume_ml"] > 5
    rows, columns = np.nonzero(mask)
    assert truth["slice_box"] == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_healthy_png_says_so(tmp_path):
    files = phantom.generate(tmp_path / "a.png", "png", "none", 1, shape=(1, 64, 64),
                             spacing_mm=(5.0, 3.6, 3.6))  # fmt: skip
    assert [f.name for f in files] == ["a.png", "a.png.truth.json", "a.png.truth.png"]
    truth = json.loads(files[1].read_text(encoding="utf-8"))
    assert truth["label"] == "no_tumor"
    assert truth["volume_ml"] == 0
    assert truth["centre_lps_mm"] is None
    assert truth["area_px"] == 0


def test_dicom_series_gives_back_array_and_affine(tmp_path):
    head = phantom.make("glioma", 6, shape=(12, 48, 40), spacing_mm=(9.0, 5.0, 5.5), oblique_deg=8)
    paths = phantom.write_dicom(head, tmp_path)
    assert sorted(p.name for p in paths) != [p.name for p in paths]
    objects = [pydicom.dcmread(p) for p in sorted(tmp_path.iterdir())]
    assert len({o.SOPInstanceUID for o in objects}) == 12
    assert len({o.SeriesInstanceUID for o in objects}) == 1
    one = objects[0]
    assert (one.Modality, one.SOPClassUID) == ("MR", pydicom.uid.MRImageStorage)
    assert one.SeriesDescription == "AX T1 POST CONTRAST"
    assert one.ContrastBolusAgent
    assert str(one.PatientName).startswith("PHANTOM^")
    across, down = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(across, down)
    assert abs(normal[2]) < 0.9999
    objects.sort(key=lambda o: normal @ np.array(o.ImagePositionPatient, float))
    assert (np.stack([o.pixel_array for o in objects]) == head.volume.array).all()
    first, second = (np.array(o.ImagePositionPatient, float) for o in objects[:2])
    affine = np.eye(4)
    affine[:3, 0] = second - first
    affine[:3, 1] = down * float(one.PixelSpacing[0])
    affine[:3, 2] = across * float(one.PixelSpacing[1])
    affine[:3, 3] = first
    assert affine == pytest.approx(head.volume.affine, abs=1e-4)
    assert one.SpacingBetweenSlices == pytest.approx(9.0)


def test_dicom_and_nifti_of_one_phantom_agree(tmp_path):
    head = phantom.make("meningioma", 7, plane="sagittal", shape=(10, 30, 36),
                        spacing_mm=(9.0, 7.0, 6.0))  # fmt: skip
    path = phantom.write_nifti(head, tmp_path / "head.nii.gz", tmp_path / "truth.nii.gz")
    image, truth = nibabel.load(path), nibabel.load(tmp_path / "truth.nii.gz")
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert (truth.affine == image.affine).all()
    affine = LPS_FROM_RAS @ image.affine
    back = np.linalg.inv(affine) @ head.volume.affine
    array = np.asanyarray(image.dataobj)
    for index in ((0, 0, 0), (3, 11, 20), (9, 29, 35)):
        there = np.rint((back @ [*index, 1])[:3]).astype(int)
        assert array[tuple(there)] == head.volume.array[index]
    counted = np.asanyarray(truth.dataobj).sum() * abs(np.linalg.det(affine[:3, :3])) / 1000
    assert counted == pytest.approx(head.truth.array.sum() * voxel_ml(head.volume.affine))


def test_zipped_series_is_reproducible(tmp_path):
    small = {"shape": (4, 24, 24), "spacing_mm": (20.0, 9.0, 9.0)}
    one = phantom.generate(tmp_path / "a" / "s.zip", "dicom", "glioma", 1, **small)
    two = phantom.generate(tmp_path / "b" / "s.zip", "dicom", "glioma", 1, **small)
    assert one[0].read_bytes() == two[0].read_bytes()
    with zipfile.ZipFile(one[0]) as archive:
        assert len(archive.namelist()) == 4
    nifti = phantom.generate(tmp_path / "n", "nifti", "glioma", 1, **small)
    assert [f.name for f in nifti] == ["phantom_t1c.nii.gz", "truth.json", "truth_mask.nii.gz"]


def test_photograph_is_colourful(tmp_path):
    path = phantom.write_unsuitable(tmp_path / "photo.png", "photo")
    image = cv2.imread(str(path))
    assert np.median(cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[..., 1]) / 255 > 0.3


@pytest.mark.parametrize(("kind", "modality"), [("ct", "CT"), ("t2", "MR")])
def test_unsuitable_headers(tmp_path, kind, modality):
    data = pydicom.dcmread(phantom.write_unsuitable(tmp_path / "x.dcm", kind))
    assert data.Modality == modality
    assert "ContrastBolusAgent" not in data
    if kind == "ct":
        values = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
        assert np.median(values[:20]) < -900
        assert values.max() > 800


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: phantom.make("stroke"),
        lambda folder: phantom.slice_of(phantom.make_person(), "diagonal"),
        lambda folder: phantom.generate(folder, "gif"),
        lambda folder: phantom.generate(folder, "png", seed=-1),
        lambda folder: phantom.write_unsuitable(folder / "x.png", "poem"),
        lambda folder: Paint.of("flair"),
        lambda folder: phantom.picture(phantom.make(shape=(1, 8, 8)), 1),
    ],
)
def test_unknown_names_are_bad_requests(tmp_path, call):
    with pytest.raises(BadRequest):
        call(tmp_path)


def test_without_nilearn_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(template, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install nilearn"):
        template.template_path()


def test_nilearn_itself_is_not_imported():
    code = "import sys, appliance.phantom as p; p.make_person(); print('nilearn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(phantom.__file__).parents[2],
    )
    assert done.stdout.strip() == "False"


def test_demo_studies(tmp_path, monkeypatch):
    """Titles, files and truths; coarse here, since the real ones take some seconds."""
    samples = sys.modules["appliance.phantom.samples"]
    real = samples.generate
    coarse = {"png": ((1, 32, 32), (5.0, 7.0, 7.0)), "dicom": ((4, 16, 16), (30.0, 15.0, 15.0))}

    def quick(out, format, lesion, seed, plane="axial"):
        shape, spacing = coarse["png" if format == "png" else "dicom"]
        return real(out, format, lesion, seed, plane, shape=shape, spacing_mm=spacing)

    monkeypatch.setattr(samples, "generate", quick)
    studies = phantom.demo_studies(tmp_path)
    assert len(studies) == len({path for _, path in studies}) == 8
    assert all(path.is_file() and path.parent == tmp_path for _, path in studies)
    assert sum("refused" in title for title, _ in studies) == 1
    assert len(list((tmp_path / "truth").glob("*.json"))) == 6


def test_the_sample_pair_is_one_head_twice(tmp_path):
    """A CT and a T2 picture in one zip; the MR is turned back by the transform it was given."""
    samples = sys.modules["appliance.phantom.samples"]
    path = samples.ct_mr_pair(tmp_path / "pair.zip")
    assert path.read_bytes() == samples.ct_mr_pair(tmp_path / "again.zip").read_bytes()
    study = ingest.read_path(path)
    assert [series.name for series in study.series] == ["ct.png", "mr_t2.png"]
    ct, mr = (series.volume.array[0] for series in study.series)
    assert ct.shape == mr.shape == (512, 512)
    turn = cv2.getRotationMatrix2D((255.5, 255.5), samples.PAIR_TURN_DEG, 1.0)
    turn[:, 2] += samples.PAIR_SHIFT_PX
    back = cv2.warpAffine(mr, turn, (512, 512), flags=cv2.WARP_INVERSE_MAP)
    masks = [(picture > 25).astype(np.uint8) for picture in (ct, back, mr)]
    filled = [cv2.morphologyEx(m, cv2.MORPH_CLOSE, np.ones((41, 41), np.uint8)) for m in masks]
    overlap = [2 * (filled[0] & m).sum() / (filled[0].sum() + m.sum()) for m in filled[1:]]
    assert overlap[0] > 0.95
    assert overlap[0] > overlap[1] + 0.01


def test_truth_speaks_of_the_file_as_it_is_read(tmp_path):
    """Box, shape and affine of truth.json are those of the reader's grid."""
    for form in ("dicom", "nifti"):
        files = phantom.generate(tmp_path / form, form, "glioma", 2, shape=(16, 40, 48),
                                 spacing_mm=(8.0, 5.5, 4.5))  # fmt: skip
        truth = json.loads(files[-2].read_text(encoding="utf-8"))
        image = files[0].parent if form == "dicom" else files[0]
        series = ingest.read_path(image).series[0]
        mask = ingest.read_path(files[-1]).series[0]
        assert list(series.volume.shape) == truth["shape"]
        assert series.volume.affine == pytest.approx(np.array(truth["affine_lps"]), abs=1e-4)
        assert series.sequence == "T1c"
        found = np.nonzero(mask.volume.array)
        assert truth["box"] == [*(f.min() for f in found), *(f.max() + 1 for f in found)]
        assert _centre(mask.volume) == pytest.approx(truth["centre_lps_mm"], abs=1.5)
