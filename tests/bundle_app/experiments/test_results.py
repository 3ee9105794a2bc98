"""What is recommended, on worlds whose answer is known by construction."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.experiments.results import SPLIT_ALPHA, Results, Verdict, results
from bundle_app.models import Arm, Experiment, Guardrail
from bundle_app.models.experiment import Metric
from tests.bundle_app.experiments.worlds import arms, counted, crowd, day, experiment, run
from tests.bundle_app.tutorial_shop import TUTORIAL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "SHOWING_HOURS": 1}
    settings.TIME_ZONE = "UTC"


def trial(
    *changes: str, weights: tuple[int, ...] = (), guardrails: dict[str, int] | None = None, **fields: Any
) -> list[Arm]:
    made = experiment(**{"metric": "click_rate", **fields})
    found = arms(made, *(changes or ("other.html",)), weights=weights)
    for metric, percent in (guardrails or {}).items():
        Guardrail.objects.create(experiment=made, metric=metric, tolerated_loss_percent=percent)
    run(made)
    return found


def judged(of: Experiment) -> Results:
    return results(counted(of, at=day(9)))


def test_in_the_beginning_nothing_is_known() -> None:
    control, _other = trial()
    found = results(counted(control.experiment, at=day(0)))
    assert (found.verdict, found.best, found.recommendation) == (Verdict.NOT_YET, None, "Not yet known. Let it run.")
    assert [result.difference for result in found.arms] == [None, None]


def test_a_small_difference_among_few_is_not_yet_known() -> None:
    control, other = trial()
    crowd(control, 200, buying=0, clicking=20)
    crowd(other, 200, buying=0, clicking=26)
    found = judged(control.experiment)
    assert found.verdict == Verdict.NOT_YET
    assert found.arms[1].difference is not None
    assert found.arms[1].difference.low < 0 < found.arms[1].difference.high
    assert [(each.entered_count, each.counted_count) for each in found.arms] == [(200, 200), (200, 200)]


def test_a_great_difference_is_known_and_the_better_arm_named() -> None:
    control, other = trial()
    crowd(control, 600, buying=0, clicking=60)
    crowd(other, 600, buying=0, clicking=180)
    found = judged(control.experiment)
    assert (found.verdict, found.best) == (Verdict.BETTER, other)
    assert found.recommendation == "“Other way 1” is better than the control. It can be promoted."
    assert found.arms[1].values[Metric.CLICK_RATE] == pytest.approx(0.3)
    assert found.arms[1].difference is not None
    assert found.arms[1].difference.estimate == pytest.approx(0.2)


def test_the_interval_s_way_is_told_day_by_day_and_grows_narrower() -> None:
    control, other = trial()
    for number in range(4):
        crowd(control, 150, buying=0, clicking=30, on=number)
        crowd(other, 150, buying=0, clicking=45, on=number)
    way = judged(control.experiment).arms[1].by_day
    assert [when for when, _interval in way] == [day(number).date() for number in range(9)]
    known = [interval.high - interval.low for _when, interval in way if interval.is_known]
    assert len(known) == 8, "nobody is counted on the first of two days"
    assert known == sorted(known, reverse=True)


def test_an_arm_that_is_worse_is_not_better() -> None:
    control, other = trial()
    crowd(control, 600, buying=0, clicking=180)
    crowd(other, 600, buying=0, clicking=60)
    found = judged(control.experiment)
    assert found.verdict == Verdict.NONE_BETTER
    assert found.recommendation == "No arm is better: the control is better than every other. Stop."


def test_when_the_planned_visitors_have_come_and_none_is_better_that_is_the_answer() -> None:
    control, other = trial(planned_count=1000)
    crowd(control, 500, buying=0, clicking=50)
    crowd(other, 499, buying=0, clicking=50)
    assert judged(control.experiment).verdict == Verdict.NOT_YET
    crowd(other, 1, buying=0, clicking=0, on=1)
    found = judged(control.experiment)
    assert found.verdict == Verdict.NONE_BETTER
    assert "as far as the planned number of visitors can tell" in found.recommendation


def test_a_split_that_is_not_what_was_asked_for_stops_everything_else() -> None:
    control, other = trial()
    crowd(control, 600, buying=0, clicking=60)
    crowd(other, 400, buying=0, clicking=300)
    found = judged(control.experiment)
    assert (found.verdict, found.best) == (Verdict.SPLIT_IS_OFF, None)
    assert found.split_evidence > 1 / SPLIT_ALPHA
    assert found.recommendation.startswith("Stop: the split of the visitors is not what was asked for.")


def test_a_split_that_was_off_once_stays_off() -> None:
    control, other = trial()
    crowd(control, 300, buying=0, clicking=60)
    crowd(other, 150, buying=0, clicking=30)
    crowd(other, 150, buying=0, clicking=30, on=3)
    assert judged(control.experiment).verdict == Verdict.SPLIT_IS_OFF


def test_unequal_weights_are_what_was_asked_for() -> None:
    control, other = trial(weights=(3, 1))
    crowd(control, 900, buying=0, clicking=90)
    crowd(other, 300, buying=0, clicking=30)
    assert not judged(control.experiment).is_split_off


def test_a_guardrail_that_is_hurt_stops_though_the_deciding_figure_is_better() -> None:
    control, other = trial(guardrails={"conversion": 5})
    crowd(control, 800, buying=160, clicking=80)
    crowd(other, 800, buying=40, clicking=240)
    found = judged(control.experiment)
    assert (found.verdict, found.best) == (Verdict.GUARDRAIL_HURT, None)
    assert (
        found.recommendation
        == "Stop: “Other way 1” costs more of “Share of visitors who buy a bundle” than is tolerated."
    )
    assert found.guardrails[0].is_hurt
    # 5 percent of a fifth are tolerated: 5 % are bought by, and 19 % would have to be.
    assert found.guardrails[0].margin.estimate == pytest.approx(0.05 - 0.19)


def test_while_a_guardrail_may_still_be_hurt_the_better_arm_waits() -> None:
    control, other = trial(guardrails={"conversion": 5})
    crowd(control, 600, buying=60, clicking=60)
    crowd(other, 600, buying=60, clicking=180)
    found = judged(control.experiment)
    assert found.verdict == Verdict.NOT_YET
    assert found.recommendation.startswith("Not yet known: “Other way 1” is better, but it may still cost more")
    assert not found.guardrails[0].is_hurt
    assert not found.guardrails[0].is_spared


def test_a_guardrail_that_is_known_to_be_spared_lets_the_better_arm_through() -> None:
    control, other = trial(guardrails={"conversion": 50})
    crowd(control, 900, buying=300, clicking=90)
    crowd(other, 900, buying=330, clicking=300)
    found = judged(control.experiment)
    assert found.guardrails[0].is_spared
    assert (found.verdict, found.best) == (Verdict.BETTER, other)


def test_of_several_arms_the_best_is_named_and_each_has_its_part_of_the_error() -> None:
    control, one, two = trial("one.html", "two.html")
    for arm, clicking in ((control, 60), (one, 200), (two, 260)):
        crowd(arm, 600, buying=0, clicking=clicking)
    found = judged(control.experiment)
    assert (found.verdict, found.best) == (Verdict.BETTER, two)

    alone, other = trial(planned_count=13_333, placement="cart")  # The same for the two arms as 20,000 for three.
    crowd(alone, 600, buying=0, clicking=60)
    crowd(other, 600, buying=0, clicking=200)
    single, of_two = judged(alone.experiment).arms[1].difference, found.arms[1].difference
    assert single is not None
    assert of_two is not None
    assert of_two.estimate == single.estimate
    assert of_two.high - of_two.low > 1.03 * (single.high - single.low)


def test_it_costs_three_queries() -> None:
    control, _other = trial(guardrails={"revenue": 5})
    crowd(control, 20, buying=5)
    made = counted(control.experiment, at=day(9))
    with CaptureQueriesContext(connection) as queries:
        results(made)
    assert len(queries) == 3
