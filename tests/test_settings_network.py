"""appliance.settings_network: the network's settings, from the environment and by hand."""

import pytest

from appliance.core.errors import BadRequest
from appliance.settings import Settings

HOME = {"HOME": "/home/ada"}


def test_everything_is_off_by_default():
    found = Settings.load(HOME)
    assert found.dicom_port is None
    assert found.watch is None
    assert (found.push, found.pacs_url, found.dicom_peers) == ("", "", ())
    assert found.dicom_host == "127.0.0.1"


def test_from_the_environment():
    env = {
        "NEURALSCAN_DICOM_PORT": "11112",
        "NEURALSCAN_DICOM_PEERS": "CT1@10.0.0.7, PACS",
        "NEURALSCAN_PUSH_KINDS": "sr,report",
        "NEURALSCAN_PACS_PASSWORD": "secret",
        "NEURALSCAN_PACS_TOKEN": "token",
    }
    found = Settings.load({**HOME, **env})
    assert found.dicom_port == 11112
    assert found.dicom_peers == ("CT1@10.0.0.7", "PACS")
    assert found.push_kinds == ("sr", "report")
    assert "secret" not in repr(found)
    assert "token=" not in repr(found)
    assert Settings.load({**HOME, "NEURALSCAN_DICOM_PORT": ""}).dicom_port is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DICOM_PORT", "70000"),
        ("DICOM_PORT", "x"),
        ("DICOM_AET", "A" * 17),
        ("DICOM_AET", " "),
        ("DICOM_ASSOCIATIONS", "0"),
        ("INCOMING_QUIET_S", "0"),
        ("INCOMING_KEEP_S", "-1"),
        ("PUSH_KINDS", "seg,images"),
        ("PUSH_ATTEMPTS", "0"),
    ],
)
def test_a_mistake_names_its_variable(name, value):
    with pytest.raises(BadRequest, match=f"NEURALSCAN_{name}"):
        Settings.load({**HOME, f"NEURALSCAN_{name}": value})
