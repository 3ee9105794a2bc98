"""The one directory that a training run leaves behind, and how to trust it.

    manifest.json         what was learned from what, how well, and the sha256 of every other file
    vocabulary.json       item keys and titles, in the order of item numbers, and the few facts that are not arrays
    model.safetensors     weights and statistics
    candidates.jsonl      bundles to publish, by anchor

Nothing here needs torch, scipy or pyarrow, and nothing is ever unpickled. The fingerprint names the content: it is the
hash of the other files' hashes, so the same data, settings and seed give the same fingerprint on the same kind of
machine (processor, threads, library versions), whenever and however slowly it was computed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from bundle_ml.durable import new_directory
from bundle_ml.errors import ArtefactError

FORMAT = 4
MANIFEST, VOCABULARY, MODEL, CANDIDATES = "manifest.json", "vocabulary.json", "model.safetensors", "candidates.jsonl"
CONTENT = (CANDIDATES, MODEL, VOCABULARY)
FILES = (MANIFEST, *CONTENT)
MANIFEST_MAX_BYTES = 16 << 20

Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Categories that make a set: how many orders hold an item of each, and how many times as many as chance."""

    categories: list[str]
    orders: int
    lift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers behind a candidate, for a person to read."""

    orders: int
    support: int
    anchor_orders: int
    confidence: float | None
    lift: float | None
    shares: Mapping[str, float]
    parts: Mapping[str, Mapping[str, int]]
    template: Template | None = None
    """What speaks for the categories of the parts; None where they are unknown, or one."""
    in_these_quantities: int | None = None
    """Orders that hold all parts in the bundle's proportion; None where it holds one of each."""
    rest_orders: int | None = None
    """Orders that hold all parts but the anchor; None in an artefact of before they were kept."""
    context: tuple[str, ...] = ()
    """The items that the bundle was composed for, to be shown to whoever has all of them; empty: the anchor alone.
    With it, `anchor_orders` are the orders that hold them all, and so with `parts` and `rest_orders`."""
    influence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What each part brings to each other: part → other part → so much of the other's score (see `influence`).
    Empty for a pair, and for a bundle that no blend composed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bundle proposed for an anchor; the anchor '' stands for the whole shop."""

    anchor: str
    items: tuple[tuple[str, int], ...]
    score: float
    rank: int
    rung: str
    kind: str
    """'pair' of products, 'set' of more, 'content': books, films and music alone, or 'personal': for a context."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """manifest.json. The nested dictionaries are as they stand in the file."""

    format: int
    fingerprint: str
    created_at: str
    rung: str
    settings: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    seconds: dict[str, float]
    peak_memory_bytes: int
    coverage: dict[str, int]
    candidates: int
    versions: dict[str, str]
    files: dict[str, dict[str, Any]]
    seal: str
    """sha256 of all the fields above."""


def write_artefact(
    path: Path,
    *,
    vocabulary: Mapping[str, Any],
    tensors: Tensors,
    candidates: Iterable[Candidate],
    about: Mapping[str, Any],
) -> Manifest:
    """Write all files and the manifest in one step; an artefact that stood at the path before is replaced."""
    with new_directory(path, files=FILES) as directory:
        (directory / VOCABULARY).write_text(_json(vocabulary), encoding="utf-8")
        safetensors.numpy.save_file(
            {name: np.ascontiguousarray(value) for name, value in tensors.items()}, directory / MODEL
        )
        count = 0
        with (directory / CANDIDATES).open("w", encoding="utf-8") as lines:
            for candidate in candidates:
                lines.write(_json(asdict(candidate)) + "\n")
                count += 1
        files = {name: _describe(directory / name) for name in CONTENT}
        manifest = _sealed(
            Manifest(format=FORMAT, fingerprint=_fingerprint(files), candidates=count, files=files, seal="", **about)
        )
        text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False, allow_nan=False)
        (directory / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read what an artefact says of itself, without looking at the other files.

    Raises:
        ArtefactError: there is no manifest, or it is damaged, or of another format.
    """
    file = path / MANIFEST
    if not file.is_file():
        raise ArtefactError(
            f"Found no {MANIFEST} in {str(path)!r}; expected an artefact of `bundle_ml train`. Train again."
        )
    if file.stat().st_size > MANIFEST_MAX_BYTES:
        raise ArtefactError(f"{MANIFEST} is larger than {MANIFEST_MAX_BYTES} bytes; this is no artefact of bundle_ml.")
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactError(
            f"{MANIFEST} is not JSON ({error}); the artefact is damaged. Train again or restore it."
        ) from error
    found = value.get("format") if isinstance(value, dict) else None
    if found != FORMAT:
        raise ArtefactError(f"Found an artefact of format {found!r}, expected {FORMAT}. Train again with this version.")
    known = {each.name for each in fields(Manifest)}
    missing = sorted(known - value.keys())
    if missing:
        raise ArtefactError(f"{MANIFEST} lacks {', '.join(missing)}; the artefact is damaged or foreign. Train again.")
    manifest = Manifest(**{name: entry for name, entry in value.items() if name in known})
    _require_known_files(manifest)
    return manifest


