"""The price of a bundle in admin: every form, what the form refuses and forgives, and the suggested discount."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from bundle_app.models import Bundle
from tests.bundle_app.admin.conftest import EVIDENCE, Tags, text_of
from tests.bundle_app.admin.test_bundle_form import ADD, CHANGE, change_form, form
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, score, version

LIST = "admin:bundle_app_bundle_changelist"
TAKE = "admin:bundle_app_bundle_take_suggested"


def saved(page: Client, made: Bundle, **fields: Any) -> Bundle:
    """A bundle after its form was sent; that it was taken is part of it."""
    response = page.post(reverse(CHANGE, args=[made.pk]), change_form(made, **fields))
    assert response.status_code == 302, text_of(response)
    return Bundle.objects.get(pk=made.pk)


class TestEveryForm:
    @pytest.mark.parametrize(
        ("fields", "in_list", "in_preview"),
        [
            ({"discount_percent": "10"}, "10 % off", "10 % off You save $1.10"),
            (
                {"discount_form": "amount", "discount_amount": "2", "discount_currency": "USD"},
                "$2.00 off",
                "You save $2.00",
            ),
            ({"discount_form": "fixed_price", "discount_amount": "9"}, "$9.00 for the set", "Set price You save $2.00"),
            ({"discount_form": "cheapest_free"}, "cheapest product free", "One free: Product 5 You save $5.00"),
            (
                {"discount_percent": "30", "discount_maximum": "1.5"},
                "30 % off, at most $1.50",
                "Its maximum keeps the saving at $1.50.",
            ),
        ],
    )
    def test_is_saved_listed_and_previewed(
        self, page: Client, goods: list[Any], fields: dict[str, str], in_list: str, in_preview: str
    ) -> None:
        made = bundle(goods[4:6])
        saved(page, made, **fields)
        assert in_list in text_of(page.get(reverse(LIST)))
        assert in_preview in text_of(page.get(reverse(CHANGE, args=[made.pk])))

    def test_amounts_are_of_the_shop_s_currency_unless_another_is_named(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6])
        assert saved(page, made, discount_form="amount", discount_amount="2").discount_currency == "USD"
        fields = {"discount_form": "amount", "discount_amount": "2", "discount_currency": "EUR"}
        assert saved(page, made, **fields).discount_currency == "EUR"
        shown = text_of(page.get(reverse(CHANGE, args=[made.pk])))
        assert "The amounts of its price are in EUR, and the products are priced in USD." in shown

    def test_the_number_of_the_form_before_is_forgotten(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6], discount_percent=10)
        changed = saved(page, made, discount_form="cheapest_free", discount_percent="", discount_amount="-3")
        assert (changed.discount_percent, changed.discount_amount, changed.discount_currency) == (Decimal(0), None, "")
        changed = saved(page, made, discount_form="percent", discount_percent="5", discount_amount="7")
        assert (changed.discount_percent, changed.discount_amount) == (Decimal(5), None)

    def test_an_amount_is_shown_with_the_decimals_of_its_currency(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6], discount_form="fixed_price", discount_amount=Decimal("9.5"), discount_currency="USD")
        tags = Tags(page.get(reverse(CHANGE, args=[made.pk])).content.decode())
        values = {field.get("name"): field.get("value") for field in tags.named("input")}
        assert values["discount_amount"] == "9.50"

    def test_the_floor_is_told_where_it_holds(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6], discount_percent=80)
        shown = text_of(page.get(reverse(CHANGE, args=[made.pk])))
        assert "The shop's floor keeps the saving at $5.50: this set is not sold for less than $5.50." in shown

    def test_how_many_were_sold_is_told_in_list_and_page(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6], discount_percent=10, max_uses=1200, use_count=1100)
        assert "10 % off · 1,100 of 1,200 sold" in text_of(page.get(reverse(LIST)))
        shown = text_of(page.get(reverse(CHANGE, args=[made.pk])))
        assert "It can be sold 100 times today. 1,100 of 1,200 sold" in shown

    def test_whether_it_is_combinable_is_kept(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6])
        assert saved(page, made, combinable="on").combinable
        assert not saved(page, made).combinable


class TestTheFormSaysNo:
    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"discount_form": "amount"}, "Enter an amount: this form of price needs one."),
            ({"discount_form": "fixed_price"}, "Enter an amount: this form of price needs one."),
            (
                {"discount_form": "amount", "discount_amount": "0"},
                "Ensure this value is greater than or equal to 0.001.",
            ),
            (
                {"discount_form": "amount", "discount_amount": "2.005"},
                "USD has no such amount; the smallest is $0.01.",
            ),
            (
                {"discount_form": "amount", "discount_amount": "2.5", "discount_currency": "JPY"},
                "JPY has no such amount; the smallest is ¥1.",
            ),
            (
                {"discount_form": "amount", "discount_amount": "2", "discount_currency": "euro"},
                "Ensure this value has at most 3 characters",
            ),
            (
                {"discount_form": "amount", "discount_amount": "2", "discount_currency": "eur"},
                "Enter an ISO 4217 code such as EUR.",
            ),
            ({"discount_percent": "100"}, "Ensure this value is less than or equal to 99."),
            ({"discount_form": "barter"}, "Select a valid choice. barter is not one of the available choices."),
            ({"max_uses": "0"}, "Ensure this value is greater than or equal to 1."),
            ({"discount_maximum": "-1"}, "Ensure this value is greater than or equal to 0.001."),
        ],
    )
    def test_to_what_makes_no_price(self, page: Client, goods: list[Any], fields: dict[str, Any], told: str) -> None:
        response = page.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1), **fields))
        assert response.status_code == 200
        assert told in text_of(response)
        assert not Bundle.objects.exists()

    def test_to_fewer_sales_than_there_were(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], max_uses=9, use_count=4)
        response = page.post(reverse(CHANGE, args=[made.pk]), change_form(made, max_uses="3"))
        assert (
            "4 sets have been sold already. Enter that number or more; to stop selling, pause the bundle."
            in text_of(response)
        )


class TestTheSuggestedDiscount:
    @pytest.fixture
    def scored(self, goods: list[Any]) -> Bundle:
        """50 buyers of 2,000 take both; half of the price is the floor, so the other earns half of its 12 dollars."""
        made = bundle([goods[11], goods[10]])
        evidence = {**EVIDENCE, "support": 50, "anchor_orders": 2000}
        score(made, version(), anchor=goods[10], evidence=evidence, rung="blend")
        return made

    def test_it_is_shown_with_its_reasons(self, page: Client, scored: Bundle) -> None:
        shown = text_of(page.get(reverse(CHANGE, args=[scored.pk])))
        assert "Suggested discount 17 % off, which is $3.91" in shown
        assert (
            "50 of 2,000 orders with Product 11 hold the rest anyway: there a discount is given away. "
            "It pays for itself if it wins 5.0 of 100 buyers who would not have taken the set. "
            "More would have to win over 5 of 100, which is a lot to ask of a discount. "
            "What the products cost the shop is not known: they are taken to cost 50 % of their price."
        ) in shown

    def test_one_click_takes_it_over_and_is_written_down(self, page: Client, scored: Bundle) -> None:
        Bundle.objects.filter(pk=scored.pk).update(
            discount_form="fixed_price", discount_amount=20, discount_currency="USD"
        )
        response = page.post(reverse(TAKE, args=[scored.pk]), {"percent": "17"}, follow=True)
        shown = text_of(response)
        assert "The discount is now 17 %." in shown
        assert "The bundle has this discount." in shown
        scored.refresh_from_db()
        assert (scored.discount_form, scored.discount_percent, scored.discount_amount) == ("percent", Decimal(17), None)
        assert scored.decided_at is not None
        assert LogEntry.objects.get().change_message == "Took over the suggested discount of 17 %."

    def test_a_suggestion_that_is_out_of_date_is_not_taken_over(self, page: Client, scored: Bundle) -> None:
        response = page.post(reverse(TAKE, args=[scored.pk]), {"percent": "99"}, follow=True)
        assert "The suggestion has changed in the meantime. Look at it once more." in text_of(response)
        scored.refresh_from_db()
        assert scored.discount_percent == 0

    def test_a_maximum_stays_in_force(self, page: Client, scored: Bundle) -> None:
        Bundle.objects.filter(pk=scored.pk).update(discount_maximum=2, discount_currency="USD")
        page.post(reverse(TAKE, args=[scored.pk]), {"percent": "17"})
        scored.refresh_from_db()
        assert (scored.discount_percent, scored.discount_maximum) == (Decimal(17), Decimal(2))

    def test_what_was_never_scored_has_none(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        assert "Suggested discount" not in text_of(page.get(reverse(CHANGE, args=[made.pk])))

    def test_what_sells_together_anyway_is_not_discounted(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[4:6])
        score(made, version(), anchor=goods[4], evidence={**EVIDENCE, "support": 950, "anchor_orders": 1000})
        assert "Suggested discount No discount" in text_of(page.get(reverse(CHANGE, args=[made.pk])))

    def test_who_may_not_change_bundles_neither_sees_nor_takes_it(self, staff: Any, scored: Bundle) -> None:
        clerk = staff("view_bundle")
        assert "Suggested discount" not in text_of(clerk.get(reverse(CHANGE, args=[scored.pk])))
        assert clerk.post(reverse(TAKE, args=[scored.pk]), {"percent": "17"}).status_code == 403

    def test_a_get_takes_nothing_over(self, page: Client, scored: Bundle) -> None:
        assert page.get(reverse(TAKE, args=[scored.pk])).status_code == 405

    def test_a_known_cost_takes_the_place_of_the_guess(self, page: Client, scored: Bundle, settings: Any) -> None:
        settings.BUNDLE_APP = {
            **TUTORIAL,
            "ADAPTER": "bundle_app.shop.FieldMapAdapter",
            "MAP": {"preset": "tutorial", "item_fields": {"cost": "price"}},
        }
        shown = text_of(page.get(reverse(CHANGE, args=[scored.pk])))
        assert "Suggested discount No discount" in shown
        assert "More would take the set to the shop's floor" in shown
        assert "is not known" not in shown
