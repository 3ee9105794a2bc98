"""An arm's price is the same on the page, in REST, at the button, in the cart and at the checkout."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.events import tokens
from bundle_app.experiments import deciding
from bundle_app.models import Arm, Bundle, Experiment
from bundle_app.serving import HeldBundle, price_held
from bundle_app.shop import FieldMapAdapter, get_adapter
from tests.bundle_app.experiments.test_running import in_arm, promoted, unknown
from tests.bundle_app.experiments.worlds import arms, experiment, run
from tests.bundle_app.tutorial_shop import TUTORIAL, SessionCartAdapter, bundle, products, score, version

pytestmark = pytest.mark.django_db


class KeepingAdapter(SessionCartAdapter):
    keeps_impressions = True


@pytest.fixture(autouse=True)
def tutorial(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": f"{__name__}.KeepingAdapter"}


@pytest.fixture
def pair() -> Bundle:
    """Products at 1.00 and 2.00 and, in its own price, ten percent off."""
    made = bundle(products(2), discount_percent=10)
    score(made, version())
    return made


@pytest.fixture
def trial(pair: Bundle) -> list[Arm]:
    made = experiment("discount")
    found = arms(made, Decimal(50))
    run(made)
    return found


def token(of: Bundle, words: str, **fields: Any) -> str:
    given = {"bundle_id": of.pk, "anchor_key": "", "placement": "", "slot": 1, "shown_at": timezone.now(), **fields}
    return tokens.sign(tokens.Showing(arm=words, **given), subject="")


def shown(request: HttpRequest) -> serving.Offer:
    (found,) = serving.bundles_for([], request=request)
    return found


def held(of: Bundle, impression: str) -> Decimal:
    """What the cart says is paid for it."""
    group = HeldBundle(bundle_id=of.pk, quantities=of.quantities(), impression=impression)
    (priced,) = price_held([group], get_adapter().get_items(list(of.quantities()), None))
    return priced.price.total


def test_what_the_page_shows_is_what_the_cart_takes(pair: Bundle, trial: list[Arm]) -> None:
    control, half = trial
    for arm, total in ((control, Decimal("2.70")), (half, Decimal("1.50"))):
        found = shown(in_arm(arm))
        assert (found.price.total, found.note) == (total, "50 % off" if arm is half else "10 % off")
        assert held(pair, found.impression) == total


def test_it_is_held_by_the_showing_whoever_asks_by_then(pair: Bundle, trial: list[Arm], client: Client) -> None:
    impression = shown(in_arm(trial[1])).impression
    lines = client.post(
        f"/bundles/api/bundles/{pair.pk}/add/", {"impression": impression}, content_type="application/json"
    ).json()
    assert lines["total"] == "1.50"
    assert client.get(f"/bundles/api/bundles/{pair.pk}/", {"impression": impression}).json()["total"] == "1.50"
    assert client.get(f"/bundles/api/bundles/{pair.pk}/").json()["total"] == "2.70"


def test_whoever_takes_no_part_pays_what_everybody_pays(pair: Bundle, trial: list[Arm]) -> None:
    found = shown(unknown())
    assert found.price.total == held(pair, found.impression) == Decimal("2.70")


def test_a_word_that_is_none_of_ours_promises_nothing(pair: Bundle, trial: list[Arm]) -> None:
    other = bundle(products(4)[2:])
    words = trial[1].word
    forged = token(pair, words)[:-4] + "AAAA"
    for impression in ("", "no token", forged, token(other, words), token(pair, ""), token(pair, f"{words[:-1]}z")):
        assert held(pair, impression) == Decimal("2.70"), impression


def test_after_the_end_a_bundle_costs_what_it_costs_everybody(pair: Bundle, trial: list[Arm]) -> None:
    impression = shown(in_arm(trial[1])).impression
    deciding.stop(trial[0].experiment_id, by=None)
    assert held(pair, impression) == Decimal("2.70")


def test_a_promoted_percentage_is_everybody_s(pair: Bundle, trial: list[Arm]) -> None:
    promoted(trial[0].experiment, trial[1])
    assert shown(unknown()).price.total == held(pair, "") == Decimal("1.50")


def test_an_old_showing_keeps_its_promise_while_the_experiment_runs(pair: Bundle, trial: list[Arm]) -> None:
    assert held(pair, token(pair, trial[1].word, shown_at=timezone.now() - timedelta(days=60))) == Decimal("1.50")


def test_prices_that_are_no_percentage_stay_as_they_are(trial: list[Arm], pair: Bundle) -> None:
    pair.discount_form, pair.discount_percent = "fixed_price", Decimal(0)
    pair.discount_amount, pair.discount_currency = Decimal("2.20"), "USD"
    pair.save()
    assert shown(in_arm(trial[1])).price.total == held(pair, token(pair, trial[1].word)) == Decimal("2.20")


def test_the_floor_holds_for_an_arm_too(pair: Bundle, trial: list[Arm], settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MIN_PRICE_RATIO": 0.8}
    assert shown(in_arm(trial[1])).price.total == Decimal("2.40")


def test_a_cart_costs_one_query_more_and_only_while_an_experiment_is_about_prices(pair: Bundle) -> None:
    cards = get_adapter().get_items(list(pair.quantities()), None)
    groups = [HeldBundle(bundle_id=pair.pk, quantities=pair.quantities())] * 3

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            price_held(groups, cards)
        return len(queries)

    assert query_count() == 2
    made = experiment("discount")
    arms(made, Decimal(20), Decimal(30))
    run(made)
    assert query_count() == 3


def test_a_shop_whose_cart_keeps_no_impressions_starts_no_such_experiment(settings: Any) -> None:
    made = experiment("discount")
    arms(made, Decimal(20))
    assert not FieldMapAdapter.keeps_impressions
    settings.BUNDLE_APP = TUTORIAL
    (obstacle,) = deciding.obstacles(made, list(made.arms.all()))
    assert obstacle.startswith("The shop's cart does not keep by which showing a bundle came into it")
    settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": f"{__name__}.KeepingAdapter"}
    assert deciding.obstacles(made, list(made.arms.all())) == []


def test_no_percentage_at_all_is_an_arm_too(pair: Bundle) -> None:
    made = experiment("discount")
    none = arms(made, Decimal(0))[1]
    assert deciding.obstacles(made, list(made.arms.all())) == []
    run(made)
    assert shown(in_arm(none)).price.total == held(pair, token(pair, none.word)) == Decimal("3.00")
    assert Experiment.objects.in_force().count() == 1
