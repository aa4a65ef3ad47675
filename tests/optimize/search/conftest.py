"""One small data root and one run of convolutions for all tests of the search."""

from __future__ import annotations

import pytest

from appliance.core.parity import Bounds
from optimize.runs import open_run
from optimize.search.plan import make_plan
from tests.optimize.search.convolutions import write_convolution_run
from tests.small_root import write_small_root


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("search-root"))


@pytest.fixture(scope="session")
def run_folder(small_root, tmp_path_factory):
    return write_convolution_run(tmp_path_factory.mktemp("search-run") / "tiny", small_root)


@pytest.fixture(scope="session")
def plan(run_folder, small_root):
    return make_plan(open_run(run_folder), small_root, 16, Bounds())
