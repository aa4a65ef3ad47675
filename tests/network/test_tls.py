"""DICOM over TLS: with a certificate of our authority, and not without."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from appliance.core.errors import BadRequest, Unavailable
from appliance.network import scu, tls
from appliance.network.peers import Peer
from appliance.settings import Settings
from tests.network.sites import run, series, site, wait_for, written


class Authority:
    """Makes certificates below a folder; each is the path of its PEM, with its key beside it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = self._write(name, self._sign(name, self._key.public_key(), True, None))

    def certificate(self, name: str, address: str = "127.0.0.1") -> dict[str, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._write(name, self._sign(name, key.public_key(), False, address))
        secret = self._folder / f"{name}.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        secret.chmod(0o600)
        return {"dicom_tls_cert": path, "dicom_tls_key": secret, "dicom_tls_ca": self.path}

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def _sign(self, name: str, key, is_authority: bool, address: str | None) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.now(timezone.utc)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self._name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if address is not None:
            alternative = x509.IPAddress(ipaddress.ip_address(address))
            made = made.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        return made.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "clinic")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "elsewhere")


@pytest.fixture(scope="module")
def here(authority, tmp_path_factory):
    ours = authority.certificate("neuralscan")
    with site(tmp_path_factory.mktemp("site"), **ours) as one:
        yield one


def options(files: dict[str, Path], authority: Path) -> tuple[str, ...]:
    """What dcmtk's tools are told."""
    own = str(files["dicom_tls_key"]), str(files["dicom_tls_cert"])
    return ("+tls", *own, "+cf", str(authority))


def test_storescu_stores_over_tls(here, authority, tmp_path):
    secure = options(authority.certificate("ct"), authority.path)
    sent = here.store(*written(series(3), tmp_path / "in"), options=secure)
    assert sent.returncode == 0, sent.stderr
    wait_for(here.studies)
    assert here.status()["dicom"]["tls"] is True
    assert here.status()["dicom"]["stored"] == 3


@pytest.mark.parametrize("way", ["plain", "another authority"])
def test_who_shows_no_certificate_of_ours_is_turned_away(here, stranger, authority, tmp_path, way):
    before = here.status()["dicom"]
    secure = ()
    if way != "plain":
        secure = options(stranger.certificate("ct"), authority.path)
    sent = here.store(*written(series(1), tmp_path / "in"), options=secure)
    assert sent.returncode != 0
    wait_for(lambda: here.status()["dicom"]["rejected"] > before["rejected"])
    assert here.status()["dicom"]["stored"] == before["stored"]
    assert "peer.rejected" in here.actions()


def test_who_connects_and_says_nothing_holds_up_nobody(here, authority):
    ours = Settings(here.settings.data, **authority.certificate("ct"))
    with socket.create_connection(("127.0.0.1", here.port)):
        peer = Peer("127.0.0.1", here.port, "NEURALSCAN")
        scu.echo(peer, "CT1", 30.0, tls.calling(ours))


@pytest.fixture
def archive(authority, stranger, request):
    """A peer that speaks TLS, with a certificate of one of the two, for one address."""
    issuer, address = request.param
    files = {"ours": authority, "theirs": stranger}[issuer].certificate("pacs", address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["dicom_tls_cert"], files["dicom_tls_key"])
    ae = AE("PACS")
    ae.add_supported_context(Verification)
    asked = threading.Event()
    answers = [(evt.EVT_C_ECHO, lambda event: asked.set() or 0)]
    server = ae.start_server(("127.0.0.1", 0), False, context, answers)
    yield Peer("127.0.0.1", server.server_address[1], "PACS"), asked
    server.shutdown()


@pytest.mark.parametrize("archive", [("ours", "127.0.0.1")], indirect=True)
def test_an_archive_is_called_over_tls(archive, authority, tmp_path):
    peer, asked = archive
    scu.echo(peer, "CT1", 10.0, tls.calling(Settings(tmp_path, dicom_tls_ca=authority.path)))
    assert asked.is_set()


@pytest.mark.parametrize("archive", [("theirs", "127.0.0.1"), ("ours", "10.9.9.9")], indirect=True)
def test_an_archive_with_another_certificate_gets_nothing(archive, authority, tmp_path):
    peer, asked = archive
    with pytest.raises(Unavailable, match="certificate is for this address"):
        scu.echo(peer, "CT1", 10.0, tls.calling(Settings(tmp_path, dicom_tls_ca=authority.path)))
    assert not asked.is_set()


def test_echoscu_over_tls(here, authority):
    secure = options(authority.certificate("ct"), authority.path)
    called = ["-aet", "CT1", "-aec", "NEURALSCAN", *secure, "127.0.0.1", str(here.port)]
    assert run("echoscu", *called).returncode == 0


def test_half_a_setting_and_unusable_files_are_said(authority, tmp_path):
    good = authority.certificate("other")
    with pytest.raises(BadRequest, match="NEURALSCAN_DICOM_TLS_KEY"):
        Settings(tmp_path, dicom_tls_cert=good["dicom_tls_cert"])
    with pytest.raises(BadRequest, match="NEURALSCAN_DICOM_TLS_CERT"):
        Settings(tmp_path, dicom_tls_ca=authority.path, dicom_port=0)
    wrong = {**good, "dicom_tls_cert": authority.path}
    with pytest.raises(Unavailable, match="do not fit"):
        tls.listening(Settings(tmp_path, **wrong))
    with pytest.raises(Unavailable, match="cannot be read"):
        tls.listening(Settings(tmp_path, **{**good, "dicom_tls_key": tmp_path / "none"}))
    with pytest.raises(Unavailable, match="found none"):
        tls.calling(Settings(tmp_path, dicom_tls_ca=good["dicom_tls_key"]))
    good["dicom_tls_key"].chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        tls.listening(Settings(tmp_path, **good))
    assert tls.listening(Settings(tmp_path)) is None
    assert tls.calling(Settings(tmp_path)) is None
