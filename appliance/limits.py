"""How much a reader takes on before it says no."""

from __future__ import annotations

from dataclasses import dataclass

GREATEST = 1e30
"""Grey values beyond this are damage: no scanner writes them, and sums of them overflow."""


@dataclass(frozen=True)
class Limits:
    """Sizes above which an input is refused as ``too_large``.

    Attributes
    ----------
    file_bytes : int
        Of one file as given.
    pixels : int
        Of one picture, rows times columns, as its header says: checked before decoding.
    unpacked_bytes : int
        Of everything an archive, a folder or a compressed file holds together.
    members : int
        Files in an archive, a folder or an upload.
    ratio : int
        Unpacked size over packed size.
    ratio_from_bytes : int
        Unpacked size from which the ratio counts: small empty masks shrink a lot.
    voxels : int
        Of one NIfTI volume.
    """

    file_bytes: int = 1 << 30
    pixels: int = 64_000_000
    unpacked_bytes: int = 2 << 30
    members: int = 20_000
    ratio: int = 200
    ratio_from_bytes: int = 64 << 20
    voxels: int = 512_000_000
