"""appliance.api_studies: uploads that are kept, their slices, jobs and reports."""

import gzip
import io
import time
import zipfile

import nibabel
import numpy as np
import pytest

from appliance.app import close, create_app
from tests.serving import (
    API,
    Bright,
    analyse,
    app,
    bright,
    client,
    finished,
    nifti,
    picture,
    pixels,
    png,
    post_files,
    settings,
    upload,
    volume,
)

__all__ = ["app", "bright", "client", "settings"]


@pytest.fixture
def tumor(client):
    """A study of one picture, analysed."""
    study = upload(client)
    assert analyse(client, study)["state"] == "done"
    return client.get(f"{API}/studies/{study['study_instance_uid']}").json


def address(study: dict) -> tuple[str, str]:
    """Addresses of a study and of its first series."""
    base = f"{API}/studies/{study['study_instance_uid']}"
    return base, f"{base}/series/{study['series'][0]['series_instance_uid']}"


def test_a_study_from_upload_to_report(client):
    answer = post_files(client, "/studies", "files", ("head.nii.gz", nifti()))
    assert answer.status_code == 201
    study = answer.json
    base, series = address(study)
    assert answer.headers["Location"] == base
    shown = study["series"][0]
    assert (shown["kind"], shown["shape"], shown["verdict"]) == ("nifti", [5, 40, 60], None)
    assert shown["view"] == {"shape": [5, 40, 60], "spacing_mm": [3.0, 1.0, 1.0], "plane": "axial"}
    assert client.get(f"{series}/report.json").status_code == 404
    job = analyse(client, study)
    assert (job["state"], job["progress"]) == ("done", 1.0)
    assert job["results"][0]["verdict"] == "tumor"
    report = client.get(job["results"][0]["report"]).json
    assert report == client.get(f"{base}/report.json").json["reports"][0]
    assert client.get(base).json["series"][0]["verdict"] == "tumor"
    assert client.get(f"{API}/studies").json["studies"][0]["series"][0]["label"] == "glioma"


def test_slices_and_layers_are_upright(client):
    study = upload(client, ("head.nii.gz", nifti()))
    analyse(client, study)
    _, series = address(study)
    plain = pixels(client.get(f"{series}/slices/2.png?level=127.5&window=255").data)
    upright = volume().array[2, ::-1, ::-1]
    assert abs(plain.astype(int) - upright).max() <= 1
    mask = pixels(client.get(f"{series}/slices/2/mask.png").data)
    np.testing.assert_array_equal(mask > 0, upright > 200)
    assert pixels(client.get(f"{series}/slices/2/heat.png").data).shape == (40, 60)
    report = client.get(f"{series}/report.json").json
    slice0, row0, column0, slice1, row1, column1 = report["lesions"][0]["view_box"]
    assert (slice0, slice1) == (2, 4)
    assert (mask[row0:row1, column0:column1] == 255).all()
    for overlay in ("contour", "box", "heat", "all"):
        burnt = pixels(client.get(f"{series}/slices/2.png?overlay={overlay}").data)
        assert burnt.shape == (40, 60, 3)


def test_the_nifti_mask_lies_where_the_input_lies(client):
    study = upload(client, ("head.nii.gz", nifti()))
    analyse(client, study)
    base, _ = address(study)
    uid = study["series"][0]["series_instance_uid"]
    for query in ("", f"?series={uid}"):
        answer = client.get(f"{base}/mask.nii.gz{query}")
        assert answer.status_code == 200
        mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.data))
        source = nibabel.Nifti1Image.from_bytes(gzip.decompress(nifti()))
        np.testing.assert_allclose(mask.affine, source.affine, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(mask.dataobj) > 0, source.get_fdata() > 200)


def test_the_mask_s_address_in_the_report_leads_to_it(client, tumor):
    _, series = address(tumor)
    report = client.get(f"{series}/report.json").json
    np.testing.assert_array_equal(
        pixels(client.get(report["mask"]).data), np.where(picture() > 200, 255, 0)
    )
    for link in report["links"].values():
        assert client.get(link).status_code == 200


