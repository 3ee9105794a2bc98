"""The template tags: what a page shows, and that nothing here can break a page."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.template import Context, RequestContext, Template
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from bundle_app.events import tokens
from bundle_app.models import ModelVersion
from tests.bundle_app import tutorial_pages
from tests.bundle_app.tutorial_shop import HOSTILE_TITLES, TUTORIAL, bundle, product, products, score, version

WIDGET = "{% load bundles %}{% bundle_widget product %}"
ADAPTERS = "tests.bundle_app.tutorial_shop."


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)


def page_request(path: str = "/shop/1/?colour=red") -> Any:
    request = RequestFactory().get(path)
    request.session = {}  # type: ignore[assignment]
    request.user = AnonymousUser()
    return request


def rendered(template: str, request: Any = None, **context: Any) -> str:
    return str(Template(template).render(RequestContext(request or page_request(), context)))


class Reader(HTMLParser):
    """Tags and attributes as a browser would see them, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(" ".join(data.split()))


@pytest.fixture
def laptop() -> Any:
    """A laptop that is sold with a mouse and three cloths, ten percent off."""
    goods = product("Laptop", "1000.00"), product("Mouse", "30.00"), product("Cloth", "5.00")
    made = bundle(dict(zip(goods, (1, 1, 3), strict=True)), discount_percent=Decimal(10))
    score(made, version(), anchor=goods[0], evidence={"support": 132})
    return goods[0]


