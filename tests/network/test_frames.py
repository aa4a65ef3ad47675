"""appliance.network.frames: what is written of a received image, and what is not."""

from dataclasses import fields

import numpy as np
import pytest

from appliance import dicom
from appliance.core.errors import CorruptFile
from appliance.core.types import Source
from appliance.dicom_frame import Frame, Header
from appliance.network.frames import pack, renamed, unpack
from appliance.pseudonym import Pseudonyms
from tests.network.sites import PERSON, series
from tests.scans import noise, saved

NAMES = Pseudonyms(bytes(32))


def alike(one, other) -> bool:
    if isinstance(one, (Frame, Header, Source)):
        return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other


def frames(linked=False, **attributes):
    data = saved(series(1, **attributes)[0])
    return dicom.parse(data, "ab" * 32, linked=linked), data


def test_every_field_comes_back():
    given, _ = frames(WindowCenter=40, WindowWidth=80, EchoTime=12.5, BurnedInAnnotation="YES")
    assert given[0].header.window
    assert given[0].header.notes
    assert given[0].header.origin
    kept = unpack(pack(given))
    assert len(kept) == 1
    assert alike(given[0], kept[0])


def test_frames_of_one_image_come_back_in_order():
    stack = np.stack([noise(seed=n) for n in range(3)])
    given, _ = frames(PixelData=stack.tobytes(), NumberOfFrames=3, Rows=40, Columns=32)
    kept = unpack(pack(given))
    assert [f.instance[1] for f in kept] == [1, 2, 3]
    assert all(map(alike, given, kept))


def test_what_is_written_names_nobody():
    given, data = frames(linked=True, StackID="Musterfrau", FrameOfReferenceUID="1.2.3.4.5678")
    found, origin = renamed(given, NAMES)
    written = pack(found)
    uids = [given[0].instance[0], given[0].header.study_instance_uid, "1.2.3.4.5678"]
    for secret in [*PERSON.values(), "Musterfrau", *uids, given[0].header.series_instance_uid]:
        if secret != PERSON["SeriesDescription"]:
            assert secret.encode() in data or secret == "Musterfrau"
        assert secret.encode() not in written
    assert origin.uids[found[0].instance[0]] == uids[0]
    header = origin.headers[found[0].header.series_instance_uid]
    assert header["PatientName"] == PERSON["PatientName"]
    assert found[0].header.study_instance_uid == NAMES.uid(uids[1])


def test_without_linked_there_is_nothing_to_go_back_to():
    given, _ = frames()
    assert renamed(given, NAMES)[1] is None


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nonsense", pack(frames()[0])[:-200]])
def test_damage_is_noticed(data):
    with pytest.raises(CorruptFile):
        unpack(data)
