"""Keys are made once and kept from others; only what a trusted key signed is used."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
from dataclasses import replace

import pytest

from appliance import signing
from appliance.core.errors import BadRequest, ChecksumMismatch, SignatureError, Unavailable
from appliance.package import open_package
from appliance.registry import Sources, find_package, survey
from appliance.signing import SIGNATURE, Trust
from optimize.__main__ import main as optimize
from optimize.sign import sign_package


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: signing.generate(folder / name) for name in ("clinic", "stranger")}
    return {name: (private, public, key) for name, (private, public, key) in made.items()}


@pytest.fixture
def trust(keys, tmp_path):
    signing.trust(keys["clinic"][1], tmp_path / "trusted")
    return Trust(tmp_path / "trusted")


@pytest.fixture
def copy(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder / "tiny", tmp_path / "packages" / "tiny")
    return tmp_path / "packages" / "tiny"


@pytest.fixture
def signed(copy, keys):
    sign_package(copy, keys["clinic"][0])
    return copy


def test_a_private_key_is_for_its_owner_and_never_overwritten(keys, tmp_path):
    private, public, _ = keys["clinic"]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(BadRequest, match="never overwritten"):
        signing.generate(private.with_suffix(""))
    (tmp_path / "half.pub").touch()
    with pytest.raises(BadRequest, match=r"half\.pub"):
        signing.generate(tmp_path / "half")
    assert not (tmp_path / "half.key").exists()
    assert (private.read_bytes(), public.read_bytes()) == before


def test_a_full_disk_leaves_no_half_of_a_pair(tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def second_fails(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(signing.os, "fsync", second_fails)
    with pytest.raises(OSError, match="No space"):
        signing.generate(tmp_path / "k")
    assert not list(tmp_path.iterdir())


def test_a_private_key_others_may_read_is_not_used(keys, tmp_path):
    path = tmp_path / "open.key"
    shutil.copy(keys["clinic"][0], path)
    path.chmod(0o644)
    with pytest.raises(BadRequest, match="chmod 600"):
        signing.read_private(path)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_what_is_no_key_is_named(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadRequest, match="private Ed25519"):
        signing.read_private(path)
    with pytest.raises(BadRequest, match="public Ed25519"):
        signing.read_public(path)


def test_keys_of_another_kind_are_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "ec"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    with pytest.raises(BadRequest, match="another kind"):
        signing.read_private(path)


def test_a_signed_package_is_opened_by_its_key(signed, keys, trust):
    package = open_package(signed, trust)
    package.verify()
    assert package.signed_by == keys["clinic"][2]


def test_openssl_agrees_that_it_is_a_signature_over_the_manifest(signed, keys, tmp_path):
    """Nothing of our own format stands between the signature and the bytes."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is absent")
    raw = tmp_path / "raw"
    document = json.loads((signed / SIGNATURE).read_text())
    raw.write_bytes(base64.b64decode(document["signature"]))
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys["clinic"][1], "-rawin"]
        + ["-in", signed / "manifest.json", "-sigfile", raw],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_foreign_key_is_refused(copy, keys, trust):
    sign_package(copy, keys["stranger"][0])
    with pytest.raises(SignatureError, match=f"{keys['stranger'][2]}.*not trusted"):
        open_package(copy, trust)
    with pytest.raises(SignatureError, match="trusted: none"):
        open_package(copy)


def test_a_foreign_key_under_a_trusted_name_does_not_fit(copy, keys, trust):
    sign_package(copy, keys["stranger"][0])
    document = json.loads((copy / SIGNATURE).read_text())
    document["key"] = keys["clinic"][2]
    (copy / SIGNATURE).write_text(json.dumps(document))
    with pytest.raises(SignatureError, match="not the one"):
        open_package(copy, trust)


def test_a_changed_manifest_is_refused(signed, trust):
    path = signed / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"minimum_share": 0.0005', b'"minimum_share": 0.9'))
    with pytest.raises(SignatureError, match="not the one"):
        open_package(signed, trust)


@pytest.mark.parametrize("name", ["model.bin", "fp16/model.xml", "ood.npz"])
def test_a_changed_byte_of_a_file_is_refused(signed, trust, name):
    data = bytearray((signed / name).read_bytes())
    data[-3] ^= 1
    (signed / name).write_bytes(bytes(data))
    with pytest.raises(ChecksumMismatch, match=name):
        open_package(signed, trust).verify()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": "neuralscan/signature/1"}', b"\xff"])
def test_a_damaged_signature_is_refused_and_not_taken_for_none(signed, trust, content):
    (signed / SIGNATURE).write_bytes(content)
    with pytest.raises(SignatureError, match="damaged"):
        open_package(signed, trust)


def test_signatures_can_be_required(copy, keys, trust):
    strict = replace(trust, required=True)
    with pytest.raises(SignatureError, match="NEURALSCAN_REQUIRE_SIGNATURE"):
        open_package(copy, strict)
    sign_package(copy, keys["clinic"][0])
    assert open_package(copy, strict).signed_by == keys["clinic"][2]
    (copy / SIGNATURE).unlink()
    with pytest.raises(SignatureError):
        find_package(sources=Sources((copy.parent,), trust=strict))


def test_the_shipped_package_is_part_of_the_software(trust):
    strict = Sources(trust=replace(trust, required=True))
    assert all(place.package is not None for place in survey(strict))


def test_a_file_that_is_no_key_in_the_trust_folder_is_not_passed_over(signed, trust):
    (trust.folder / "old.pub").write_text("gone")
    with pytest.raises(Unavailable, match=r"old\.pub"):
        open_package(signed, trust)


def test_only_a_whole_package_is_signed(copy, keys):
    (copy / "model.bin").write_bytes(b"")
    with pytest.raises(ChecksumMismatch):
        sign_package(copy, keys["clinic"][0])
    assert not (copy / SIGNATURE).exists()


def test_the_verb_signs_and_says_what_is_wrong(copy, keys, tmp_path, capsys):
    assert optimize(["sign", str(copy), "--key", str(keys["clinic"][0])]) == 0
    assert capsys.readouterr().out.strip() == keys["clinic"][2]
    assert optimize(["sign", str(copy), "--key", str(keys["clinic"][1])]) == 2
    assert optimize(["sign", str(tmp_path), "--key", str(keys["clinic"][0])]) == 5
    assert capsys.readouterr().err.count("error: ") == 2