@pytest.mark.django_db
class TestTheWidget:
    def test_it_says_what_is_in_the_bundle_why_and_what_it_costs(self, laptop: Any) -> None:
        text = Reader(rendered(WIDGET, product=laptop)).text
        assert text == [
            "Goes well together",
            "L", "Laptop", "This item", "$1,000.00",
            "M", "Mouse", "$30.00",
            "C", "Cloth", "3 ×", "$5.00",
            "Bought together in 132 orders",
            "Together", "$940.50", "instead of", "$1,045.00", "10 % off", "You save $104.50",
            "Add all 3 to cart", ": Laptop + Mouse + Cloth",
            "Not interested", ": Laptop + Mouse + Cloth",
        ]  # fmt: skip

    def test_it_works_without_javascript_by_one_form_that_posts(self, laptop: Any) -> None:
        html = rendered(WIDGET, product=laptop)
        assert html.count("<form") == 1
        assert re.search(r'<form class="bundle-form" method="post" action="/bundles/\d+/add/">', html)
        assert re.search(r'<input type="hidden" name="csrfmiddlewaretoken" value="\w{64}">', html)
        assert '<input type="hidden" name="next" value="/shop/1/?colour=red">' in html

    def test_it_is_a_section_named_by_its_heading_and_prices_are_data(self, laptop: Any) -> None:
        html = rendered(WIDGET, product=laptop)
        name = re.search(r'<section [^>]*aria-labelledby="([\w-]+)"', html)
        assert name is not None
        assert f'<h2 class="bundle-heading" id="{name[1]}">' in html
        assert '<data class="bundle-total" value="940.50">$940.50</data>' in html
        assert '<data value="1000.00">$1,000.00</data>' in html

    def test_nothing_in_it_is_inline_so_that_a_strict_policy_passes(self, laptop: Any) -> None:
        reader = Reader(rendered(WIDGET, product=laptop))
        assert "style" not in reader.tags
        assert not [name for name, _ in reader.attributes if name == "style" or name.startswith("on")]
        assert reader.tags.count("script") == 2
        sources = [value for name, value in reader.attributes if name == "src"]
        assert sources == ["/static/bundle_app/widget.js", "/static/bundle_app/beacon.js"]

    def test_each_offer_says_which_showing_it_is_to_the_beacon_and_to_the_cart(self, laptop: Any) -> None:
        attributes = dict(Reader(rendered(WIDGET, product=laptop)).attributes)
        showing = tokens.read_kept(attributes["data-showing"])
        assert (showing.anchor_key, showing.placement, showing.slot) == (str(laptop.pk), "product", 1)
        assert (showing.version_id, showing.policy_id, showing.propensity) == (ModelVersion.objects.get().pk, 0, 1.0)
        assert attributes["data-events"] == "/bundles/api/events/"
        html = rendered(WIDGET, product=laptop)
        assert re.search(r'<li [^>]*data-showing="([\w-]+)">.*name="impression" value="\1"', html, re.DOTALL)

    def test_the_button_for_no_interest_is_hidden_until_a_script_gives_it_a_meaning(self, laptop: Any) -> None:
        assert '<button class="bundle-dismiss" type="button" hidden>' in rendered(WIDGET, product=laptop)

    def test_nothing_is_named_where_nobody_looks(self, laptop: Any) -> None:
        html = Template(WIDGET).render(Context({"product": laptop}))
        assert "data-showing" not in html
        assert "bundle-dismiss" not in html

    def test_several_widgets_on_a_page_link_the_style_sheet_once(self, laptop: Any) -> None:
        html = rendered(WIDGET + "{% bundle_widget product placement='below' %}", product=laptop)
        assert html.count("<section") == 2
        assert html.count("widget.css") == html.count("widget.js") == 1

    @pytest.mark.parametrize("title", HOSTILE_TITLES)
    def test_titles_are_text_wherever_they_stand(self, title: str) -> None:
        live, left, right = version(), product(title), product(title + "!")
        made = bundle([left, right], title=title)
        score(made, live, anchor=left, evidence={"parts": {str(right.pk): {"together": 9}}})
        calm = Reader(rendered(WIDGET, product=product("No bundle of its own")))
        assert calm.tags == []
        reader = Reader(rendered(WIDGET, product=left))
        assert set(reader.tags) == set("link script section h2 h3 ul li span a div p data form input button".split())
        assert not [name for name, _ in reader.attributes if name.startswith("on")]
        told = " ".join(title.split())
        assert {told, f"{told}!", f"Customers who bought {told} also bought {told}!"} <= set(reader.text)

    def test_pictures_are_shown_and_load_late(self, laptop: Any) -> None:
        laptop.image = "products/laptop.webp"
        laptop.save()
        html = rendered(WIDGET, product=laptop)
        assert html.count("<img") == 1
        assert re.search(r'<img src="[^"]*products/laptop\.webp" alt="" width="160" height="160" loading="lazy"', html)

    def test_two_parts_are_both_and_a_bundle_may_have_a_name(self) -> None:
        lamp, bulb = product("Lamp"), product("Bulb")
        bundle([lamp, bulb], source="manual", title="Light")
        text = Reader(rendered(WIDGET, product=lamp)).text
        assert {"Light", "Put together by our team", "Add both to cart"} <= set(text)

    def test_in_the_cart_only_what_is_missing_is_offered(self, laptop: Any) -> None:
        request = page_request("/cart/")
        request.session["cart"] = {str(laptop.pk): 1}
        html = rendered("{% load bundles %}{% bundle_widget placement='cart' %}", request)
        text = Reader(html).text
        assert {"Goes with your cart", "In your cart", "$45.00", "Add both to cart"} <= set(text)
        assert '<input type="hidden" name="only_missing" value="1">' in html

    def test_without_a_product_it_shows_what_suits_the_whole_shop(self) -> None:
        live, tea, cup = version(), product("Tea"), product("Cup")
        score(bundle([tea, cup]), live, rung="popularity", evidence={"orders": 900})
        text = Reader(rendered("{% load bundles %}{% bundle_widget %}")).text
        assert {"Better together", "Tea", "Cup", "Popular in this shop"} <= set(text)

    def test_an_undefined_product_is_no_product(self) -> None:
        assert rendered(WIDGET) == ""

    def test_without_a_request_there_is_no_form(self, laptop: Any) -> None:
        html = Template(WIDGET).render(Context({"product": laptop}))
        assert "<form" not in html
        assert "$940.50" in html

    def test_prices_are_written_as_the_reader_s_language_writes_them(self, laptop: Any, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "CURRENCY": "EUR"}
        with override("de"):
            assert "940,50 €" in Reader(rendered(WIDGET, product=laptop)).text

    def test_a_shop_s_own_template_for_a_placement_is_used(self, laptop: Any, settings: Any, tmp_path: Path) -> None:
        (tmp_path / "bundle_app").mkdir()
        (tmp_path / "bundle_app" / "product.html").write_text("own: {{ offers.0.title }}")
        (tmp_path / "third.html").write_text("third: {{ offers.0.why }} on {{ placement }}")
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        assert rendered(WIDGET, product=laptop) == "own: Laptop + Mouse + Cloth"
        assert "<section" in rendered("{% load bundles %}{% bundle_widget product placement='home' %}", product=laptop)
        third = rendered("{% load bundles %}{% bundle_widget product template='third.html' %}", product=laptop)
        assert third == "third: Bought together in 132 orders on product"

    def test_the_page_s_context_processors_are_not_run_again(self, laptop: Any, settings: Any) -> None:
        settings.TEMPLATES = [
            {**settings.TEMPLATES[0], "OPTIONS": {"context_processors": [f"{__name__}.counting_context_processor"]}}
        ]
        request = page_request()
        assert "<section" in rendered(WIDGET, request, product=laptop)
        assert request.runs == 1


