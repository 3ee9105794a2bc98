"""Measure an artefact again, on orders that came after it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from bundle_ml.artefact import read_tensors, read_vocabulary, verify
from bundle_ml.cases import cases_by_context_size
from bundle_ml.errors import DataError
from bundle_ml.evaluation import evaluate_rungs
from bundle_ml.ladder import BLEND, LADDER
from bundle_ml.lines import read_baskets
from bundle_ml.rungs import Rung
from bundle_ml.settings import Settings
from bundle_ml.stored import from_tensors
from bundle_ml.tables import format_table


def reevaluate(artefact: Path, lines: Path) -> str:
    """Return a table of all rungs of the artefact.

    Only orders later than the artefact's last one are asked about, so that nothing it learned from is counted.

    Raises:
        ArtefactError: the artefact is damaged.
        DataError: the lines hold no later basket of two known items, or the artefact does not know what is later.
    """
    manifest = verify(artefact)
    settings = Settings.from_mapping(manifest.settings)
    vocabulary = read_vocabulary(artefact)
    baskets, _ = read_baskets(lines, vocabulary["keys"], max_basket_items=settings.max_basket_items)
    last_ordered_at = manifest.data["last_ordered_at"]
    if last_ordered_at is None:
        raise DataError(
            "The artefact was trained on orders without times, so later ones cannot be told from those it has learned. "
            "Train on lines with 'ordered_at' to measure it on new orders."
        )
    learned_until = round(datetime.fromisoformat(last_ordered_at).timestamp() * 1e6)
    baskets = baskets.where(baskets.ordered_at > learned_until)
    baskets = baskets.numbered_as(vocabulary["keys"]).of_several()
    if not len(baskets):
        raise DataError(
            f"{lines.name} holds no basket of two known items later than {last_ordered_at}, until when the artefact "
            "has learned. Export orders that came after it."
        )
    tensors = read_tensors(artefact)
    fitted = from_tensors(tensors, vocabulary["facts"])
    rungs: dict[str, Rung] = {name: rung for name, rung in fitted.rungs.items() if name in LADDER}
    if fitted.blend:
        rungs[BLEND] = fitted.blend
    cases = cases_by_context_size(baskets, seed=settings.seed, limit=settings.case_limit)
    evaluation = evaluate_rungs(
        rungs,
        cases,
        order_counts_V=tensors["order_counts"],
        samples=settings.bootstrap_samples,
        seed=settings.seed,
    )
    return f"{len(baskets):,} later baskets\n" + format_table([row.to_json() for row in evaluation.rows])
