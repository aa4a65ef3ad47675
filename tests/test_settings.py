"""appliance.settings: flags over environment over defaults, and mistakes named."""

from dataclasses import FrozenInstanceError

import pytest

from appliance.core.errors import BadRequest
from appliance.settings import Settings

HOME = {"HOME": "/home/ada"}


def test_defaults_listen_on_loopback_only():
    settings = Settings.load(HOME)
    assert (settings.host, settings.port, settings.device) == ("127.0.0.1", 8080, "AUTO")
    assert settings.cache.parent == settings.data


def test_flags_win_over_the_environment(tmp_path):
    env = {**HOME, "NEURALSCAN_PORT": "9000", "NEURALSCAN_HOME": str(tmp_path)}
    assert Settings.load(env).port == 9000
    settings = Settings.load(env, port=9001)
    assert (settings.port, settings.data) == (9001, tmp_path)


def test_every_kind_of_value(tmp_path):
    env = {
        **HOME,
        "NEURALSCAN_MODELS": f"{tmp_path}/a:{tmp_path}/b",
        "NEURALSCAN_ALLOWED_HOSTS": "scan.clinic, other",
        "NEURALSCAN_WAIT_S": "1.5",
        "NEURALSCAN_DEMO": "yes",
    }
    settings = Settings.load(env)
    assert settings.models == (tmp_path / "a", tmp_path / "b")
    assert settings.allowed_hosts == ("scan.clinic", "other")
    assert (settings.wait_s, settings.demo) == (1.5, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("PORT", "70000"), ("DEMO", "maybe"), ("WORKERS", "0"), ("THREADS", "1")],
)
def test_a_mistake_names_its_variable(name, value):
    with pytest.raises(BadRequest, match=f"NEURALSCAN_{name}"):
        Settings.load({**HOME, f"NEURALSCAN_{name}": value})


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Settings.load(HOME).port = 1


def test_limits_follow_the_upload_size(tmp_path):
    assert Settings(tmp_path, upload_bytes=1234).limits.file_bytes == 1234


def test_where_packages_come_from_and_whose(tmp_path):
    settings = Settings.load({**HOME, "NEURALSCAN_HOME": str(tmp_path)})
    assert settings.sources.installed == tmp_path / "models"
    assert settings.sources.trust.folder == tmp_path / "trusted"
    assert not settings.sources.trust.required
    env = {
        **HOME,
        "NEURALSCAN_TRUST": str(tmp_path / "keys"),
        "NEURALSCAN_REQUIRE_SIGNATURE": "1",
        "NEURALSCAN_MODELS": str(tmp_path / "m"),
        "NEURALSCAN_BACKEND": "kserve://host:1",
    }
    settings = Settings.load(env)
    assert settings.sources.trust.folder == tmp_path / "keys"
    assert settings.sources.trust.required
    assert settings.sources.folders == (tmp_path / "m",)
    assert settings.backend == "kserve://host:1"


def test_the_linked_mode_has_a_key_outside_the_data(tmp_path):
    assert Settings.load(HOME).vault_key is None
    env = {**HOME, "NEURALSCAN_LINKED": "yes", "NEURALSCAN_IDENTITY_KEY": str(tmp_path / "key")}
    assert Settings.load(env).vault_key == tmp_path / "key"
    settings = Settings.load({**HOME, "NEURALSCAN_LINKED": "yes"})
    assert settings.vault_key.name == "identity.key"
    assert not settings.vault_key.is_relative_to(settings.data)
