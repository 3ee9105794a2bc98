from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bundle_ml.for_sessions.subsets import NOBODY, subsets_of


@pytest.mark.parametrize("count", [2, 3, 7, 10])
def test_there_are_as_many_subsets_as_there_must_be(count: int) -> None:
    held = {tuple(row) for row in subsets_of(count).holds_SN.tolist()}

    assert len(held) == 2**count - count - 1
    assert min(sum(row) for row in held) == 2


def test_a_subset_is_described_by_its_pairs() -> None:
    log_odds_P = np.asarray([2.0, -1.0, 0.5])  # of the pairs 01, 02, 12

    described = subsets_of(3).describe(log_odds_P)

    weakest, mean, weakest_member, ties, outsider, size, is_pair, is_all, mean_by_size = described[0]  # 01
    assert (weakest, mean, weakest_member) == (2, 2, 2)
    assert ties == outsider == pytest.approx((-1 + 0.5) / 2)
    assert (size, is_pair, is_all, mean_by_size) == pytest.approx((np.log(2), 1, 0, 2 * np.log(2)))
    everything = described[3]
    assert everything[:5].tolist() == pytest.approx([-1, 0.5, -0.25, NOBODY, NOBODY])
    assert everything[7] == 1


def test_the_weakest_member_and_the_strongest_outsider_agree_with_their_definition() -> None:
    random = np.random.default_rng(0)
    pairs = list(combinations(range(5), 2))
    log_odds = dict(zip(pairs, random.standard_normal(len(pairs)), strict=True))

    subsets = subsets_of(5)
    described = subsets.describe(np.asarray([log_odds[pair] for pair in pairs]))

    def tie(item: int, others: list[int]) -> float:
        return float(np.mean([log_odds[min(item, other), max(item, other)] for other in others if other != item]))

    for holds, row in zip(subsets.holds_SN.tolist(), described.tolist(), strict=True):
        members = [item for item in range(5) if holds[item]]
        outsiders = [item for item in range(5) if not holds[item]]
        assert row[2] == pytest.approx(min(tie(item, members) for item in members))
        assert row[4] == pytest.approx(max((tie(item, members) for item in outsiders), default=NOBODY))
