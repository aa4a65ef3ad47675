"""De-identification against the standard's table, attribute by attribute and at every depth."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless

from appliance.audit import Audit
from appliance.cli import main
from appliance.core.errors import BadRequest, BurnedInText
from appliance.deidentify import deidentify
from appliance.deidentify_files import LeftOut, Written, deidentify_paths
from appliance.ingest import read_path
from appliance.pseudonym import Pseudonyms
from tests.scans import dicom_dataset, noise, saved, zipped

NAMES = Pseudonyms(bytes(32))
SECRET = "SECRET"
_SAID = {"DA": "20231130", "TM": "101112", "DT": "20231130101112", "AS": "080Y", "IS": "4711"}
_SAID |= {"DS": "4711", "UI": "1.2.276.0.7230010.3.1.4.4711", "UR": "http://secret.example"}
_NUMBERS = {"US": 4711, "SS": 4711, "UL": 4711, "SL": 4711, "FL": 4711.0, "FD": 4711.0}
_GDCM = """
import gdcm
for tag in gdcm.Anonymizer.GetBasicApplicationLevelConfidentialityProfileAttributes():
    print(tag.GetGroup(), tag.GetElement())
"""


def said(kind: str) -> object:
    if kind == "SQ":
        item = Dataset()
        item.PatientName, item.ReferencedSOPInstanceUID = SECRET, _SAID["UI"]
        return [item]
    if kind in ("OB", "OW", "UN", "OF"):
        return SECRET.encode()
    return _NUMBERS.get(kind, _SAID.get(kind, SECRET))


def filled(tags: list[tuple[int, int]]) -> Dataset:
    """A slice in which each of these attributes says something."""
    dataset = dicom_dataset()
    for tag in tags:
        if dictionary_has_tag(tag) and tag[0] > 2:
            kind = dictionary_VR(tag).split(" ")[0]
            dataset.add_new(tag, kind, said(kind))
    return dataset


def text_of(dataset: Dataset) -> str:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue().decode("latin-1")


ALL = [tag for tag in table.ALL_TAGS if len(tag) == 2]
CODES = {
    "X": [*table.X_TAGS],
    "Z": [*table.Z_TAGS, *table.X_Z_TAGS],
    "D": [*table.D_TAGS, *table.Z_D_TAGS, *table.X_D_TAGS, *table.X_Z_D_TAGS],
    "U": [*table.U_TAGS],
}
SET_AGAIN = {(0x0010, 0x0010), (0x0010, 0x0020), (0x0012, 0x0063), (0x0012, 0x0064)}


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_attribute_of_the_table_is_treated_as_it_says(depth):
    dataset = filled(ALL)
    for _ in range(depth):
        outer = dicom_dataset()
        del dataset.PixelData, dataset.file_meta
        outer.SharedFunctionalGroupsSequence = [dataset]
        dataset = outer
    found = deidentify(dataset, NAMES.uid)
    for _ in range(depth):
        found = found.SharedFunctionalGroupsSequence[0]
    seen = 0
    for code, tags in CODES.items():
        for tag in tags:
            if len(tag) > 2 or not dictionary_has_tag(tag) or tag[0] <= 2:
                continue
            kind = dictionary_VR(tag).split(" ")[0]
            seen += 1
            if depth == 0 and tag in SET_AGAIN:
                continue
            name = f"{pydicom.datadict.keyword_for_tag(tag)} {code} {kind}"
            if code == "X":
                assert tag not in found, name
            elif code == "Z" and tag in found:
                assert found[tag].is_empty or kind == "SQ" and not found[tag].value, name
            elif tag in found:
                assert found[tag].value != pydicom.DataElement(tag, kind, said(kind)).value, name
                assert not found[tag].is_empty or kind == "SQ", name
    assert seen > 600
    assert SECRET not in text_of(dataset)
    assert "20231130" not in text_of(dataset)


def test_the_first_edition_of_the_profile_as_gdcm_has_it():
    told = subprocess.run([sys.executable, "-c", _GDCM], capture_output=True, text=True, check=True)
    tags = [tuple(map(int, line.split())) for line in told.stdout.splitlines()]
    assert len(tags) > 40
    before = filled([tag for tag in tags if tag[0] > 2])
    values = {tag: copy.deepcopy(before[tag].value) for tag in tags if tag in before}
    treated = deidentify(before, NAMES.uid)
    for tag, value in values.items():
        assert tag not in treated or treated[tag].value != value, tag
    assert SECRET not in text_of(treated)
    assert _SAID["UI"] not in text_of(treated)


def test_what_the_table_does_not_name():
    dataset = dicom_dataset(PatientName="Musterfrau^Erika", Manufacturer="Siemens")
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "Musterfrau")
    dataset.add_new((0x0019, 0x1008), "UN", b"Musterfrau")
    dataset.add_new((0x0018, 0x9999), "LO", "Musterfrau")  # no attribute of the standard
    dataset.add_new((0x6000, 0x3000), "OW", b"Musterfrau")
    dataset.add_new((0x5002, 0x3000), "OW", b"Musterfrau")
    dataset.SoftwareVersions = "made for musterfrau"
    dataset.file_meta.SourceApplicationEntityTitle = "MUSTERFRAU"
    dataset.preamble = b"Musterfrau".ljust(128, b"\0")
    treated = deidentify(dataset, NAMES.uid)
    assert "musterfrau" not in text_of(treated).lower()
    assert treated.Manufacturer == "Siemens"


def test_uids_are_those_of_what_the_appliance_writes(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(saved(dicom_dataset(FrameOfReferenceUID="1.2.3")))
    (series,) = NAMES.study(read_path(path)).series
    treated = deidentify(pydicom.dcmread(path), NAMES.uid)
    assert treated.StudyInstanceUID == series.study_instance_uid
    assert treated.SeriesInstanceUID == series.series_instance_uid
    assert treated.SOPInstanceUID == series.source.instances[0][0]
    assert treated.FrameOfReferenceUID == series.source.frame_of_reference_uid
    assert treated.file_meta.MediaStorageSOPInstanceUID == treated.SOPInstanceUID
    assert treated.SOPClassUID == pydicom.uid.MRImageStorage


def test_it_says_how_it_was_done_and_the_pixels_stay():
    before = dicom_dataset()
    pixels = before.pixel_array.copy()
    treated = deidentify(before, NAMES.uid)
    assert treated.PatientIdentityRemoved == "YES"
    assert [c.CodeValue for c in treated.DeidentificationMethodCodeSequence] == ["113100"]
    assert "Basic Application" in treated.DeidentificationMethod[1]
    assert np.array_equal(treated.pixel_array, pixels)
    assert treated.ImagePositionPatient == [-10, -20, 0]


def with_text(index: int = 0, **attributes) -> Dataset:
    import cv2

    plane = (noise((160, 160), np.uint8, index).astype(np.uint16) >> 3) + 1
    plane[:34] = 0
    text = cv2.putText(np.zeros((160, 160), np.uint8), "DOE 1943", (6, 24), 0, 0.6, 255)
    plane[text > 0] = 900
    return dicom_dataset(plane, index, **attributes)


def treat(tmp_path, *datasets, **options):
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(datasets):
        (folder / f"Doe_{number}.dcm").write_bytes(saved(dataset))
    return list(deidentify_paths([folder], tmp_path / "out", NAMES.uid, **options))


def test_text_in_the_pixels_holds_a_series_back_until_it_is_blackened(tmp_path):
    series = [with_text(index) for index in range(3)]
    (held,) = treat(tmp_path, *series)
    assert isinstance(held, LeftOut)
    assert isinstance(held.error, BurnedInText)
    assert not list((tmp_path).glob("out/*"))
    (written,) = treat(tmp_path, *series, mask_text=True)
    assert (written.files, written.boxes) == (3, 1)
    for path in written.folder.iterdir():
        found = pydicom.dcmread(path)
        assert found.pixel_array[:34].max() == 0
        assert found.pixel_array[40:].max() > 0
        assert found.BurnedInAnnotation == "NO"
        assert "blackened in 1 places" in found.DerivationDescription
        assert found.ImageType[0] == "DERIVED"
        codes = [c.CodeValue for c in found.DeidentificationMethodCodeSequence]
        assert codes == ["113100", "113101"]


def test_a_header_that_speaks_of_text_needs_a_place(tmp_path):
    dataset = dicom_dataset(BurnedInAnnotation="YES")
    for options in ({}, {"mask_text": True}):
        (held,) = treat(tmp_path, dataset, **options)
        assert "--black-out" in held.error.message
    (written,) = treat(tmp_path, dataset, black_out=[(0, 0, 5, 9)])
    (path,) = written.folder.iterdir()
    assert pydicom.dcmread(path).pixel_array[:5, :9].max() == dataset.pixel_array.min()
    with pytest.raises(BadRequest, match="inside 40 rows"):
        treat(tmp_path, dataset, black_out=[(0, 0, 41, 9)])


def test_compressed_images_are_blackened_too(tmp_path):
    dataset = with_text()
    dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg")
    (written,) = treat(tmp_path, dataset, mask_text=True)
    (path,) = written.folder.iterdir()
    found = pydicom.dcmread(path)
    assert found.pixel_array[:34].max() == 0
    assert np.array_equal(found.pixel_array[40:], with_text().pixel_array[40:])


def test_what_is_no_image_is_left_out_and_named(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"hello, this is no scan")
    sr = dicom_dataset(PixelData=None, Rows=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    (folder / "b.zip").write_bytes(zipped({"x/1.dcm": saved(dicom_dataset())}))
    (folder / "c.dcm").write_bytes(saved(sr))
    found = list(deidentify_paths([folder], tmp_path / "out", NAMES.uid))
    left = {item.error.code for item in found if isinstance(item, LeftOut)}
    assert left == {"unsupported_format", "no_pixels"}
    (written,) = [item for item in found if isinstance(item, Written)]
    assert written.files == 1
    names = [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")]
    assert not any("Doe" in name or name.startswith(".") for name in names)


def test_the_verb_writes_refuses_and_is_in_the_audit(tmp_path, capsys):
    for name, dataset in (("a", dicom_dataset()), ("b", with_text(SeriesInstanceUID="1.2.9"))):
        (tmp_path / f"{name}.dcm").write_bytes(saved(dataset))
    data, out = tmp_path / "data", tmp_path / "out"
    common = ["--out", str(out), "--data", str(data), "--json"]
    assert main(["deidentify", str(tmp_path / "a.dcm"), *common]) == 0
    (written,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert written["files"] == 1
    assert main(["deidentify", str(tmp_path / "b.dcm"), *common]) == 3
    (held,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert held["code"] == "burned_in_text"
    assert main(["deidentify", str(tmp_path / "b.dcm"), *common, "--mask-text"]) == 0
    assert main(["deidentify", str(tmp_path / "b.dcm"), *common, "--black-out", "1,2"]) == 2
    entries, total = Audit(data).entries()
    assert total == 2
    assert entries[0]["action"] == "study.deidentified"
    assert entries[0]["detail"] == {"files": 1, "places_blackened": 1}
    assert Audit(data).verify().good
    assert "Doe" not in (data / "audit.jsonl").read_text()
