"""The pages in a real Chromium: what a shopper clicks, and what a merchandiser clicks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from example_shop.demo import ADMIN_NAME, ADMIN_PASSWORD
from tests.demo.conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.process]

LAPTOP = "LAP-14"
IN_SIZES = "BEA-ETH"
SECONDS = 30


class Page:
    """A browser on the demonstration, with the few verbs that the tests are written in."""

    def __init__(self, browser: Any, demo: Demo) -> None:
        self.browser, self.demo = browser, demo

    def open(self, path: str) -> None:
        self.browser.get(f"{self.demo.url}{path}")

    def find(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.browser.find_elements(By.CSS_SELECTOR, selector)
        return found

    def click(self, selector: str) -> None:
        element = self.find(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def type(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    @property
    def text(self) -> str:
        return str(self.find("body").text)

    def wait_until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a condition; a page that is being replaced while it is read is read again."""
        wait = WebDriverWait(self.browser, SECONDS, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _browser: condition())

    def log_in(self) -> None:
        self.open("/admin/logout/")
        self.browser.delete_all_cookies()
        self.open("/admin/login/?next=/admin/")
        self.type("#id_username", ADMIN_NAME)
        self.type("#id_password", ADMIN_PASSWORD)
        self.click("[type=submit]")
        self.wait_until(lambda: "/admin/login" not in self.browser.current_url)


@pytest.fixture
def page(browser: Any, demo: Demo) -> Any:
    browser.set_window_size(1280, 1600)
    browser.get(demo.url)
    browser.delete_all_cookies()
    browser.get_log("browser")
    yield Page(browser, demo)
    complaints = [entry["message"] for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
    assert complaints == []  # a violation of the Content-Security-Policy is a complaint, too


def product_path(demo: Demo, sku: str) -> str:
    path: str = demo.ask(
        "from example_shop.models import Product\n"
        f"print(json.dumps(Product.objects.get(sku={sku!r}).get_absolute_url()))"
    )
    return path


def test_a_shopper_buys_a_bundle_with_one_click(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, LAPTOP))
    parts = page.all(".bundle-widget .bundle-part, .bundle-widget li")
    assert len(parts) >= 2
    page.click(".bundle-widget form button[type=submit]")

    page.wait_until(lambda: "cart" in page.text.lower())
    page.open("/cart/")
    group = page.find(".cart-bundle").text
    assert "You save" in group
    page.click("a[href='/checkout/']")
    page.type("[name=email]", "shopper@example.com")
    page.click("main form [type=submit]")

    page.wait_until(lambda: "checkout" not in page.browser.current_url)
    lines = demo.ask(
        "from example_shop.models import Order, OrderLine\n"
        "order = Order.objects.latest('pk')\n"
        "print(json.dumps([[line.bundle_id, str(line.discount)] for line in order.lines.all()]))"
    )
    assert len(lines) >= 2
    assert len({bundle for bundle, _discount in lines}) == 1
    assert all(bundle is not None for bundle, _discount in lines)
    assert sum(float(discount) for _bundle, discount in lines) > 0


def test_the_widget_works_without_javascript(page: Page, demo: Demo) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(product_path(demo, LAPTOP))
        page.click(".bundle-widget form button[type=submit]")
        page.wait_until(lambda: page.all(".messages li, .message"))
        page.open("/cart/")
        assert page.all(".cart-bundle")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def total(page: Page) -> str:
    return str(page.find(".bundle-widget .bundle-total").text)


def test_the_price_follows_what_a_shopper_chooses_by_the_keyboard_alone(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, IN_SIZES))
    before = total(page)
    focus(page, "bundle-choice")
    page.browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    page.wait_until(lambda: total(page) != before)
    promised = total(page)
    focus(page, "bundle-add")
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)

    page.wait_until(lambda: "1 kg" in page.find(".message").text)
    page.open("/cart/")
    assert "1 kg" in page.find(".cart-bundle").text
    assert page.find(".cart-bundle__sum .price").text == promised


