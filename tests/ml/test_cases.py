from __future__ import annotations

import numpy as np

from bundle_ml.cases import Contexts, cases_by_context_size
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1], [0, 1, 2], [0, 1, 2, 3, 4], [5]], item_count=6)


def test_each_case_hides_an_item_of_its_basket() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=10)

    assert {size: len(each) for size, each in cases.items()} == {"1": 3, "2": 2, "4": 1, "all_but_one": 3}
    for each in cases.values():
        for row, target in enumerate(each.targets):
            shown, rest = set(each.contexts[row].tolist()), set(each.rests[row].tolist())
            assert target in rest
            assert not shown & rest
            assert shown | rest in [set(BASKETS[basket].tolist()) for basket in range(3)]


def test_the_same_seed_asks_the_same_questions() -> None:
    one, same, other = (cases_by_context_size(BASKETS, seed=seed, limit=2)["1"] for seed in (1, 1, 2))

    assert len(one) == 2
    assert one.contexts.items.tolist() == same.contexts.items.tolist()
    assert (
        one.contexts.items.tolist() != other.contexts.items.tolist() or one.targets.tolist() != other.targets.tolist()
    )


def test_an_averaging_row_sums_to_one_and_excluding_hits_only_the_context() -> None:
    contexts = Contexts.of([[0, 2], [1]])

    assert contexts.averaging_matrix(4).toarray().tolist() == [[0.5, 0, 0.5, 0], [0, 1, 0, 0]]
    excluded = contexts.exclude_from(np.zeros((2, 4), np.float32))
    assert np.isneginf(excluded).tolist() == [[True, False, True, False], [False, True, False, False]]


def test_batches_put_together_are_the_whole() -> None:
    contexts = Contexts.of([[0], [1, 2], [3]])

    batches = list(contexts.in_batches(2))

    assert [rows for rows, _ in batches] == [slice(0, 2), slice(2, 3)]
    assert [batch[row].tolist() for _, batch in batches for row in range(len(batch))] == [[0], [1, 2], [3]]
