"""A shop of regulars, trained once, and asked what one of them buys next."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bundle_ml.__main__ import main
from bundle_ml.artefact import read_manifest
from bundle_ml.errors import ArtefactError, DataError
from bundle_ml.pipeline import train
from bundle_ml.recommending import Recommender
from bundle_ml.settings import Settings
from tests.ml.conftest import TrainedShop
from tests.ml.worlds import INK, PRINTERS, START, browsers, regulars, write_lines

HEADER = ("order_key", "item_key", "ordered_at", "shopper_key")
VIEW_HEADER = ("shopper_key", "item_key", "viewed_at")
SETTINGS = Settings(threads=1, personal_min_shoppers=50, bootstrap_samples=50)


def _lines(shopper_count: int = 200) -> list[tuple[int, str, str, str]]:
    shoppers, rows = regulars(shopper_count, visits=8)
    return [
        (order, f"item{item:02d}", (START + timedelta(hours=order)).isoformat(), f"pseudonym-{shopper:03d}")
        for order, (shopper, row) in enumerate(zip(shoppers, rows, strict=True))
        for item in row
    ]


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("regulars")
    lines = write_lines(directory / "lines.csv", _lines(), HEADER)
    items = directory / "items.jsonl"
    items.write_text("".join(f'{{"key": "item{n:02d}", "title": "Title {n}"}}\n' for n in range(INK + 6)))
    train(lines, items, directory / "artefact", settings=SETTINGS)
    return directory / "artefact"


def _past(path: Path, *baskets: tuple[int, ...]) -> Path:
    rows = [(order, f"item{item:02d}") for order, basket in enumerate(baskets) for item in basket]
    return write_lines(path, rows, ("order_key", "item_key"))


def test_what_was_bought_before_comes_first_and_after_the_printer_the_ink_of_the_group(
    artefact: Path, tmp_path: Path
) -> None:
    recommender = Recommender.read(artefact)

    past = recommender.read_past(_past(tmp_path / "past.csv", (0, 1), (0, 2), (1, 2, PRINTERS)))

    found = recommender.recommend(past, count=INK + 6)
    assert {each.key for each in found[:3]} == {"item00", "item01", "item02"}
    assert next(each.key for each in found if int(each.key[4:]) >= INK) == f"item{INK}"
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert found[0].title == f"Title {int(found[0].key[4:])}"


def test_without_a_past_comes_what_sells(artefact: Path, tmp_path: Path) -> None:
    recommender = Recommender.read(artefact)

    found = recommender.recommend(recommender.read_past(_past(tmp_path / "past.csv", (999,))), count=5)

    assert len(found) == 5
    assert all(int(each.key[4:]) < PRINTERS for each in found)


def test_the_command_prints_a_ranking(artefact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past = _past(tmp_path / "past.csv", (0, 1), (0,))

    assert main(["recommend", "--artefact", str(artefact), "--past", str(past), "--count", "3"]) == 0

    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("   1. ")
    assert first.endswith("  item00  Title 0")
    assert len(others) == 2


def test_the_past_of_several_shoppers_is_refused(artefact: Path, tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.csv", _lines(3), HEADER)

    with pytest.raises(DataError, match=r"lines\.csv holds the orders of 3 shoppers; expected those of one"):
        Recommender.read(artefact).read_past(lines)


def test_an_artefact_without_a_personal_blend_says_why(trained_shop: TrainedShop) -> None:
    with pytest.raises(ArtefactError, match="Found no personal blend .*: the order lines name no shoppers"):
        Recommender.read(trained_shop.artefact)


def test_views_lift_what_was_looked_at(tmp_path: Path) -> None:
    shoppers, rows, seen = browsers(150, visits=8)

    def moment(order: float) -> str:
        return (START + timedelta(hours=2 * order)).isoformat()

    lines = [
        (order, f"item{item:02d}", moment(order), f"pseudonym-{shopper:03d}")
        for order, (shopper, row) in enumerate(zip(shoppers, rows, strict=True))
        for item in row
    ]
    views = [(f"pseudonym-{shopper:03d}", f"item{item:02d}", moment(order)) for shopper, item, order in seen]
    view_file = write_lines(tmp_path / "views.csv", views, VIEW_HEADER)
    manifest = train(
        write_lines(tmp_path / "lines.csv", lines, HEADER),
        None,
        tmp_path / "artefact",
        settings=SETTINGS,
        views=view_file,
    )
    recommender = Recommender.read(tmp_path / "artefact")
    of_one = [line for line in lines if line[3] == "pseudonym-007" and line[0] < 750]
    looked = write_lines(tmp_path / "looked.csv", [("pseudonym-007", "item33", moment(800))], VIEW_HEADER)
    past = write_lines(tmp_path / "past.csv", [line for line in of_one if line[1] != "item33"], HEADER)

    places = [
        [each.key for each in recommender.recommend(recommender.read_past(past, views=each), count=50)].index("item33")
        for each in (None, looked)
    ]

    assert manifest.data["views"]["lines_kept"] == len(views)
    assert places[0] > 5
    assert places[1] <= 1


def test_views_beside_lines_without_shoppers_are_refused(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.csv", [("1", "cup"), ("1", "mug")], ("order_key", "item_key"))
    views = write_lines(tmp_path / "views.csv", [], VIEW_HEADER)

    with pytest.raises(DataError, match=r"Found views in views\.csv beside order lines that do not tell whose orders"):
        train(lines, None, tmp_path / "artefact", settings=SETTINGS, views=views)


def test_no_pseudonym_is_in_an_artefact(artefact: Path) -> None:
    assert read_manifest(artefact).metrics["personal"]["rows"]
    assert not [path for path in artefact.iterdir() if b"pseudonym-" in path.read_bytes()]


@pytest.mark.process
def test_recommending_needs_no_torch(artefact: Path, tmp_path: Path) -> None:
    past = _past(tmp_path / "past.csv", (0, 1), (0,))
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from bundle_ml.__main__ import main\n"
        f"sys.exit(main(['recommend', '--artefact', {str(artefact)!r}, '--past', {str(past)!r}]))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
