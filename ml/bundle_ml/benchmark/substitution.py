"""How well substitutes are kept out of bundles, and what that costs.

    python -m bundle_ml substitutes --dataset online_retail_ii --json substitutes.json

A shop's whole training runs on all orders but the last tenth. Then, with 95 % bootstrap intervals:

* **Published**: the share of bundles that hold two variants, by the rule of `variants`, over anchors.
* **Cost**: NDCG@10 of the next item on the last tenth, by the ranking that bundles are made of, and by the same ranking
  with everything struck out that replaces an item shown. A hidden item that is struck out counts as missed. Beside it
  the same over the questions whose answer is no variant of an item shown.
* **Telling apart**: of the pairs of variants how many are refused, and how many of the items' strongest partners that
  are no variants; by all rules together, by likeness alone, and by titles that differ in one word alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bundle_ml.artefact import iter_candidates, read_tensors, read_vocabulary
from bundle_ml.baskets import Baskets
from bundle_ml.benchmark.datasets import Orders, read_dataset, read_orders
from bundle_ml.benchmark.sizes import write_window
from bundle_ml.benchmark.variants import Variants
from bundle_ml.bootstrap import BasketDraws, interval
from bundle_ml.cases import Cases, baskets_of_cases, cases_by_context_size
from bundle_ml.catalogue import read_catalogue
from bundle_ml.durable import replace_file
from bundle_ml.errors import DataError
from bundle_ml.ladder import BLEND
from bundle_ml.lines import read_baskets
from bundle_ml.metrics import top_items
from bundle_ml.pipeline import train
from bundle_ml.rungs import CATEGORY, CO_PURCHASE, POPULARITY, ItemToItem, Rung
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.stored import from_tensors
from bundle_ml.substitutes import Substitutes

HELD_OUT_RATIO = 0.1
LOOKED_AT = 60
"""Places of a ranking among which what is struck out is looked for; ten must be left."""
PLACES = 10
ROWS_AT_ONCE = 256

Replaces = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A trained shop, and what came after."""

    baskets: Baskets
    later: Baskets
    shelf: Shelf
    ranking: Rung
    co_purchase: ItemToItem
    substitutes: Substitutes
    bundles: tuple[tuple[str, tuple[int, ...]], ...]
    """Anchor and item numbers."""
    rung: str
    settings: Settings


def main(options: argparse.Namespace) -> str:
    """Carry the command out; returns the table."""
    orders = read_orders(options.orders) if options.orders else read_dataset(options.dataset, options.data)
    values = json.loads(options.config.read_text(encoding="utf-8")) if options.config else {}
    with tempfile.TemporaryDirectory(prefix="bundle_ml-substitutes-") as folder:
        results = measure(train_until_the_last(orders, Path(folder), Settings.from_mapping(values)))
    results["orders"] = orders.name
    table = as_markdown(results)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    replace_file(options.json, (json.dumps(results, indent=2) + "\n").encode())
    replace_file(options.json.with_suffix(".md"), table.encode())
    return table


def train_until_the_last(orders: Orders, folder: Path, settings: Settings) -> Trial:
    """Train on all but the last orders, as a shop does.

    Raises:
        DataError: there are too few orders to hold some out.
    """
    several = np.flatnonzero(orders.baskets.lengths >= 2)
    held_out = int(len(several) * HELD_OUT_RATIO)
    if not held_out:
        raise DataError(f"Found {len(several)} baskets of two or more; expected at least {int(1 / HELD_OUT_RATIO)}.")
    cut = int(several[-held_out])
    lines = write_window(orders.baskets.between(0, cut), folder / "lines.parquet")
    later = write_window(orders.baskets.between(cut, len(orders.baskets)), folder / "later.parquet")
    items = folder / "items.jsonl"
    items.write_text("".join(_catalogue_line(orders, key) for key in orders.baskets.keys), encoding="utf-8")
    artefact = folder / "artefact"
    manifest = train(lines, items, artefact, settings=settings)
    vocabulary, tensors = read_vocabulary(artefact), read_tensors(artefact)
    keys = vocabulary["keys"]
    baskets, later_baskets = (read_baskets(file, keys)[0].numbered_as(keys) for file in (lines, later))
    shelf = Shelf.of(keys, read_catalogue(items))
    number_of = {key: number for number, key in enumerate(shelf.keys)}
    fitted = from_tensors(tensors, vocabulary["facts"])
    co_purchase = fitted.rungs.get(CO_PURCHASE)
    if manifest.rung in {POPULARITY, CATEGORY} or not isinstance(co_purchase, ItemToItem):
        raise DataError(f"The shop got bundles by {manifest.rung}; expected enough orders to learn from.")
    return Trial(
        baskets=baskets,
        later=later_baskets.of_several(),
        shelf=shelf,
        ranking=fitted.blend if manifest.rung == BLEND and fitted.blend else fitted.rungs[manifest.rung],
        co_purchase=co_purchase,
        substitutes=Substitutes.of(shelf, baskets, tensors["context_vectors"], settings),
        bundles=tuple(
            (each.anchor, tuple(number_of[key] for key, _ in each.items))
            for each in iter_candidates(artefact)
            if each.anchor
        ),
        rung=manifest.rung,
        settings=settings,
    )


