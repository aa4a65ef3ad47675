"""What some bytes are, by their content; and which names in a folder are no one's scan."""

from __future__ import annotations

import re

from appliance import dicom, nifti, pictures

_FOREIGN = (
    (0, b"%PDF", "a PDF document; export the picture itself"),
    (0, b"GIF8", "a GIF picture; export it as PNG"),
    (8, b"WEBP", "a WebP picture; export it as PNG"),
    (4, b"ftyphei", "a HEIC photograph; set the camera to JPEG or export it as JPEG"),
    (4, b"ftyp", "a film or HEIF picture; export single pictures as PNG or JPEG"),
    (4, b"jP  ", "a JPEG 2000 picture; export it as PNG"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 stream; export it as PNG"),
    (0, b"8BPS", "a Photoshop file; export it as PNG"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it, or pack it as zip"),
    (0, b"Rar!", "a RAR archive; unpack it, or pack it as zip"),
    (0, b"\xfd7zXZ", "an XZ archive; unpack it, or pack it as zip"),
    (0, b"BZh", "a bzip2 archive; unpack it, or pack it as zip"),
    (257, b"ustar", "a TAR archive; unpack it, or pack it as zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document; export the picture itself"),
    (0, b"\x89HDF", "an HDF5 or MINC file; convert it to NIfTI"),
    (0, b"NRRD", "an NRRD volume; convert it to NIfTI"),
    (0, b"ObjectType", "a MetaImage header; convert it to NIfTI"),
)
_JUNK_NAMES = re.compile(
    r"(?:\..*|thumbs\.db|desktop\.ini|dicomdir|autorun\.inf|(?:licen[cs]e|readme|changelog|notice)"
    r"[^/]*)",
    re.IGNORECASE,
)
_JUNK_ENDINGS = ".txt .csv .tsv .json .md .xml .html .htm .log .ini .inf .db .exe .dll .yml .yaml"
_IMAGE_ENDINGS = ".png .jpg .jpeg .jpe .tif .tiff .bmp .dcm .dicom .ima .nii .nii.gz .gz .zip .pdf"
_IMAGE_ENDINGS += " .gif .webp .heic .jp2 .docx .hdr .img"


def sniff(data: bytes) -> str:
    """``dicom``, ``nifti``, ``png``, ``jpeg``, ``tiff``, ``bmp``, ``zip``, ``gzip``, ``encrypted``,
    ``empty``, ``foreign`` (known, not read here), ``text`` or ``unknown``.

    Examples
    --------
    >>> sniff(b""), sniff(b"%PDF-1.7"), sniff(b"dear colleague,"), sniff(bytes(9))
    ('empty', 'foreign', 'text', 'unknown')
    """
    if not data:
        return "empty"
    if data[128:132] == b"DICM" or nifti.sniff(data):
        return "nifti" if data[128:132] != b"DICM" else "dicom"
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return "zip"
    if data[:2] == b"\x1f\x8b":
        return "gzip"
    if dicom.sniff_encrypted(data):
        return "encrypted"
    if picture := pictures.sniff(data):
        return picture
    if foreign(data):
        return "foreign"
    if dicom.sniff(data):
        return "dicom"
    return "text" if _is_text(data[:4096]) else "unknown"


def foreign(data: bytes) -> str | None:
    """A known format that is not read here, with the remedy; None for anything else.

    Examples
    --------
    >>> foreign(b"GIF89a")
    'a GIF picture; export it as PNG'
    """
    return next((w for at, magic, w in _FOREIGN if data[at : at + len(magic)] == magic), None)


def _is_text(start: bytes) -> bool:
    return all(byte >= 32 or byte in (9, 10, 12, 13) for byte in start)


def is_junk(path: str, kind: str) -> bool:
    """Whether a member of a folder or archive may be passed over in silence.

    Hidden files, licences and tables are; so is what neither is a known format nor claims to be
    one by its name.

    Parameters
    ----------
    path : str
        With forward slashes, relative to the folder or archive.
    kind : str
        As `sniff` says.

    Examples
    --------
    >>> is_junk("__MACOSX/._a.png", "unknown"), is_junk("a.dcm", "text"), is_junk("a.csv", "text")
    (True, False, True)
    """
    parts = path.replace("\\", "/").split("/")
    if "__MACOSX" in parts or _JUNK_NAMES.fullmatch(parts[-1]):
        return True
    if kind not in ("text", "unknown", "empty"):
        return False
    name = parts[-1].lower()
    return name.endswith(tuple(_JUNK_ENDINGS.split())) or not claims_image(name)


def claims_image(name: str) -> bool:
    """Whether a name's ending promises something to read.

    Examples
    --------
    >>> claims_image("IM0001"), claims_image("Scan.PNG")
    (False, True)
    """
    return name.lower().endswith(tuple(_IMAGE_ENDINGS.split()))


def kind_of(name: str, sniffed: str) -> str:
    """``image``, ``dicom`` or ``nifti``: what a report calls an input, readable or not.

    Examples
    --------
    >>> kind_of("a.dcm", "text"), kind_of("a", "nifti"), kind_of("a.png", "png")
    ('dicom', 'nifti', 'image')
    """
    lower = name.lower()
    if sniffed in ("dicom", "encrypted") or lower.endswith((".dcm", ".dicom", ".ima")):
        return "dicom"
    if sniffed == "nifti" or lower.endswith((".nii", ".nii.gz")):
        return "nifti"
    return "image"