def test_a_choice_needs_no_javascript(page: Page, demo: Demo) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(product_path(demo, IN_SIZES))
        before = total(page)
        page.find(".bundle-choice").send_keys(Keys.ARROW_DOWN)
        assert total(page) == before
        assert "Your cart shows the price of your choice." in page.find(".bundle-widget").text
        page.click(".bundle-widget form button[type=submit]")
        page.wait_until(lambda: "1 kg" in page.find(".message").text)
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_choice_that_sold_out_meanwhile_is_told_and_shows_no_price(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, IN_SIZES))
    sell_out = (
        "from example_shop.models import Product; print(Product.objects.filter(sku='BEA-ETH-1KG').update(stock={}))"
    )
    demo.ask(sell_out.format(0))
    try:
        page.find(".bundle-choice").send_keys(Keys.ARROW_DOWN)
        page.wait_until(lambda: page.find(".bundle-problem").text)
        assert not page.find(".bundle-price").is_displayed()
        page.find(".bundle-choice").send_keys(Keys.ARROW_UP)
        page.wait_until(lambda: page.find(".bundle-price").is_displayed())
        assert not page.find(".bundle-problem").text
    finally:
        demo.ask(sell_out.format(50))
        page.browser.get_log("browser")  # Chromium complains of the answer that was not 200.


def focus(page: Page, name: str) -> None:
    """Press Tab until the first element of this class has the focus."""
    for _ in range(80):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        if name in (page.browser.switch_to.active_element.get_attribute("class") or ""):
            return
    raise AssertionError(f"No press of Tab reaches .{name}.")


def test_the_cart_offers_what_goes_with_it(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, LAPTOP))
    page.click("form[action='/cart/add/'] [type=submit]")

    page.open("/cart/")

    assert page.all(".bundle-widget")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_is_wider_than_the_screen(page: Page, demo: Demo, width: int) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700},
    )
    try:
        for path in ("/", product_path(demo, LAPTOP), "/cart/"):
            page.open(path)
            assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width, path
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_shop_speaks_chinese(page: Page, demo: Demo) -> None:
    page.browser.add_cookie({"name": "django_language", "value": "zh-hans"})

    page.open(product_path(demo, LAPTOP))

    assert page.find("html").get_attribute("lang") in {"zh-hans", "zh-Hans"}
    assert re.search(r"[\u4e00-\u9fff]", page.find(".bundle-widget").text)
    assert "Add" not in page.find(".bundle-widget").text


def test_a_merchandiser_pauses_a_bundle_and_it_is_gone_from_the_shop(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, LAPTOP))
    action = page.find(".bundle-widget form").get_attribute("action")
    number = re.search(r"/(\d+)/add/", action)
    assert number is not None
    page.log_in()
    page.open("/admin/bundle_app/bundle/?q=" + LAPTOP)
    page.click(f"input.action-select[value='{number[1]}']")
    Select(page.find("select[name=action]")).select_by_value("pause")
    page.click("button[name=index]")
    page.wait_until(lambda: "paused" in page.text)

    page.open(product_path(demo, LAPTOP))

    assert f"/{number[1]}/add/" not in page.browser.page_source
    assert page.all(".bundle-widget")


def test_every_form_of_a_price_is_set_in_admin_and_shown_in_the_shop(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, LAPTOP))
    number = re.search(r"/(\d+)/add/", page.find(".bundle-widget form").get_attribute("action"))
    assert number is not None
    page.log_in()
    forms = {
        "percent": ({"discount_percent": "12.5"}, "12.5 % off"),
        "amount": ({"discount_amount": "7"}, "You save €7.00"),
        "fixed_price": ({"discount_amount": "700"}, "Set price"),
        "cheapest_free": ({}, "One free: "),
    }
    for form, (fields, shown) in forms.items():
        page.open(f"/admin/bundle_app/bundle/{number[1]}/change/")
        Select(page.find("#id_discount_form")).select_by_value(form)
        for name in ("discount_percent", "discount_amount"):
            assert page.find(f"#id_{name}").is_displayed() is (name in fields), "the script hides what does not count"
        for name, value in fields.items():
            page.type(f"#id_{name}", value)
        page.click("[name=_continue]")
        page.wait_until(lambda: "was changed successfully" in page.text)
        page.open(product_path(demo, LAPTOP))
        assert shown in page.find(".bundle-widget").text, form


