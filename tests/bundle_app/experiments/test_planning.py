"""What an experiment will take, before it is started."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bundle_app.experiments.planning import forecast, one_look


def plan(*arguments: object) -> str:
    told = StringIO()
    call_command("bundles_plan_experiment", *map(str, arguments), stdout=told)
    return told.getvalue()


def test_a_larger_effect_is_known_sooner() -> None:
    small, large = (forecast(0.1, treated, planned_count=8000, a_day=100, days=80, runs=60) for treated in (0.13, 0.16))

    assert large.median_visitors < small.median_visitors <= small.eight_of_ten_visitors
    assert one_look(0.1, 0.16) < one_look(0.1, 0.13) < small.eight_of_ten_visitors


def test_where_nothing_differs_daily_looks_mislead_the_textbook_and_not_this() -> None:
    found = forecast(0.1, 0.1, planned_count=4000, a_day=100, days=40, runs=200)

    assert found.told_ratio <= 0.05
    assert found.told_by_textbook_ratio > 0.15
    assert found.median_visitors == found.one_look_visitors == float("inf")


def test_the_command_tells_it_in_a_sentence() -> None:
    told = plan(0.1, 0.2, "--planned", 4000, "--a-day", 100, "--runs", 40)

    assert "Known after" in told
    assert "visitors in half of the experiments" in told
    assert "more than were simulated" in plan(0.1, 0.101, "--planned", 400, "--a-day", 100, "--runs", 20)
    assert "Nothing differs. Looked at on each of 5 days" in plan(0.1, 0.1, "--days", 5, "--runs", 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 5), "The rates are 4.0 and 5.0; expected two above 0 and below 1: 0.04 for 4 %."),
        ((0.1, 0.2, "--runs", 0), "Visitors, days and runs are whole numbers of at least 1."),
    ],
)
def test_what_cannot_be_simulated_is_said(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message.replace(".", r"\.")):
        plan(*arguments)
