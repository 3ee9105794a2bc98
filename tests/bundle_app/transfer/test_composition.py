from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_app.transfer import composition

KEYS = st.text(min_size=1, max_size=12).filter(lambda key: key == key.strip())


@given(st.dictionaries(KEYS, st.integers(1, 99), min_size=2, max_size=10))
def test_what_is_written_is_read_as_it_was(quantities: dict[str, int]) -> None:
    assert composition.read(composition.written(quantities)) == quantities


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "“” lacks a product. Expected keys such as “A-1:2, B-7”."),
        ("a", "There are 1 products; expected 2 to 10."),
        ("a, ,b", "“a, ,b” lacks a product."),
        ("a:0, b", "“a:0” has no quantity from 1 to 99 behind the colon."),
        ("a:many, b", "“a:many” has no quantity"),
        ("a, b, a:2", "“a” is there twice. Raise its quantity instead."),
        (",".join("abcdefghijk"), "There are 11 products; expected 2 to 10."),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (its message is asserted below)
        composition.read(text)

    assert message in str(caught.value)