def measure(trial: Trial) -> dict[str, Any]:
    variants = Variants.of(trial.shelf.titles)
    return {
        "rung": trial.rung,
        "published": _published(trial, variants),
        "cost": _cost(trial, variants),
        "telling_apart": _telling_apart(trial, variants),
    }


def _published(trial: Trial, variants: Variants) -> dict[str, Any]:
    anchors = {anchor: number for number, anchor in enumerate(dict.fromkeys(anchor for anchor, _ in trial.bundles))}
    held = np.asarray([variants.any_two(items) for _, items in trial.bundles], np.float64)
    anchor_of_bundle = np.asarray([anchors[anchor] for anchor, _ in trial.bundles], np.int64)
    draws = BasketDraws.of(len(anchors), samples=trial.settings.bootstrap_samples, seed=trial.settings.seed)
    low, high = interval(draws.means(held[:, None], anchor_of_bundle)[:, 0])
    return {"bundles": len(held), "with_two_variants": float(held.mean()), "low": low, "high": high}


def _cost(trial: Trial, variants: Variants) -> dict[str, Any]:
    """NDCG@10 with and without refusing, by context size and in the mean over them."""
    cases = cases_by_context_size(trial.later, seed=trial.settings.seed, limit=trial.settings.case_limit)
    draws = BasketDraws.of(
        len(cases["all_but_one"]), samples=trial.settings.bootstrap_samples, seed=trial.settings.seed
    )
    basket_of_case = baskets_of_cases(cases)
    replaces = _remembered(trial.substitutes.replaces)
    rows: dict[str, Any] = {}
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {"all": [], "other_products": []}
    for size, at_size in cases.items():
        if not len(at_size):
            continue
        free_B, refusing_B = _gains(trial.ranking, at_size, replaces)
        other_B = np.asarray(
            [
                not any(variants.are(shown, target) for shown in at_size.contexts[row].tolist())
                for row, target in enumerate(at_size.targets.tolist())
            ]
        )
        rows[size] = {"answers_that_are_variants": float(1 - other_B.mean())}
        gains_BM = np.stack([free_B, refusing_B], axis=1)
        for name, counted_B in (("all", np.ones(len(at_size), np.bool_)), ("other_products", other_B)):
            means_SM = draws.means(gains_BM, basket_of_case[size], np.repeat(counted_B[:, None], 2, axis=1))
            drawn[name].append(means_SM)
            rows[size][name] = _change(gains_BM[counted_B].mean(axis=0), means_SM)
    mean = {
        name: _change(
            np.asarray([[row[name]["free"], row[name]["refusing"]] for row in rows.values()]).mean(axis=0),
            np.mean(each, axis=0),
        )
        for name, each in drawn.items()
    }
    return {"by_size": rows, "mean": mean}