def counting_context_processor(request: Any) -> dict[str, Any]:
    request.runs = getattr(request, "runs", 0) + 1
    return {}


@pytest.mark.django_db
class TestOwnMarkup:
    def test_offers_are_objects_for_the_shop_s_own_markup(self, laptop: Any) -> None:
        template = (
            "{% load bundles %}{% bundles_for product limit=2 as bundles %}{% for offer in bundles %}"
            "{{ offer.title }}: {{ offer.price.total|money:offer.currency }}{% endfor %}"
        )
        assert rendered(template, product=laptop) == "Laptop + Mouse + Cloth: $940.50"

    def test_a_product_may_be_named_by_its_key(self, laptop: Any) -> None:
        template = "{% load bundles %}{% bundles_for key as bundles %}{{ bundles|length }}"
        assert rendered(template, key=str(laptop.pk)) == "1"


@pytest.mark.django_db(transaction=True)
class TestTheQueryBudget:
    @pytest.mark.parametrize("bundle_count", [1, 50])
    def test_outside_a_transaction_the_widget_issues_four_statements(self, bundle_count: int) -> None:
        goods, statements = self._shop(bundle_count), self._statements
        assert statements(goods[0], bundle_count) == ["SELECT"] * 4

    @pytest.mark.parametrize("bundle_count", [1, 50])
    def test_inside_a_transaction_a_savepoint_is_put_around_the_four(self, bundle_count: int) -> None:
        goods = self._shop(bundle_count)
        with transaction.atomic():
            statements = self._statements(goods[0], bundle_count)
        assert statements == ["SAVEPOINT", *["SELECT"] * 4, "RELEASE"]

    def _shop(self, bundle_count: int) -> list[Any]:
        live, goods = version(), products(60)
        for rank in range(1, bundle_count + 1):
            score(bundle([goods[0], *goods[rank : rank + 6]]), live, anchor=goods[0], rank=rank)
        return goods

    def _statements(self, product: Any, bundle_count: int) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            html = rendered("{% load bundles %}{% bundle_widget product limit=50 %}", product=product)
        assert html.count("<form") == bundle_count
        return [query["sql"].lstrip("(").split()[0] for query in queries]


