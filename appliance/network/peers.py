"""Who may send to the appliance, and where results go: the text of a setting, read once.

References
----------
DICOM PS3.5 6.2 (AE: 1 to 16 characters, no backslash); PS3.8 9.3.4 (reasons of a rejection).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.core.errors import BadRequest

_AET = 16


@dataclass(frozen=True)
class Caller:
    """A peer that may open an association; from any address where ``host`` is empty.

    Examples
    --------
    >>> Caller.read("CT1@10.0.0.7"), Caller.read("PACS")
    (Caller(aet='CT1', host='10.0.0.7'), Caller(aet='PACS', host=''))
    """

    aet: str
    host: str = ""

    @classmethod
    def read(cls, text: str) -> Caller:
        """``AET`` or ``AET@HOST``.

        Raises
        ------
        BadRequest
        """
        aet, at, host = text.strip().partition("@")
        if at and not host.strip():
            raise BadRequest(f"expected AET@HOST, found {text!r}: the host is missing")
        return cls(title(aet), host.strip())

    def is_at(self, address: str) -> bool:
        """Whether an address is this peer's; a name is looked up each time: it may move."""
        if not self.host or self.host == address:
            return True
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return address.removeprefix("::ffff:") in {place[4][0] for place in found}


@dataclass(frozen=True)
class Peer:
    """A DICOM peer that takes objects.

    Examples
    --------
    >>> Peer.read("pacs.clinic:104:PACS")
    Peer(host='pacs.clinic', port=104, aet='PACS')
    >>> str(Peer.read("[::1]:104:PACS"))
    'PACS at ::1 port 104'
    """

    host: str
    port: int
    aet: str

    def __str__(self) -> str:
        return f"{self.aet} at {self.host} port {self.port}"

    @classmethod
    def read(cls, text: str) -> Peer:
        """``HOST:PORT:AET``; an IPv6 address stands in brackets.

        Raises
        ------
        BadRequest
        """
        rest, _, aet = text.strip().rpartition(":")
        host, _, port = rest.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise BadRequest(f"expected HOST:PORT:AET, found {text!r}")
        return cls(host, int(port), title(aet))


def title(text: str) -> str:
    """An AE title.

    Raises
    ------
    BadRequest
        When it is none.

    Examples
    --------
    >>> title(" PACS ")
    'PACS'
    """
    aet = text.strip()
    if not 0 < len(aet) <= _AET or not aet.isascii() or not aet.isprintable() or "\\" in aet:
        raise BadRequest(f"expected an AE title of 1 to {_AET} characters, found {text!r}")
    return aet


def callers(texts: Iterable[str]) -> tuple[Caller, ...]:
    """Everyone who may send; raises BadRequest."""
    return tuple(Caller.read(text) for text in texts)


def why_not(callers: Iterable[Caller], aet: str, address: str) -> str | None:
    """Why a peer may not send; None when it may.

    Examples
    --------
    >>> listed = callers(["CT1@10.0.0.7", "PACS"])
    >>> why_not(listed, "PACS", "10.0.0.9"), why_not(listed, "CT2", "10.0.0.7")
    (None, 'its AE title is not on the list')
    >>> why_not(listed, "CT1", "10.0.0.9")
    'its address is not the one on the list'
    """
    known = [caller for caller in callers if caller.aet == aet.strip()]
    if not known:
        return "its AE title is not on the list"
    if not any(caller.is_at(address) for caller in known):
        return "its address is not the one on the list"
    return None


def shown(aet: str) -> str:
    r"""An AE title as a stranger gave it, fit for a log.

    >>> shown("A\nB")
    'A?B'
    """
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in aet.strip())[:_AET]