def verify(path: Path) -> Manifest:
    """Check every byte against the manifest, the manifest against its seal, and that no weight is NaN or infinite.

    Hashes find damage, not malice: whoever can write the manifest can write its seal.

    Raises:
        ArtefactError: says which file differs, and how.
    """
    manifest = read_manifest(path)
    if _sealed(manifest) != manifest:
        raise ArtefactError(
            f"{MANIFEST} does not match its seal; it is damaged or was edited. Train again or restore it."
        )
    for name, expected in sorted(manifest.files.items()):
        file = path / name
        if not file.is_file() or file.is_symlink():
            raise ArtefactError(f"The artefact lacks {name}; it is incomplete. Train again or restore it.")
        found = _describe(file)
        for quantity in ("bytes", "sha256"):
            if found[quantity] != expected.get(quantity):
                raise ArtefactError(
                    f"{name} is damaged: found {quantity} {found[quantity]}, expected {expected.get(quantity)}. "
                    "Train again or restore the artefact."
                )
    _require_finite(path / MODEL)
    return manifest


def iter_candidates(path: Path) -> Iterator[Candidate]:
    """Read the proposed bundles one by one, grouped by anchor, best first.

    Raises:
        ArtefactError: the file is missing or a line is not a candidate. Call `verify` first to know before you start.
    """
    file = path / CANDIDATES
    if not file.is_file():
        raise ArtefactError(f"The artefact lacks {CANDIDATES}; it is incomplete. Train again or restore it.")
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            yield _candidate(line, number)


def read_vocabulary(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((path / VOCABULARY).read_text(encoding="utf-8"))
    return value


def read_tensors(path: Path) -> Tensors:
    return dict(safetensors.numpy.load_file(path / MODEL))


def _candidate(line: str, number: int) -> Candidate:
    try:
        value = json.loads(line)
        items = tuple((str(key), int(quantity)) for key, quantity in value.pop("items"))
        evidence = value.pop("evidence")
        template = evidence.pop("template", None)
        context = tuple(map(str, evidence.pop("context", ())))
        evidence = Evidence(template=None if template is None else Template(**template), context=context, **evidence)
        candidate = Candidate(items=items, evidence=evidence, **value)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtefactError(
            f"{CANDIDATES}, line {number}: found no candidate ({error}); the artefact is damaged."
        ) from error
    if not math.isfinite(candidate.score) or len(items) < 2:
        raise ArtefactError(
            f"{CANDIDATES}, line {number}: found score {candidate.score} and {len(items)} items; expected a "
            "finite score and two items or more. Train again."
        )
    return candidate


def _require_known_files(manifest: Manifest) -> None:
    """A manifest may name exactly our files: no path out of the directory, nothing that nobody reads."""
    foreign = sorted(set(manifest.files) ^ set(CONTENT))
    if foreign:
        raise ArtefactError(
            f"{MANIFEST} should list exactly {', '.join(CONTENT)}; it differs in {', '.join(map(repr, foreign))}. "
            "This artefact is foreign: do not use it."
        )


def _require_finite(file: Path) -> None:
    try:
        with safetensors.safe_open(file, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (not a dict)
                value = tensors.get_tensor(name)
                if value.dtype.kind == "f" and not np.isfinite(value).all():
                    raise ArtefactError(
                        f"{MODEL} holds a value in {name!r} that is not a number; expected finite weights. Train again."
                    )
    except safetensors.SafetensorError as error:
        raise ArtefactError(
            f"{MODEL} is no safetensors file ({error}); the artefact is damaged or foreign. Train again."
        ) from error


def _describe(file: Path) -> dict[str, Any]:
    with file.open("rb") as content:
        return {"sha256": hashlib.file_digest(content, "sha256").hexdigest(), "bytes": file.stat().st_size}


def _fingerprint(files: Mapping[str, Mapping[str, Any]]) -> str:
    names = sorted(files)
    return hashlib.sha256("\n".join(f"{name} {files[name]['sha256']}" for name in names).encode()).hexdigest()


def _sealed(manifest: Manifest) -> Manifest:
    content = {name: value for name, value in asdict(manifest).items() if name != "seal"}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return replace(manifest, seal=hashlib.sha256(canonical.encode()).hexdigest())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
