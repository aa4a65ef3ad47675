"""What names a patient reaches neither store nor log, whatever was done with the study."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import logging
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin

from appliance.app import close, create_app
from appliance.settings import Settings
from tests.scans import dicom_dataset, encoded, nifti_file, noise, saved, zipped
from tests.serving import API, Bright, analyse, post_files, upload

STUDY, SERIES, FRAME = (f"1.2.276.0.7230010.3.1.{kind}.4711081542" for kind in (2, 3, 9))
PERSON = {
    "PatientName": "Musterfrau^Erika^Hildegard",
    "PatientID": "PID-4711-0815",
    "PatientBirthDate": "19430217",
    "OtherPatientIDs": "OTHER-90210",
    "PatientAddress": "Ahornweg 17",
    "AccessionNumber": "ACC-5551212",
    "StudyID": "STUDYID-777",
    "StudyDate": "20231130",
    "ReferringPhysicianName": "Doktorius^Quentin",
    "InstitutionName": "Klinikum Nirgendwo",
    "StudyDescription": "Kopf Musterfrau",
    "SeriesDescription": "t1 tra +c Musterfrau",
    "PatientComments": "lives at Ahornweg",
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "FrameOfReferenceUID": FRAME,
}
SECRETS = [
    *("Musterfrau", "Erika", "PID-4711", "19430217", "OTHER-90210", "Ahornweg", "ACC-5551212"),
    *("STUDYID-777", "20231130", "Doktorius", "Nirgendwo", STUDY, SERIES, FRAME),
]


def series() -> tuple[list[tuple[str, bytes]], list[str]]:
    """Files with a person's header and name, and the UIDs of their images."""
    files, uids = [], []
    for index in range(3):
        plane = noise(seed=index)
        plane[10:20, 8:16] = 255
        dataset = dicom_dataset(plane, index, **PERSON)
        uids.append(dataset.SOPInstanceUID)
        files.append((f"Musterfrau_Erika/{index}.dcm", saved(dataset)))
    return files, uids


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and what is packed in them: zip, gzip, PNG and PDF streams, base64, NPZ."""
    yield data
    if depth == 3:
        return
    inner: list[bytes] = []
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner += [archive.read(name) for name in archive.namelist()]
            inner.append("\n".join(archive.namelist()).encode())
    if data[:2] == b"\x1f\x8b":
        inner.append(gzip.decompress(data))
    for start in re.finditer(rb"(?:IDAT|zTXt\w*\0\0|stream\r?\n)|\x78[\x01\x9c\xda]", data):
        packed = start.start() if start.group()[:1] == b"\x78" else start.end()
        with suppress(zlib.error):
            inner.append(zlib.decompressobj().decompress(data[packed:], 1 << 22))
    for word in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", data):
        with suppress(binascii.Error):
            inner.append(base64.b64decode(word[: len(word) // 4 * 4]))
    for word in re.findall(rb"<~(.{8,}?)~>|([!-u]{40,})~>", data, re.DOTALL):
        with suppress(ValueError):
            inner.append(base64.a85decode(word[0] or word[1]))
    for part in inner:
        if part:
            yield from unpacked(part, depth + 1)


def says(data: bytes, secrets: list[str]) -> set[str]:
    """The secrets that stand in bytes, in any coding and packing."""
    found = set()
    for part in unpacked(data):
        lower = part.lower()
        for secret in secrets:
            codings = (secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be"))
            if any(c.lower() in lower for c in (*codings, base64.b64encode(secret.encode()))):
                found.add(secret)
    return found


def found_in(folder: Path, secrets: list[str]) -> list[str]:
    """Where a secret stands in a folder: in a name or in the bytes of a file, in any coding."""
    found = []
    for path in folder.rglob("*"):
        named = {secret for secret in secrets if secret in str(path.relative_to(folder))}
        inside = says(path.read_bytes(), secrets) if path.is_file() else set()
        found += [f"{secret} in {path.name}" for secret in sorted(named | inside)]
    return found


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(data) -> Iterator:
    app = create_app(Settings(data, upload_bytes=8 << 20, wait_s=0.2), Bright())
    yield app.test_client()
    close(app)


def test_the_search_finds_what_is_there(data):
    data.mkdir()
    text = b"before Musterfrau after, with more of it to be packed"
    note = PngImagePlugin.PngInfo()
    note.add_text("who", "Musterfrau", zip=True)
    png = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(png, "PNG", pnginfo=note)
    hidden = {
        "a": "xxMusterfrau".encode("utf-16-le"),
        "b": zipped({"x": gzip.compress(text)}),
        "c": b'{"embedding": "' + base64.b64encode(text) + b'"}',
        "d": b"%PDF\nstream\n" + zlib.compress(text) + b"\nendstream",
        "e": png.getvalue(),
    }
    for name, content in hidden.items():
        (data / name).write_bytes(content)
    (data / "Erika.txt").write_bytes(b"")
    assert {line.split(" in ")[1] for line in found_in(data, SECRETS)} == {*hidden, "Erika.txt"}


def test_nothing_that_names_anybody_is_kept(client, data, caplog):
    caplog.set_level(logging.DEBUG)
    files, uids = series()
    secrets = [*SECRETS, *uids]
    study = upload(client, *files)
    uid = study["study_instance_uid"]
    analyse(client, study)
    taken = [client.get(f"{API}/studies/{uid}/{name}.dcm").data for name in ("seg", "sr", "report")]
    taken += [client.get(f"{API}/studies/{uid}/report.{kind}").data for kind in ("html", "json")]
    post_files(client, "/analyze", "file", files[0])
    upload(client, ("Musterfrau_Erika.png", encoded(noise(seed=9), ".png")))
    upload(client, ("Musterfrau.nii", nifti_file()))
    upload(client, ("Musterfrau.zip", zipped({f"Musterfrau/{n}": d for n, d in files[1:]})))
    broken = client.post(f"{API}/studies", data={"files": (io.BytesIO(files[0][1][:700]), "Erika")})
    assert broken.status_code == 400
    assert found_in(data, secrets) == []
    said = (
        caplog.text + str(client.get(f"{API}/audit").json) + str(client.get(f"{API}/studies").json)
    )
    for secret in secrets:
        assert secret not in said
        assert not any(secret.encode() in file for file in taken)


def test_a_deleted_study_leaves_nothing_but_its_entries_in_the_audit(client, data):
    files, _ = series()
    study = upload(client, *files)
    uid, digest = study["study_instance_uid"], study["series"][0]["sha256"]
    series_uid = study["series"][0]["series_instance_uid"]
    analyse(client, study)
    assert found_in(data, [uid, digest])
    assert client.delete(f"{API}/studies/{uid}").status_code == 204
    left = {line.split(" in ")[1] for line in found_in(data, [uid, digest, series_uid])}
    assert left == {"audit.jsonl"}
    assert list((data / "arrays").iterdir()) == []
    assert client.get(f"{API}/audit").json["entries"][0]["action"] == "study.deleted"


def with_names() -> list[tuple[str, bytes]]:
    """Files of other kinds that name a person inside: text chunks, EXIF, TIFF tags, NIfTI."""
    plane = noise(seed=4)
    note = PngImagePlugin.PngInfo()
    note.add_text("PatientName", "Musterfrau")
    note.add_itxt("who", "Erika", zip=True)
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Musterfrau", "Doktorius"
    files = []
    for form, options in (("PNG", {"pnginfo": note}), ("JPEG", {"exif": exif}), ("TIFF", {})):
        stream = io.BytesIO()
        more = {"tiffinfo": {270: "Musterfrau", 315: "Doktorius"}} if form == "TIFF" else options
        Image.fromarray(plane).save(stream, form, **more)
        assert says(stream.getvalue(), ["Musterfrau"])
        files.append((f"Musterfrau.{form.lower()}", stream.getvalue()))
    nifti = nibabel.Nifti1Image(np.stack([plane] * 3, 2), np.eye(4))
    nifti.header["descrip"], nifti.header["aux_file"] = "Musterfrau Erika", "Musterfrau.nii"
    nifti.header["db_name"], nifti.header["intent_name"] = "Musterfrau", "PID-4711-0815"
    nifti.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Musterfrau"))
    files.append(("Musterfrau.nii.gz", gzip.compress(nifti.to_bytes())))
    return files


def test_what_pictures_and_volumes_say_inside_is_not_kept(client, data, caplog):
    caplog.set_level(logging.DEBUG)
    for name, content in with_names():
        study = upload(client, (name, content))
        analyse(client, study)
        uid = study["study_instance_uid"]
        for kind in ("json", "html", "pdf"):
            taken = client.get(f"{API}/studies/{uid}/report.{kind}")
            assert says(taken.data, SECRETS) == set()
        mask = client.get(f"{API}/studies/{uid}/mask.nii.gz")
        assert mask.status_code == 404 or says(mask.data, SECRETS) == set()
    assert found_in(data, SECRETS) == []
    assert says(client.get("/metrics").data + caplog.text.encode(), SECRETS) == set()


def test_errors_and_addresses_say_nothing(client, data, caplog):
    caplog.set_level(logging.DEBUG)
    files, uids = series()
    broken = [
        ("Musterfrau.dcm", files[0][1][:900]),
        ("Musterfrau.zip", zipped({"Musterfrau/a.dcm": files[0][1][:900]})),
        ("Musterfrau.txt", b"Erika Musterfrau, born 17.02.1943"),
    ]
    for name, content in broken:
        answer = post_files(client, "/studies", "files", (name, content))
        assert answer.status_code >= 400
        assert says(answer.data, [*SECRETS, *uids]) - {"Musterfrau"} == set()  # the caller's name
        post_files(client, "/analyze", "file", (name, content))
    study = upload(client, *files)
    job = analyse(client, study)
    assert says(str(job).encode(), [*SECRETS, *uids]) == set()
    assert client.get(f"{API}/studies/{STUDY}").status_code == 404
    assert found_in(data, [*SECRETS, *uids]) == []
    assert says(caplog.text.encode(), [*SECRETS, *uids]) == set()


@pytest.fixture
def linked(data, tmp_path) -> Iterator:
    settings = Settings(data, linked=True, identity_key=tmp_path / "key", wait_s=0.2)
    app = create_app(settings, Bright())
    yield app
    close(app)


KINDS = ("seg", "sr", "rtstruct", "report")


def test_linked_objects_go_back_under_their_own_names(linked, data, caplog):
    caplog.set_level(logging.DEBUG)
    client = linked.test_client()
    files, uids = series()
    study = upload(client, *files)
    uid = study["study_instance_uid"]
    assert uid != STUDY
    analyse(client, study)
    for kind in KINDS:
        found = pydicom.dcmread(io.BytesIO(client.get(f"{API}/studies/{uid}/{kind}.dcm").data))
        assert found.PatientName == PERSON["PatientName"]
        assert (found.PatientID, found.StudyInstanceUID) == (PERSON["PatientID"], STUDY)
        assert found.PatientBirthDate == PERSON["PatientBirthDate"]
        assert "PatientIdentityRemoved" not in found
        assert any(image in str(found) for image in uids)  # refers to the images as they were
    entry = client.get(f"{API}/audit").json["entries"][0]
    assert entry["detail"]["linked"] is True
    for kind in ("json", "html", "pdf"):  # what a person takes away stays without a name
        assert says(client.get(f"{API}/studies/{uid}/report.{kind}").data, SECRETS) == set()
    listed = client.get(f"{API}/studies").data + client.get("/metrics").data
    assert says(listed + caplog.text.encode(), [*SECRETS, *uids]) == set()
    assert found_in(data, [*SECRETS, *uids]) == []
    assert len(linked.extensions["neuralscan"].vault.studies()) == 1


def test_without_linked_what_was_sealed_stays_shut_and_can_be_deleted(linked, data):
    files, _ = series()
    uid = upload(linked.test_client(), *files)["study_instance_uid"]
    close(linked)
    app = create_app(Settings(data), Bright())
    client = app.test_client()
    analyse(client, client.get(f"{API}/studies/{uid}").json)
    found = pydicom.dcmread(io.BytesIO(client.get(f"{API}/studies/{uid}/seg.dcm").data))
    assert found.PatientIdentityRemoved == "YES"
    assert says(str(found).encode(), SECRETS) == set()
    assert client.delete(f"{API}/studies/{uid}").status_code == 204
    assert app.extensions["neuralscan"].vault.studies() == set()
    close(app)


_WRITES_LINKED = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from appliance import dicom_seg, ingest
from tests.readings import two_lesions
(series,) = ingest.read_path(sys.argv[1], linked=True).series
dicom_seg.to_file(series, two_lesions(series))
"""


