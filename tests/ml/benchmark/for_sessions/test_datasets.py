from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.benchmark.for_sessions.datasets import Sessions, read_domains
from bundle_ml.errors import DataError
from tests.ml.benchmark.for_sessions.conftest import write_domain
from tests.ml.for_sessions.worlds import sessions


def test_sessions_are_read_with_their_bundles_titles_and_paths(data: Sessions) -> None:
    planted = sessions(60, seed=2)

    assert data.name == "bundlerec_food"
    assert [len(session.items) for session in data.sessions] == [len(session.items) for session in planted]
    assert [sorted(map(len, session.bundles)) for session in data.sessions] == [
        sorted(map(len, session.bundles)) for session in planted
    ]
    first = data.sessions[0].items[0]
    assert data.goods.titles[first].split()[0] in {"Camping", "Cooking", "Painting", "Cycling", "Gift"}
    assert any("thing & more" in title for title in data.goods.titles)
    assert all(paths[0][0] == "Shop" for paths in data.goods.paths)


def test_sessions_in_which_nobody_found_a_bundle_are_left_out(data: Sessions) -> None:
    assert len(data.sessions) == 60


def test_the_name_of_the_set_is_all_of_its_domains(data_folder: Path) -> None:
    names = [each.name for each in read_domains("bundlerec", data_folder)]

    assert names == ["bundlerec_electronic", "bundlerec_clothing", "bundlerec_food"]


def test_an_unknown_name_is_answered_with_the_known_ones(data_folder: Path) -> None:
    with pytest.raises(DataError, match=r"Unknown data set 'bundlerec_toys'; expected one of bundlerec, .*_food\."):
        read_domains("bundlerec_toys", data_folder)


def test_a_missing_file_and_a_row_of_one_column_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "bundlerec" / "food"
    write_domain(folder, seed=0, count=3)
    (folder / "bundle_item.csv").write_text("bundle ID,item ID\n7\n")
    with pytest.raises(DataError, match=r"bundle_item\.csv, line 2: found \['7'\]; expected two columns"):
        read_domains("bundlerec_food", tmp_path)

    (folder / "bundle_item.csv").unlink()
    with pytest.raises(DataError, match=r"Found no file .*bundle_item\.csv.*--data DIR"):
        read_domains("bundlerec_food", tmp_path)


def test_an_item_may_have_no_title_and_no_category(tmp_path: Path) -> None:
    folder = tmp_path / "bundlerec" / "food"
    write_domain(folder, seed=0, count=3)
    for name in ("item_titles.csv", "item_categories.csv"):
        (folder / name).write_text("item ID,text\n")

    (data,) = read_domains("bundlerec_food", tmp_path)

    assert set(data.goods.titles) == {""}
    assert set(data.goods.paths) == {()}
