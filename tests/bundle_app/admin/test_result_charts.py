"""Pictures of figures: what is drawn where."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bundle_app.admin.result_charts import DOTTED_COUNT, Mark, over_time, side_by_side

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def marks(*values: float | None) -> list[Mark]:
    return [Mark(label=f"Day {number}", value=value, told=str(value)) for number, value in enumerate(values)]


def test_without_numbers_there_is_no_picture() -> None:
    assert over_time([], title="Clicks") == side_by_side(marks(None), title="Clicks") == ""


def test_a_picture_says_what_it_shows_and_so_does_each_number() -> None:
    titles = [found.text for found in drawn(over_time(marks(1, 2), title="Clicks")).iter(f"{SVG}title")]
    assert titles == ["Clicks", "Day 0: 1", "Day 1: 2"]


def test_a_gap_breaks_the_line_and_its_band() -> None:
    several = [Mark(label="", value=value, low=value, high=value) for value in (1, 2, None, 3, 4)]
    picture = drawn(over_time(several, title=""))
    assert [len(str(line.get("points")).split()) for line in picture.iter(f"{SVG}polyline")] == [2, 2]
    assert [len(str(band.get("points")).split()) for band in picture.iter(f"{SVG}polygon")] == [4, 4]


def test_the_period_before_is_dashed() -> None:
    picture = drawn(over_time([Mark(label="", value=1, before=2), Mark(label="", value=1, before=3)], title=""))
    assert [line.get("stroke-dasharray") for line in picture.iter(f"{SVG}polyline")] == ["4 3", None]


def test_many_moments_have_no_visible_dots() -> None:
    few, many = (over_time(marks(*range(count)), title="") for count in (DOTTED_COUNT, DOTTED_COUNT + 1))
    assert 'fill-opacity="1"' in few
    assert 'fill-opacity="1"' not in many


def test_nothing_is_drawn_outside_the_picture() -> None:
    several = [Mark(label="x" * 60, value=value, low=value - 1, high=value + 1) for value in (-5.0, 0.0, 7.0)]
    for picture in (over_time(several, title=""), side_by_side(several, title="")):
        _x, _y, width, height = map(float, str(drawn(picture).get("viewBox")).split())
        found = re.findall(r'\b(c?x[12]?|c?y[12]?)="([\d.-]+)"', picture)
        assert all(0 <= float(number) <= (width if "x" in name else height) for name, number in found)


def test_bars_begin_at_nothing_and_carry_their_interval() -> None:
    (bar, other) = drawn(
        side_by_side(
            [Mark(label="a", value=2, low=1, high=3), Mark(label="b", value=-1)],
            title="",
        )
    ).iter(f"{SVG}rect")
    assert float(str(bar.get("x"))) == float(str(other.get("x"))) + float(str(other.get("width")))
    assert 'class="bundle-whisker"' in side_by_side([Mark(label="a", value=2, low=1, high=3)], title="")
    assert 'class="bundle-whisker"' not in side_by_side([Mark(label="b", value=2)], title="")


def test_axes_carry_their_unit() -> None:
    assert ">2.0%<" in over_time(marks(1, 2), title="", unit="%")


def test_words_of_others_stay_words() -> None:
    hostile = [Mark(label="</svg><script>", value=1, told="<b>")]
    for picture in (over_time(hostile, title="<i>"), side_by_side(hostile, title="<i>")):
        assert "<script>" not in picture
        assert "<b>" not in picture
        assert "<i>" not in picture