def test_no_library_tells_a_name_it_finds_odd(tmp_path):
    for index in range(3):
        dataset = dicom_dataset(noise(seed=index), index, **{**PERSON, "PatientName": "Musterfrau"})
        (tmp_path / f"{index}.dcm").write_bytes(saved(dataset))
    command = [sys.executable, "-X", "dev", "-c", _WRITES_LINKED, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, check=False)
    assert told.returncode == 0, told.stderr
    assert says(told.stderr + told.stdout, SECRETS) == set()


def test_a_crash_leaves_no_image_of_the_memory():
    resource = pytest.importorskip("resource")
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most == 0:
        pytest.skip("core dumps are forbidden here already")
    code = (
        "import resource, subprocess; from click.testing import CliRunner; "
        "from appliance.cli import cli; CliRunner().invoke(cli, ['audit', 'verify', '--help']); "
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0]); "
        "subprocess.run(['sh', '-c', 'ulimit -c'])"
    )
    told = subprocess.run(
        [sys.executable, "-u", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
    )
    assert told.stdout.split() == ["0", "0"]


def pixels_of(folder: Path) -> list[bytes]:
    """A stretch from the middle of each stored array, long enough to be no coincidence."""
    arrays = [np.load(path).tobytes() for path in (folder / "arrays").glob("*.npy")]
    return [array[len(array) // 2 :][:64] for array in arrays if len(set(array[:4096])) > 8]


@pytest.mark.parametrize("mode", ["default", "linked"])
def test_a_deleted_study_leaves_no_byte(mode, data, tmp_path):
    keys = {"linked": True, "identity_key": tmp_path / "key"} if mode == "linked" else {}
    app = create_app(Settings(data, wait_s=0.2, **keys), Bright())
    client, service = app.test_client(), app.extensions["neuralscan"]
    other = upload(client, ("other.png", encoded(noise(seed=77), ".png")))
    files, _ = series()
    study = upload(client, *files)
    uid, place = study["study_instance_uid"], study["series"][0]
    names = [uid, place["series_instance_uid"], place["sha256"]]
    analyse(client, study)
    kept = {"slice": 1, "label": "glioma"}
    address = f"{API}/studies/{uid}/series/{place['series_instance_uid']}/library"
    assert client.post(address, json=kept).status_code == 201
    post_files(client, "/analyze", "file", files[0])
    (data / "index.damaged-1").write_bytes(uid.encode())
    instances = [one for one, _ in service.store.series(*names[:2]).source.instances]
    stretches = pixels_of(data)
    everything = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert stretches
    assert all(stretch in everything for stretch in stretches)
    assert found_in(data, [*names, *instances])
    assert client.delete(f"{API}/studies/{uid}").status_code == 204
    assert [*service.recent._kept] == []
    entries = client.get(f"{API}/audit").json["entries"]
    assert (entries[0]["action"], entries[0]["study"]) == ("study.deleted", uid)
    left = {line.split(" in ")[1] for line in found_in(data, [*names, *instances])}
    assert left == {"audit.jsonl"}  # that it was here, and that it went
    assert found_in(data, SECRETS) == []
    gone = [stretch for stretch in stretches if stretch not in remaining(data)]
    assert len(gone) == len(stretches) - 1  # the other study's picture is still there
    assert client.get(f"{API}/studies/{other['study_instance_uid']}").status_code == 200
    close(app)
    assert {line.split(" in ")[1] for line in found_in(data, names)} == {"audit.jsonl"}


def remaining(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_kill_leaves_no_name_in_temporary_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    app = create_app(Settings(data, wait_s=0.2), Bright())
    files, uids = series()
    answer = post_files(app.test_client(), "/studies", "files", *files)
    assert answer.status_code == 201
    assert found_in(tmp_path / "tmp", [*SECRETS, *uids]) == []  # as it is: nothing was closed
    assert [*(tmp_path / "tmp").iterdir()] == []
    close(app)


def test_names_of_pictures_are_kept_only_when_asked(data):
    for keep, name in ((False, "image "), (True, "Musterfrau.png")):
        settings = Settings(data / str(keep), keep_names=keep)
        app = create_app(settings, Bright())
        study = upload(app.test_client(), ("Musterfrau.png", encoded(noise(), ".png")))
        assert study["series"][0]["name"].startswith(name)
        close(app)


def test_linked_objects_are_the_only_place_of_a_name(tmp_path):
    from appliance import dicom_seg, ingest
    from tests.readings import two_lesions

    files, _ = series()
    (linked,) = ingest.read_files(files, linked=True).series
    report = two_lesions(linked)
    found = pydicom.dcmread(io.BytesIO(dicom_seg.to_file(linked, report)))
    assert found.PatientName == PERSON["PatientName"]
    assert "Musterfrau" not in repr(replace(linked, name=""))
