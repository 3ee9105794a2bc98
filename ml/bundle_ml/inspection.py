"""An artefact in words, and the items most like one. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bundle_ml.artefact import Manifest, iter_candidates, read_tensors, read_vocabulary, verify
from bundle_ml.errors import ArtefactError
from bundle_ml.similarity import most_similar
from bundle_ml.tables import format_table


def describe(path: Path) -> str:
    return "\n".join(_lines(verify(path)))


def _lines(manifest: Manifest) -> Iterator[str]:
    data = manifest.data
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in data["dropped"].items() if count) or "none"
    yield f"artefact   {manifest.fingerprint[:16]}, made {manifest.created_at}, every file verified"
    yield f"orders     {data['lines_read']:,} lines read, {data['lines_kept']:,} kept (dropped: {dropped})"
    yield f"           {data['baskets']:,} baskets of {data['items']:,} items, until {data['last_ordered_at']}"
    yield f"rung       {manifest.rung} ({manifest.metrics.get('decision', '')})"
    yield f"bundles    {manifest.candidates:,} candidates"
    if clicks := manifest.metrics.get("clicks"):
        yield f"clicks     {clicks['showings']:,} showings; composing: {clicks['code'].replace('_', ' ')}"
    yield f"cost       {sum(manifest.seconds.values()):.0f} s, {manifest.peak_memory_bytes / 2**20:.0f} MiB at most"
    if manifest.metrics["rows"]:
        yield ""
        yield format_table(manifest.metrics["rows"])
    if calibration := manifest.metrics.get("calibration"):
        error, of_softmax = (calibration.get(name) for name in ("expected_error", "expected_error_of_softmax"))
        alone = "" if of_softmax is None else f"; of the softmax alone {of_softmax:.4f}"
        yield ""
        yield f"confidence predicted and observed shares are {error:.4f} apart on average{alone}"
        predicted, bought = (calibration["bins"][-1][name] for name in ("predicted", "observed"))
        yield f"           of the surest tenth {predicted:.1%} were predicted and {bought:.1%} bought"


def describe_item(path: Path, key: str, *, count: int = 8) -> str:
    """Show an item's bundles, and its nearest neighbours by cosine of context vectors."""
    verify(path)
    bundles = [each for each in iter_candidates(path) if each.anchor == key and not each.evidence.context]
    keys = read_vocabulary(path)["keys"]
    if not bundles and key not in keys:
        raise ArtefactError(
            f"Found no item {key!r} in the artefact; expected a key such as {keys[0] if keys else ''!r}."
        )
    lines = [f"bundles of {key}"]
    for bundle in bundles:
        evidence = bundle.evidence
        parts = ", ".join(
            f"{part} ({evidence.parts[part]['together']} orders together)" for part, _ in bundle.items[1:]
        )
        lines.append(f"  {bundle.rank}. {bundle.score:.3f} {bundle.rung:<11} {parts}")
    if key in keys:
        lines.append("most alike")
        vectors_VD = read_tensors(path)["context_vectors"]
        lines += [
            f"  {cosine:.3f} {keys[item]}" for item, cosine in most_similar(vectors_VD, keys.index(key), count=count)
        ]
    return "\n".join(lines)