def test_a_price_that_makes_no_sense_is_explained_beside_its_field(page: Page, demo: Demo) -> None:
    page.log_in()
    page.open("/admin/bundle_app/bundle/")
    page.click("#result_list tbody th a")
    Select(page.find("#id_discount_form")).select_by_value("fixed_price")
    page.type("#id_discount_maximum", "2.005")
    page.click("[name=_continue]")
    page.wait_until(lambda: page.all(".errornote"))
    assert "Enter an amount: this form of price needs one." in page.find(".field-discount_amount").text
    assert "EUR has no such amount; the smallest is €0.01." in page.find(".field-discount_maximum").text


def test_the_suggested_discount_is_taken_over_with_one_click(page: Page, demo: Demo) -> None:
    page.log_in()
    page.open("/admin/bundle_app/bundle/?rung=ease&q=" + LAPTOP)
    if not page.all("#result_list tbody th a"):
        page.open("/admin/bundle_app/bundle/?rung=blend&q=" + LAPTOP)
    page.click("#result_list tbody th a")
    page.wait_until(lambda: page.all(".bundle-advice"))
    page.click(".bundle-advice [type=submit]")
    page.wait_until(lambda: "The discount is now" in page.text)
    assert "The bundle has this discount." in page.text


def test_a_set_that_is_broken_up_says_what_that_costs(page: Page, demo: Demo) -> None:
    page.open(product_path(demo, LAPTOP))
    page.click(".bundle-widget form button[type=submit]")
    page.wait_until(lambda: page.all(".messages li, .message"))
    page.open("/cart/")
    page.click(".cart-bundle form[action='/cart/change-part/'] button")
    page.wait_until(lambda: "is no set any more: its discount of" in page.text)
    assert not page.all(".cart-bundle")
    assert page.all(".cart-items li")


def test_a_bundle_is_made_by_hand_with_the_keyboard_alone(page: Page, demo: Demo) -> None:
    page.log_in()
    page.open("/admin/bundle_app/bundle/add/")
    for row, word in enumerate(("phone", "candle"), start=1):
        field = page.find(f"#bundle-picker-{row}")
        field.send_keys(word)
        page.wait_until(lambda: [option for option in page.all("[role=option]") if option.is_displayed()])
        field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    Select(page.find("#id_status")).select_by_value("active")
    page.type("#id_title", "Light and call")
    page.find("#id_title").send_keys(Keys.ENTER)

    page.wait_until(lambda: "Light and call" in page.text and "was added successfully" in page.text)


def test_training_is_started_in_admin_and_followed_live(page: Page, demo: Demo) -> None:
    page.log_in()
    page.open("/admin/bundle_app/trainingrun/")
    page.click("form[action*='train'] [type=submit]")
    page.wait_until(lambda: page.all("progress"))
    first = page.browser.current_url

    page.wait_until(lambda: float(page.find("progress").get_attribute("value") or 0) > 0)

    assert page.browser.current_url == first
    demo.ask(
        "import time\nfrom bundle_app.models import TrainingRun\n"
        "while not TrainingRun.objects.latest('pk').is_over: time.sleep(1)\n"
        "run = TrainingRun.objects.latest('pk')\nassert run.status == 'succeeded', run.error\nprint(json.dumps('over'))"
    )


RULES = {
    "pin": {"item_key": LAPTOP},
    "exclude": {"item_key": LAPTOP, "other_category": "Kitchen & table"},
    "require": {"item_key": LAPTOP, "other_category": "Computers"},
    "price_band": {"highest_price": "60"},
    "margin_floor": {"margin_percent": "10"},
    "stock_floor": {"stock_count": "5"},
    "segment": {"segment": "trade", "item_key": LAPTOP},
    "placement": {"placement": "cart", "item_key": LAPTOP},
}
PICKERS = {"item_key": "#bundle-picker-1", "other_item_key": "#bundle-picker-2"}


@pytest.fixture
def no_rules(demo: Demo) -> Any:
    """Rules would be in the way of other tests."""
    yield
    demo.ask("from bundle_app.models import Rule\nprint(json.dumps(Rule.objects.all().delete()))")


def previewed(page: Page) -> str:
    """What the preview tells, once it does."""
    page.wait_until(lambda: "Would disappear" in page.find("[data-rule-result]").text)
    page.wait_until(lambda: page.find("[data-rule-preview]").get_attribute("aria-busy") is None)
    return str(page.find("[data-rule-result]").text)


