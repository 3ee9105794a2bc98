"""The page of one bundle: composing, changing, copying, evidence, preview; and every way in which the form says no."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bundle_app.admin.parts import MOST_PRODUCTS, read, written
from bundle_app.models import Bundle, BundlePart, Rule, composition_hash
from tests.bundle_app.admin.conftest import EVIDENCE, Tags, text_of
from tests.bundle_app.tutorial_shop import bundle, product, score, version

ADD = "admin:bundle_app_bundle_add"
CHANGE = "admin:bundle_app_bundle_change"

Row = tuple[Any, Any] | tuple[Any, Any, bool]


def form(*rows: Row, initial: int = 0, **fields: Any) -> dict[str, Any]:
    """What a browser posts: rows of (key, quantity) or (key, quantity, marked for deletion)."""
    data: dict[str, Any] = {
        "title": "",
        "status": "draft",
        "discount_form": "percent",
        "discount_percent": "0",
        "parts-TOTAL_FORMS": len(rows),
        "parts-INITIAL_FORMS": initial,
        "parts-MIN_NUM_FORMS": 0,
        "parts-MAX_NUM_FORMS": MOST_PRODUCTS,
        **fields,
    }
    for number, (key, quantity, *deleted) in enumerate(rows):
        data |= {f"parts-{number}-item_key": key, f"parts-{number}-quantity": quantity}
        if deleted and deleted[0]:
            data[f"parts-{number}-DELETE"] = "on"
    return data


def change_form(made: Bundle, *rows: Row, **fields: Any) -> dict[str, Any]:
    """The same for a bundle that exists: its parts keep their ids."""
    parts = list(made.parts.all())
    data = form(*rows, initial=len(parts), **fields)
    for number, part in enumerate(parts):
        data |= {f"parts-{number}-id": part.pk, f"parts-{number}-bundle": made.pk}
    return data


class TestComposing:
    def test_a_bundle_made_by_hand_knows_its_titles_kind_and_identity(self, page: Client, goods: list[Any]) -> None:
        began = timezone.now()
        response = page.post(reverse(ADD), form((goods[0].pk, 2), (goods[1].pk, 1), status="active"), follow=True)
        assert "was added successfully" in text_of(response)
        made = Bundle.objects.get()
        assert [(part.item_key, part.title, part.quantity, part.position) for part in made.parts.all()] == [
            (str(goods[0].pk), "Product 1", 2, 0),
            (str(goods[1].pk), "Product 2", 1, 1),
        ]
        assert made.composition_hash == composition_hash({str(goods[0].pk): 2, str(goods[1].pk): 1})
        assert (made.kind, made.source, made.status) == ("pair", "manual", "active")
        assert made.decided_at is not None
        assert made.decided_at >= began
        assert LogEntry.objects.get().object_id == str(made.pk)

    @pytest.mark.parametrize(("quantities", "kind"), [([1, 1], "pair"), ([3, 1], "pair"), ([1, 1, 1], "set")])
    def test_the_kind_follows_from_the_products(
        self, page: Client, goods: list[Any], quantities: list[int], kind: str
    ) -> None:
        rows = [(goods[number].pk, quantity) for number, quantity in enumerate(quantities)]
        page.post(reverse(ADD), form(*rows))
        assert Bundle.objects.get().kind == kind

    def test_empty_rows_are_no_products(self, page: Client, goods: list[Any]) -> None:
        page.post(reverse(ADD), form((goods[0].pk, 1), ("", 1), (goods[1].pk, 1)))
        assert Bundle.objects.get().parts.count() == 2

    def test_rejecting_in_the_form_unpins(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], pinned=True)
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, status="rejected", pinned="on"))
        made.refresh_from_db()
        assert (made.status, made.pinned) == ("rejected", False)

    def test_its_parts_know_their_categories_as_the_shop_tells_or_other_bundles_know(
        self, page: Client, goods: list[Any], settings: Any
    ) -> None:
        page.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1)))
        assert set(BundlePart.objects.values_list("category", flat=True)) == {"Things"}
        BundlePart.objects.filter(item_key=str(goods[0].pk)).update(category="Toys")
        fields = {"preset": "tutorial", "item_fields": {"category": None}}
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": fields}
        page.post(reverse(ADD), form((goods[0].pk, 1), (goods[2].pk, 1)))
        made = Bundle.objects.latest("pk")
        assert [part.category for part in made.parts.all()] == ["Toys", ""]


class TestTheFormSaysNo:
    def refusal(self, page: Client, *rows: Row, **fields: Any) -> str:
        response = page.post(reverse(ADD), form(*rows, **fields))
        assert response.status_code == 200
        assert not Bundle.objects.filter(source="manual").exists()
        return text_of(response)

    @pytest.mark.parametrize("quantities", [[], [1], [2]])
    def test_to_fewer_than_two_products(self, page: Client, goods: list[Any], quantities: list[int]) -> None:
        rows = [(goods[number].pk, quantity) for number, quantity in enumerate(quantities)]
        assert "A bundle needs at least two products." in self.refusal(page, *rows)

    def test_to_more_products_than_a_shopper_takes_in(self, page: Client, goods: list[Any]) -> None:
        told = self.refusal(page, *[(item.pk, 1) for item in goods[:11]])
        assert "This bundle has 11 products; 10 are the most that a shopper takes in. Remove some." in told

    def test_to_a_key_that_no_product_has_and_suggests_the_nearest(self, page: Client, goods: list[Any]) -> None:
        mouse = product("Wireless mouse")
        told = self.refusal(page, (goods[0].pk, 1), ("mouse", 1))
        assert (
            f"There is no product with the key “mouse”. Enter a key, for example {mouse.pk} (Wireless mouse)." in told
        )

    @pytest.mark.parametrize("typed", ["Wireless mice", "mouses", "grey mouse"])
    def test_to_a_misspelt_title_and_still_suggests(self, page: Client, goods: list[Any], typed: str) -> None:
        product("Wireless mouse")
        assert "(Wireless mouse)" in self.refusal(page, (goods[0].pk, 1), (typed, 1))

    def test_to_a_key_without_anything_near(self, page: Client, goods: list[Any]) -> None:
        told = self.refusal(page, (goods[0].pk, 1), ("zzz", 1))
        assert "There is no product with the key “zzz”. Enter a key as the shop's catalogue shows it." in told

    def test_to_a_hostile_key_without_letting_it_out(self, page: Client, goods: list[Any]) -> None:
        response = page.post(reverse(ADD), form((goods[0].pk, 1), ("<script>alert(1)</script>", 1)))
        assert b"<script>alert" not in response.content

    def test_to_the_same_product_twice(self, page: Client, goods: list[Any]) -> None:
        told = self.refusal(page, (goods[0].pk, 1), (goods[0].pk, 1))
        assert "Product 1 is in the list twice. Raise its quantity instead." in told

    @pytest.mark.parametrize(
        ("quantity", "expected"), [("0", "greater than or equal to 1"), ("100", "less than or equal to 99")]
    )
    def test_to_an_absurd_quantity(self, page: Client, goods: list[Any], quantity: str, expected: str) -> None:
        assert expected in self.refusal(page, (goods[0].pk, quantity), (goods[1].pk, 1))

    def test_to_a_composition_that_exists_and_links_to_it(self, page: Client, goods: list[Any]) -> None:
        twin = bundle(goods[:2], title="The <b>first</b>", status="paused")
        response = page.post(reverse(ADD), form((goods[1].pk, 1), (goods[0].pk, 1)))
        assert (
            "There is a bundle of exactly these products already: The <b>first</b> (Paused). Change that one instead."
            in text_of(response)
        )
        assert reverse(CHANGE, args=[twin.pk]) in [
            link.get("href") for link in Tags(response.content.decode()).named("a")
        ]
        assert b"The <b>" not in response.content

    def test_to_a_composition_that_a_rival_writes_at_the_very_moment(self, page: Client, goods: list[Any]) -> None:
        def rival(instance: Bundle, **_: Any) -> None:
            Bundle.objects.bulk_create([Bundle(composition_hash=instance.composition_hash, title="First")])

        pre_save.connect(rival, sender=Bundle)
        try:
            response = page.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1)), follow=True)
        finally:
            pre_save.disconnect(rival, sender=Bundle)
        assert "A bundle of exactly these products was made at this very moment." in text_of(response)

    def test_to_a_discount_of_everything(self, page: Client, goods: list[Any]) -> None:
        told = self.refusal(page, (goods[0].pk, 1), (goods[1].pk, 1), discount_percent="100")
        assert "less than or equal to 99" in told

    def test_to_an_end_before_the_beginning(self, page: Client, goods: list[Any]) -> None:
        dates = {
            "valid_from_0": "2030-01-02",
            "valid_from_1": "10:00",
            "valid_until_0": "2030-01-01",
            "valid_until_1": "10:00",
        }
        told = self.refusal(page, (goods[0].pk, 1), (goods[1].pk, 1), **dates)
        assert "A bundle must end after it begins." in told

    def test_when_the_shop_cannot_be_asked(self, page: Client, goods: list[Any], settings: Any) -> None:
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "tutorial", "item": "shop.Nothing"}}
        assert "The shop could not be asked:" in self.refusal(page, (goods[0].pk, 1), (goods[1].pk, 1))


class TestChanging:
    def test_parts_of_a_bundle_made_by_hand_can_change_places_and_go(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:3], source="manual", kind="set")
        rows: list[Row] = [(goods[1].pk, 1), (goods[0].pk, 4), (goods[2].pk, 1, True)]
        response = page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *rows), follow=True)
        assert "was changed successfully" in text_of(response)
        made.refresh_from_db()
        assert made.quantities() == {str(goods[1].pk): 1, str(goods[0].pk): 4}
        assert [part.position for part in made.parts.all()] == [0, 1]
        assert made.composition_hash == composition_hash(made.quantities())
        assert made.kind == "pair"

    def test_scores_of_what_was_in_it_before_are_gone(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        score(made, version(), anchor=goods[0])
        rows = [(goods[2].pk, 1), (goods[3].pk, 1)]
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *rows))
        assert not made.scores.exists()

    def test_the_form_gives_no_more_power_than_the_actions(self, staff: Any, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual", status="draft")
        clerk = staff("view_bundle", "change_bundle")
        rows = [(item.pk, 1) for item in goods[:2]]
        sent = {**change_form(made, *rows), "status": "active", "pinned": "on", "title": "Mine"}
        clerk.post(reverse(CHANGE, args=[made.pk]), sent)
        made.refresh_from_db()
        assert (made.title, made.status, made.pinned) == ("Mine", "draft", False)

    def test_saving_without_a_change_keeps_the_parts_and_is_still_a_decision(
        self, page: Client, goods: list[Any]
    ) -> None:
        made = bundle(goods[:2], source="manual")
        before = list(made.parts.values_list("pk", flat=True))
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *[(item.pk, 1) for item in goods[:2]]))
        made.refresh_from_db()
        assert list(made.parts.values_list("pk", flat=True)) == before
        assert made.decided_at is not None

    def test_a_personal_bundle_stays_personal(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual", kind="personal")
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *[(item.pk, 1) for item in goods[:2]]))
        made.refresh_from_db()
        assert made.kind == "personal"

    def test_the_products_of_a_generated_bundle_cannot_be_changed(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        shown = text_of(page.get(reverse(CHANGE, args=[made.pk])))
        assert "Its products are what it was scored for, so they cannot be changed here." in shown
        rows = [(goods[4].pk, 1), (goods[5].pk, 1)]
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *rows, title="Renamed", status="active"))
        made.refresh_from_db()
        assert made.title == "Renamed"
        assert made.quantities() == {str(item.pk): 1 for item in goods[:2]}
        assert made.composition_hash == composition_hash(made.quantities())
        assert made.source == "generated"

    def test_a_generated_bundle_is_not_deleted_and_one_made_by_hand_is(self, page: Client, goods: list[Any]) -> None:
        generated, manual = bundle(goods[:2]), bundle(goods[2:4], source="manual")
        delete = "admin:bundle_app_bundle_delete"
        assert page.post(reverse(delete, args=[generated.pk]), {"post": "yes"}).status_code == 403
        assert page.post(reverse(delete, args=[manual.pk]), {"post": "yes"}).status_code == 302
        assert list(Bundle.objects.all()) == [generated]

    def test_who_may_only_look_sees_everything_and_saves_nothing(self, staff: Any, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        clerk = staff("view_bundle")
        response = clerk.get(reverse(CHANGE, args=[made.pk]))
        assert "Product 1" in text_of(response)
        assert "Save" not in text_of(response)
        assert "Copy as a new bundle" not in text_of(response)
        assert clerk.post(reverse(CHANGE, args=[made.pk]), change_form(made)).status_code == 403
        assert clerk.get(reverse(ADD)).status_code == 403

    def test_who_may_add_bundles_need_not_hold_a_permission_for_parts(self, staff: Any, goods: list[Any]) -> None:
        clerk = staff("view_bundle", "add_bundle")
        clerk.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1)))
        assert Bundle.objects.get().parts.count() == 2


class TestCopying:
    def test_the_link_fills_the_add_form(self, page: Client, goods: list[Any]) -> None:
        made = bundle({goods[0]: 2, goods[1]: 1})
        links = [
            link.get("href", "") for link in Tags(page.get(reverse(CHANGE, args=[made.pk])).content.decode()).named("a")
        ]
        copy = next(link for link in links if "?parts=" in link)
        response = page.get(copy)
        values = {
            field["name"]: field.get("value")
            for field in Tags(response.content.decode()).named("input")
            if "name" in field
        }
        assert values["parts-0-item_key"] == str(goods[0].pk)
        assert values["parts-0-quantity"] == "2"
        assert values["parts-1-item_key"] == str(goods[1].pk)
        assert "Product 1" in text_of(response)

    def test_saving_the_filled_form_unchanged_keeps_all_products(self, page: Client, goods: list[Any]) -> None:
        address = f"{reverse(ADD)}?parts={written({str(goods[0].pk): 2, str(goods[1].pk): 1})}"
        page.post(address, form((goods[0].pk, 2), (goods[1].pk, 1)))
        assert Bundle.objects.get().quantities() == {str(goods[0].pk): 2, str(goods[1].pk): 1}

    @pytest.mark.parametrize("text", ["", ",,,", ":", "%", "a:b:c", "\x00:1", "x" * 5000, "1:99999999999999999999"])
    def test_nonsense_in_the_address_breaks_nothing(self, page: Client, text: str) -> None:
        assert page.get(reverse(ADD), {"parts": text}).status_code == 200

    @pytest.mark.parametrize("quantities", [{"A-1": 2}, {"a,b": 1, "c:d": 3, "100%": 1}, {"ключ": 1, "键": 2}])
    def test_what_is_written_is_read_again(self, quantities: dict[str, int]) -> None:
        assert read(written(quantities)) == quantities


class TestEvidenceAndPreview:
    def test_the_page_tells_why_with_a_picture_and_its_numbers(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        score(made, version(), anchor=goods[0], rank=2, score=0.8, rung="blend", evidence=EVIDENCE)
        response = page.get(reverse(CHANGE, args=[made.pk]))
        shown = text_of(response)
        assert "Bought together in 132 of 18,204 orders; 3.4 times as often as chance." in shown
        assert "31% of the orders with Product 1 hold the rest too." in shown
        assert "Transformer 46%" in shown
        assert 'class="bundle-shares"' in response.content.decode()

    def test_scores_of_an_old_version_are_no_evidence(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        score(made, version(live=False), evidence=EVIDENCE)
        assert "The live model does not score this bundle any more" in text_of(
            page.get(reverse(CHANGE, args=[made.pk]))
        )

    def test_the_preview_is_the_widget_without_its_form(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], discount_percent=10)
        html = page.get(reverse(CHANGE, args=[made.pk])).content.decode()
        assert 'class="bundle-widget"' in html
        assert "$2.70" in html
        assert reverse("bundle_app:add", args=[made.pk]) not in html

    def test_a_bundle_that_is_not_active_says_so_above_its_preview(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], status="paused")
        assert "Not shown at present: the status is “Paused”." in text_of(page.get(reverse(CHANGE, args=[made.pk])))

    @pytest.mark.parametrize(
        ("happening", "expected"),
        [("sold out", "Product 2 is not for sale."), ("deleted", "Product 2 is not in the shop any more.")],
    )
    def test_a_bundle_that_cannot_be_bought_says_why(
        self, page: Client, goods: list[Any], happening: str, expected: str
    ) -> None:
        made = bundle(goods[:2])
        if happening == "deleted":
            goods[1].delete()
        else:
            goods[1].available = False
            goods[1].save()
        shown = text_of(page.get(reverse(CHANGE, args=[made.pk])))
        assert "This bundle is not shown, because it cannot be bought:" in shown
        assert expected in shown

    def test_a_wrong_map_is_told_and_the_page_still_stands(self, page: Client, goods: list[Any], settings: Any) -> None:
        made = bundle(goods[:2])
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "no such preset"}}
        response = page.get(reverse(CHANGE, args=[made.pk]))
        assert response.status_code == 200
        assert "MAP['preset'] is 'no such preset'" in text_of(response)


class TestWhatRulesSay:
    def told(self, page: Client, made: Bundle) -> str:
        return text_of(page.get(reverse(CHANGE, args=[made.pk])))

    def test_an_active_bundle_that_a_rule_hides_says_which_on_its_page(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        assert "not shown at present" not in self.told(page, made)
        Rule.objects.create(kind="exclude", item_key=str(goods[0].pk), item_title="Product 1")
        told = self.told(page, made)
        assert "Active, and all the same not shown at present: Rule: Never show bundles with Product 1." in told

    def test_where_alone_it_is_shown_and_what_puts_it_first_is_told(self, page: Client, goods: list[Any]) -> None:
        Rule.objects.create(kind="placement", placement="cart")
        Rule.objects.create(kind="pin", item_key=str(goods[0].pk), item_title="Product 1")
        told = self.told(page, bundle(goods[:2]))
        assert "Rule: Show bundles only at “cart”. Show bundles with Product 1 first" in told
