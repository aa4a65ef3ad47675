"""Frames of one received image under pseudonyms, and as bytes that hold nothing else.

What is written while a series comes in is what the reader made of each image: pixels, place, and
the few values it keeps of the header. The header itself is never written.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from appliance.core.errors import CorruptFile
from appliance.core.types import Source
from appliance.dicom_frame import Frame, Header
from appliance.dicom_origin import Origin
from appliance.pseudonym import Pseudonyms

_KNOWN = {kind.__name__: kind for kind in (Frame, Header, Source)}


def renamed(frames: list[Frame], names: Pseudonyms) -> tuple[list[Frame], Origin | None]:
    """Frames without their own identifiers, and what their pseudonyms stand for.

    Parameters
    ----------
    frames : list of Frame
        Of one image.

    Returns
    -------
    frames : list of Frame
    origin : Origin or None
        None unless the image was read with `linked`.
    """
    headers: dict[str, dict[str, str]] = {}
    uids: dict[str, str] = {}

    def uid(own: str) -> str:
        uids[names.uid(own)] = own
        return names.uid(own)

    found = []
    for frame in frames:
        header, source = frame.header, frame.header.origin
        series = uid(header.series_instance_uid)
        if source is not None and source.header:
            headers[series] = dict(source.header)
        header = replace(
            header,
            study_instance_uid=names.uid(header.study_instance_uid),
            series_instance_uid=series,
            origin=None
            if source is None
            else replace(
                source, frame_of_reference_uid=uid(source.frame_of_reference_uid), header={}
            ),
        )
        instance = (uid(frame.instance[0]), frame.instance[1])
        found.append(replace(frame, header=header, instance=instance, kind=_nameless(frame.kind)))
    uids.pop("", None)
    return found, Origin(headers, uids) if headers else None


def _nameless(kind: tuple) -> tuple:
    """What sets stacks apart, without the free text it may hold."""
    return tuple(
        hashlib.sha256(part.encode()).hexdigest()[:16] if isinstance(part, str) and part else part
        for part in kind
    )


def pack(frames: list[Frame]) -> bytes:
    """The frames of one image as bytes; `unpack` makes them again."""
    stream = io.BytesIO()
    said = json.dumps([_plain(replace(f, array=np.zeros((0, 0)))) for f in frames])
    arrays = {f"frame{number}": frame.array for number, frame in enumerate(frames)}
    np.savez(stream, said=np.frombuffer(said.encode(), np.uint8), **arrays)
    return stream.getvalue()


def unpack(data: bytes) -> list[Frame]:
    """The frames in bytes that `pack` made; raises CorruptFile."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            said = json.loads(kept["said"].tobytes())
            return [
                replace(_made(one), array=kept[f"frame{number}"]) for number, one in enumerate(said)
            ]
    except Exception as error:  # a damaged zip makes NumPy raise nearly anything
        raise CorruptFile("a received image that was kept is damaged; send it again") from error


def _plain(value: Any) -> Any:
    """A value as JSON, with what JSON does not know named: tuples, arrays, our own types."""
    if is_dataclass(value):
        inside = {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
        return {"is": type(value).__name__, "of": inside}
    if isinstance(value, tuple):
        return {"is": "tuple", "of": [_plain(part) for part in value]}
    if isinstance(value, np.ndarray):
        return {"is": "array", "of": value.tolist(), "type": value.dtype.str}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"is": "dict", "of": {key: _plain(part) for key, part in value.items()}}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _made(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind, inside = value["is"], value["of"]
    if kind == "tuple":
        return tuple(_made(part) for part in inside)
    if kind == "array":
        return np.array(inside, np.dtype(value["type"]))
    if kind == "dict":
        return {key: _made(part) for key, part in inside.items()}
    return _KNOWN[kind](**{key: _made(part) for key, part in inside.items()})
