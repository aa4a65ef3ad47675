"""`appliance.dicom_stack`: order, affine and what is said about gaps, tilt and repeats."""

from __future__ import annotations

import numpy as np
import pytest

from appliance import dicom
from appliance.core import geometry
from appliance.dicom_stack import assemble
from tests.scans import dicom_file, noise


def stacked(files: list[bytes]):
    frames = [frame for n, data in enumerate(files) for frame in dicom.parse(data, f"{n:064x}")]
    return assemble(frames, "case")


def plane(index: int) -> np.ndarray:
    return noise(dtype=np.uint16, seed=index) >> 4


def turned(angle: float = 0.4) -> tuple[list[float], np.ndarray]:
    """An oblique orientation and its normal."""
    row = np.array([np.cos(angle), np.sin(angle), 0])
    column = np.cross([0.2, -0.1, 1], row)
    column /= np.linalg.norm(column)
    return [*row, *column], np.cross(row, column)


def test_an_oblique_shuffled_series_is_put_in_order_along_the_normal():
    orientation, normal = turned()
    order = np.random.default_rng(0).permutation(9)
    files = [
        dicom_file(
            plane(i),
            i,
            InstanceNumber=int(100 - i),
            ImageOrientationPatient=orientation,
            ImagePositionPatient=list(np.array([5.0, 6, 7]) + 1.5 * i * normal),
        )
        for i in order
    ]
    (series,), refusals = stacked(files)
    assert refusals == []
    assert series.warnings == ()
    assert all((series.volume.array[i] == plane(i)).all() for i in range(9))
    assert geometry.spacing_mm(series.volume.affine) == pytest.approx((1.5, 0.5, 0.75))
    expected = np.array([5.0, 6, 7]) + 1.5 * 4 * normal
    assert np.allclose(series.volume.affine @ [4, 0, 0, 1], [*expected, 1])
    last = expected + np.array(orientation[:3]) * 0.75 * 31 + np.array(orientation[3:]) * 0.5 * 39
    assert np.allclose(series.volume.affine @ [4, 39, 31, 1], [*last, 1])
    assert series.plane == "axial"


def test_the_order_is_feet_to_head_whatever_the_normal():
    upside_down = [1, 0, 0, 0, -1, 0]
    files = [dicom_file(plane(i), i, ImageOrientationPatient=upside_down) for i in (2, 0, 1)]
    (series,), _ = stacked(files)
    assert (series.volume.array[0] == plane(0)).all()
    assert series.volume.affine[2, 0] == 2.0


def test_gantry_tilt_is_named_and_stays_a_shear():
    files = [
        dicom_file(
            plane(i),
            ImagePositionPatient=[0, 0, 4.0 * i],
            ImageOrientationPatient=[1, 0, 0, 0, np.cos(0.32), -np.sin(0.32)],
        )
        for i in range(5)
    ]
    (series,), _ = stacked(files)
    assert "tilt of 18.3" in series.warnings[0]
    assert np.allclose(series.volume.affine[:3, 0], (0, 0, 4))
    assert geometry.voxel_ml(series.volume.affine) == pytest.approx(
        4 * 0.5 * 0.75 * np.cos(0.32) / 1000
    )


def test_uneven_spacing_and_missing_slices_are_named():
    (series,), _ = stacked([dicom_file(plane(i), i) for i in (0, 1, 2, 4, 5, 6)])
    text = " ".join(series.warnings)
    assert "unevenly" in text
    assert "About 1 slices are missing, between slices 2 and 3" in text
    assert geometry.spacing_mm(series.volume.affine)[0] == pytest.approx(2.0)


def test_copies_are_left_out():
    files = [dicom_file(plane(i), i) for i in range(3)]
    (series,), _ = stacked(files + files[:2])
    assert series.volume.shape[0] == 3
    assert "2 copies" in series.warnings[0]


def test_time_points_at_one_place_are_set_apart():
    files = [
        dicom_file(plane(10 * t + i), i, TemporalPositionIdentifier=t)
        for i in range(3)
        for t in range(2)
    ]
    series, _ = stacked(files)
    assert [s.volume.shape[0] for s in series] == [3, 3]
    assert (series[1].volume.array[2] == plane(12)).all()
    assert len({s.series_instance_uid for s in series}) == 2
    assert len({s.name for s in series}) == 2


def test_echoes_orientations_and_series_are_split():
    files = [dicom_file(plane(i), i, EchoTime=e) for i in range(3) for e in (5, 90)]
    files += [dicom_file(plane(7), 0, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])]
    files += [dicom_file(plane(i), i, SeriesInstanceUID="1.9", SeriesNumber=1) for i in range(2)]
    series, _ = stacked(files)
    assert sorted(s.volume.shape[0] for s in series) == [1, 2, 3, 3]
    assert series[0].volume.shape[0] == 2, "in the order of series number"


def test_localizers_are_left_out_unless_alone():
    scout = dicom_file(
        plane(50), SeriesInstanceUID="1.7", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    (series,), _ = stacked([scout, *(dicom_file(plane(i), i) for i in range(3))])
    assert series.volume.shape[0] == 3
    assert "localizer" in series.warnings[-1]
    assert len(stacked([scout])[0]) == 1


def test_without_positions_slices_follow_the_instance_number():
    files = [dicom_file(plane(i), i, ImagePositionPatient=None) for i in (2, 0, 1)]
    (series,), _ = stacked(files)
    assert series.volume.affine is None
    assert series.plane is None
    assert (series.volume.array[2] == plane(2)).all()
    assert "no position" in series.warnings[0]


@pytest.mark.parametrize(
    "broken",
    [
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0] * 6},
        {"PixelSpacing": [0, 0.5]},
    ],
)
def test_contradictory_geometry_is_refused(broken):
    series, refusals = stacked([dicom_file(plane(i), i, **broken) for i in range(3)])
    assert series == []
    assert refusals[0].code == "bad_geometry"


def test_one_slice_takes_its_thickness():
    (series,), _ = stacked([dicom_file(plane(0))])
    assert geometry.spacing_mm(series.volume.affine) == (2.0, 0.5, 0.75)
    (series,), _ = stacked([dicom_file(plane(0), SliceThickness=None)])
    assert "thickness" in series.warnings[0]


def test_the_digest_does_not_depend_on_the_order_of_files():
    files = [dicom_file(plane(i), i) for i in range(3)]
    frames = [dicom.parse(data, f"{n:064x}")[0] for n, data in enumerate(files)]
    one, other = assemble(frames, "a")[0][0], assemble(frames[::-1], "b")[0][0]
    assert one.sha256 == other.sha256
    assert (one.volume.array == other.volume.array).all()


def test_distances_no_grid_fits_are_refused_by_name():
    files = [
        dicom_file(plane(i), i, ImagePositionPatient=[0, 0, z])
        for i, z in enumerate((0, 4, 8, 12, 19, 26))
    ]
    found, refusals = stacked(files)
    assert not found
    assert refusals[0].code == "bad_geometry"
    assert "4.00 to 7.00 mm" in refusals[0].message
