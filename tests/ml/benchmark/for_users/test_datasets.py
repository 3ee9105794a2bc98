from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bundle_ml.benchmark.for_users.datasets import UserBundles, read_dataset
from bundle_ml.errors import DataError
from tests.ml.for_users.worlds import clubs


def test_the_files_are_read_as_tables(data: UserBundles) -> None:
    histories, tune, test = clubs()

    assert (data.histories.bundles_UB != histories.bundles_UB).nnz == 0
    assert (data.histories.items_UI != histories.items_UI).nnz == 0
    assert (data.histories.contents_BI != histories.contents_BI).nnz == 0
    assert (data.tune_UB != tune).nnz == (data.test_UB != test).nnz == 0


def test_a_set_without_items_of_users_has_an_empty_table(data_folder: Path) -> None:
    histories = read_dataset("steam", data_folder).histories

    assert histories.items_UI.shape == (histories.user_count, histories.item_count)
    assert histories.items_UI.nnz == 0


def test_what_cannot_be_read_says_what_to_do(data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Unknown data set 'netease'; expected one of youshu, steam"):
        read_dataset("netease", data_folder)
    with pytest.raises(DataError, match="Found no file '.*user_bundle_train.txt'; .* --data DIR or BUNDLE_DATA_DIR"):
        read_dataset("youshu", tmp_path)

    shutil.copytree(data_folder / "youshu", tmp_path / "youshu")
    contents = tmp_path / "youshu" / "bundle_item.txt"
    contents.write_text("0\t1\n2\n")
    with pytest.raises(DataError, match="bundle_item.txt holds 3 numbers; expected two a line"):
        read_dataset("youshu", tmp_path)
    contents.write_text("bundle\titem\n")
    with pytest.raises(DataError, match="bundle_item.txt could not be read: .*Expected two numbers a line"):
        read_dataset("youshu", tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "counts"),
    [("youshu", (8039, 4771, 32770, 34416, 5189, 9746)), ("steam", (29634, 615, 2819, 52539, 17513, 17513))],
)
def test_the_public_sets_have_the_published_counts(name: str, counts: tuple[int, ...], public_data: Path) -> None:
    data = read_dataset(name, public_data)

    histories = data.histories
    splits = (histories.bundles_UB, data.tune_UB, data.test_UB)
    found = (histories.user_count, histories.bundle_count, histories.item_count, *(table.nnz for table in splits))
    # One user of Youshu has neither a bundle nor an item with the highest number, and so is not counted.
    assert np.abs(np.subtract(found, counts)).tolist()[1:] == [0] * 5
    assert counts[0] - found[0] in {0, 1}
    assert splits[0].multiply(splits[2]).nnz == 0
