"""`neuralscan pacs` and the network's options of `serve`, where no archive is needed."""

from __future__ import annotations

import pytest

from appliance import cli
from appliance.cli_network import network_settings
from appliance.settings import Settings
from tests.network.sites import free_port, run
from tests.serving import Bright
from tests.test_serve import serving


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURALSCAN_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NEURALSCAN_DICOM_TIMEOUT_S", "2")


@pytest.mark.parametrize("verb", ["", "echo", "find", "fetch", "send"])
def test_help_has_an_example(verb, capsys):
    assert cli.main(["pacs", *verb.split(), "--help"]) == 0
    assert "Examples:\n    neuralscan pacs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["echo"], "--peer"),
        (["echo", "--peer", "nowhere"], "HOST:PORT:AET"),
        (["find", "--date", "20240101"], "--url"),
        (["find"], "a study, a patient"),
        (["find", "--date", "1", "--url", "ftp://x"], "http"),
        (["find", "--date", "1", "--url", "http://me:pw@x/y"], "password"),
        (["fetch", "1.2", "1.3"], "--url"),
    ],
)
def test_a_mistake_is_named(given, said, capsys):
    assert cli.main(["pacs", *given]) == 2
    assert said in capsys.readouterr().err


def test_nobody_there(capsys):
    assert cli.main(["pacs", "echo", "--peer", f"127.0.0.1:{free_port()}:PACS"]) == 5
    assert "cannot be reached" in capsys.readouterr().err


def test_only_results_are_sent(tmp_path, capsys):
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    sent = ["pacs", "send", "--peer", f"127.0.0.1:{free_port()}:PACS", str(tmp_path / "a.dcm")]
    assert cli.main(sent) == 2
    assert cli.main([*sent, "--url", "https://x/y"]) == 2
    assert "expected a DICOM file" in capsys.readouterr().err


def test_options_that_were_not_given_leave_the_environment_alone():
    assert network_settings((), dicom_port=None, push=None) == {
        "dicom_peers": None,
        "dicom_port": None,
        "push": None,
    }


@pytest.mark.parametrize(
    "given",
    [
        ["--dicom-port", "0"],
        ["--push", "host:104:PACS"],
        ["--push", "nonsense", "--linked"],
        ["--watch", "no/such/folder"],
    ],
)
def test_what_makes_no_sense_does_not_start(given, tmp_path, monkeypatch, tiny_folder, capsys):
    monkeypatch.setenv("NEURALSCAN_MODELS", str(tiny_folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert cli.main(["serve", "--port", "0", *given]) == 2
    assert "ready" not in capsys.readouterr().out


def test_serve_tells_where_it_listens_for_dicom(tmp_path):
    settings = Settings(
        tmp_path / "served", port=0, dicom_port=free_port(), dicom_peers=("CT1",), wait_s=0.2
    )
    with serving(settings, analyzer=Bright()) as last:
        assert last == str(settings.dicom_port)
        called = ["-aet", "CT1", "-aec", "NEURALSCAN", "127.0.0.1", last]
        assert run("echoscu", *called).returncode == 0
    assert run("echoscu", *called).returncode != 0
