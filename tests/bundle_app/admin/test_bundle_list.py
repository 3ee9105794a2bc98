"""The list of bundles: what it tells, how it is narrowed, and that its cost does not grow with its length."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bundle_app.models import Bundle, BundlePart, Rule, Score, TrainingRun
from tests.bundle_app.admin.conftest import EVIDENCE, text_of
from tests.bundle_app.tutorial_shop import bundle, product, score, version

LIST = "admin:bundle_app_bundle_changelist"


def titles(response: Any) -> set[str]:
    return {str(found) for found in response.context["cl"].result_list}


class TestARow:
    def test_a_row_tells_title_state_rank_and_evidence_in_plain_words(self, page: Client, goods: list[Any]) -> None:
        made = bundle({goods[0]: 1, goods[1]: 2}, kind="pair", discount_percent=10, pinned=True)
        score(made, version(), anchor=goods[0], rank=3, score=0.7, rung="blend", evidence=EVIDENCE)
        shown = text_of(page.get(reverse(LIST)))
        for expected in (
            "Product 1 + 2 × Product 2",
            "Active Pinned",
            "Matching pair 10 % off · Generated",
            "Bought together in 132 of 18,204 orders; 3.4 times as often as chance. "
            "best rank 3, score 0.700 · on 1 page · Blend with Transformer",
        ):
            assert expected in shown

    def test_the_best_rank_counts_and_scores_of_other_versions_do_not(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        live = version()
        score(made, version(live=False), anchor=goods[0], rank=1)
        score(made, live, anchor=goods[0], rank=5, score=0.5)
        score(made, live, anchor=goods[1], rank=2, score=0.8)
        assert "best rank 2, score 0.800 · on 2 pages" in text_of(page.get(reverse(LIST)))

    def test_a_bundle_that_was_hardly_ever_bought_whole_says_so(self, page: Client, goods: list[Any]) -> None:
        score(bundle(goods[:2]), version(), rung="category", evidence={"orders": 9, "support": 0})
        assert "Bought all together in fewer than 5 orders. These sell well in the same category." in text_of(
            page.get(reverse(LIST))
        )

    def test_sorting_by_rank_puts_the_best_first_and_unscored_last(self, page: Client, goods: list[Any]) -> None:
        live = version()
        middle, best, none = bundle(goods[:2]), bundle(goods[2:4]), bundle(goods[4:6])
        score(middle, live, anchor=goods[0], rank=2, score=0.4)
        score(best, live, anchor=goods[2], rank=1, score=0.9)
        column = 4
        response = page.get(reverse(LIST), {"o": f"-{column}"})
        assert list(response.context["cl"].result_list) == [best, middle, none]


class TestNarrowing:
    @pytest.mark.parametrize("query", ["office", "Desk lamp", "SK LA"])
    def test_search_finds_by_title_and_by_title_of_a_part(self, page: Client, goods: list[Any], query: str) -> None:
        bundle(goods[:2])
        bundle([product("Desk lamp"), goods[7]], title="The office")
        assert titles(page.get(reverse(LIST), {"q": query})) == {"The office"}

    def test_search_finds_by_the_key_of_a_part(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        BundlePart.objects.filter(bundle=made, position=0).update(item_key="SKU-77")
        bundle(goods[2:4])
        assert titles(page.get(reverse(LIST), {"q": "sku-77"})) == {"Product 1 + Product 2"}

    @pytest.mark.parametrize(
        ("rung", "expected"), [("blend", {"Blended"}), ("category", {"Placed"}), ("none", {"Alone", "Old"})]
    )
    def test_the_rung_filter_looks_at_the_live_model_alone(
        self, page: Client, goods: list[Any], rung: str, expected: set[str]
    ) -> None:
        live = version()
        score(bundle(goods[:2], title="Blended"), live, rank=1, rung="blend")
        score(bundle(goods[2:4], title="Placed"), live, rank=2, rung="category")
        score(bundle(goods[4:6], title="Old"), version(live=False), rung="blend")
        bundle(goods[6:8], title="Alone")
        assert titles(page.get(reverse(LIST), {"rung": rung})) == expected

    @pytest.mark.parametrize(
        ("time", "expected"), [("now", {"Open", "Now"}), ("later", {"Later"}), ("over", {"Over"}), ("?", None)]
    )
    def test_the_time_filter_knows_open_ends(
        self, page: Client, goods: list[Any], time: str, expected: set[str] | None
    ) -> None:
        now, day = timezone.now(), timedelta(days=1)
        bundle(goods[:2], title="Open")
        bundle(goods[2:4], title="Now", valid_from=now - day, valid_until=now + day)
        bundle(goods[4:6], title="Later", valid_from=now + day)
        bundle(goods[6:8], title="Over", valid_until=now - day)
        assert titles(page.get(reverse(LIST), {"time": time})) == (expected or {"Open", "Now", "Later", "Over"})

    @pytest.mark.parametrize("query", [{"status__exact": "draft"}, {"pinned__exact": "1"}, {"source__exact": "manual"}])
    def test_plain_filters_narrow_the_list(self, page: Client, goods: list[Any], query: dict[str, str]) -> None:
        bundle(goods[:2])
        bundle(goods[2:4], title="Wanted", status="draft", pinned=True, source="manual")
        assert titles(page.get(reverse(LIST), query)) == {"Wanted"}

    @pytest.mark.parametrize(
        ("ruled", "expected"),
        [
            ("hidden", {"Hidden"}),
            ("first", {"First"}),
            ("about", {"Hidden", "First"}),
            ("?", {"Hidden", "First", "Free"}),
        ],
    )
    def test_the_rule_filter_finds_what_rules_hide_and_pin(
        self, page: Client, goods: list[Any], ruled: str, expected: set[str]
    ) -> None:
        bundle(goods[:2], title="Hidden")
        bundle(goods[2:4], title="First")
        bundle(goods[4:6], title="Free")
        assert titles(page.get(reverse(LIST), {"ruled": "hidden"})) == set(), "no rule, no bundle that it hides"
        Rule.objects.create(kind="exclude", item_key=str(goods[0].pk))
        Rule.objects.create(kind="pin", item_key=str(goods[2].pk))
        assert titles(page.get(reverse(LIST), {"ruled": ruled})) == expected


class TestWhyABundleIsNotShown:
    def told(self, page: Client) -> str:
        return text_of(page.get(reverse(LIST)))

    def test_an_active_bundle_that_a_rule_hides_says_which(self, page: Client, goods: list[Any]) -> None:
        score(bundle(goods[:2]), version())
        assert "Not shown" not in self.told(page)
        Rule.objects.create(kind="exclude", item_key=str(goods[0].pk), item_title="Product 1")
        assert "Active Not shown Rule: Never show bundles with Product 1." in self.told(page)

    def test_one_made_by_hand_says_so_too(self, page: Client, goods: list[Any]) -> None:
        bundle(goods[:2], source="manual")
        Rule.objects.create(kind="price_band", lowest_price=50, currency="USD")
        assert "Not shown Rule: Show bundles from 50 USD on. It costs $3.00." in self.told(page)

    def test_one_that_no_model_knows_or_that_cannot_be_bought_says_so(self, page: Client, goods: list[Any]) -> None:
        bundle([product("Lamp", available=False), goods[1], product("Bulb", available=False)])
        told = self.told(page)
        assert "Not shown Lamp is not for sale. Bulb is not for sale. and 1 more" in told

    def test_where_alone_it_is_shown_and_what_puts_it_first_is_told(self, page: Client, goods: list[Any]) -> None:
        score(bundle(goods[:2]), version())
        Rule.objects.create(kind="placement", placement="cart")
        Rule.objects.create(kind="pin", item_key=str(goods[0].pk), item_title="Product 1")
        told = self.told(page)
        assert "Active Rule: Show bundles only at “cart”. Rule: Show bundles with Product 1 first." in told

    def test_a_draft_is_not_asked_about(self, page: Client, goods: list[Any]) -> None:
        bundle(goods[:2], status="draft")
        assert "Not shown" not in self.told(page)

    def test_a_shop_that_does_not_answer_leaves_the_list_standing(
        self, page: Client, goods: list[Any], settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        bundle(goods[:2])
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "ADAPTER": "tests.bundle_app.tutorial_shop.BrokenAdapter"}
        assert "Active Shown or not: not known" in self.told(page)
        assert "The shop could not be asked" in caplog.text


class TestTheStrip:
    def test_it_tells_what_is_live_what_waits_and_what_was_trained_last(self, page: Client, goods: list[Any]) -> None:
        live = version()
        bundle(goods[:2])
        bundle(goods[2:4], status="draft")
        bundle(goods[4:6], status="draft")
        TrainingRun.objects.create(status="failed", error="The broker is down.")
        shown = text_of(page.get(reverse(LIST)))
        assert f"Live model Model {live.pk} published just now" in shown
        assert "Draft 2 Review 0 Active 1 Paused 0 Rejected 0" in shown
        assert "Last training Failed just now" in shown

    def test_an_empty_shop_is_told_what_to_do(self, page: Client) -> None:
        shown = text_of(page.get(reverse(LIST)))
        assert "Live model None yet the first training makes one" in shown
        assert "Train now" in shown

    def test_who_may_not_train_sees_no_button(self, staff: Any) -> None:
        assert "Train now" not in text_of(staff("view_bundle").get(reverse(LIST)))

    def test_who_may_train_sees_the_button(self, staff: Any) -> None:
        assert "Train now" in text_of(staff("view_bundle", "train_modelversion").get(reverse(LIST)))


class TestTheCost:
    def test_a_thousand_bundles_cost_as_many_queries_as_ten(self, page: Client, goods: list[Any]) -> None:
        live = version()

        def fill(first: int, last: int) -> None:
            priced: list[dict[str, Any]] = [
                {"discount_percent": 10, "max_uses": 50},
                {"discount_form": "amount", "discount_amount": 5, "discount_currency": "USD"},
                {"discount_form": "fixed_price", "discount_amount": 5, "discount_currency": "USD"},
                {"discount_form": "cheapest_free", "discount_maximum": 2, "discount_currency": "USD"},
            ]
            made = Bundle.objects.bulk_create(
                Bundle(composition_hash=f"{number:064}", status="active", source="generated", **priced[number % 4])
                for number in range(first, last)
            )
            BundlePart.objects.bulk_create(
                BundlePart(bundle=row, item_key=str(product.pk), title=product.name)
                for row in made
                for product in goods[:5]
            )
            Score.objects.bulk_create(
                Score(model_version=live, anchor_key=key, bundle=row, score=0.5, rank=row.pk, rung="ease")
                for row in made
                for key in ("", "1", "2")
            )

        def query_count() -> int:
            with CaptureQueriesContext(connection) as queries:
                response = page.get(reverse(LIST), {"all": ""})
            assert response.status_code == 200
            return len(queries)

        page.get(reverse(LIST))  # Content types and permissions are cached from here on.
        fill(0, 10)
        few = query_count()
        fill(10, 200)  # Shown on one page with all=, which is the worst case for rows on a page.
        assert query_count() == few
        fill(200, 1000)
        assert query_count() == few
        assert few <= 15
        assert LogEntry.objects.count() == 0
