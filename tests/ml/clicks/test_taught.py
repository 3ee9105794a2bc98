"""A shop whose shoppers buy by need and click by liking: what is composed after their clicks."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bundle_ml.clicks import bandit, nightly
from bundle_ml.clicks.composer import Composer, ComposerShape
from bundle_ml.clicks.menu import ShownMenu, in_order_of_composing
from bundle_ml.clicks.showings import Arm, Showings
from bundle_ml.clicks.taught import Found, TaughtByClicks, learn_from_showings
from bundle_ml.generation import CLICKS
from bundle_ml.learning import learn
from bundle_ml.progress import Reporter
from bundle_ml.proposals import Proposer, context_vectors
from bundle_ml.shelf import Shelf
from tests.ml.conftest import QUICK
from tests.ml.worlds import baskets_of

NEEDS, ITEMS_EACH = 6, 14
ITEMS = NEEDS * ITEMS_EACH
LIKED = frozenset(range(0, ITEMS, 4))
BIAS = np.array([1.0, 0.6])


@dataclass(frozen=True, slots=True)
class World:
    proposer: Proposer
    vectors_VD: npt.NDArray[np.float32]

    def composed(self, proposer: Proposer | None = None) -> dict[int, list[Arm]]:
        composer = (proposer or self.proposer).composer
        assert composer is not None
        return {anchor: [each.items for each in drafts] for anchor, drafts in composer.compose_all(range(ITEMS))}

    def learn(self, showings: Showings, *, seed: int = 0) -> Found:
        assert self.proposer.composer is not None
        return learn_from_showings(showings, self.proposer.composer, self.vectors_VD, seed=seed)


@pytest.fixture(scope="module")
def world() -> World:
    """Every item is bought with others of its need, none more than another."""
    torch.set_num_threads(1)
    chance = random.Random(0)
    rows = []
    for _ in range(4000):
        need = chance.randrange(NEEDS)
        rows.append([need * ITEMS_EACH + each for each in chance.sample(range(ITEMS_EACH), chance.choice((2, 3, 4)))])
    baskets = baskets_of(rows, ITEMS)
    shelf = Shelf.of(baskets.keys, [])
    settings = replace(QUICK, transformer_min_baskets=10**9, ease_l2=(30.0,), bootstrap_samples=50)
    learned = learn(baskets, shelf, settings=settings, work=None, reporter=Reporter())
    vectors_VD = context_vectors(baskets, seed=0)
    proposer = Proposer.of(
        baskets,
        shelf,
        learned.popularity,
        settings,
        rung="ease",
        decoder=learned.decoder,
        co_purchase=learned.co_purchase,
        context_vectors_VD=vectors_VD,
    )
    return World(proposer, vectors_VD)


def _liking(arms: Sequence[Arm]) -> float:
    """The share of liked items among what is added."""
    return float(np.mean([item in LIKED for arm in arms for item in arm[1:]]))


def _log(world: World, count: int, *, chance_of_liked: float, shown: frozenset[int], seed: int = 0) -> Showings:
    """Pages of two places, explored; a bundle is clicked the more the more liked items it adds."""
    random = np.random.default_rng(seed)
    composed = world.composed()
    pages = [composed[anchor] for anchor in sorted(shown) if len(composed[anchor]) > 1]
    arms = tuple(sorted(arm for page in pages for arm in page))
    number_of = {arm: number for number, arm in enumerate(arms)}
    settings = bandit.BanditSettings(exploration_ratio=0.3)
    columns: list[list[npt.NDArray[np.float64]]] = []
    for page in pages:
        values = nightly.order_values(len(page))
        values = bandit.Values(values.mean_RH.T, values.deviation_RH.T)
        plan = bandit.plan(values, np.ones((1, len(page)), np.bool_), 2, settings)
        visits = plan.take(np.zeros(count // len(pages), np.int64)).draw(random)
        liking_C = np.array([_liking([arm]) for arm in page])
        for place in range(2):
            column_N = visits[:, place]
            chance_N = BIAS[place] * (0.03 + chance_of_liked * liking_C[column_N])
            columns.append(
                [
                    np.array([number_of[arm] for arm in page])[column_N],
                    np.full(len(column_N), place),
                    random.random(len(column_N)) < chance_N,
                    plan.propensities()[0][column_N, place],
                ]
            )
    arms_N, places_N, clicks_N, propensities_N = (np.concatenate(each) for each in zip(*columns, strict=True))
    order = random.permutation(len(arms_N))
    showings = Showings(
        arms,
        arms_N.astype(np.int64),
        places_N.astype(np.int64),
        np.full(len(arms_N), 2),
        clicks_N.astype(np.float64),
        propensities_N,
        random.integers(0, 4000, len(arms_N)),
        random.random(len(arms_N)) < 0.5,
        np.empty(len(arms_N), np.int64),
    ).take(order)
    return replace(showings, shown_at_N=np.arange(len(arms_N)))


SHOWN = frozenset(anchor for anchor in range(ITEMS) if anchor % 5)


@pytest.fixture(scope="module")
def liking(world: World) -> Found:
    return world.learn(_log(world, 150_000, chance_of_liked=0.3, shown=SHOWN))


def test_what_is_liked_is_composed_more_even_beside_what_was_never_shown(world: World, liking: Found) -> None:
    assert liking.report["code"] == "better"
    assert liking.report["numbers"]["lead_low"] > 0
    before, after = world.composed(), world.composed(world.proposer.taught_by(liking.taught))
    for anchors in (SHOWN, frozenset(range(ITEMS)) - SHOWN):
        liked = [_liking([arms for anchor in anchors for arms in each[anchor][:2]]) for each in (before, after)]
        assert liked[1] > 1.3 * liked[0], liked


def test_where_nothing_is_liked_more_nothing_changes(world: World) -> None:
    found = world.learn(_log(world, 60_000, chance_of_liked=0.0, shown=SHOWN))

    assert found.taught is None
    assert found.report["code"] in {"not_better_beyond_chance", "worse_beyond_chance"}
    assert world.proposer.taught_by(found.taught) is not None
    assert world.composed(world.proposer.taught_by(found.taught)) == world.composed()


def test_a_short_log_convinces_nobody(world: World) -> None:
    found = world.learn(_log(world, 400, chance_of_liked=0.3, shown=SHOWN))

    assert found.taught is None
    assert found.report["code"] in {"not_better_beyond_chance", "too_little_log"}


def test_beside_few_products_too_little_was_shown(world: World) -> None:
    found = world.learn(_log(world, 6000, chance_of_liked=0.3, shown=frozenset(range(1, 6))))

    assert (found.taught, found.report["code"]) == (None, "too_little_log")


def test_one_visitor_alone_convinces_nobody_and_stops_no_training(world: World) -> None:
    log = _log(world, 3000, chance_of_liked=0.3, shown=SHOWN)

    found = world.learn(replace(log, visitors_N=np.zeros(len(log), np.int64)))

    assert (found.taught, found.report["code"]) == (None, "too_little_log")
    json.dumps(found.report, allow_nan=False)


def test_products_that_were_shown_at_other_times_do_not_teach_each_other(world: World) -> None:
    """All that is early was shown beside a part of the products: there is nothing that could stop its network."""
    log = _log(world, 3000, chance_of_liked=0.3, shown=SHOWN)
    beside_first = log.anchors_R[log.arms_N] == log.anchors_R.min()
    in_time = np.argsort(~beside_first, kind="stable")

    found = world.learn(
        replace(log.take(in_time), shown_at_N=np.repeat([0, 1], [beside_first.sum(), (~beside_first).sum()]))
    )

    assert (found.taught, found.report["code"]) == (None, "too_little_log")


def test_where_nothing_is_left_to_chance_nothing_is_taught(world: World) -> None:
    log = _log(world, 3000, chance_of_liked=0.3, shown=SHOWN)

    found = world.learn(replace(log, propensities_N=np.ones(len(log))))

    assert (found.taught, found.report["code"], found.report["judged"]) == (None, "too_little_log", 0)


def test_no_showing_at_all(world: World) -> None:
    log = _log(world, 3000, chance_of_liked=0.3, shown=SHOWN)

    assert world.learn(log.take(np.zeros(len(log), np.bool_))).report["code"] == "too_little_log"


def test_what_is_in_hand_together_is_completed_as_before(world: World, liking: Found) -> None:
    """Clicks in carts are not learned from, so they have no say there."""
    personal = [each for each in world.proposer.taught_by(liking.taught).propose() if each.kind == "personal"]

    assert personal
    assert {each.evidence.shares[CLICKS] for each in personal} == {0.0}


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_menu_values_a_bundle_as_the_beam_search_does_whatever_order_it_is_stored_in(
    world: World, size: int
) -> None:
    assert world.proposer.composer is not None
    beam = replace(world.proposer.composer, settings=replace(world.proposer.settings, max_bundle_size=size))
    drafts = [draft for _, drafts in beam.compose_all(range(0, ITEMS, 3)) for draft in drafts]
    stored = [(draft.items[0], *reversed(draft.items[1:])) for draft in drafts]

    ordered = in_order_of_composing(stored, beam)
    menu = ShownMenu.of(ordered, beam, on_progress=lambda _done: None)

    values = np.array([menu.value(arm) for arm in ordered])
    composed = np.array([draft.value for draft in drafts])
    is_alike = np.array([arm == draft.items for arm, draft in zip(ordered, drafts, strict=True)])
    assert is_alike.mean() > 0.8
    assert values[is_alike] == pytest.approx(composed[is_alike], rel=1e-4)
    assert (values >= composed * 0.9999).all(), "the beam search may miss the best order"
    assert values.sum() < 1.01 * composed.sum()


def test_nobody_clicked(world: World) -> None:
    log = _log(world, 2000, chance_of_liked=0.0, shown=SHOWN)

    found = world.learn(replace(log, rewards_N=np.zeros(len(log))))

    assert (found.taught, found.report["code"]) == (None, "too_little_log")


def test_bots_that_click_for_nothing_teach_nothing(world: World) -> None:
    """Half of all visitors are bots that love one item of each need; known buyers see no difference, and did enough."""
    log = _log(world, 60_000, chance_of_liked=0.0, shown=SHOWN)
    favourites = frozenset(range(1, ITEMS, ITEMS_EACH))
    loved = np.array([bool(favourites & set(arm[1:])) for arm in log.arms])
    forged = replace(log, rewards_N=np.where(~log.is_buyer_N & loved[log.arms_N], 1.0, log.rewards_N))
    unknown = replace(forged, is_buyer_N=np.zeros(len(log), np.bool_))

    found, fooled = world.learn(forged), world.learn(unknown)

    def loved_first(found: Found) -> int:
        composed = world.composed(world.proposer.taught_by(found.taught))
        return sum(bool(favourites & set(arms[0][1:])) for arms in composed.values())

    assert loved_first(found) <= loved_first(Found(taught=None, report={})) + 3
    assert loved_first(fooled) > loved_first(found) + 10, "the test would notice"


def test_an_untaught_network_changes_nothing_byte_for_byte(world: World) -> None:
    shape = ComposerShape(item_count=ITEMS, context_count=1, width=world.vectors_VD.shape[1])
    untaught = TaughtByClicks((Composer(shape, seed=3, vectors_VD=world.vectors_VD),))

    before, after = world.proposer.propose(), world.proposer.taught_by(untaught).propose()

    assert [(each.anchor, each.items, each.score, each.rank) for each in after] == [
        (each.anchor, each.items, each.score, each.rank) for each in before
    ]
    assert {each.evidence.shares.get(CLICKS, 0.0) for each in after} == {0.0}


def test_the_same_showings_teach_the_same(world: World) -> None:
    log = _log(world, 150_000, chance_of_liked=0.3, shown=SHOWN)

    one, other = world.learn(log), world.learn(log)

    assert one.report == other.report
    assert one.taught is not None
    assert other.taught is not None
    items = np.arange(ITEMS, dtype=np.int32)
    assert (one.taught.changes([(1, 2), (3,)], items) == other.taught.changes([(1, 2), (3,)], items)).all()


def test_evidence_tells_the_share_of_clicks(world: World, liking: Found) -> None:
    shares = [each.evidence.shares for each in world.proposer.taught_by(liking.taught).propose() if each.rung == "ease"]

    assert max(each[CLICKS] for each in shares) > 0.1
    assert all(sum(each.values()) == pytest.approx(1, abs=1e-4) for each in shares)
