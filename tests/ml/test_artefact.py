from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.artefact import (
    CANDIDATES,
    MANIFEST,
    MODEL,
    VOCABULARY,
    Candidate,
    Evidence,
    iter_candidates,
    read_manifest,
    verify,
    write_artefact,
)
from bundle_ml.errors import ArtefactError

EVIDENCE = Evidence(
    orders=9, support=3, anchor_orders=5, confidence=0.6, lift=2.0, shares={"ease": 1.0}, parts={"b": {"together": 3}}
)
CANDIDATE = Candidate(
    anchor="a", items=(("a", 1), ("b", 1)), score=0.7, rank=1, rung="ease", kind="pair", evidence=EVIDENCE
)
ABOUT: dict[str, Any] = {
    "created_at": "2024-01-01T00:00:00+00:00",
    "rung": "ease",
    "settings": {},
    "data": {},
    "metrics": {"rows": []},
    "history": [],
    "seconds": {},
    "peak_memory_bytes": 1,
    "coverage": {},
    "versions": {},
}


def _write(path: Path, *, weight: float = 1.5, **about: Any) -> Path:
    write_artefact(
        path,
        vocabulary={"keys": ["a", "b"]},
        tensors={"weights": np.full(20, weight, np.float32)},
        candidates=[CANDIDATE],
        about=ABOUT | about,
    )
    return path


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return _write(tmp_path / "artefact")


def _edit_manifest(artefact: Path, **changes: Any) -> None:
    manifest = json.loads((artefact / MANIFEST).read_text())
    (artefact / MANIFEST).write_text(json.dumps(manifest | changes))


def test_what_was_written_is_read_back(artefact: Path) -> None:
    manifest = verify(artefact)

    assert manifest == read_manifest(artefact)
    assert (manifest.format, manifest.rung, manifest.candidates) == (4, "ease", 1)
    assert set(manifest.files) == {VOCABULARY, MODEL, CANDIDATES}
    assert list(iter_candidates(artefact)) == [CANDIDATE]


def test_the_fingerprint_names_the_content_and_not_the_hour(tmp_path: Path) -> None:
    one = verify(_write(tmp_path / "one"))
    later = verify(_write(tmp_path / "later", created_at="2030-01-01T00:00:00+00:00", seconds={"train": 9.0}))
    other = verify(_write(tmp_path / "other", weight=1.6))

    assert one.fingerprint == later.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", [MODEL, VOCABULARY, CANDIDATES])
@pytest.mark.parametrize("place", [0, 0.3, 0.99])
def test_a_single_flipped_bit_is_found(artefact: Path, name: str, place: float) -> None:
    content = bytearray((artefact / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (artefact / name).write_bytes(content)

    with pytest.raises(ArtefactError, match=f"{name} is damaged: found sha256 .*, expected .*Train again or restore"):
        verify(artefact)


@pytest.mark.parametrize("name", [MODEL, VOCABULARY, CANDIDATES])
def test_a_truncated_file_is_found(artefact: Path, name: str) -> None:
    (artefact / name).write_bytes((artefact / name).read_bytes()[:-1])

    with pytest.raises(ArtefactError, match=f"{name} is damaged: found bytes"):
        verify(artefact)


@pytest.mark.parametrize("name", [MODEL, VOCABULARY, CANDIDATES])
def test_a_missing_file_is_found(artefact: Path, name: str) -> None:
    (artefact / name).unlink()

    with pytest.raises(ArtefactError, match=f"The artefact lacks {name}"):
        verify(artefact)


def test_a_link_is_not_taken_for_a_file(artefact: Path, tmp_path: Path) -> None:
    shutil.move(artefact / MODEL, tmp_path / "elsewhere")
    (artefact / MODEL).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArtefactError, match=f"The artefact lacks {MODEL}"):
        verify(artefact)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "pickle.pkl", "nested/model.safetensors"])
def test_a_manifest_names_no_file_but_ours(artefact: Path, name: str) -> None:
    files = json.loads((artefact / MANIFEST).read_text())["files"]
    _edit_manifest(artefact, files=files | {name: {"sha256": "0", "bytes": 1}})

    with pytest.raises(ArtefactError, match="This artefact is foreign: do not use it"):
        read_manifest(artefact)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "manifest.json is not JSON"),
        ("[]", "Found an artefact of format None, expected 4"),
        ('{"format": 99}', "Found an artefact of format 99, expected 4"),
        ('{"format": 4}', "manifest.json lacks candidates, coverage, created_at"),
    ],
)
def test_a_foreign_manifest_says_what_was_expected(artefact: Path, content: str, message: str) -> None:
    (artefact / MANIFEST).write_text(content)

    with pytest.raises(ArtefactError) as caught:
        read_manifest(artefact)

    assert message in str(caught.value)


def test_a_directory_without_a_manifest_is_no_artefact(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"Found no manifest\.json in"):
        verify(tmp_path)


def test_an_edited_fingerprint_is_found(artefact: Path) -> None:
    _edit_manifest(artefact, fingerprint="0" * 64)

    with pytest.raises(ArtefactError, match="manifest.json does not match its seal"):
        verify(artefact)


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, weight: float) -> None:
    with pytest.raises(ArtefactError, match="holds a value in 'weights' that is not a number"):
        verify(_write(tmp_path / "artefact", weight=weight))


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "not json",
        json.dumps({"anchor": "a", "items": [["a", 1]], "score": 0.5, "rank": 1, "rung": "ease", "evidence": {}}),
        '{"anchor":"a","items":[["a",1],["b",1]],"score":NaN,"rank":1,"rung":"ease","evidence":{"orders":1,"support":1,'
        '"anchor_orders":1,"confidence":null,"lift":null,"shares":{},"parts":{}}}',
    ],
)
def test_a_line_that_is_no_candidate_says_where(artefact: Path, line: str) -> None:
    with (artefact / CANDIDATES).open("a") as lines:
        lines.write(line + "\n")

    with pytest.raises(ArtefactError, match=r"candidates\.jsonl, line 2: found"):
        list(iter_candidates(artefact))


def test_a_failed_write_leaves_the_old_artefact(artefact: Path) -> None:
    before = verify(artefact)

    with pytest.raises(ValueError, match="Out of range float values"):
        write_artefact(artefact, vocabulary={"keys": float("nan")}, tensors={}, candidates=[], about=ABOUT)

    assert verify(artefact) == before


def test_a_manifest_holds_no_number_that_json_does_not_know(artefact: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        _write(artefact, seconds={"train": float("nan")})


def test_artefacts_are_read_without_the_packages_of_training(artefact: Path) -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'scipy', 'pyarrow', 'tqdm', 'django'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from bundle_ml.artefact import iter_candidates, read_manifest, verify\n"
        "import bundle_ml.errors, bundle_ml.inspection, bundle_ml.similarity\n"
        "path = Path(sys.argv[1]); verify(path); read_manifest(path); print(len(list(iter_candidates(path))))\n"
    )

    done = subprocess.run([sys.executable, "-c", script, str(artefact)], capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ("1", "")
