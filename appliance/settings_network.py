"""The settings of the network side: who may send, how much is taken, where results go.

`appliance.settings.Settings` inherits them; each is ``NEURALSCAN_`` and its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PUSHED = ("seg", "sr", "report", "rtstruct")
"""Results that can be sent; ``report`` is the page as an encapsulated PDF."""

Require = Callable[[bool, str, Any, str], None]
"""``require(good, name, value, expected)`` raises BadRequest that names the variable."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What can be chosen about the network.

    Attributes
    ----------
    dicom_port : int, optional
        Where C-STORE and C-ECHO are answered; 0 takes a free port; not at all where None.
    dicom_host, dicom_aet : str
        The address it binds, and the AE title it answers to and sends under.
    dicom_peers : tuple of str
        Who may send: ``AET`` or ``AET@HOST``.
    dicom_associations : int
        Associations at the same time.
    dicom_instance_bytes : int
        Of one image as it is sent; twice this may be on its way at the same time.
    dicom_series_instances : int
        Images of one series.
    dicom_timeout_s : float
        Silence after which an association or a request is given up.
    dicom_tls_cert, dicom_tls_key : Path, optional
        Our certificate and its key (PEM): DICOM goes over TLS only.
    dicom_tls_ca : Path, optional
        Certificates that those of peers are checked against; who connects has to show one.
    incoming_quiet_s : float
        Silence after which a series, or a file in the watched folder, is complete.
    incoming_keep_s : float
        How long the received images of a finished series are kept for latecomers.
    incoming_bytes : int
        Of all received images that are kept.
    disk_reserve_bytes : int
        Free space on the disk below which nothing more is received.
    push : str
        Where results go: ``HOST:PORT:AET``, or the address of a DICOMweb service.
    push_kinds : tuple of str
        Which results: of `PUSHED`.
    push_attempts : int
        How often one is tried.
    push_retry_s : float
        Pause after the first attempt; doubled each time, up to ten minutes.
    push_pseudonyms : bool
        Let results leave under pseudonyms.
    watch : Path, optional
        Folder whose files and folders are taken in.
    pacs_url : str
        The archive's DICOMweb service.
    pacs_user, pacs_password, pacs_token : str
        Credentials for it.
    pacs_ca : Path, optional
        Certificates its own is checked against, in place of the system's.
    """

    dicom_port: int | None = None
    dicom_host: str = "127.0.0.1"
    dicom_aet: str = "NEURALSCAN"
    dicom_peers: tuple[str, ...] = ()
    dicom_associations: int = 8
    dicom_instance_bytes: int = 256 << 20
    dicom_series_instances: int = 2000
    dicom_timeout_s: float = 30.0
    dicom_tls_cert: Path | None = None
    dicom_tls_key: Path | None = None
    dicom_tls_ca: Path | None = None
    incoming_quiet_s: float = 5.0
    incoming_keep_s: float = 3600.0
    incoming_bytes: int = 20 << 30
    disk_reserve_bytes: int = 1 << 30
    push: str = ""
    push_kinds: tuple[str, ...] = ("seg", "sr")
    push_attempts: int = 100
    push_retry_s: float = 5.0
    push_pseudonyms: bool = False
    watch: Path | None = None
    pacs_url: str = ""
    pacs_user: str = ""
    pacs_password: str = field(default="", repr=False)
    pacs_token: str = field(default="", repr=False)
    pacs_ca: Path | None = None

    def check_network(self, require: Require) -> None:
        """Refuse values out of range; addresses are read where they are used."""
        port = self.dicom_port
        require(port is None or 0 <= port <= 65535, "dicom_port", port, "0 to 65535")
        aet = self.dicom_aet
        require(
            0 < len(aet.strip()) <= 16 and aet.isascii() and aet.isprintable() and "\\" not in aet,
            "dicom_aet",
            aet,
            "an AE title of 1 to 16 letters",
        )
        cert, key = self.dicom_tls_cert, self.dicom_tls_key
        name = "dicom_tls_key" if key is None else "dicom_tls_cert"
        require(
            (cert is None) == (key is None), name, None, "a file: certificate and key go together"
        )
        listens = port is not None and self.dicom_tls_ca is not None
        require(
            not listens or cert is not None,
            "dicom_tls_cert",
            None,
            "our certificate: with an authority, peers are answered over TLS only",
        )
        counts = ("dicom_associations", "dicom_instance_bytes", "dicom_series_instances")
        for name in (*counts, "incoming_bytes", "push_attempts"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("dicom_timeout_s", "incoming_quiet_s", "push_retry_s"):
            value = getattr(self, name)
            require(0 < value < 3600, name, value, "more than 0 and less than 3600 seconds")
        for name in ("incoming_keep_s", "disk_reserve_bytes"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        known = set(self.push_kinds) <= set(PUSHED) and bool(self.push_kinds)
        require(known, "push_kinds", ",".join(self.push_kinds), f"some of {', '.join(PUSHED)}")
