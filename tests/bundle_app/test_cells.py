from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_app import cells


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])).map(str.strip))
def test_text_comes_back_as_it_was(text: str) -> None:
    assert cells.read(cells.written(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1", "\t=1", "'=1"])
def test_no_text_starts_a_formula(text: str) -> None:
    assert cells.written(text).startswith("'")


def test_a_negative_number_stays_a_number() -> None:
    assert cells.written(-5) == "-5"


@pytest.mark.parametrize("text", ["", "No", "0", "否", "false"])
def test_no_in_its_ways(text: str) -> None:
    assert cells.yes_or_no(text) is False


@pytest.mark.parametrize("text", ["YES", "1", "是", "True", "x"])
def test_yes_in_its_ways(text: str) -> None:
    assert cells.yes_or_no(text) is True
