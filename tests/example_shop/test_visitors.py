"""A year of generated visitors: the same by the same seed, whole in every table, and only where it may be."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F, Sum
from django.test import Client

from bundle_app.events.attribution import attribute
from bundle_app.experiments import running
from bundle_app.figures.adding import Report
from bundle_app.figures.period import Period
from bundle_app.figures.selection import Selection, last_day
from bundle_app.models import (
    Arm,
    Bundle,
    BundlePart,
    CountedDay,
    DailyFigure,
    Decision,
    Event,
    Experiment,
    IntakeCount,
    PolicyVersion,
    Purchase,
    Score,
    composition_hash,
)
from example_shop import visitors
from example_shop.generate import planted_partners
from example_shop.generate import visitors as generated
from example_shop.generate.visitors import TRIALS, ShopPage, Trial, Year
from example_shop.models import OrderLine, ShopSource
from example_shop.trials import pseudonym
from tests.bundle_app.tutorial_shop import version

LAST = date(2026, 10, 31)
PAGES = [
    ShopPage(anchor_key="A", placement="product", weight=3, bundle_ids=(1, 2, 3, 4, 5)),
    ShopPage(anchor_key="", placement="home", weight=1, bundle_ids=(1,)),
]


def year(seed: int = 1) -> list[Any]:
    drawn = Year(LAST, random.Random(seed), look=look)
    return [shown for day in drawn.days for shown in drawn.showings(PAGES, day)]


def look(visitor: int, _page: ShopPage, _at: datetime) -> tuple[str, str]:
    return ("7b", "bold.html") if visitor % 2 else ("7a", "")


@pytest.fixture
def a_few_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "VISITS_A_DAY", 4)


@pytest.fixture
def shop_with_bundles(generated_shop: ShopSource, a_few_visits: None, monkeypatch: pytest.MonkeyPatch) -> ShopSource:
    """The generated shop with a live model that knows each planted pair, and some others; its year has 120 days."""
    monkeypatch.setattr(generated, "DAY_COUNT", 120)
    monkeypatch.setattr(visitors, "LED_RATIO", 1.0)
    monkeypatch.setattr(visitors, "RETURNED_RATIO", 0.5)
    live, planted = version(), planted_partners()
    others = sorted(planted)
    for anchor, partners in planted.items():
        for rank, partner in enumerate([*sorted(partners), *(set(others[:4]) - {anchor, *partners})], start=1):
            made, _ = Bundle.objects.get_or_create(
                composition_hash=composition_hash({anchor: 1, partner: 1}),
                defaults={"status": "active", "discount_percent": Decimal(5)},
            )
            for key in (anchor, partner):
                BundlePart.objects.get_or_create(bundle=made, item_key=key)
            Score.objects.create(model_version=live, anchor_key=anchor, bundle=made, score=0.5, rank=rank, rung="ease")
    return generated_shop


def write(seed: int = 5) -> bool:
    return visitors.write_year(seed=seed, progress=lambda text: None)


class TestWhatIsDrawn:
    def test_the_same_seed_draws_the_same_year(self, a_few_visits: None) -> None:
        assert year(1) == year(1)
        assert year(1) != year(2)

    def test_what_was_put_there_can_be_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(generated, "VISITS_A_DAY", 60)
        monkeypatch.setattr(generated, "CLICK_FACTORS", {"bold.html": 1.3})
        seen, clicked = Counter[Any](), Counter[Any]()
        months = Counter[int]()
        for shown in year():
            months[shown.at.month] += 1
            for what in (
                ("slot", shown.choice.slot),
                ("by model", shown.choice.is_by_model),
                ("tried out", shown.choice.propensity < 0.5),
                ("arm", shown.choice.arm),
            ):
                seen[what] += 1
                clicked[what] += "click" in shown.answers
        rate = {what: clicked[what] / count for what, count in seen.items()}
        assert rate["slot", 1] > rate["slot", 2] > rate["slot", 3]
        assert rate["by model", True] > rate["by model", False]
        assert rate["tried out", False] > rate["tried out", True]
        assert rate["arm", "7b"] > rate["arm", "7a"]
        assert months[12] > months[2]

    def test_propensities_of_a_place_add_up_to_one(self, a_few_visits: None) -> None:
        chances = {
            (shown.choice.bundle_id, shown.choice.propensity)
            for shown in year()
            if shown.choice.is_by_policy and shown.page.anchor_key == "A" and shown.choice.slot == 1
        }
        assert sum(chance for _bundle, chance in chances) == pytest.approx(1)


@pytest.mark.django_db
class TestWhatIsWritten:
    def test_every_table_that_a_screen_reads_is_filled(self, shop_with_bundles: ShopSource) -> None:
        assert write()
        assert {kind for (kind,) in Event.objects.values_list("kind").distinct()} == set(Event.Kind.values)
        assert Purchase.objects.exists()
        words = {arm.word for arm in Arm.objects.all()}
        assert set(DailyFigure.objects.values_list("arm", flat=True)) == {"", *words}
        assert set(DailyFigure.objects.values_list("policy_id", flat=True)) == {0, 1}
        assert DailyFigure.objects.values("version_id").distinct().count() == 2
        assert DailyFigure.objects.filter(is_explored=True).exists()
        assert DailyFigure.objects.filter(surplus__gt=0).exists()
        assert set(IntakeCount.objects.values_list("outcome", flat=True)) >= {"accepted", "replayed"}
        year = Selection(period=Period.of_days(120, last=last_day()))
        assert Report(year).totals.now.attach_rate is not None
        assert not CountedDay.objects.filter(counted_at=None).exists()
        assert OrderLine.objects.filter(refunded_quantity__gt=0).exists()
        policy = PolicyVersion.objects.get()
        assert policy.decision["code"]
        assert policy.impressions > 0

    def test_sales_are_those_of_orders_that_keep_a_token(self, shop_with_bundles: ShopSource) -> None:
        before = OrderLine.objects.aggregate(pieces=Sum("quantity"), gross=Sum(F("quantity") * F("unit_price")))
        write()
        led = OrderLine.objects.exclude(impression="")
        assert set(Purchase.objects.values_list("order_key", flat=True)) <= {
            str(pk) for pk in led.values_list("order_id", flat=True)
        }
        assert led.filter(discount__gt=0).count() == led.filter(unit_price__gte=1).count()
        after = OrderLine.objects.aggregate(pieces=Sum("quantity"), gross=Sum(F("quantity") * F("unit_price")))
        assert after == before

    def test_a_later_run_of_the_task_credits_the_same(self, shop_with_bundles: ShopSource) -> None:
        write()
        before = set(Purchase.objects.values_list("order_key", "showing", "revenue"))
        attribute()
        assert set(Purchase.objects.values_list("order_key", "showing", "revenue")) == before

    def test_it_is_done_once(self, shop_with_bundles: ShopSource) -> None:
        assert write()
        count = Event.objects.count()
        assert not write()
        assert Event.objects.count() == count

    def test_it_waits_for_a_model(self, generated_shop: ShopSource) -> None:
        out = StringIO()
        call_command("seed_visitors", stdout=out)
        assert "no model is live yet" in out.getvalue()
        assert not Event.objects.exists()

    def test_admin_says_that_visitors_were_generated(self, shop_with_bundles: ShopSource, admin_client: Client) -> None:
        told = "A demonstration: visitors were generated until"
        assert told not in admin_client.get("/admin/").content.decode()
        write()
        assert told in admin_client.get("/admin/").content.decode()


TRIED = Trial(
    name="Bold", arm="Bolder", template=TRIALS[1].template, begins=0.1, ends=0.5, planned_count=1_000, click_factor=1.0
)


def tried(monkeypatch: pytest.MonkeyPatch, *, click_factor: float) -> Experiment:
    """One experiment of 48 days, of a widget that in truth is clicked so many times as often."""
    monkeypatch.setattr(generated, "VISITS_A_DAY", 14)
    monkeypatch.setattr(generated, "CLICK_RATIO", 0.1)
    monkeypatch.setattr(generated, "CLICK_FACTORS", {TRIED.template: click_factor})
    monkeypatch.setattr(visitors, "TRIALS", [TRIED])
    assert write()
    return Experiment.objects.get()


@pytest.mark.django_db
class TestExperimentsOfTheYear:
    def test_they_run_one_after_another_and_the_last_one_still_does(self, shop_with_bundles: ShopSource) -> None:
        write()
        ran = list(Experiment.objects.order_by("pk"))
        assert [each.name for each in ran] == [trial.name for trial in TRIALS]
        assert [each.state for each in ran] == ["stopped", "stopped", "running"]
        times = [each for experiment in ran for each in (experiment.started_at, experiment.stopped_at) if each]
        assert times == sorted(times)
        told = Decision.objects.filter(subject_kind="experiment").order_by("at").values_list("action", "at")
        assert [action for action, _at in told] == ["started", "stopped", "started", "stopped", "started"]
        assert [at for _action, at in told] == times

    def test_each_visitor_is_in_the_arm_that_the_app_says(self, shop_with_bundles: ShopSource) -> None:
        write()
        arms = list(Arm.objects.filter(experiment__state="running").select_related("experiment").order_by("key"))
        seen = dict(Event.objects.filter(arm__in=[arm.word for arm in arms]).values_list("subject", "arm"))
        assert set(seen.values()) == {arm.word for arm in arms}
        for subject, words in seen.items():
            found = running.treatment(arms, subject=subject, placement="product", is_drawn=True)
            assert found.words == words

    def test_a_look_that_is_clicked_more_is_found_and_promoted(
        self, shop_with_bundles: ShopSource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = tried(monkeypatch, click_factor=6.0)
        assert (found.state, found.is_in_effect) == ("promoted", True)
        assert found.decided_arm is not None
        assert found.decided_arm.name == "Bolder"
        reason = Decision.objects.get(action="promoted").reason
        assert reason == "“Bolder” is better than the control. It can be promoted."

    def test_a_look_that_is_not_clicked_more_is_not(
        self, shop_with_bundles: ShopSource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert tried(monkeypatch, click_factor=1.0).state == "stopped"

    def test_a_shop_with_experiments_of_its_own_gets_none(self, shop_with_bundles: ShopSource) -> None:
        own = Experiment.objects.create(name="Our own", kind="template", metric="conversion")
        write()
        assert Experiment.objects.get() == own
        assert set(DailyFigure.objects.values_list("arm", flat=True)) == {""}

    def test_a_generated_visitor_is_always_the_same(self) -> None:
        assert pseudonym(1) == pseudonym(1) != pseudonym(2)
