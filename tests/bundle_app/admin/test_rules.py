"""Rules in admin: the form and every way in which it says no, the preview before saving, and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.formats import localize

from bundle_app.models import Bundle, BundlePart, Decision, Rule, Score
from tests.bundle_app.admin.conftest import Tags, text_of
from tests.bundle_app.serving.test_ruling import make_rules
from tests.bundle_app.tutorial_shop import bundle, product, score, version

LIST = "admin:bundle_app_rule_changelist"
ADD = "admin:bundle_app_rule_add"
CHANGE = "admin:bundle_app_rule_change"
PREVIEW_NEW = "admin:bundle_app_rule_preview_new"
PREVIEW = "admin:bundle_app_rule_preview"
JSON = {"accept": "application/json"}


def form(**fields: Any) -> dict[str, Any]:
    return {"priority": "0", "is_enabled": "on", **fields}


def refusal(page: Client, **fields: Any) -> str:
    response = page.post(reverse(ADD), form(**fields))
    assert response.status_code == 200
    assert not Rule.objects.exists()
    return text_of(response)


class TestSaving:
    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "pin", "item_key": "{0}"},
            {"kind": "exclude", "item_key": "{0}", "other_item_key": "{1}"},
            {"kind": "exclude", "category": "Toys", "other_category": "Toys", "placement": "cart"},
            {"kind": "require", "category": "Toys", "other_item_key": "{1}", "segment": "trade"},
            {"kind": "price_band", "lowest_price": "5", "highest_price": "20.50", "currency": "EUR"},
            {"kind": "margin_floor", "margin_percent": "20"},
            {"kind": "stock_floor", "stock_count": "3", "category": "Toys"},
            {"kind": "segment", "segment": "trade"},
            {"kind": "placement", "placement": "home", "item_key": "{0}"},
        ],
    )
    def test_each_kind_is_saved_with_its_fields(self, page: Client, goods: list[Any], fields: dict[str, str]) -> None:
        given = {name: value.format(*(thing.pk for thing in goods)) for name, value in fields.items()}
        response = page.post(reverse(ADD), form(**given, note="Because."), follow=True)
        assert "was added successfully" in text_of(response)
        rule = Rule.objects.get()
        for name, value in given.items():
            kept = getattr(rule, name)
            assert (Decimal(value) == kept) if isinstance(kept, Decimal | int) else (value == kept)

    def test_it_keeps_the_titles_of_its_products(self, page: Client, goods: list[Any]) -> None:
        page.post(reverse(ADD), form(kind="exclude", item_key=goods[0].pk, other_item_key=goods[1].pk))
        assert str(Rule.objects.get()) == "Never show bundles with Product 1 and Product 2"

    def test_a_price_band_is_in_the_shop_s_currency_unless_said_otherwise(self, page: Client) -> None:
        page.post(reverse(ADD), form(kind="price_band", lowest_price="5"))
        assert Rule.objects.get().currency == "USD"


class TestTheFormSaysNo:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"kind": "exclude"}, "Name a product or a category."),
            ({"kind": "require", "category": "Toys"}, "Name a product or a category."),
            ({"kind": "price_band"}, "Fill in one of the two."),
            ({"kind": "margin_floor"}, "This kind of rule needs it."),
            ({"kind": "stock_floor", "stock_count": "0"}, "greater than or equal to 1"),
            ({"kind": "segment"}, "This kind of rule needs it."),
            ({"kind": "placement", "placement": "the cart"}, "Enter one word of letters, digits, - and _."),
            ({"kind": "margin_floor", "margin_percent": "100"}, "less than or equal to 99"),
            ({"kind": "price_band", "lowest_price": "9", "highest_price": "8"}, "must not be below the lowest"),
            ({"kind": "price_band", "lowest_price": "9", "currency": "euro"}, "at most 3 characters"),
            (
                {"kind": "exclude", "category": "Toys", "stock_count": "3"},
                "“Never show” does not use this field. Empty it.",
            ),
            ({"kind": "exclude", "item_key": "zzz"}, "There is no product with the key “zzz”."),
            ({"kind": ""}, "This field is required."),
        ],
    )
    def test_and_says_what_is_missing(self, page: Client, fields: dict[str, str], expected: str) -> None:
        assert expected in refusal(page, **fields)

    def test_to_a_product_and_a_category_at_once(self, page: Client, goods: list[Any]) -> None:
        told = refusal(page, kind="exclude", item_key=goods[0].pk, category="Toys")
        assert "Name a product or a category, not both." in told

    def test_to_a_pair_of_one(self, page: Client, goods: list[Any]) -> None:
        told = refusal(page, kind="exclude", item_key=goods[0].pk, other_item_key=goods[0].pk)
        assert "Name two different products." in told

    def test_to_a_misspelt_title_and_suggests_the_nearest(self, page: Client, goods: list[Any]) -> None:
        product("Wireless mouse")
        assert "(Wireless mouse)" in refusal(page, kind="exclude", item_key="mouse")

    def test_to_an_end_before_the_beginning(self, page: Client) -> None:
        told = refusal(
            page,
            kind="stock_floor",
            stock_count="2",
            valid_from_0="2026-02-02",
            valid_from_1="10:00",
            valid_until_0="2026-02-01",
            valid_until_1="10:00",
        )
        assert "A rule must end after it begins." in told


class TestThePreview:
    @pytest.fixture(autouse=True)
    def shown(self, goods: list[Any]) -> Bundle:
        made = bundle(goods[:2], title="Two <b>things</b>")
        score(made, version())
        return made

    def test_it_is_told_as_a_piece_of_the_page_and_nothing_is_saved(self, page: Client, goods: list[Any]) -> None:
        data = form(kind="exclude", item_key=goods[0].pk)
        answer = page.post(reverse(PREVIEW_NEW), data, headers=JSON).json()
        assert answer["summary"] == "0 appear, 1 disappear, 0 change."
        told = Tags(answer["html"]).text
        assert "Never show bundles with Product 1" in told
        assert "Would disappear 1 Two <b>things</b>" in told
        assert "<b>things" not in answer["html"]
        assert "1 bundle on offer is concerned. 0 stay as they are, 0 cannot be bought today anyway." in told
        assert not Rule.objects.exists()
        assert not Decision.objects.exists()

    def test_without_javascript_the_button_shows_the_page_with_what_was_typed(
        self, page: Client, goods: list[Any]
    ) -> None:
        html = page.get(reverse(ADD)).content.decode()
        button = next(tag for tag in Tags(html).named("button") if tag.get("name") == "_preview")
        response = page.post(button["formaction"], form(kind="exclude", item_key=goods[0].pk, note="Spring <1>"))
        assert response.status_code == 200
        tags = Tags(response.content.decode())
        assert "Would disappear 1" in tags.text
        values = {tag.get("name"): tag.get("value") for tag in tags.named("input")}
        assert (values["note"], values["item_key"]) == ("Spring <1>", str(goods[0].pk))
        assert next(tag for tag in tags.named("form") if tag.get("id") == "rule_form")["action"] == reverse(ADD)
        assert not Rule.objects.exists()

    def test_a_rule_that_is_changed_is_compared_with_itself_as_stored(self, page: Client, goods: list[Any]) -> None:
        rule = Rule.objects.create(kind="exclude", item_key=str(goods[0].pk))
        data = form(kind="exclude", item_key=goods[5].pk)
        answer = page.post(reverse(PREVIEW, args=[rule.pk]), data, headers=JSON).json()
        assert answer["summary"] == "1 appear, 0 disappear, 0 change."
        whole = page.post(reverse(PREVIEW, args=[rule.pk]), data)
        assert "Would appear 1" in text_of(whole)
        action = next(tag for tag in Tags(whole.content.decode()).named("form") if tag.get("id") == "rule_form")
        assert action["action"] == reverse(CHANGE, args=[rule.pk])
        rule.refresh_from_db()
        assert rule.item_key == str(goods[0].pk)

    def test_an_unfinished_rule_is_told_what_is_missing(self, page: Client) -> None:
        answer = page.post(reverse(PREVIEW_NEW), form(kind="exclude"), headers=JSON).json()
        assert answer["summary"] == "There is no preview yet."
        assert "Product: Name a product or a category." in Tags(answer["html"]).text

    def test_a_category_of_which_no_bundle_holds_anything_suggests_the_nearest(self, page: Client) -> None:
        BundlePart.objects.update(category="Kitchen & table")
        answer = page.post(reverse(PREVIEW_NEW), form(kind="exclude", category="Kitchen"), headers=JSON).json()
        assert "Categories of a similar name: Kitchen & table" in Tags(answer["html"]).text

    def test_the_categories_of_the_bundles_are_suggested(self, page: Client) -> None:
        BundlePart.objects.update(category="Kitchen & table")
        options = [tag["value"] for tag in Tags(page.get(reverse(ADD)).content.decode()).named("option")]
        assert "Kitchen & table" in options

    def test_a_get_is_refused(self, page: Client) -> None:
        assert page.get(reverse(PREVIEW_NEW)).status_code == 405

    def test_it_is_for_those_who_may_save(self, staff: Any) -> None:
        rule = Rule.objects.create(kind="stock_floor", stock_count=2)
        clerk = staff("view_rule", "view_bundle")
        data = form(kind="stock_floor", stock_count="2")
        assert clerk.post(reverse(PREVIEW_NEW), data, headers=JSON).status_code == 403
        assert clerk.post(reverse(PREVIEW, args=[rule.pk]), data, headers=JSON).status_code == 403
        assert clerk.get(reverse(CHANGE, args=[rule.pk])).status_code == 200
        assert b"_preview" not in clerk.get(reverse(CHANGE, args=[rule.pk])).content


class TestTheLog:
    def test_making_changing_and_deleting_a_rule_is_logged_with_who_and_why(self, page: Client) -> None:
        page.post(reverse(ADD), form(kind="stock_floor", stock_count="2", reason="Sold out too often."))
        rule = Rule.objects.get()
        page.post(reverse(CHANGE, args=[rule.pk]), form(kind="stock_floor", stock_count="5"))
        page.post(reverse(CHANGE, args=[rule.pk]), form(kind="stock_floor", stock_count="5", is_enabled=""))
        page.post(reverse("admin:bundle_app_rule_delete", args=[rule.pk]), {"post": "yes"})
        told = [(entry.action, entry.actor, entry.reason) for entry in Decision.objects.order_by("pk")]
        assert told == [
            ("created", "boss", "Sold out too often."),
            ("changed", "boss", ""),
            ("disabled", "boss", ""),
            ("deleted", "boss", ""),
        ]
        assert Decision.objects.get(action="changed").changes == {"stock_count": [2, 5]}

    def test_enabling_and_disabling_many_is_logged_for_each(self, page: Client) -> None:
        rules = [Rule.objects.create(kind="stock_floor", stock_count=number) for number in (1, 2)]
        data = {"action": "disable", "_selected_action": [rule.pk for rule in rules], "reason": "Sale."}
        assert "2 rules disabled." in text_of(page.post(reverse(LIST), data, follow=True))
        assert not Rule.objects.in_force().exists()
        assert [entry.reason for entry in Decision.objects.filter(action="disabled")] == ["Sale.", "Sale."]
        page.post(reverse(LIST), data | {"action": "enable"})
        assert Rule.objects.in_force().count() == 2

    def test_deleting_many_is_logged(self, page: Client) -> None:
        rule = Rule.objects.create(kind="stock_floor", stock_count=1)
        page.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"})
        assert Decision.objects.get().action == "deleted"
        assert not Rule.objects.exists()

    def test_the_page_of_a_rule_shows_its_decisions(self, page: Client) -> None:
        page.post(reverse(ADD), form(kind="stock_floor", stock_count="2", reason="Too often sold out."))
        shown = text_of(page.get(reverse(CHANGE, args=[Rule.objects.get().pk])))
        assert "boss Created" in shown
        assert "Too often sold out." in shown


class TestTheList:
    def test_a_rule_is_told_in_words_with_its_state(self, page: Client) -> None:
        Rule.objects.create(kind="stock_floor", stock_count=2, note="Christmas")
        Rule.objects.create(kind="exclude", category="Toys", is_enabled=False)
        shown = text_of(page.get(reverse(LIST)))
        assert "Show bundles while 2 can be sold In force 0 Christmas" in shown
        assert "Never show bundles with something of “Toys” Disabled" in shown

    def test_who_may_only_look_changes_nothing(self, staff: Any) -> None:
        rule = Rule.objects.create(kind="stock_floor", stock_count=2)
        clerk = staff("view_rule")
        assert clerk.get(reverse(LIST)).status_code == 200
        clerk.post(reverse(LIST), {"action": "disable", "_selected_action": [rule.pk]})
        rule.refresh_from_db()
        assert rule.is_enabled
        assert clerk.post(reverse(CHANGE, args=[rule.pk]), form(kind="stock_floor", stock_count="9")).status_code == 403


class TestTheCost:
    def test_a_thousand_bundles_and_a_hundred_rules_cost_no_more_queries_than_a_few(
        self, page: Client, goods: list[Any]
    ) -> None:
        live = version()
        score(bundle(goods[:2]), live)
        rule = Rule.objects.create(kind="price_band", lowest_price=Decimal(5), currency="USD")
        asked: dict[str, Callable[[], Any]] = {
            "the list of bundles": lambda: page.get(reverse("admin:bundle_app_bundle_changelist"), {"all": ""}),
            "bundles that a rule is about": lambda: page.get(
                reverse("admin:bundle_app_bundle_changelist"), {"ruled": "about"}
            ),
            "the list of rules": lambda: page.get(reverse(LIST)),
            "the page of a rule": lambda: page.get(reverse(CHANGE, args=[rule.pk])),
            "a preview": lambda: page.post(
                reverse(PREVIEW, args=[rule.pk]),
                form(kind="price_band", lowest_price=localize(9), currency="USD"),
                headers=JSON,
            ),
        }

        def query_counts() -> dict[str, int]:
            counts = {}
            for name, ask in asked.items():
                with CaptureQueriesContext(connection) as queries:
                    assert ask().status_code == 200
                counts[name] = len(queries)
            return counts

        query_counts()  # Content types and permissions are cached from here on.
        few = query_counts()
        made = Bundle.objects.bulk_create(
            Bundle(composition_hash=f"{number:064}", status="active", source="generated") for number in range(1000)
        )
        BundlePart.objects.bulk_create(
            BundlePart(bundle=one, item_key=str(thing.pk), title=thing.name, category="Things")
            for number, one in enumerate(made)
            for thing in (goods[number % 12], goods[(number + 5) % 12])
        )
        Score.objects.bulk_create(
            Score(model_version=live, bundle=one, score=0.5, rank=100 + number, rung="ease")
            for number, one in enumerate(made)
        )
        make_rules(100, goods)
        assert query_counts() == few
        assert max(few.values()) <= 25, few