def fill_in_rule(page: Page, kind: str, fields: dict[str, str]) -> None:
    Select(page.find("#id_kind")).select_by_value(kind)
    for name, value in fields.items():
        field = page.find(PICKERS.get(name, f"#id_{name}"))
        field.send_keys(value)
        if name in PICKERS:
            page.wait_until(lambda: [option for option in page.all("[role=option]") if option.is_displayed()])
            field.send_keys(Keys.ENTER)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_kind_of_rule_is_written_and_previewed_before_it_is_saved(
    page: Page, demo: Demo, no_rules: None, kind: str
) -> None:
    page.log_in()
    page.open("/admin/bundle_app/rule/add/")
    fill_in_rule(page, kind, RULES[kind])
    told = previewed(page)
    numbers = re.search(r"(\d+) bundles? on offer (is|are) concerned", told)
    assert numbers is not None, told
    assert int(numbers[1]) > 0
    assert demo.ask("from bundle_app.models import Rule\nprint(json.dumps(Rule.objects.count()))") == 0
    fields = {field.get_attribute("name") for field in page.all("#rule_form input") if field.is_displayed()}
    assert ("stock_count" in fields) is (kind == "stock_floor"), "only what the kind uses is shown"
    page.click("[name=_save]")
    page.wait_until(lambda: "was added successfully" in page.text)


def test_a_rule_hides_bundles_from_the_shop_at_once_and_says_so(page: Page, demo: Demo, no_rules: None) -> None:
    shown = re.compile(r"/(\d+)/add/")
    path = product_path(demo, LAPTOP)
    page.open(path)
    number = shown.search(page.find(".bundle-widget form").get_attribute("action"))
    assert number is not None
    page.log_in()
    page.open("/admin/bundle_app/rule/add/")
    kind, picker = page.find("#id_kind"), PICKERS["item_key"]
    kind.send_keys("Never show", Keys.TAB)  # With the keyboard alone.
    page.find(picker).send_keys(LAPTOP)
    page.wait_until(lambda: [option for option in page.all("[role=option]") if option.is_displayed()])
    page.find(picker).send_keys(Keys.ENTER)
    assert re.search(r"Would disappear\s+[1-9]", previewed(page))
    assert page.find("[data-rule-summary]").get_attribute("textContent").strip()
    page.find("#id_reason").send_keys("Out of season.", Keys.ENTER)  # Enter previews; it does not save.
    assert demo.ask("from bundle_app.models import Rule\nprint(json.dumps(Rule.objects.count()))") == 0
    page.find("[name=_save]").send_keys(Keys.ENTER)
    page.wait_until(lambda: "was added successfully" in page.text)

    page.open(path)
    assert f"/{number[1]}/add/" not in page.browser.page_source
    page.open(f"/admin/bundle_app/bundle/{number[1]}/change/")
    assert "not shown at present" in page.text
    page.open("/admin/bundle_app/decision/")
    assert "Out of season." in page.text

    page.open("/admin/bundle_app/rule/")
    page.click("input.action-select")
    Select(page.find("select[name=action]")).select_by_value("disable")
    page.click("button[name=index]")
    page.wait_until(lambda: "1 rule disabled." in page.text)
    page.open(path)
    assert f"/{number[1]}/add/" in page.browser.page_source


