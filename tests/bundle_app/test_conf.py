from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bundle_app import conf
from bundle_app.exceptions import ConfigurationError
from bundle_app.pricing import Floor


def test_without_the_setting_every_field_has_its_default(settings: Any) -> None:
    del settings.BUNDLE_APP

    assert conf.load().adapter == "bundle_app.shop.FieldMapAdapter"


def test_a_changed_setting_is_seen_at_once(settings: Any) -> None:
    settings.BUNDLE_APP = {"CURRENCY": "EUR"}
    first = conf.load().currency
    settings.BUNDLE_APP = {"CURRENCY": "CNY"}

    assert (first, conf.load().currency) == ("EUR", "CNY")


def test_discounts_are_exact_decimals(settings: Any) -> None:
    settings.BUNDLE_APP = {"DISCOUNT_PERCENT": {"pair": 0.1, "set": "12.5"}}

    assert conf.load().discount_percent == {"pair": Decimal("0.1"), "set": Decimal("12.5")}


def test_the_floor_is_exact(settings: Any) -> None:
    settings.BUNDLE_APP = {"MIN_PRICE_RATIO": 0.7, "MIN_MARGIN_RATIO": Decimal("0.15")}

    assert conf.load().floor == Floor(price_ratio=Decimal("0.7"), margin_ratio=Decimal("0.15"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"ADAPTR": "x"}, "BUNDLE_APP has the unknown key 'ADAPTR'. Did you mean 'ADAPTER'?"),
        ({"QQQQ": 1}, "BUNDLE_APP has the unknown key 'QQQQ'. Known keys: ADAPTER"),
        ({"LEASE_SECONDS": 0}, "BUNDLE_APP['LEASE_SECONDS'] is 0; expected a whole number of at least 1."),
        ({"LEASE_SECONDS": True}, "BUNDLE_APP['LEASE_SECONDS'] is True; expected a whole number of at least 1."),
        ({"IMPORT_MAX_ROWS": 0}, "BUNDLE_APP['IMPORT_MAX_ROWS'] is 0; expected a whole number of at least 1."),
        ({"HISTORY_DAYS": "30"}, "BUNDLE_APP['HISTORY_DAYS'] is '30'; expected a whole number of at least 1."),
        ({"AUTO_ACTIVATE": "no"}, "BUNDLE_APP['AUTO_ACTIVATE'] is 'no'; expected True, False, or a dict"),
        ({"MAP": "tutorial"}, "BUNDLE_APP['MAP'] is 'tutorial'; expected a dict."),
        ({"CURRENCY": 7}, "BUNDLE_APP['CURRENCY'] is 7; expected an ISO 4217 code such as 'EUR'."),
        ({"CURRENCY": "euro"}, "BUNDLE_APP['CURRENCY'] is 'euro'; expected an ISO 4217 code such as 'EUR'."),
        ({"QUEUE": 7}, "BUNDLE_APP['QUEUE'] is 7; expected a string."),
        ({"WORK_DIR": None}, "BUNDLE_APP['WORK_DIR'] is None; expected a path."),
        ({"MIN_LINES_RATIO": 2}, "BUNDLE_APP['MIN_LINES_RATIO'] is 2; expected a number from 0 to 1."),
        ({"MIN_PRICE_RATIO": 1.1}, "BUNDLE_APP['MIN_PRICE_RATIO'] is 1.1; expected a number from 0 to 1."),
        ({"MIN_PRICE_RATIO": "half"}, "BUNDLE_APP['MIN_PRICE_RATIO'] is 'half'; expected a number from 0 to 1."),
        ({"MIN_MARGIN_RATIO": 1}, "BUNDLE_APP['MIN_MARGIN_RATIO'] is 1; expected a number of at least 0 and below 1."),
        ({"DISCOUNT_PERCENT": {"set": "NaN"}}, "BUNDLE_APP['DISCOUNT_PERCENT'] holds 'set': 'NaN'"),
        (
            {"DISCOUNT_PERCENT": {"set": 100}},
            "BUNDLE_APP['DISCOUNT_PERCENT'] holds 'set': 100; expected 'pair', 'set', 'content' or 'personal'",
        ),
        ({"DISCOUNT_PERCENT": {"set": "much"}}, "BUNDLE_APP['DISCOUNT_PERCENT'] holds 'set': 'much'"),
        ({"DISCOUNT_PERCENT": {"trio": 5}}, "BUNDLE_APP['DISCOUNT_PERCENT'] holds 'trio': 5"),
        ({"API_THROTTLE": "often"}, "BUNDLE_APP['API_THROTTLE'] is 'often'; expected a rate such as '120/min'."),
        ({"EVENT_THROTTLE": "1/week"}, "BUNDLE_APP['EVENT_THROTTLE'] is '1/week'; expected a rate such as '120/min'."),
        (
            {"EVENT_ADDRESS_THROTTLE": "none"},
            "BUNDLE_APP['EVENT_ADDRESS_THROTTLE'] is 'none'; expected a rate such as '1200/min', or '' for no limit.",
        ),
        ({"ATTRIBUTION": "first"}, "BUNDLE_APP['ATTRIBUTION'] is 'first'; expected 'last' or 'shared'."),
        ({"EXPLORATION_RATIO": 1.5}, "BUNDLE_APP['EXPLORATION_RATIO'] is 1.5; expected a number from 0 to 1."),
        ({"REWARDS": {"view": 1}}, "BUNDLE_APP['REWARDS'] is {'view': 1}; expected a dict such as {'click': 1,"),
        ({"REWARDS": {"click": -1}}, "BUNDLE_APP['REWARDS'] is {'click': -1}; expected a dict such as {'click': 1,"),
        ({"REWARDS": {"click": 0}}, "BUNDLE_APP['REWARDS'] is {'click': 0}; expected a dict such as {'click': 1,"),
        ({"REWARDS": {"click": "1"}}, "BUNDLE_APP['REWARDS'] is {'click': '1'}; expected a dict such as {'click': 1,"),
        ({"EVENT_DAYS": 0}, "BUNDLE_APP['EVENT_DAYS'] is 0; expected a whole number of at least 1."),
        (["MAP"], "BUNDLE_APP is a list; expected a dict"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_expected(settings: Any, setting: Any, message: str) -> None:
    settings.BUNDLE_APP = setting

    with pytest.raises(ConfigurationError) as caught:
        conf.load()

    assert str(caught.value).startswith(message)


def test_every_field_says_what_it_means() -> None:
    source = conf.__file__
    assert source is not None
    with open(source, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()

    for name in conf.FIELD_BY_KEY.values():
        declaration = text.split(f"\n    {name}: ", 1)[1]
        following = declaration.split("\n", 1)[1].lstrip()
        assert following.startswith('"""'), f"Settings.{name} has no sentence below it"
