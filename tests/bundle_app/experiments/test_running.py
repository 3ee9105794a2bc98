"""What a visitor's arm makes of a page: another model's bundles, another template, another place; and in how many queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.http import HttpRequest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.events import subjects, tokens
from bundle_app.experiments.assignment import assigned
from bundle_app.experiments.running import AS_IT_STANDS, arms_in_force, treatment
from bundle_app.models import Arm, ArmQuality, Bundle, Experiment, PolicyVersion
from tests.bundle_app.experiments.worlds import arms, experiment, policy, run
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, products, score, titles, version

pytestmark = pytest.mark.django_db

HOME = "{% load bundles %}{% bundle_widget limit=3 %}"


@pytest.fixture(autouse=True)
def tutorial(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


def visitors() -> Iterator[HttpRequest]:
    for number in range(1, 200):
        request = RequestFactory().get("/")
        request.user = User(pk=number)
        yield request


def in_arm(arm: Arm) -> HttpRequest:
    """Somebody whose arm this is."""
    own = list(arm.experiment.arms.order_by("key"))
    weights, share = [each.weight for each in own], arm.experiment.traffic_percent
    return next(
        request
        for request in visitors()
        if assigned(arm.experiment.salt, subjects.pseudonym_of(request), weights, traffic_percent=share)
        == own.index(arm)
    )


def outsider(of: Experiment) -> HttpRequest:
    """Somebody who takes no part."""
    return next(
        request
        for request in visitors()
        if assigned(of.salt, subjects.pseudonym_of(request), [1], traffic_percent=of.traffic_percent) is None
    )


def unknown() -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    return request


def words_of(offers: Iterable[serving.Offer]) -> set[str]:
    return {tokens.read_kept(offer.impression).arm for offer in offers}


def rendered(request: HttpRequest, template: str = HOME) -> str:
    return Template(template).render(Context({"request": request}))


class TestAnotherModel:
    @pytest.fixture
    def trial(self) -> list[Arm]:
        goods, live, other = products(4), version(), version(live=False)
        score(bundle(goods[:2]), live)
        score(bundle(goods[2:]), other)
        made = experiment("model", traffic_percent=50)
        found = arms(made, other)
        found[0].model_version = live
        found[0].save()
        run(made)
        return found

    def test_each_arm_sees_the_bundles_of_its_own_version(self, trial: list[Arm]) -> None:
        for arm, expected in zip(trial, ([["Product 1", "Product 2"]], [["Product 3", "Product 4"]]), strict=True):
            offers = serving.bundles_for([], request=in_arm(arm), limit=5)
            assert titles(offers) == expected
            assert words_of(offers) == {arm.word}
            assert tokens.read_kept(offers[0].impression).version_id == arm.model_version_id

    def test_whoever_takes_no_part_sees_the_live_one_and_is_in_no_arm(self, trial: list[Arm]) -> None:
        for request in (outsider(trial[0].experiment), unknown()):
            offers = serving.bundles_for([], request=request, limit=5)
            assert titles(offers) == [["Product 1", "Product 2"]]
            assert words_of(offers) == {""}

    def test_without_a_request_there_is_no_visitor(self, trial: list[Arm]) -> None:
        assert titles(serving.bundles_for([], request=None, limit=5)) == [["Product 1", "Product 2"]]

    def test_the_control_keeps_its_version_when_another_goes_live(self, trial: list[Arm]) -> None:
        from bundle_app import publishing

        publishing.go_live(trial[1].model_version_id or 0)
        assert titles(serving.bundles_for([], request=in_arm(trial[0]), limit=5)) == [["Product 1", "Product 2"]]
        assert titles(serving.bundles_for([], request=unknown(), limit=5)) == [["Product 3", "Product 4"]]

    def test_a_running_experiment_costs_a_page_one_query_and_a_draft_none(self, trial: list[Arm]) -> None:
        def query_count(request: HttpRequest) -> int:
            with CaptureQueriesContext(connection) as queries:
                assert serving.bundles_for([], request=request, limit=5)
            return len(queries)

        assert query_count(in_arm(trial[1])) == query_count(unknown()) == 5
        for number in range(5):
            run(experiment("model", placement=f"place{number}"))
        assert query_count(in_arm(trial[1])) == 5
        Experiment.objects.update(state="draft", started_at=None)
        assert query_count(in_arm(trial[1])) == 4

    def test_the_interface_serves_the_arm_too(self, trial: list[Arm], client: Client) -> None:
        for number in range(1, 30):
            user = User.objects.create_user(f"user {number}")
            client.force_login(user)
            result = client.get("/bundles/api/bundles/").json()["results"][0]
            showing = tokens.read_kept(result["impression"])
            assert showing.version_id == (trial[1] if showing.arm == trial[1].word else trial[0]).model_version_id
            if showing.arm == trial[1].word:
                return
        raise AssertionError("Of thirty visitors none was in the second arm.")


class TestAnotherTemplate:
    @pytest.fixture
    def trial(self, settings: Any, tmp_path: Any) -> list[Arm]:
        (tmp_path / "compact.html").write_text("<b>{{ offers.0.title }}</b>")
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        score(bundle(products(2)), version())
        made = experiment("template", placement="home")
        found = arms(made, "compact.html")
        run(made)
        return found

    def test_the_widget_is_drawn_by_the_arm_s(self, trial: list[Arm]) -> None:
        assert rendered(in_arm(trial[1])) == "<b>Product 1 + Product 2</b>"
        assert "bundle-widget" in rendered(in_arm(trial[0]))
        assert "bundle-widget" in rendered(unknown())

    def test_it_goes_before_the_page_s_own(self, trial: list[Arm]) -> None:
        page = "{% load bundles %}{% bundle_widget template='bundle_app/widget.html' %}"
        assert rendered(in_arm(trial[1]), page) == "<b>Product 1 + Product 2</b>"

    def test_at_another_place_it_is_not_about_anybody(self, trial: list[Arm]) -> None:
        assert "bundle-widget" in rendered(in_arm(trial[1]), "{% load bundles %}{% bundle_widget placement='below' %}")

    def test_where_the_shop_draws_the_offers_itself_nobody_is_said_to_be_in_an_arm(self, trial: list[Arm]) -> None:
        offers = serving.bundles_for([], request=in_arm(trial[1]), placement="home")
        assert words_of(offers) == {""}
        assert words_of(serving.bundles_for([], request=in_arm(trial[1]), placement="home", is_drawn=True)) == {
            trial[1].word
        }


class TestAnotherPlace:
    ABOVE, BELOW = ("{% load bundles %}{% bundle_widget placement='" + name + "' %}" for name in ("above", "below"))

    @pytest.fixture
    def trial(self) -> list[Arm]:
        score(bundle(products(2)), version())
        made = experiment("place", traffic_percent=50)
        found = arms(made, "above", "below")
        run(made)
        return found

    def test_bundles_are_shown_at_the_arm_s_place_and_not_at_the_others(self, trial: list[Arm]) -> None:
        for arm, shown, empty in zip(trial, (self.ABOVE, self.BELOW), (self.BELOW, self.ABOVE), strict=True):
            assert "bundle-widget" in rendered(in_arm(arm), shown)
            assert rendered(in_arm(arm), empty) == ""

    def test_whoever_takes_no_part_sees_them_where_the_control_has_them(self, trial: list[Arm]) -> None:
        for request in (outsider(trial[0].experiment), unknown()):
            assert "bundle-widget" in rendered(request, self.ABOVE)
            assert rendered(request, self.BELOW) == ""

    def test_a_place_that_no_arm_names_is_as_it_was(self, trial: list[Arm]) -> None:
        assert "bundle-widget" in rendered(in_arm(trial[1]))
        assert words_of(serving.bundles_for([], request=in_arm(trial[1]), placement="home")) == {""}

    def test_the_showings_at_the_arm_s_place_carry_its_word(self, trial: list[Arm]) -> None:
        offers = serving.bundles_for([], request=in_arm(trial[1]), placement="below", is_drawn=True)
        assert words_of(offers) == {trial[1].word}


class TestTogether:
    def test_experiments_about_different_things_share_a_showing(self) -> None:
        other = version(live=False)
        one, two = experiment("model"), experiment("template")
        arms(one, other)
        arms(two, "two.html")
        run(one)
        run(two)
        found = {
            treatment(arms_in_force(), subject=f"visitor {number}", placement="home", is_drawn=True).words
            for number in range(50)
        }
        assert found == {f"{one.pk}{first}+{two.pk}{second}" for first in "ab" for second in "ab"}

    def test_what_was_promoted_is_everybody_s_and_nobody_s_arm(self) -> None:
        made = experiment("template")
        _control, compact = arms(made, "compact.html")
        promoted(made, compact)
        for subject in ("", "anna"):
            found = treatment(arms_in_force(), subject=subject, placement="home", is_drawn=True)
            assert (found.template, found.words) == ("compact.html", "")

    def test_a_promoted_place_goes_for_everybody(self) -> None:
        made = experiment("place")
        _above, below = arms(made, "above", "below")
        promoted(made, below)
        found = [
            treatment(arms_in_force(), subject="", placement=place, is_drawn=True).is_hidden
            for place in ("above", "below", "home")
        ]
        assert found == [True, False, False]

    def test_an_experiment_goes_over_what_was_promoted_and_its_control_is_that(self) -> None:
        before, made = experiment("template"), experiment("template")
        promoted(before, arms(before, "compact.html")[1])
        arms(made, "bold.html")
        run(made)
        found = {
            treatment(arms_in_force(), subject=f"visitor {number}", placement="home", is_drawn=True)
            for number in range(50)
        }
        assert {(each.words, each.template) for each in found} == {
            (f"{made.pk}a", "compact.html"),
            (f"{made.pk}b", "bold.html"),
        }

    def test_the_nearer_place_goes_before_everywhere(self) -> None:
        everywhere, home = experiment("template"), experiment("template", placement="home")
        promoted(home, arms(home, "home.html")[1])
        promoted(everywhere, arms(everywhere, "everywhere.html")[1])
        found = [
            treatment(arms_in_force(), subject="", placement=place, is_drawn=True).template
            for place in ("home", "cart")
        ]
        assert found == ["home.html", "everywhere.html"]

    def test_without_experiments_everything_is_as_it_stands(self) -> None:
        arms(experiment("template"), "draft.html")
        assert treatment(arms_in_force(), subject="anna", placement="home", is_drawn=True) == AS_IT_STANDS

    def test_a_policy_by_name_goes_over_an_order_that_everybody_has_and_an_arm_without_one_is_that(self) -> None:
        before, made = experiment("policy"), experiment("policy")
        promoted(before, arms(before, "model")[1])
        arms(made, policy())
        run(made)
        found = {
            treatment(arms_in_force(), subject=f"visitor {number}", placement="home", is_drawn=True)
            for number in range(50)
        }
        assert {(each.words, each.follows_policy, each.policy_id) for each in found} == {
            (f"{made.pk}a", False, None),
            (f"{made.pk}b", True, PolicyVersion.objects.get().pk),
        }


def promoted(of: Experiment, arm: Arm) -> None:
    run(of)
    of.state, of.stopped_at, of.decided_arm, of.is_in_effect = "promoted", of.started_at, arm, True
    of.save(update_fields=["state", "stopped_at", "decided_arm", "is_in_effect"])


@pytest.fixture
def three() -> tuple[str, list[Bundle]]:
    """A product's page, with three bundles in the live model's order."""
    lamp, *others = products(4)
    live = version()
    made = [bundle([lamp, other]) for other in others]
    for rank, each in enumerate(made, 1):
        score(each, live, anchor=lamp, rank=rank)
    return str(lamp.pk), made


def liking(bundle: Bundle, anchor_key: str, **fields: Any) -> PolicyVersion:
    """A policy that puts one bundle first."""
    made = policy(**fields)
    ArmQuality.objects.create(policy=made, anchor_key=anchor_key, bundle=bundle, quality=3.0, evidence=40.0)
    return made


class TestOrders:
    def test_an_arm_has_the_live_policy_s_the_model_s_or_that_of_a_policy_by_name(
        self, three: tuple[str, list[Bundle]]
    ) -> None:
        anchor_key, made = three
        live = liking(made[1], anchor_key, state="live", live_at=timezone.now())
        named = liking(made[2], anchor_key)
        trial = experiment("policy")
        found = arms(trial, "model", named)
        run(trial)
        seen = []
        for arm in found:
            (offer,) = serving.bundles_for([anchor_key], request=in_arm(arm), placement="product")
            showing = tokens.read_kept(offer.impression)
            seen.append((offer.bundle, showing.policy_id, showing.arm))
        assert seen == [
            (made[1], live.pk, found[0].word),
            (made[0], 0, found[1].word),
            (made[2], named.pk, found[2].word),
        ]

    def test_a_policy_by_name_explores_and_the_token_says_how_likely_it_was(
        self, three: tuple[str, list[Bundle]], settings: Any
    ) -> None:
        anchor_key, made = three
        settings.BUNDLE_APP = {**TUTORIAL, "EXPLORATION_RATIO": 0.5}
        liking(made[1], anchor_key, state="live", live_at=timezone.now())
        trial = experiment("policy")
        _control, other = arms(trial, liking(made[2], anchor_key))
        run(trial)
        visitor, pages = in_arm(other), 200
        seen: Counter[tuple[int, float]] = Counter()
        for _ in range(pages):
            (offer,) = serving.bundles_for([anchor_key], request=visitor, placement="product")
            seen[offer.bundle.pk, tokens.read_kept(offer.impression).propensity] += 1
        propensities = dict(seen.keys())
        assert sum(propensities.values()) == pytest.approx(1)
        assert max(propensities, key=propensities.__getitem__) == made[2].pk
        for (_, propensity), count in seen.items():
            assert count / pages == pytest.approx(propensity, abs=5 * (propensity * (1 - propensity) / pages) ** 0.5)

    def test_it_costs_no_query_more_than_the_live_policy(self, three: tuple[str, list[Bundle]]) -> None:
        anchor_key, made = three
        trial = experiment("policy")
        control, other = arms(trial, liking(made[2], anchor_key))
        run(trial)
        counts = []
        for arm in (control, other):
            visitor = in_arm(arm)
            with CaptureQueriesContext(connection) as queries:
                serving.bundles_for([anchor_key], request=visitor, placement="product")
            counts.append(len(queries))
        assert counts == [5, 5]
