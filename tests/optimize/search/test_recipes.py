"""Candidates have names of their own and values that a digest can hold."""

from __future__ import annotations

import json

import pytest

from appliance.core.errors import BadRequest
from optimize.search.build import STEPS
from optimize.search.recipes import DEFAULT, FAMILIES, REFERENCE, choose, recipes


def test_every_candidate_is_one_of_its_own_and_can_be_built():
    found = recipes()
    assert len({recipe.name for recipe in found}) == len(found)
    assert [recipe.name for recipe in found[:2]] == [REFERENCE, DEFAULT]
    made_of = [json.dumps([r.steps, dict(r.compiled)], sort_keys=True) for r in found]
    assert len(set(made_of)) == len(found)
    assert all(name in STEPS for recipe in found for name, _ in recipe.steps)
    assert {recipe.family for recipe in found} == set(FAMILIES)


def test_reference_and_shipped_setting_are_always_among_the_chosen():
    assert [r.name for r in choose(["sparse-50"])] == [REFERENCE, DEFAULT, "sparse-50"]
    assert choose(None) == recipes()
    with pytest.raises(BadRequest, match="int9"):
        choose(["int9"])


def test_a_candidate_says_how_many_slices_it_needs():
    needs = {recipe.name: recipe.slices for recipe in recipes()}
    assert needs["slices-1000"] == 1000
    assert needs["fp16"] == 0
    assert needs["channels-10"] == needs[DEFAULT]
