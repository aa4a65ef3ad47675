"""One received DICOM image: checked as any upload, put under pseudonyms, kept; in this order."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from appliance import dicom, pseudonym
from appliance.core.errors import CorruptFile, EmptyFile, TooLarge
from appliance.dicom_origin import Origin
from appliance.dicom_stack import uid_from
from appliance.identity import Vault
from appliance.limits import Limits
from appliance.network.frames import renamed
from appliance.network.spool import Key, Room, Spool
from appliance.pseudonym import Pseudonyms
from appliance.settings import Settings

_DECODERS = 2
"""Images that are decoded at the same time: pixels take more memory than what was sent."""


@dataclass(frozen=True)
class Kept:
    """What became of an image: its series and itself, by their pseudonyms."""

    key: Key
    instance: str


class Reception:
    """Where every image from the network goes through; safe for several threads.

    Parameters
    ----------
    vault : Vault
        Keeps what the pseudonyms stand for, where it is open.
    """

    def __init__(self, spool: Spool, names: Pseudonyms, vault: Vault, limits: Limits) -> None:
        self.spool = spool
        self._names, self._vault, self._limits = names, vault, limits
        self._turns = threading.BoundedSemaphore(_DECODERS)

    @classmethod
    def of(cls, settings: Settings) -> Reception:
        """The reception of a data folder, for a process that is no server.

        Raises
        ------
        Unavailable
            When the folder, or the key of the linked mode, cannot be used.
        """
        vault = Vault(settings.data, settings.vault_key)
        return cls(spool_of(settings), pseudonym.load(settings.data), vault, settings.limits)

    def take(self, data: bytes, instance_uid: str | None = None) -> Kept:
        """Keep a DICOM file; it is on the disk afterwards, under pseudonyms.

        Parameters
        ----------
        instance_uid : str, optional
            What the sender calls the image, where that has to be what the file says.

        Raises
        ------
        InputError
            When it cannot be read as an image; its code says why.
        Unavailable
            `Full` when there is no room, else when nothing can be written.
        """
        if not data:
            raise EmptyFile("expected a DICOM image, found nothing")
        if len(data) > self._limits.file_bytes:
            raise TooLarge(f"expected at most {self._limits.file_bytes >> 20} MiB in one file")
        digest = hashlib.sha256(data).hexdigest()
        with self._turns:
            frames = dicom.parse(data, digest, self._limits, self._vault.open)
            if instance_uid is not None and frames[0].instance[0] != instance_uid:
                raise CorruptFile("expected the instance that was announced, found another")
            frames, origin = renamed(frames, self._names)
            key = self.spool.put(frames)
            if origin is not None:  # last: identifiers of what was not kept are not either
                self._vault.put(key.study, origin)
            return Kept(key, frames[0].instance[0])

    def link(self, key: Key, series: list[str]) -> None:
        """Let stacks that were made of one received series go by its identifiers.

        Parameters
        ----------
        series : list of str
            Identifiers of the stacks.
        """
        known = self._vault.get(key.study) if self._vault.open else None
        more = [uid for uid in series if uid != key.series]
        if known is None or not more or key.series not in known.headers:
            return
        header = known.headers[key.series]
        own = known.uids.get(key.series, key.series)
        uids = {uid: uid_from(f"{own} {uid}") for uid in more}
        self._vault.put(key.study, Origin(dict.fromkeys(more, header), uids))


def spool_of(settings: Settings) -> Spool:
    """The received images of a data folder; raises Unavailable."""
    room = Room(
        settings.dicom_series_instances,
        settings.limits.unpacked_bytes,
        settings.incoming_bytes,
        settings.disk_reserve_bytes,
    )
    return Spool(settings.data, room)
