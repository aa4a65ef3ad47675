"""Objects to a DICOM peer: C-ECHO and C-STORE over one association.

References
----------
DICOM PS3.4 B.2.3: a warning (0xB000, 0xB006, 0xB007) says that the object was stored.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pydicom

from appliance.core.errors import BadRequest, Unavailable
from appliance.network import contexts
from appliance.network.peers import Peer

_STORED = {0x0000, 0xB000, 0xB006, 0xB007}
_AWAY = "{peer} cannot be reached"
_REASONS = {
    (1, 3): "it does not know our AE title",
    (1, 7): "it goes by another AE title",
    (3, 1): "it is congested",
    (3, 2): "it has too many associations open",
}


def echo(peer: Peer, aet: str, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
    """Ask a peer whether it is there.

    Parameters
    ----------
    aet : str
        Our own AE title.
    tls : ssl.SSLContext, optional
        How the peer is called over TLS (`appliance.network.tls`).

    Raises
    ------
    Unavailable
        When it is not, or does not talk to us; the message says which.
    """
    kinds = {contexts.VERIFICATION: "verification"}
    with _association(peer, aet, timeout_s, kinds, tls) as link:
        _demand(link.send_c_echo(), peer, "verification")


def store(
    peer: Peer,
    aet: str,
    timeout_s: float,
    files: Sequence[bytes],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Send DICOM files; all are stored there afterwards. Parameters as of `echo`.

    Raises
    ------
    Unavailable
        When one of them is not; the message says why, and names nobody.
    BadRequest
        When one is no result of this appliance.
    """
    objects = [result_of(data) for data in files]
    if not objects:
        return
    kinds = {one.SOPClassUID: contexts.RESULTS[one.SOPClassUID] for one in objects}
    with _association(peer, aet, timeout_s, kinds, tls) as link:
        for one in objects:
            what = contexts.RESULTS[one.SOPClassUID]
            try:
                answer = link.send_c_store(one)
            except ValueError as error:  # no context was agreed on for it
                raise Unavailable(f"{peer} takes no {what}") from error
            except RuntimeError as error:
                raise Unavailable(f"{peer} ended the association") from error
            _demand(answer, peer, what)


def result_of(data: bytes) -> pydicom.Dataset:
    """A DICOM file that is one of our kinds of results.

    Raises
    ------
    BadRequest
        When it is another: images are not sent from here.
    """
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        kind = dataset.SOPClassUID
        dataset.file_meta.TransferSyntaxUID  # noqa: B018 (raises where it is missing)
    except Exception as error:  # a damaged file makes pydicom raise nearly anything
        raise BadRequest("expected a DICOM file, found none that can be read") from error
    if kind not in contexts.RESULTS:
        known = ", ".join(contexts.RESULTS.values())
        raise BadRequest(f"expected a result ({known}), found another DICOM object")
    return dataset


@contextmanager
def _association(
    peer: Peer, aet: str, timeout_s: float, kinds: dict[str, str], tls: ssl.SSLContext | None
) -> Iterator[Any]:
    """An open association in which at least one kind of object is taken."""
    ae = contexts.entity(aet, timeout_s)
    for kind in kinds:
        ae.add_requested_context(kind, list(contexts.SENT))
    secure = None if tls is None else (tls, peer.host)
    link = ae.associate(peer.host, peer.port, ae_title=peer.aet, tls_args=secure)
    if not link.is_established:
        why = _why(peer, link, ", ".join(kinds.values()))
        if tls is not None and why == _AWAY.format(peer=peer):
            why += (
                " over TLS: check that it speaks it, and that its certificate is for this address"
            )
        raise Unavailable(why)
    try:
        yield link
    finally:
        if link.is_established:
            link.release()


def _why(peer: Peer, link: Any, kinds: str) -> str:
    """Why there is no association."""
    if link.is_rejected:
        answer = link.acceptor.primitive
        key = (getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0))
        return f"{peer} rejects us: {_REASONS.get(key, 'it gives no reason')}"
    if link.acceptor.primitive is not None and not link.accepted_contexts:
        return f"{peer} takes no {kinds}"
    return _AWAY.format(peer=peer)


def _demand(answer: Any, peer: Peer, what: str) -> None:
    """Raise unless an answer says that it was done."""
    if answer is None or "Status" not in answer:
        raise Unavailable(f"{peer} did not answer (or went away) during a {what}")
    if answer.Status not in _STORED:
        raise Unavailable(f"{peer} answers status 0x{answer.Status:04X} to a {what}")