def _change(means_M: npt.NDArray[np.float64], draws_SM: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = interval(1 - draws_SM[:, 1] / np.maximum(draws_SM[:, 0], 1e-12))
    return {
        "free": float(means_M[0]),
        "refusing": float(means_M[1]),
        "loss": float(1 - means_M[1] / means_M[0]) if means_M[0] else 0.0,
        "loss_low": low,
        "loss_high": high,
    }


def _gains(ranking: Rung, cases: Cases, replaces: Replaces) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """NDCG@10 of each case, without and with striking out what replaces an item shown."""
    free, refusing = [], []
    for rows, contexts in cases.contexts.in_batches(ROWS_AT_ONCE):
        top_BK = top_items(contexts.exclude_from(ranking.scores(contexts)), LOOKED_AT)
        for row, target in enumerate(cases.targets[rows].tolist()):
            listed = top_BK[row].tolist()
            free.append(_gain(listed, target))
            shown = contexts[row].tolist()
            kept = (item for item in listed if not any(replaces(each, item) for each in shown))
            refusing.append(_gain([item for item, _ in zip(kept, range(PLACES), strict=False)], target))
    return np.asarray(free), np.asarray(refusing)


def _gain(listed: list[int], target: int) -> float:
    return 1 / float(np.log2(listed.index(target) + 2)) if target in listed[:PLACES] else 0.0


def _remembered(replaces: Replaces) -> Replaces:
    known: dict[tuple[int, int], bool] = {}

    def answer(one: int, other: int) -> bool:
        pair = (one, other) if one < other else (other, one)
        if pair not in known:
            known[pair] = replaces(*pair)
        return known[pair]

    return answer


def _telling_apart(trial: Trial, variants: Variants) -> dict[str, Any]:
    """Ask about pairs of items that were bought: variants, and strongest partners that are none."""
    postings = trial.substitutes.postings
    pairs = [pair for pair in variants.pairs() if min(postings.orders(item) for item in pair) > 0]
    partners = _strongest_partners(trial, variants)
    rules: Mapping[str, Replaces] = {
        "all rules": trial.substitutes.replaces,
        "likeness alone": _likeness_alone(trial.substitutes, trial.settings.substitute_probability),
        "one word differs": trial.substitutes.titles.alike,
    }
    rows = {}
    for name, rule in rules.items():
        refused, wrongly = (sum(rule(*pair) for pair in each) for each in (pairs, partners))
        rows[name] = {
            "recall": refused / max(len(pairs), 1),
            "precision": refused / max(refused + wrongly, 1),
            "partners_refused": wrongly / max(len(partners), 1),
        }
    return {"pairs_of_variants": len(pairs), "partners": len(partners), "rules": rows}


def _likeness_alone(substitutes: Substitutes, probability: float) -> Replaces:
    def replaces(one: int, other: int) -> bool:
        features = substitutes.likeness.features([(one, other)])
        return float(substitutes.model.probabilities(features)[0]) >= probability

    return replaces


def _strongest_partners(trial: Trial, variants: Variants) -> list[tuple[int, int]]:
    """For each item the one most bought with it, by weighted co-purchase, that is no variant of it; each pair once."""
    weights_VV = trial.co_purchase.weights_VV
    found: set[tuple[int, int]] = set()
    for item in range(trial.shelf.learned_count):
        row = slice(weights_VV.indptr[item], weights_VV.indptr[item + 1])
        others, values = weights_VV.indices[row], weights_VV.data[row]
        for other in others[np.argsort(-values, kind="stable")].tolist():
            if not variants.are(item, other):
                found.add((min(item, other), max(item, other)))
                break
    return sorted(found)


def as_markdown(results: Mapping[str, Any]) -> str:
    published, cost, apart = results["published"], results["cost"], results["telling_apart"]
    share = f"{published['with_two_variants']:.2%} (95 %: {published['low']:.2%} … {published['high']:.2%})"
    lines = [
        f"# Substitutes: {results['orders']}",
        "",
        f"Of {published['bundles']:,} published bundles ({results['rung']}) hold two variants: {share}.",
        "",
        "Columns 3 to 5 are of all answers, columns 6 to 8 of answers that are no variant of an item shown.",
        "",
        "| items shown | answers that are variants | NDCG@10 | refusing | loss | NDCG@10 | refusing | loss |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, row in (*cost["by_size"].items(), ("mean", cost["mean"])):
        share = f"{row['answers_that_are_variants']:.1%}" if "answers_that_are_variants" in row else ""
        cells = [size, share]
        for name in ("all", "other_products"):
            found = row[name]
            cells += [f"{found['free']:.4f}", f"{found['refusing']:.4f}"]
            cells.append(f"{found['loss']:+.1%} ({found['loss_low']:+.1%} … {found['loss_high']:+.1%})")
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"{apart['pairs_of_variants']:,} pairs of variants, {apart['partners']:,} strongest partners that are none:",
        "",
        "| rule | variants refused | precision | partners refused |",
        "|---|---|---|---|",
    ]
    for name, row in apart["rules"].items():
        lines.append(f"| {name} | {row['recall']:.1%} | {row['precision']:.1%} | {row['partners_refused']:.1%} |")
    return "\n".join(lines) + "\n"


def _catalogue_line(orders: Orders, key: str) -> str:
    item = orders.items.get(key)
    line = {"key": key, "title": item.title if item else key, "category": item.category if item else None}
    return json.dumps(line) + "\n"