def test_a_rule_is_previewed_without_javascript(page: Page, demo: Demo, no_rules: None) -> None:
    page.log_in()
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open("/admin/bundle_app/rule/add/")
        Select(page.find("#id_kind")).select_by_value("exclude")
        page.type("#id_item_key", LAPTOP)
        page.click("[name=_preview]")
        page.wait_until(lambda: re.search(r"Would disappear\s+[1-9]", page.text))
        assert page.find("#id_item_key").get_attribute("value") == LAPTOP
        page.click("[name=_save]")
        page.wait_until(lambda: "was added successfully" in page.text)
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_draft_goes_through_review_and_the_log_tells(page: Page, demo: Demo) -> None:
    number = demo.ask(
        "from bundle_app.models import Bundle, BundlePart, composition_hash\n"
        "from example_shop.models import Product\n"
        "keys = list(Product.objects.for_sale().order_by('-pk').values_list('sku', flat=True)[:4])\n"
        "made = Bundle.objects.create(composition_hash=composition_hash(dict.fromkeys(keys, 1)), title='Four of a kind')\n"
        "BundlePart.objects.bulk_create(BundlePart(bundle=made, item_key=key) for key in keys)\n"
        "print(json.dumps(made.pk))"
    )
    page.log_in()
    for action, reason in (("submit", ""), ("activate", "Looks good.")):
        page.open("/admin/bundle_app/bundle/?q=Four+of+a+kind")
        page.click("input.action-select")
        Select(page.find("select[name=action]")).select_by_value(action)
        page.type("input[name=reason]", reason)
        page.click("button[name=index]")
        page.wait_until(lambda: page.all(".messagelist .success"))
    page.open(f"/admin/bundle_app/bundle/{number}/change/")
    told = page.find("#bundle-decisions-heading").find_element(By.XPATH, "..").text
    assert "Draft → Review" in told
    assert "Review → Active" in told
    assert "Looks good." in told


RESULTS = "/admin/bundle_app/dailyfigure/"


@pytest.mark.parametrize(("language", "heading"), [("en", "Results"), ("zh-hans", "成效")])
def test_results_are_read_at_every_width_in_both_languages(page: Page, language: str, heading: str) -> None:
    page.log_in()
    page.browser.add_cookie({"name": "django_language", "value": language})
    for width in (320, 375, 500, 768, 1024, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            page.open(f"{RESULTS}?days=365")
            assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
        finally:
            page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert heading in page.find("h1").text
    assert len(page.all("svg.bundle-chart")) == 2


def test_results_are_said_to_be_generated_and_are_all_there(page: Page) -> None:
    page.log_in()
    page.open(f"{RESULTS}?days=365")
    assert "A demonstration: visitors were generated until" in page.text
    told = [number.text for number in page.all(".bundle-card-number")]
    assert len(told) == 11
    assert "—" not in told


def test_results_are_narrowed_by_a_click_and_kept_from_measure_to_measure(page: Page) -> None:
    page.log_in()
    page.open(RESULTS)
    page.click(".bundle-groups tbody th a")
    page.wait_until(lambda: "bundle=" in page.browser.current_url)
    page.click(".bundle-tabs a:nth-child(3)")
    page.wait_until(lambda: "measure=add_rate" in page.browser.current_url)
    assert "bundle=" in page.browser.current_url
    assert page.find(".bundle-tabs [aria-current]").text == "Add rate"


EXPERIMENTS = "/admin/bundle_app/experiment/"


@pytest.mark.parametrize(("language", "ended"), [("en", "How it ended"), ("zh-hans", "结局")])
def test_experiments_are_read_at_every_width_in_both_languages(page: Page, language: str, ended: str) -> None:
    page.log_in()
    page.browser.add_cookie({"name": "django_language", "value": language})
    page.open(EXPERIMENTS)
    states = page.all("#result_list .field-state_badge .bundle-badge:first-child")
    assert [state.get_attribute("class").rpartition("-")[2] for state in states] == ["running", "promoted", "stopped"]
    rows = [row.get_attribute("href") for row in page.all("#result_list .field-name a")]
    for width in (1280, 500):
        page.browser.set_window_size(width, 1200)
        for address in (EXPERIMENTS, *(row.removeprefix(page.demo.url) for row in rows)):
            page.open(address)
            assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert page.find("#results-heading").text == ended
        assert page.find(".bundle-way svg").is_displayed()


def test_every_admin_page_of_the_app_opens(page: Page, demo: Demo, no_rules: None) -> None:
    page.log_in()
    numbers = demo.ask(
        "from bundle_app.models import Bundle, ModelVersion, Rule, TrainingRun\n"
        "Rule.objects.create(kind='stock_floor', stock_count=1)\n"
        "print(json.dumps([kind.objects.first().pk for kind in (Bundle, ModelVersion, TrainingRun, Rule)]))"
    )
    for name, number in zip(("bundle", "modelversion", "trainingrun", "rule"), numbers, strict=True):
        for path in ("", f"{number}/change/", f"{number}/history/"):
            page.open(f"/admin/bundle_app/{name}/{path}")
            assert "Server Error" not in page.text
            assert "Page not found" not in page.text
