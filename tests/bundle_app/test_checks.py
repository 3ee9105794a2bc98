from __future__ import annotations

from typing import Any

import pytest
from django.core import checks


def found(tag: str = "bundle_app") -> dict[str, str]:
    return {str(message.id): message.msg for message in checks.run_checks(tags=[tag])}


def test_the_example_shop_has_nothing_to_report() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("setting", "identifier", "message"),
    [
        ({"ADAPTR": "x"}, "bundle_app.E001", "Did you mean 'ADAPTER'?"),
        ({"ADAPTER": "no.such.Adapter"}, "bundle_app.E002", "cannot be imported"),
        ({"MAP": {"preset": "magento"}}, "bundle_app.E003", "expected one of example_shop, tutorial"),
        ({"MAP": {"preset": "tutorial", "item": "shop.Produkt"}}, "bundle_app.E003", "Did you mean 'shop.Product'?"),
        ({"MAP": {"preset": "tutorial", "line": {"order": "ordr_id"}}}, "bundle_app.E003", "Did you mean 'order'?"),
    ],
)
def test_a_wrong_setting_is_found_before_anything_runs(
    settings: Any, setting: dict[str, Any], identifier: str, message: str
) -> None:
    settings.BUNDLE_APP = setting

    problems = found()

    assert message in problems[identifier]


def test_each_wrong_path_is_reported(settings: Any) -> None:
    settings.BUNDLE_APP = {"MAP": {"preset": "tutorial", "line": {"order": "a", "item": "b"}, "search": ["c"]}}

    identifiers = [message.id for message in checks.run_checks(tags=["bundle_app"])]
    assert identifiers.count("bundle_app.E003") == 3


def test_a_shop_without_a_cart_is_told_that_widgets_have_no_button(settings: Any) -> None:
    settings.BUNDLE_APP = {"MAP": {"preset": "tutorial"}}

    assert "widgets show bundles without a button" in found()["bundle_app.W002"]


def test_a_misspelt_training_setting_is_found_before_training(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "TRAIN": {"max_bundel_size": 3}}

    assert "Did you mean 'max_bundle_size'?" in found()["bundle_app.E005"]


def test_a_threshold_that_hides_nothing_is_reported(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "K_ANONYMITY": 1}

    assert "bundles that one single order holds" in found()["bundle_app.W003"]


@pytest.mark.parametrize(("least", "is_found"), [(0, False), (1, True), (6, True), (7, False)])
def test_going_live_by_itself_must_not_tell_a_small_count(settings: Any, least: int, is_found: bool) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "K_ANONYMITY": 7, "AUTO_ACTIVATE": {"min_support": least}}

    assert ("bundle_app.W004" in found()) is is_found


@pytest.mark.parametrize("nonsense", [0, -5, True, "5", 5.0, None])
def test_a_threshold_that_is_no_count_is_an_error(settings: Any, nonsense: object) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "K_ANONYMITY": nonsense}

    message = f"BUNDLE_APP['K_ANONYMITY'] is {nonsense!r}; expected a whole number of at least 1."
    assert found()["bundle_app.E001"] == message


def test_tables_on_another_database_are_refused(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.bundle_app.test_checks.Elsewhere"]

    assert "sends bundle_app's tables to 'elsewhere'" in found()["bundle_app.E006"]


class Elsewhere:
    """A router that puts everything on another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "elsewhere"


def test_a_missing_rest_framework_is_an_error(settings: Any) -> None:
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "rest_framework"]

    assert "not installed as an app" in found()["bundle_app.E004"]


def test_a_missing_storage_is_a_warning_that_shows_what_to_write(settings: Any) -> None:
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "bundle_app"}

    (warning,) = checks.run_checks(tags=["bundle_app"])

    assert (warning.id, warning.level) == ("bundle_app.W001", checks.WARNING)
    assert "'bundle_app': {'BACKEND'" in str(warning.hint)


def test_no_check_asks_the_database() -> None:
    # Without the django_db mark any query would fail this test.
    checks.run_checks(tags=["bundle_app"])