def test_several_files_are_one_study(client):
    study = upload(client, ("a.png", png()), ("b.png", png(False)), ("c.png", b"no picture"))
    assert len(study["series"]) == 2
    assert [r["name"] for r in study["refusals"]] == ["c.png"]
    uid = study["series"][1]["series_instance_uid"]
    job = analyse(client, study, series=uid)
    assert [r["series_instance_uid"] for r in job["results"]] == [uid]
    base, _ = address(study)
    verdicts = [r["verdict"] for r in client.get(f"{base}/report.json").json["reports"]]
    assert verdicts == ["no_tumor", "refused"]
    analyse(client, study)
    reports = client.get(f"{base}/report.json").json["reports"]
    assert [r["verdict"] for r in reports] == ["tumor", "no_tumor", "refused"]
    page = client.get(f"{base}/report.html").text
    assert all(word in page for word in ("Tumour found", "No tumour found", "Not analysed"))
    one = client.get(f"{base}/report.json?series={uid}").json["reports"]
    assert [r["verdict"] for r in one] == ["no_tumor"]


def test_a_zip_and_the_same_files_give_the_same_series(client):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/a.png", png())
    zipped = upload(client, ("study.zip", buffer.getvalue()))
    plain = upload(client, ("a.png", png()))
    assert zipped["series"][0]["sha256"] == plain["series"][0]["sha256"]


def test_deleting_a_study(client, tumor, settings):
    base, series = address(tumor)
    answer = client.delete(base)
    assert (answer.status_code, answer.data) == (204, b"")
    for path in (base, f"{series}/slices/0.png", f"{base}/report.json"):
        assert client.get(path).status_code == 404
    assert client.delete(base).status_code == 404
    assert not list(settings.data.glob("arrays/*"))


def test_other_tasks_answer_in_the_job(client):
    study = upload(client)
    base, series = address(study)
    tasks = client.get(f"{API}/tasks").json["tasks"]
    task = [one for one in tasks if one["inputs"] == ["image"]][-1]
    answer = client.post(f"{base}/tasks/{task['name']}", json={"options": {"sharp": 1}})
    job = finished(client, answer.json["job"])
    result = job["results"][0]["result"]
    assert (result["task"], result["warnings"]) == (task["name"], ["sharp"])
    assert client.get(f"{series}/report.json").status_code == 404


def test_inputs_by_role(client):
    first, second = upload(client), upload(client, ("b.png", png(False)))
    place = {
        "study": second["study_instance_uid"],
        "series": second["series"][0]["series_instance_uid"],
    }
    base, _ = address(first)
    answer = client.post(f"{base}/tasks/analyze", json={"inputs": {"image": place}})
    job = finished(client, answer.json["job"])
    assert (job["state"], job["results"][0]["verdict"]) == ("done", "no_tumor")


def test_progress_and_cancel(client, bright):
    bright.gate.clear()
    study = upload(client)
    base, _ = address(study)
    running, waiting = (client.post(f"{base}/tasks/analyze").json["job"] for _ in range(2))
    assert bright.started.wait(60)
    assert client.get(base).json["job"] == waiting
    assert client.get(f"{API}/jobs/{running}").json["state"] == "running"
    assert client.delete(f"{API}/jobs/{waiting}").json["state"] == "cancelled"
    assert client.delete(f"{API}/jobs/{running}").json["cancel_requested"] is True
    assert finished(client, running)["state"] == "cancelled"
    assert client.get(base).json["job"] is None


def test_deleting_a_study_stops_its_job(client, bright):
    bright.gate.clear()
    study = upload(client)
    base, _ = address(study)
    job = client.post(f"{base}/tasks/analyze").json["job"]
    assert bright.started.wait(60)
    assert client.delete(base).status_code == 204
    assert client.get(f"{API}/jobs/{job}").status_code == 404
    until = time.monotonic() + 5
    while "neuralscan_jobs_running 0.0" not in client.get("/metrics").text:
        assert time.monotonic() < until


def test_everything_is_there_after_a_restart(settings, bright):
    bright.gate.clear()
    first = create_app(settings, bright)
    client = first.test_client()
    study = upload(client)
    base, series = address(study)
    jobs = [client.post(f"{base}/tasks/analyze").json["job"] for _ in range(2)]
    assert bright.started.wait(60)
    close(first)
    again = create_app(settings, Bright())
    client = again.test_client()
    assert [finished(client, job)["state"] for job in jobs] == ["done", "done"]
    assert client.get(f"{series}/report.json").json["verdict"] == "tumor"
    assert pixels(client.get(f"{series}/slices/0/mask.png").data).any()
    close(again)


def test_paging(client):
    for value in range(3):
        upload(client, (f"{value}.png", png(False) + bytes([value])))
    first = client.get(f"{API}/studies?limit=2").json
    rest = client.get(f"{API}/studies?limit=2&offset=2").json
    assert (first["total"], len(first["studies"]), len(rest["studies"])) == (3, 2, 1)
    names = [s["series"][0]["name"] for s in first["studies"] + rest["studies"]]
    assert names == ["2.png", "1.png", "0.png"]
