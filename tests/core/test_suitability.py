"""appliance.core.suitability: what a header rules out, and when a series is too unusual."""

from dataclasses import replace

import numpy as np
import pytest

from appliance.core.errors import OutOfDistribution, WrongModality, WrongSequence
from appliance.core.suitability import check_header, demand_familiar, series_score
from tests.conftest import make_series


@pytest.fixture
def manifest(tiny_package):
    return tiny_package.manifest


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ({"modality": "CT"}, WrongModality),
        ({"modality": "PT", "sequence": "T1c"}, WrongModality),
        ({"modality": "MR", "sequence": "FLAIR"}, WrongSequence),
    ],
)
def test_what_the_header_says_is_held_against_the_package(manifest, says, error):
    with pytest.raises(error, match="expected"):
        check_header(make_series(**says), manifest)


@pytest.mark.parametrize("says", [{}, {"modality": "MR"}, {"modality": "MR", "sequence": "T1c"}])
def test_a_header_that_fits_or_says_nothing_passes(manifest, says):
    check_header(make_series(**says), manifest)


def test_a_few_odd_slices_make_no_odd_series(manifest):
    rule = replace(manifest.verdict, outlier_share=0.5, outlier_threshold=1.0)
    mostly_usual = np.array([0.2, 0.3, 0.4, 9.0, 9.0])
    demand_familiar(series_score(mostly_usual, rule), rule)
    mostly_odd = np.array([0.2, 0.3, 9.0, 9.0, 9.0])
    with pytest.raises(OutOfDistribution, match=r"score 9\.00, accepted up to 1\.00"):
        demand_familiar(series_score(mostly_odd, rule), rule)
