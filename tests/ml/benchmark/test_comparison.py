from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.benchmark.comparison import compare
from bundle_ml.benchmark.judging import Marks
from bundle_ml.bootstrap import Mark


def _mark(ndcg: float) -> Mark:
    return {"ndcg_at_10": ndcg, "ndcg_at_10_low": ndcg - 0.02, "ndcg_at_10_high": ndcg + 0.02}


def _marks(one: float, all_but_one: float) -> Marks:
    """What a draw adds is the same for every model, as it is with shared draws."""
    luck = np.linspace(-0.02, 0.02, 41)
    sizes = {"1": one, "all_but_one": all_but_one, "mean": (one + all_but_one) / 2}
    return Marks(
        by_size={"1": _mark(one), "all_but_one": _mark(all_but_one)},
        mean=_mark(sizes["mean"]),
        ndcg_draws={size: ndcg + luck for size, ndcg in sizes.items()},
    )


MARKS = {"blend": _marks(0.30, 0.50), "ease": _marks(0.20, 0.49), "bm25": _marks(0.29, 0.10)}


def test_the_bar_is_the_best_of_the_others_at_each_size() -> None:
    compared = compare(MARKS, ours="blend", others=["ease", "bm25", "crashed"])

    assert {size: found["other"] for size, found in compared.items()} == {
        "1": "bm25",
        "all_but_one": "ease",
        "mean": "ease",
    }
    assert compared["1"]["ratio"] == pytest.approx(0.30 / 0.29)


def test_a_small_lead_in_every_draw_is_a_lead_though_the_intervals_overlap() -> None:
    found = compare(MARKS, ours="blend", others=["bm25"])["1"]

    assert (found["difference_low"], found["difference_high"]) == pytest.approx((0.01, 0.01))
    assert not found["intervals_are_apart"]
    assert compare(MARKS, ours="blend", others=["bm25"])["all_but_one"]["intervals_are_apart"]


def test_there_is_no_comparison_where_a_side_has_no_marks() -> None:
    assert compare(MARKS, ours="blend", others=["crashed"]) == {}
    assert compare(MARKS, ours="crashed", others=["ease"]) == {}
    assert compare(MARKS, ours="blend", others=["blend"]) == {}


def test_there_is_no_ratio_to_nothing() -> None:
    marks = {"blend": _marks(0.3, 0.5), "lost": _marks(0.0, 0.0)}

    assert compare(marks, ours="blend", others=["lost"])["mean"]["ratio"] is None
