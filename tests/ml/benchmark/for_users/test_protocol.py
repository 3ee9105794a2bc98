from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bundle_ml.benchmark.for_users.datasets import UserBundles
from bundle_ml.benchmark.for_users.protocol import FILES, LISTED, draw_given, read_given, write_given
from tests.ml.for_users.worlds import ones


def test_what_was_written_is_read_again(data: UserBundles, tmp_path: Path) -> None:
    given = draw_given(data)
    write_given(given, tmp_path / "split")

    read = read_given(tmp_path / "split")

    assert read.dataset == "youshu"
    assert read.fingerprint == given.fingerprint
    assert (read.asked_U == given.asked_U).all()
    assert (read.histories.bundles_UB != data.histories.bundles_UB).nnz == 0
    assert (read.histories.items_UI != data.histories.items_UI).nnz == 0
    assert (read.histories.contents_BI != data.histories.contents_BI).nnz == 0
    assert (read.tune_UB != data.tune_UB).nnz == 0


def test_the_bundles_of_test_are_not_in_the_folder(data: UserBundles, tmp_path: Path) -> None:
    """Two data sets that differ in test alone, for the same users, are the same folder."""
    other = replace(data, test_UB=ones(np.roll(data.test_UB.toarray(), 1, axis=1)))
    for name, each in (("one", data), ("other", other)):
        write_given(draw_given(each), tmp_path / name)

    assert {path.name for path in (tmp_path / "one").iterdir()} == set(FILES)
    for file in FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_only_users_with_an_answer_are_asked_for_and_train_is_what_may_not_be_listed(data: UserBundles) -> None:
    test = data.test_UB.toarray()
    test[[0, 5]] = 0

    given = draw_given(replace(data, test_UB=ones(test)))

    assert len(given.asked_U) == 118
    known = given.contexts()[LISTED]
    assert known[0].tolist() == data.histories.bundles_UB[[1]].indices.tolist()
