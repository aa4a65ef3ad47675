"""`appliance.dicom_sequence`: the rule, by example."""

from __future__ import annotations

import pytest

from appliance.dicom_sequence import UNKNOWN_CONTRAST, Clues, sequence_of


@pytest.mark.parametrize(
    ("text", "agent", "expected"),
    [
        ("AX T1 POST GD", None, "T1c"),
        ("t1_mprage_sag_p2_iso +C", None, "T1c"),
        ("T1 SE TRA KM", None, "T1c"),
        ("T1C", None, "T1c"),
        ("Ax T1 FSPGR", "Gadavist 7.5 ml", "T1c"),
        ("Ax T1 FSPGR", "", "T1"),
        ("Ax T1 FSPGR", "NONE", "T1"),
        ("AX T1 PRE", "Gadavist", "T1"),
        ("T1 SE without contrast", None, "T1"),
        ("T1 W/O", None, "T1"),
        ("AX T1 -C", None, "T1"),
        ("Sag T1 FLAIR", "", "T1"),
        ("AX T2 FLAIR", "Gadavist", "FLAIR"),
        ("t2_tirm_tra_dark-fluid", None, "FLAIR"),
        ("AX T2 TSE", None, "T2"),
        ("ep2d_diff_3scan_trace_ADC", None, "ADC"),
        ("DWI b1000", None, "DWI"),
        ("SWI_Images", None, "SWI"),
        ("AX T2* GRE", None, "SWI"),
        ("PD TSE", None, "PD"),
        ("t1_mpr_tra", None, None),
        ("brain", None, None),
    ],
)
def test_words(text, agent, expected):
    assert sequence_of(Clues("MR", text, agent))[0] == expected


@pytest.mark.parametrize(
    ("scanning", "times", "expected"),
    [
        (("SE",), (500, 12, None), "T1"),
        (("SE",), (4000, 95, None), "T2"),
        (("SE", "IR"), (9000, 120, 2500), "FLAIR"),
        (("GR", "IR"), (1900, 3, 1100), "T1"),
        (("GR",), (25, 5, None), "T1"),
        (("SE",), (2500, 20, None), "PD"),
        (("EP",), (5000, 90, None), None),
        (("SE",), (None, 90, None), None),
    ],
)
def test_timing_where_words_are_missing(scanning, times, expected):
    assert sequence_of(Clues("MR", "", "", scanning, *times))[0] == expected


def test_unknown_contrast_is_said():
    assert sequence_of(Clues("MR", "t1 mprage")) == (None, UNKNOWN_CONTRAST)


def test_other_modalities_have_no_sequence():
    assert sequence_of(Clues("PT", "t1 post")) == (None, None)
