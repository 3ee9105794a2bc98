"""Results: what the screen tells of figures that are known, to whom, and the file of it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bundle_app.models import DailyFigure, OrderCount
from tests.bundle_app.admin.conftest import Tags, text_of
from tests.bundle_app.events.worlds import happened
from tests.bundle_app.experiments.worlds import arms, experiment
from tests.bundle_app.figures.worlds import LAST, days_ago, shown, sold
from tests.bundle_app.tutorial_shop import bundle, product, version

SCREEN = "admin:bundle_app_dailyfigure_changelist"
FILE = "admin:bundle_app_dailyfigure_csv"


def screen(page: Client, /, **asked: Any) -> str:
    response = page.get(reverse(SCREEN), asked)
    assert response.status_code == 200
    return text_of(response)


def file(page: Client, /, **asked: Any) -> list[dict[str, str]]:
    content = page.get(reverse(FILE), asked).content.decode("utf-8-sig")
    return list(csv.DictReader(StringIO(content)))


class TestTheScreen:
    def test_the_totals_have_their_intervals_and_their_changes(self, page: Client) -> None:
        shown(impressions=1000, clicks=100, adds=30)
        sold("12.5", revenue="1234.50", discount=10, margin=Decimal(300))
        OrderCount.objects.create(day=LAST, count=50)
        shown(impressions=500, clicks=10, day=days_ago(28))
        told = screen(page)
        assert "Feb. 15, 2026 – March 14, 2026" in told
        assert "Changes are those since the period before, Jan. 18, 2026 – Feb. 14, 2026." in told
        assert "Seen 1,000 +100%" in told
        assert "Click rate 10.0% 8.29% – 12.0% +8.00 points +5.63 to +10.21" in told
        assert "Conversion 1.25%" in told
        assert "Attach rate 25.0%" in told
        assert "Sales 12.5" in told
        assert "Revenue €1,234.50" in told
        assert "Margin €300.00" in told
        assert "Discounts €10.00" in told

    def test_a_change_that_may_be_chance_has_no_colour(self, page: Client) -> None:
        shown(impressions=100, clicks=11)
        shown(impressions=100, clicks=10, day=days_ago(28))
        html = page.get(reverse(SCREEN)).content.decode()
        assert '<span class="bundle-change-quiet">+1.00 points' in html
        assert "bundle-change-good" not in html

    @pytest.mark.parametrize(("clicks", "tone"), [(60, "good"), (2, "bad")])
    def test_a_change_beyond_chance_has_one(self, page: Client, clicks: int, tone: str) -> None:
        shown(impressions=100, clicks=clicks)
        shown(impressions=100, clicks=20, day=days_ago(28))
        assert f'<span class="bundle-change-{tone}">' in page.get(reverse(SCREEN)).content.decode()

    @pytest.mark.parametrize("measure", ["ctr", "attach_rate", "purchases", "revenue_EUR", "margin_EUR"])
    def test_every_measure_is_drawn_where_some_of_it_is_not_known(self, page: Client, measure: str) -> None:
        sold(1, revenue=5, arm="blue")
        shown(arm="red", day=days_ago(28))
        assert "Click rate" in screen(page, measure=measure, by="arm")

    def test_the_price_of_trying_out_is_told(self, page: Client) -> None:
        shown(impressions=900, clicks=90)
        shown(impressions=100, clicks=4, is_explored=True)
        told = screen(page)
        assert "Tried out 10.0%" in told
        assert "Price of trying out 6 clicks 2 to 10 6.0% of all" in told

    def test_bundles_are_called_by_their_contents_and_lead_to_their_days(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        shown(bundle_id=made.pk)
        shown(bundle_id=made.pk + 1, impressions=1)
        html = page.get(reverse(SCREEN)).content.decode()
        assert f'<a href="?bundle={made.pk}&amp;by=day">{made}</a>' in html
        assert f"Bundle {made.pk + 1}, deleted" in html

    def test_product_pages_are_called_by_their_titles(self, page: Client, goods: list[Any]) -> None:
        shown(anchor_key=str(goods[0].pk))
        shown(anchor_key="", impressions=1)
        html = page.get(reverse(SCREEN), {"by": "anchor"}).content.decode()
        assert "Product 1</a>" in html
        assert 'anchor=~&amp;by=day">No product page</a>' in html.replace("%7E", "~")

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            ("day", "March 14"), ("placement", "Product page"), ("position", "Position 1"), ("version", "Model 7"),
            ("policy", "Policy 3"), ("arm", "blue"),
        ],
    )  # fmt: skip
    def test_figures_are_told_apart_by(self, page: Client, by: str, expected: str) -> None:
        shown(version_id=7, policy_id=3, arm="blue")
        assert f"{expected} 100" in screen(page, by=by)

    def test_arms_of_the_app_s_own_experiments_have_names(self, page: Client) -> None:
        made = experiment(name="Louder")
        _control, other = arms(made, "loud.html")
        shown(arm=f"{other.word}+99a")
        assert "Louder: B · Other way 1 + 99a 100" in screen(page, by="arm")
        html = page.get(reverse(SCREEN)).content.decode()
        assert f'<option value="{other.word}+99a">Louder: B · Other way 1 + 99a</option>' in html

    def test_what_there_is_to_filter_by_is_offered(self, page: Client) -> None:
        shown(version_id=7, arm="blue")
        shown(version_id=0, arm="", placement="cart")
        html = page.get(reverse(SCREEN), {"arm": "~"}).content.decode()
        assert '<option value="7">Model 7</option>' in html
        assert '<option value="0">Chosen by hand</option>' in html
        assert '<option value="~" selected>In no experiment</option>' in html
        assert '<option value="cart">Cart</option>' in html

    def test_the_form_shows_what_is_meant_where_the_address_says_nothing(self, page: Client) -> None:
        shown()
        for asked in ({}, {"arm": "~"}, {"first": "x"}):
            html = page.get(reverse(SCREEN), asked).content.decode()
            assert '<option value="28" selected>' in html
            assert '<option value="bundle" selected>' in html
            assert '<select name="placement"' in html

    def test_filters_are_kept_from_tab_to_tab(self, page: Client) -> None:
        shown(arm="blue")
        html = page.get(reverse(SCREEN), {"arm": "blue", "measure": "add_rate"}).content.decode()
        assert 'href="?arm=blue&amp;measure=ctr#time"' in html
        assert '<input type="hidden" name="measure" value="add_rate" id="id_measure">' in html

    @pytest.mark.parametrize("days", [7, 28, 90, 365])
    def test_a_period_ends_on_the_last_whole_day_with_figures(self, page: Client, days: int) -> None:
        shown()
        first = LAST - timedelta(days=days - 1)
        assert f"{first:%B} {first.day}, {first.year}".replace("February", "Feb.").replace(
            "December", "Dec."
        ) in screen(page, days=days)

    def test_a_long_period_is_drawn_by_week(self, page: Client) -> None:
        shown()
        html = page.get(reverse(SCREEN), {"days": 365}).content.decode()
        assert "Week by week" in html
        assert 50 < html.count("<circle") + html.count('<th scope="row">') < 120

    def test_pictures_have_tables_beside_them(self, page: Client) -> None:
        for number in range(3):
            shown(clicks=10 + number, day=days_ago(number))
        html = page.get(reverse(SCREEN), {"days": 7}).content.decode()
        assert html.count('class="bundle-chart"') == 2
        assert 'class="bundle-band"' in html
        assert "03/14/2026 10.0% 5.52% – 17.4%" in Tags(html).text

    def test_bundles_come_page_by_page(self, page: Client) -> None:
        DailyFigure.objects.bulk_create(
            DailyFigure(day=LAST, bundle_id=number, slot=1, impressions=number) for number in range(1, 121)
        )
        assert "51 – 100 of 120" in screen(page, page=2)
        assert "101 – 120 of 120" in screen(page, page=3)
        assert "1 – 50 of 120" in screen(page, page="none")

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"first": "2026-03-10", "last": "2026-03-01"}, "The last day, 2026-03-01, is before the first one."),
            ({"first": "2016-03-10", "last": "2026-03-01"}, "The period has 3644 days; ask for at most 1098."),
            ({"bundle": "x"}, "Enter a whole number."),
            ({"first": "yesterday"}, "Enter a valid date."),
            ({"by": "shopper"}, "Select a valid choice."),
        ],
    )
    def test_what_cannot_be_asked_is_said_beside_its_field(
        self, page: Client, asked: dict[str, str], expected: str
    ) -> None:
        shown()
        assert expected in screen(page, **asked)

    def test_hostile_words_stay_words(self, page: Client) -> None:
        shown(arm="<b>x</b>", placement="</svg><script>")
        for by in ("arm", "placement"):
            html = page.get(reverse(SCREEN), {"by": by}).content.decode()
            assert "<b>x" not in html
            assert "</svg><script>" not in html

    def test_a_shop_that_does_not_answer_costs_the_titles_alone(self, page: Client, settings: Any) -> None:
        settings.BUNDLE_APP = {
            **settings.BUNDLE_APP,
            "ADAPTER": "tests.bundle_app.tutorial_shop.BrokenAdapter",
        }
        shown(anchor_key="LAP-14")
        assert "LAP-14 100" in screen(page, by="anchor")

    def test_many_bundles_cost_as_many_queries_as_few(self, page: Client) -> None:
        def query_count() -> int:
            with CaptureQueriesContext(connection) as queries:
                page.get(reverse(SCREEN))
            return len(queries)

        for number in range(3):
            shown(bundle_id=bundle([product(f"One {number}"), product(f"Other {number}")]).pk)
        query_count()
        few = query_count()
        for number in range(60):
            shown(bundle_id=bundle([product(f"A {number}"), product(f"B {number}")]).pk)
        assert query_count() == few <= 24


class TestNothingToShow:
    def test_where_no_model_is_live_the_first_step_is_to_train_one(self, page: Client) -> None:
        assert "No bundle has been shown yet, as no model is live." in screen(page)

    def test_where_nothing_was_seen_the_widget_is_missing(self, page: Client) -> None:
        version()
        assert "Put the widget on your product pages: {% bundle_widget product %}" in screen(page)

    def test_where_nothing_was_counted_the_task_is_named(self, page: Client) -> None:
        happened("ann", ["impression"])
        assert "their days are not counted yet. The task bundle_app.aggregate does that" in screen(page)

    def test_where_filters_leave_nothing_that_is_said(self, page: Client) -> None:
        shown()
        assert "Nothing was seen or sold in this period that fits the filters." in screen(page, arm="red")

    def test_an_attach_rate_that_is_not_known_says_why(self, page: Client) -> None:
        shown()
        sold(1)
        assert "The attach rate is not known" in screen(page)


class TestTheFile:
    def test_it_holds_all_groups_with_now_and_before(self, page: Client) -> None:
        shown(impressions=100, clicks=10, is_explored=True)
        sold("1.5", revenue="30.25", margin=Decimal(9))
        shown(impressions=40, day=days_ago(28))
        (row,) = file(page, by="placement")
        assert row["placement"] == "product"
        assert row["name"] == "Product page"
        assert (row["impressions"], row["impressions_before"], row["explored_impressions"]) == ("100", "40", "100")
        assert (row["ctr"], row["ctr_low"], row["ctr_high"]) == ("0.1", "0.055229", "0.174366")
        assert (row["purchases"], row["revenue_EUR"], row["margin_EUR"], row["discount_EUR"]) == (
            "1.5", "30.25", "9", "0",
        )  # fmt: skip
        assert (row["orders"], row["revenue_EUR_before"]) == ("", "")

    def test_it_is_longer_than_a_page(self, page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        from bundle_app.admin import results

        monkeypatch.setattr(results, "LINES_A_CHUNK", 50)
        DailyFigure.objects.bulk_create(
            DailyFigure(day=LAST, bundle_id=number, slot=1, impressions=1) for number in range(1, 121)
        )
        assert [row["bundle"] for row in file(page)] == [str(number) for number in range(1, 121)]

    def test_no_cell_starts_a_formula(self, page: Client) -> None:
        shown(arm="=1+1")
        (row,) = file(page, by="arm")
        assert (row["arm"], row["name"]) == ("'=1+1", "'=1+1")

    def test_what_cannot_be_asked_is_told_on_the_screen(self, page: Client) -> None:
        response = page.get(reverse(FILE), {"bundle": "x"})
        assert response.status_code == 302
        assert response.headers["Location"].endswith("?bundle=x")


class TestPermissions:
    @pytest.mark.parametrize("name", [SCREEN, FILE])
    def test_results_are_for_who_may_see_them(self, staff: Callable[..., Client], name: str) -> None:
        assert staff("view_bundle").get(reverse(name)).status_code == 403

    def test_whoever_may_see_them_finds_them_in_admin(self, staff: Callable[..., Client]) -> None:
        client = staff("view_dailyfigure")
        assert client.get(reverse(SCREEN)).status_code == 200
        assert ">Results</a>" in client.get(reverse("admin:index")).content.decode()

    @pytest.mark.parametrize("name", [SCREEN, FILE])
    def test_visitors_are_sent_to_log_in(self, name: str) -> None:
        response = Client().get(reverse(name))
        assert response.status_code == 302
        assert "/login/" in response.headers["Location"]
