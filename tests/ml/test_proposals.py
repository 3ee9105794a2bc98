"""The generated shop: what its bundles must hold, and what they must not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bundle_ml.artefact import Candidate
from tests.ml.conftest import TrainedShop


def test_the_planted_partners_are_in_the_top_bundle_of_their_anchor(trained_shop: TrainedShop) -> None:
    top = {each.anchor: {key for key, _ in each.items} for each in trained_shop.candidates() if each.rank == 1}

    partners = trained_shop.shop.partners
    found = [anchor for anchor, wanted in partners.items() if wanted <= top[anchor]]

    assert len(found) >= 0.95 * len(partners), f"missed: {sorted(set(partners) - set(found))}"


def test_no_bundle_holds_two_colours_of_one_product(trained_shop: TrainedShop) -> None:
    for candidate in trained_shop.candidates():
        products = [trained_shop.shop.variants.get(key, key) for key, _ in candidate.items]
        assert len(set(products)) == len(products), candidate


def test_every_item_gets_a_bundle_and_the_shop_gets_its_best(trained_shop: TrainedShop) -> None:
    anchors = {candidate.anchor for candidate in trained_shop.candidates()}

    assert anchors == {item["key"] for item in trained_shop.shop.catalogue} | {""}


def test_candidates_are_grouped_by_anchor_and_ranked_without_gaps(trained_shop: TrainedShop) -> None:
    candidates = trained_shop.candidates()

    for one, following in pairwise(candidates):
        if one.anchor == following.anchor:
            assert following.rank == one.rank + 1
            assert following.score <= one.score or one.anchor == ""
        else:
            assert following.rank == 1
    starts = [one.anchor for one, following in pairwise(candidates) if one.anchor != following.anchor]
    assert len(starts) == len(set(starts))


def test_every_candidate_keeps_the_contract(trained_shop: TrainedShop) -> None:
    for candidate in trained_shop.candidates():
        keys = [key for key, _ in candidate.items]
        assert 2 <= len(keys) == len(set(keys)) <= 5
        assert candidate.anchor in {keys[0], ""}
        assert all(quantity == 1 for _, quantity in candidate.items)
        assert 0.0 <= candidate.score <= 1.0
        assert sum(candidate.evidence.shares.values()) == pytest.approx(1.0, abs=1e-4)
        assert set(candidate.evidence.parts) == set(keys[1:])
        assert candidate.kind == ("pair" if len(keys) == 2 else "set")
        others = {key: set(keys) - {key} for key in keys}
        told = {key: set(brought) for key, brought in candidate.evidence.influence.items()}
        assert told == (others if len(keys) > 2 and candidate.rung == trained_shop.manifest.rung else {})


def test_what_the_parts_bring_to_each_other_is_told_alike_on_every_page(trained_shop: TrainedShop) -> None:
    by_set: dict[frozenset[str], dict[str, Any]] = {}
    for candidate in trained_shop.candidates():
        influence = {key: dict(brought) for key, brought in candidate.evidence.influence.items()}
        assert by_set.setdefault(frozenset(key for key, _ in candidate.items), influence) == influence


def test_the_planted_anchor_brings_most_to_its_partners(trained_shop: TrainedShop) -> None:
    """Partners are bought with the anchor, and with each other only because of it."""
    partners = trained_shop.shop.partners
    tops = {each.anchor: each for each in trained_shop.candidates() if each.rank == 1 and each.evidence.influence}
    asked = [tops[anchor] for anchor, wanted in partners.items() if anchor in tops and len(wanted) > 1]

    def brings_most(candidate: Candidate) -> str:
        influence = candidate.evidence.influence
        return max(influence, key=lambda key: sum(influence[key].values()))

    right = [candidate for candidate in asked if brings_most(candidate) == candidate.anchor]

    assert len(asked) == sum(len(wanted) > 1 for wanted in partners.values())
    assert len(right) >= 0.9 * len(asked), f"{len(right)} of {len(asked)}"


def test_no_anchor_gets_the_same_set_twice(trained_shop: TrainedShop) -> None:
    sets = [(each.anchor, frozenset(key for key, _ in each.items)) for each in trained_shop.candidates()]

    assert len(sets) == len(set(sets))


def test_the_list_of_the_shop_repeats_nothing(trained_shop: TrainedShop) -> None:
    sets = [{key for key, _ in each.items} for each in trained_shop.candidates() if each.anchor == ""]

    assert sets
    for number, one in enumerate(sets):
        assert all(len(one & other) / len(one | other) <= 0.5 for other in sets[:number])


def test_evidence_agrees_with_the_order_lines(trained_shop: TrainedShop) -> None:
    baskets: dict[int, set[str]] = {}
    for line in trained_shop.shop.lines:
        baskets.setdefault(line[0], set()).add(line[1])

    for candidate in trained_shop.candidates()[::10]:
        keys = [key for key, _ in candidate.items]
        holding = [basket for basket in baskets.values() if keys[0] in basket]
        support = sum(set(keys) <= basket for basket in baskets.values())
        assert candidate.evidence.orders == len(baskets)
        assert candidate.evidence.anchor_orders == len(holding)
        assert candidate.evidence.support == support
        for key in keys[1:]:
            assert candidate.evidence.parts[key] == {"together": sum(key in basket for basket in holding)}


def test_goods_that_fall_into_baskets_at_random_are_left_to_the_lower_rungs(trained_shop: TrainedShop) -> None:
    sundries = [each for each in trained_shop.candidates() if each.anchor.startswith("S") and each.rank == 1]

    assert sum(each.rung == "category" for each in sundries) > len(sundries) / 2


def test_a_bundle_for_a_context_starts_with_it_and_counts_the_orders_that_hold_it(trained_shop: TrainedShop) -> None:
    baskets: dict[int, set[str]] = {}
    for line in trained_shop.shop.lines:
        baskets.setdefault(line[0], set()).add(line[1])

    assert trained_shop.for_contexts()
    for candidate in trained_shop.for_contexts():
        keys = [key for key, _ in candidate.items]
        context, rest = set(keys[:2]), keys[2:]
        holding = [basket for basket in baskets.values() if context <= basket]
        assert candidate.evidence.context == tuple(keys[:2])
        assert rest
        assert candidate.rank == 1
        assert candidate.evidence.anchor_orders == len(holding) >= 20
        assert candidate.evidence.support == sum(set(rest) <= basket for basket in holding)
        assert candidate.evidence.parts == {key: {"together": sum(key in each for each in holding)} for key in rest}


def test_each_context_is_composed_for_once(trained_shop: TrainedShop) -> None:
    contexts = [frozenset(each.evidence.context) for each in trained_shop.for_contexts()]

    assert len(contexts) == len(set(contexts)) == trained_shop.manifest.coverage["contexts_with_bundle"]


def test_what_an_anchor_offers_is_not_composed_again_in_hardly_another_form(trained_shop: TrainedShop) -> None:
    known = {frozenset(each.items): each for each in trained_shop.candidates()}

    for candidate in trained_shop.for_contexts():
        items = frozenset(candidate.items)
        with_context = [each for each in known if set(candidate.evidence.context) <= {key for key, _ in each}]
        if candidate.kind == "personal":
            assert all(len(items & other) / len(items | other) <= 0.5 for other in with_context)
        else:
            assert candidate.kind == known[items].kind
