"""DICOM over TLS: our certificate, and whose certificates are believed.

With a certificate or an authority set, associations go over TLS only, both those that come and
those that go. With an authority, whoever connects has to show a certificate it issued.

References
----------
DICOM PS3.15 B.12 (BCP 195 profile); RFC 9325.
"""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from appliance.core.errors import Unavailable
from appliance.settings_network import NetworkSettings


class _Patient(ssl.SSLContext):
    """Leaves the handshake to whoever serves the connection, so that nobody holds up the others."""

    def wrap_socket(self, sock, server_side: bool = False, **more):  # type: ignore[override]
        more["do_handshake_on_connect"] = False
        return super().wrap_socket(sock, server_side=server_side, **more)


def listening(settings: NetworkSettings) -> ssl.SSLContext | None:
    """How peers are answered: None without a certificate.

    The handshake is not done yet when a connection is handed over.

    Raises
    ------
    Unavailable
        When a file is missing, or is not what it should be.
    """
    if settings.dicom_tls_cert is None:
        return None
    context = _Patient(ssl.PROTOCOL_TLS_SERVER)
    _show(context, settings)
    if settings.dicom_tls_ca is not None:
        _believe(context, settings.dicom_tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def calling(settings: NetworkSettings) -> ssl.SSLContext | None:
    """How peers are called: None without a certificate and without an authority.

    Their certificate has to be valid for the address they are called at, and issued by the
    authority that was named, or by one the system knows. Raises as `listening` does.
    """
    if settings.dicom_tls_cert is None and settings.dicom_tls_ca is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.dicom_tls_ca is None:
        context.load_default_certs()
    else:
        _believe(context, settings.dicom_tls_ca)
    if settings.dicom_tls_cert is not None:
        _show(context, settings)
    return context


def _show(context: ssl.SSLContext, settings: NetworkSettings) -> None:
    """Load our certificate and its key."""
    cert, key = settings.dicom_tls_cert, settings.dicom_tls_key
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if os.name == "posix" and stat.S_IMODE(key.stat().st_mode) & 0o077:
            raise Unavailable(
                f"the key of the DICOM certificate ({key}) can be read by others than its owner; "
                f"run: chmod 600 {key}"
            )
        # An encrypted key would make OpenSSL ask at the terminal, and a server wait for ever.
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        raise Unavailable(
            f"expected a certificate in {cert} and its key in {key}, PEM and not encrypted; "
            "they do not fit each other, or are damaged"
        ) from error
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the DICOM certificate {cert} or its key {key} cannot be read "
            f"({getattr(error, 'strerror', None) or error})"
        ) from error


def _believe(context: ssl.SSLContext, path: Path) -> None:
    """Load the certificates of an authority."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise Unavailable(f"expected certificates (PEM) in {path}, found none") from error
    except OSError as error:
        raise Unavailable(f"the certificates {path} cannot be read ({error.strerror})") from error
