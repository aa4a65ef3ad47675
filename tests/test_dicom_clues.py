"""appliance.dicom_clues: sequence, contrast and window of classic and enhanced headers."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance import ingest
from appliance.dicom_clues import clues_of, window_of
from appliance.dicom_sequence import UNKNOWN_CONTRAST, sequence_of
from tests.scans import dicom_dataset, dicom_file, noise, saved


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def enhanced(contrast: str | None = None, administered: str | None = None, **more: object):
    """An enhanced header without words: what it says stands in its functional groups."""
    shared = item(
        MRTimingAndRelatedParametersSequence=Sequence([item(RepetitionTime=500.0)]),
        MREchoSequence=Sequence([item(EffectiveEchoTime=12.0)]),
    )
    frame = Dataset()
    if contrast:
        frame.MRImageFrameTypeSequence = Sequence([item(AcquisitionContrast=contrast)])
    if administered:
        used = item(ContrastBolusAgentAdministered=administered)
        frame.ContrastBolusUsageSequence = Sequence([used])
    return dicom_dataset(
        SeriesDescription="",
        EchoPulseSequence="SPIN",
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([frame]),
        **more,
    )


@pytest.mark.parametrize(
    ("contrast", "administered", "expected"),
    [
        ("T1", "YES", "T1c"),
        ("T1", "NO", "T1"),
        (None, "YES", "T1c"),
        ("T2", "YES", "T2"),
        ("FLUID_ATTENUATED", None, "FLAIR"),
        ("PROTON_DENSITY", None, "PD"),
        ("DIFFUSION", None, "DWI"),
    ],
)
def test_an_enhanced_header_says_its_sequence_in_groups(contrast, administered, expected):
    found = sequence_of(clues_of(enhanced(contrast, administered)))
    assert found == (expected, None)


def test_silence_about_contrast_is_said():
    assert sequence_of(clues_of(enhanced("T1"))) == (None, UNKNOWN_CONTRAST)
    assert sequence_of(clues_of(enhanced("MIXED"))) == (None, UNKNOWN_CONTRAST)  # by its timing
    agents = Sequence([item(CodeMeaning="Gadolinium")])
    given = clues_of(enhanced("T1", ContrastBolusAgentSequence=agents))
    assert sequence_of(given) == ("T1c", None)
    denied = clues_of(enhanced("T1", "NO", ContrastBolusAgentSequence=agents))
    assert sequence_of(denied) == ("T1", None)


def test_a_header_that_says_nothing_has_no_sequence():
    assert sequence_of(clues_of(dicom_dataset(SeriesDescription=None))) == (None, None)


def test_windows_stand_in_the_data_set_or_in_its_groups():
    assert window_of(dicom_dataset()) is None
    assert window_of(dicom_dataset(WindowCenter=[40, 80], WindowWidth=[400, 80])) == (40, 400)
    assert window_of(dicom_dataset(WindowCenter=40, WindowWidth=0)) is None
    window = Sequence([item(WindowCenter=300, WindowWidth=900)])
    shared = Sequence([item(FrameVOILUTSequence=window)])
    assert window_of(dicom_dataset(SharedFunctionalGroupsSequence=shared)) == (300, 900)


@pytest.mark.parametrize(("dtype", "slope"), [(np.uint16, 1), (np.int16, 1), (np.uint16, 2)])
def test_a_negative_s_window_turns_with_its_pixels(dtype, slope):
    """What was black in the window's own values is white in ours, and the other way round."""
    array = (noise(dtype=np.uint16) >> 6).astype(dtype)
    window = {"WindowCenter": 300 * slope - 7, "WindowWidth": 400 * slope}
    more = {**window, "RescaleSlope": slope, "RescaleIntercept": -7}
    data = dicom_file(array, PhotometricInterpretation="MONOCHROME1", **more)
    (series,) = ingest.read_bytes(data, "a.dcm").series
    centre, width = series.window
    shown = np.clip((series.volume.array[0].astype(float) - centre) / width + 0.5, 0, 1)
    given = np.clip(
        (array.astype(float) * slope - 7 - (300 * slope - 7)) / (400 * slope) + 0.5, 0, 1
    )
    assert np.allclose(shown, 1 - given)


def lut(first: int, values: list[int]) -> Sequence:
    table = item(LUTDescriptor=[len(values), first, 16], LUTData=values)
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    return Sequence([table])


def test_without_a_window_a_voi_lut_says_where_the_grey_values_are():
    ramp = [0] * 100 + list(range(0, 4000, 10)) + [4000] * 100
    data = saved(dicom_dataset(VOILUTSequence=lut(50, ramp)))
    (series,) = ingest.read_bytes(data, "a.dcm").series
    assert series.window == pytest.approx((350, 400), abs=2)
    assert window_of(dicom_dataset(VOILUTSequence=lut(0, [7] * 50))) is None
    assert window_of(dicom_dataset(VOILUTSequence=lut(0, [9, 5, 1]))) is None
    both = dicom_dataset(VOILUTSequence=lut(50, ramp), WindowCenter=40, WindowWidth=80)
    assert window_of(both) == (40, 80)


def test_the_window_changes_no_value():
    plain, windowed = dicom_file(), dicom_file(WindowCenter=40, WindowWidth=80)
    one, other = (ingest.read_bytes(data, "a.dcm").series[0] for data in (plain, windowed))
    assert (one.volume.array == other.volume.array).all()
