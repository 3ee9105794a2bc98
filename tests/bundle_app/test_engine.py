from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bundle_app import engine
from bundle_app.exceptions import ArtefactRejected, EngineError, EngineUnavailable, LeaseLost
from tests.worlds import make_artefact, make_candidate


def train(folder: Path, lines: str, *, on_progress: Any = None, settings: dict[str, Any] | None = None) -> Path:
    (folder / "lines.csv").write_text(lines)
    (folder / "items.jsonl").write_text("")
    engine.train(
        lines=folder / "lines.csv",
        items=folder / "items.jsonl",
        out=folder / "artefact",
        work=folder / "work",
        settings=settings or {},
        on_progress=on_progress or (lambda _progress: None),
    )
    return folder / "artefact"


def orders(count: int) -> str:
    lines = ["order_key,item_key,quantity,unit_price,ordered_at,counts"]
    for number in range(count):
        first = 2 * (number % 5)
        lines += [f"{number},{first},1,,,t", f"{number},{first + 1},1,,,t"]
    return "\n".join(lines) + "\n"


def test_a_child_process_trains_and_reports(tmp_path: Path) -> None:
    reports: list[engine.Progress] = []

    artefact = train(tmp_path, orders(60), on_progress=reports.append)

    manifest = engine.verified_manifest(artefact)
    assert manifest.data["lines_read"] == 120
    top = {
        candidate.anchor: candidate.items
        for candidate in engine.candidates(artefact)
        if candidate.rank == 1 and not candidate.evidence.context
    }
    assert {key for key, _quantity in top["4"]} == {"4", "5"}
    assert reports[0].stage == "read"
    assert [report.progress for report in reports] == sorted(report.progress for report in reports)


def test_an_unreadable_file_is_explained_in_the_childs_own_words(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"order_key"):
        train(tmp_path, "number,thing\n1,2\n")

    assert not (tmp_path / "artefact").exists()


def test_an_unknown_training_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"Did you mean 'max_bundle_size'\?"):
        train(tmp_path, orders(30), settings={"max_bundel_size": 3})


def test_a_caller_that_lost_its_lease_ends_the_child(tmp_path: Path) -> None:
    def lose(_progress: engine.Progress) -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        train(tmp_path, orders(2000), on_progress=lose)

    assert not (tmp_path / "artefact").exists()


def test_a_killed_child_is_explained(tmp_path: Path) -> None:
    import psutil

    def kill_children() -> None:
        for _ in range(400):
            for child in psutil.Process().children():
                if "bundle_ml" in " ".join(child.cmdline()):
                    child.kill()
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_children)
    killer.start()
    with pytest.raises(EngineError, match=r"killed by signal 9.* memory ran out.*HISTORY_DAYS"):
        train(tmp_path, orders(60))
    killer.join()


def test_missing_libraries_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TRAINING_LIBRARIES", ("torch", "no_such_library"))

    with pytest.raises(EngineUnavailable, match=r"Training needs no_such_library.*django-product-bundles\[train\]"):
        train(tmp_path, orders(30))


@pytest.mark.parametrize("name", ["candidates.jsonl", "model.safetensors", "vocabulary.json"])
def test_a_file_that_changed_is_rejected(tmp_path: Path, name: str) -> None:
    artefact = make_artefact(tmp_path / "artefact", [make_candidate("1", ["1", "2"])])
    (artefact / name).write_bytes((artefact / name).read_bytes()[:-1])

    with pytest.raises(ArtefactRejected, match=rf"{name}.*what was live stays live"):
        engine.verified_manifest(artefact)


def test_a_folder_that_is_no_artefact_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ArtefactRejected, match=r"manifest.json"):
        engine.verified_manifest(tmp_path)