class TestAFailureNeverBreaksAPage:
    @pytest.fixture(autouse=True)
    def quiet_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.ERROR, logger="bundle_app")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "adapter", [ADAPTERS + "BrokenAdapter", ADAPTERS + "FailingQueryAdapter", "no.such.Adapter"]
    )
    def test_a_failing_adapter_renders_nothing_and_is_logged_without_personal_data(
        self, adapter: str, laptop: Any, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": adapter}
        template = "before{% load bundles %}{% bundle_widget product %}{% bundles_for product as list %}{{ list }}after"
        request = page_request("/shop/?email=ann@example.com")
        assert rendered(template, request, product=laptop) == "before[]after"
        assert [record.getMessage() for record in caplog.records] == [
            "The bundle widget was left out of a page; its placement is 'product'.",
            "The bundles were left out of a page; its placement is ''.",
        ]
        assert "ann@example.com" not in caplog.text
        assert apps.get_model("shop", "Product").objects.count() == 3, "the test's own transaction is alive"

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "tag",
        [
            "{% bundle_widget product placement='../../etc/passwd' %}",
            "{% bundle_widget product limit='many' %}",
            "{% bundle_widget product template=7 %}",
        ],
    )
    def test_a_tag_that_is_used_wrongly_renders_nothing(
        self, tag: str, laptop: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert rendered("{% load bundles %}" + tag, product=laptop) == ""
        assert "The bundle widget was left out of a page" in caplog.text

    @pytest.mark.django_db
    def test_a_shop_that_did_not_include_the_urls_loses_the_widget_only(
        self, laptop: Any, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.ROOT_URLCONF = "tests.bundle_app.tutorial_shop"
        assert rendered(WIDGET, product=laptop) == ""
        assert "The bundle widget was left out of a page" in caplog.text

    @pytest.mark.django_db(transaction=True)
    def test_a_failing_query_leaves_the_host_s_transaction_as_it_was(self, laptop: Any, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "FailingQueryAdapter"}
        with transaction.atomic():
            product("Written before")
            assert rendered(WIDGET, product=laptop) == ""
            product("Written after")
        names = apps.get_model("shop", "Product").objects.filter(name__startswith="Written").values_list("name")
        assert sorted(names) == [("Written after",), ("Written before",)]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("atomic_requests", [True, False])
    def test_a_page_lives_when_the_database_refuses_the_widget_s_queries(
        self, atomic_requests: bool, laptop: Any, settings: Any
    ) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "FailingQueryAdapter"}
        before = connection.settings_dict["ATOMIC_REQUESTS"]
        connection.settings_dict["ATOMIC_REQUESTS"] = atomic_requests
        try:
            answer = Client().get(f"/shop/{laptop.pk}/")
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = before
        assert answer.status_code == 200
        assert answer.content == b"<h1>Laptop</h1>"

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "error",
        [
            OperationalError("could not connect to server: Connection refused\n\tIs the server running?"),
            InterfaceError("connection already closed"),
            DatabaseError("server closed the connection unexpectedly\n\tThis probably means"),
        ],
    )
    def test_a_database_that_is_away_costs_a_page_one_try_and_the_log_a_line_a_place(
        self, error: Exception, laptop: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        asked = []

        def gone(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            if "bundle_app" in sql:
                asked.append(sql)
                raise error
            return execute(sql, params, many, context)

        template = "{% load bundles %}{% bundle_widget product %}{% bundle_widget %}{% bundles_for product as list %}{{ list }}"
        with connection.execute_wrapper(gone):
            assert rendered(template, product=laptop) == "[]"
        assert len(asked) == 1
        told, *others = [record.getMessage() for record in caplog.records]
        assert told.endswith(f"The database does not answer: {str(error).splitlines()[0]}")
        assert len(others) == 2
        assert "Traceback" not in caplog.text
        assert "<section" in rendered(WIDGET, product=laptop), "the next page asks again"

    @pytest.mark.django_db
    def test_what_the_database_refuses_is_told_with_where_it_came_from(
        self, laptop: Any, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "FailingQueryAdapter"}
        assert rendered(WIDGET, product=laptop) == ""
        assert "no_such_column" in caplog.text
        assert "Traceback" in caplog.text
