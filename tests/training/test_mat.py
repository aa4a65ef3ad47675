"""The published files are read as they are described, and refused when they are something else."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.core.errors import CorruptFile, InputError
from tests.strangers import stranger, with_lesion
from training import mat

h5py = pytest.importorskip("h5py")


def write_mat(path: Path, kind: int, patient: str, seed: int, **changes) -> Path:
    """A slice as MATLAB 7.3 stores it: column by column, text as character codes."""
    picture, mask = with_lesion(stranger(seed), seed)
    fields = {
        "label": np.array([[float(kind)]]),
        "PID": np.array([[ord(letter)] for letter in patient], np.uint16),
        "image": (picture.astype(np.int16) * 40).T,
        "tumorMask": mask.T,
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as stream:
        for name, value in fields.items():
            if value is not None:
                stream.create_dataset(f"cjdata/{name}", data=value)
    return path


def test_a_slice_is_read_upright_with_label_and_patient(tmp_path):
    one = mat.read_mat(write_mat(tmp_path / "7.mat", 1, "MR040241", 5))
    picture, mask = with_lesion(stranger(5), 5)
    assert (one.name, one.label, one.patient) == ("7", "meningioma", "MR040241")
    np.testing.assert_array_equal(one.image, picture.astype(np.uint16) * 40)
    np.testing.assert_array_equal(one.mask, mask)
    rows, columns = np.nonzero(mask)
    assert one.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_negative_values_are_kept_as_differences(tmp_path):
    image = np.full((128, 128), -30, np.int16)
    image[10, 20] = 200
    one = mat.read_mat(write_mat(tmp_path / "1.mat", 2, "1", 1, image=image))
    assert one.image.dtype == np.uint8
    assert (int(one.image.min()), int(one.image[20, 10])) == (0, 230)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": np.array([[4.0]])}, "label"),
        ({"label": np.array([[1.0, 2.0]])}, "label"),
        ({"tumorMask": np.zeros((128, 128), np.uint8)}, "0 pixels"),
        ({"tumorMask": np.ones((64, 64), np.uint8)}, "mask of its size"),
        ({"image": np.zeros((128, 128), np.float32)}, "whole grey values"),
        ({"image": np.array([[0, 70000]] * 2)}, "mask of its size"),
        ({"PID": None}, "PID"),
        ({"PID": np.array([[32]], np.uint16)}, "patient number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, message):
    path = write_mat(tmp_path / "3.mat", 1, "1", 1, **changes)
    with pytest.raises(CorruptFile, match=message) as caught:
        mat.read_mat(path)
    assert "3.mat" in caught.value.message


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "9.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(CorruptFile, match=r"9\.mat: expected a MATLAB 7\.3 file"):
        mat.read_mat(tmp_path / "9.mat")


def test_files_come_by_number_from_every_folder(tmp_path):
    for name in ("b/10.mat", "a/2.mat", "a/1.mat"):
        write_mat(tmp_path / name, 1, "1", 1)
    with h5py.File(tmp_path / "cvind.mat", "w") as stream:
        stream["cvind"] = np.array([[3.0, 5.0, 1.0]])
    assert [path.stem for path in mat.mat_files(tmp_path)] == ["1", "2", "10"]
    assert mat.author_folds(tmp_path) == {"1": 3, "2": 5, "3": 1}
    write_mat(tmp_path / "c" / "2.mat", 1, "1", 1)
    with pytest.raises(InputError, match="once"):
        mat.mat_files(tmp_path)


def test_pictures_are_written_without_loss_and_without_patient_numbers(tmp_path):
    path = write_mat(tmp_path / "in" / "12.mat", 3, "MR040241", 8)
    one = mat.read_mat(path)
    row = mat.write_pictures(iter([one]), tmp_path / "out")[0]
    assert row["image"] == "images/0012.png"
    written = cv2.imread(str(tmp_path / "out" / row["image"]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, one.image)
    mask = cv2.imread(str(tmp_path / "out" / row["mask"]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, one.mask * 255)
    assert "MR040241" not in mat.numbered([row["patient"]]).values()
