"""What clicks could teach a shop about composing, rehearsed on its own orders with shoppers who are made up.

    python -m bundle_ml rehearse --dataset online_retail_ii --showings 300000,1000000,3000000 --json rehearsal.json

Bundles are composed from real orders. Made up is who clicks: every item and every bundle has an appeal that no order
tells, some anchors are never shown, and pages are explored as a shop would. What is composed afterwards is judged by
the truth: the clicks on the first three bundles of an anchor, each place being looked at less than the one above. In a
second shop all items have the same appeal, so that there is nothing to learn, and nothing should be let in.

Shapes: A anchors, C bundles of an anchor, K places, N pages.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from bundle_ml.benchmark.datasets import read_dataset, read_orders
from bundle_ml.benchmark.sizes import whole_numbers
from bundle_ml.clicks import bandit, nightly
from bundle_ml.clicks.showings import Arm, Showings
from bundle_ml.clicks.taught import Found, TaughtByClicks, learn_from_showings
from bundle_ml.clicks.truth import Numbers, Reals
from bundle_ml.durable import replace_file
from bundle_ml.errors import DataError
from bundle_ml.generation import Composer
from bundle_ml.learning import learn
from bundle_ml.progress import Reporter
from bundle_ml.proposals import Proposer, context_vectors
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf

PLACE_BIAS = np.array([1.0, 0.7, 0.5])
USUAL_LOG_ODDS = -3.4
"""Of a click on a bundle of average appeal in the first place: 3.2 %."""
ITEM_APPEAL, BUNDLE_APPEAL = 0.6, 0.3
"""Standard deviations, in log-odds."""
HIDDEN_RATIO, BUYER_RATIO = 0.2, 0.3
SHOWINGS_A_VISITOR = 5
LEAST_ANCHORS = 20
STATISTICS_ALONE: dict[str, Any] = {"transformer_min_baskets": 2**31 - 1}
"""By default no Transformer is trained: this is about clicks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    showings: int
    has_appeal: bool
    code: str
    numbers: Mapping[str, float]
    clicks_ratio: float
    """True clicks on what is composed with what was learned, over those before, beside anchors that were shown ..."""
    hidden_clicks_ratio: float
    """... and beside anchors that never were."""
    new_ratio: float
    """Of the bundles, those that were composed for no anchor before."""


@dataclass(frozen=True, slots=True, eq=False)
class Shoppers:
    """Who answers: the chance of a click on any bundle in the first place."""

    item_appeal_V: Reals
    random: np.random.Generator
    bundle_appeal: dict[Arm, float] = field(default_factory=dict)

    def chance(self, arm: Arm) -> float:
        if arm not in self.bundle_appeal:
            self.bundle_appeal[arm] = float(self.random.normal(0, BUNDLE_APPEAL))
        liked = float(self.item_appeal_V[list(arm[1:])].sum()) / np.sqrt(len(arm) - 1)
        return float(1 / (1 + np.exp(-(USUAL_LOG_ODDS + liked + self.bundle_appeal[arm]))))


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """The most ordered items of a shop, and what is composed for them."""

    composer: Composer
    vectors_VD: npt.NDArray[np.float32]
    anchors: list[int]
    visits_A: Reals
    """How often each one's page is opened, as a share of all."""

    @classmethod
    def of(cls, name: str, data: Path, orders: Path | None, *, anchor_count: int, settings: Settings) -> Shop:
        """
        Raises:
            DataError: the orders teach no composing, or of too few items.
        """
        read = read_orders(orders) if orders else read_dataset(name, data)
        baskets = read.baskets
        shelf = Shelf.of(baskets.keys, [read.items[key] for key in baskets.keys if key in read.items])
        learned = learn(baskets, shelf, settings=settings, work=None, reporter=Reporter())
        vectors_VD = context_vectors(baskets, seed=settings.seed)
        proposer = Proposer.of(
            baskets,
            shelf,
            learned.popularity,
            settings,
            rung=learned.decision.rung,
            decoder=learned.decoder,
            co_purchase=learned.co_purchase,
            context_vectors_VD=vectors_VD,
        )
        orders_V = baskets.order_counts()
        top = np.sort(np.argsort(-orders_V, kind="stable")[:anchor_count])
        composed = dict(proposer.composer.compose_all(top.tolist())) if proposer.composer else {}
        anchors = [anchor for anchor, drafts in composed.items() if len(drafts) > 1]
        if len(anchors) < LEAST_ANCHORS or proposer.composer is None:
            raise DataError(
                f"Found {len(anchors)} items with two bundles or more; expected at least {LEAST_ANCHORS}. Give more "
                "orders."
            )
        visits_A = orders_V[anchors] / orders_V[anchors].sum()
        return cls(proposer.composer, vectors_VD, anchors, np.asarray(visits_A, np.float64))

    def composed(self, taught: TaughtByClicks | None) -> list[list[Arm]]:
        """The bundles of each anchor, best first."""
        composer = replace(self.composer, taught=taught)
        return [[draft.items for draft in drafts] for _, drafts in composer.compose_all(self.anchors)]

    def clicks(self, composed: Sequence[Sequence[Arm]], shoppers: Shoppers, asked_A: Numbers) -> float:
        """True clicks an impression on the pages of some anchors."""
        by_anchor = [
            np.average([shoppers.chance(arm) for arm in composed[row][:3]], weights=PLACE_BIAS[: len(composed[row])])
            for row in asked_A.tolist()
        ]
        return float(np.average(by_anchor, weights=self.visits_A[asked_A]))


def rehearse(shop: Shop, count: int, *, has_appeal: bool, exploration_ratio: float, seed: int) -> Rehearsed:
    """Show bundles about so many times, learn from it, and ask the truth what that was worth."""
    random = np.random.default_rng([seed, 50])
    appeal_V = random.normal(0, ITEM_APPEAL, len(shop.vectors_VD)) * has_appeal
    shoppers = Shoppers(appeal_V, random)
    order_A = random.permutation(len(shop.anchors))
    hidden_A, shown_A = np.split(order_A, [round(len(order_A) * HIDDEN_RATIO)])
    before = shop.composed(None)
    showings = _shown(
        [before[row] for row in shown_A.tolist()],
        random.multinomial(count // len(PLACE_BIAS), shop.visits_A[shown_A] / shop.visits_A[shown_A].sum()),
        shoppers,
        exploration_ratio=exploration_ratio,
    )
    found = learn_from_showings(showings, shop.composer, shop.vectors_VD, seed=seed)
    return _told(shop, found, before, shoppers, has_appeal=has_appeal, hidden_A=hidden_A, shown_A=shown_A)


def _told(
    shop: Shop,
    found: Found,
    before: Sequence[Sequence[Arm]],
    shoppers: Shoppers,
    *,
    has_appeal: bool,
    hidden_A: Numbers,
    shown_A: Numbers,
) -> Rehearsed:
    after = shop.composed(found.taught)
    known = {frozenset(arm) for arms in before for arm in arms}
    composed = [arm for arms in after for arm in arms]
    clicks_ratio, hidden_clicks_ratio = (
        shop.clicks(after, shoppers, asked_A) / shop.clicks(before, shoppers, asked_A)
        for asked_A in (shown_A, hidden_A)
    )
    return Rehearsed(
        showings=found.report["showings"],
        has_appeal=has_appeal,
        code=found.report["code"],
        numbers=found.report["numbers"],
        clicks_ratio=clicks_ratio,
        hidden_clicks_ratio=hidden_clicks_ratio,
        new_ratio=fmean(frozenset(arm) not in known for arm in composed),
    )


def _shown(
    pages: Sequence[Sequence[Arm]], visits_A: Numbers, shoppers: Shoppers, *, exploration_ratio: float
) -> Showings:
    """Show the blend's order, explored, so many times beside each anchor."""
    random = shoppers.random
    settings = bandit.BanditSettings(exploration_ratio=exploration_ratio)
    arms = tuple(sorted(arm for page in pages for arm in page))
    number_of = {arm: number for number, arm in enumerate(arms)}
    columns: list[tuple[Numbers, Numbers, Numbers, Reals, Reals]] = []
    for page, visits in zip(pages, visits_A.tolist(), strict=True):
        by_order = nightly.order_values(len(page))
        values = bandit.Values(by_order.mean_RH.T, by_order.deviation_RH.T)
        place_count = min(len(PLACE_BIAS), len(page))
        plan = bandit.plan(values, np.ones((1, len(page)), np.bool_), place_count, settings)
        shown_NK = plan.take(np.zeros(visits, np.int64)).draw(random)
        chance_C, numbers_C = (
            np.array([shoppers.chance(arm) for arm in page]), np.array([number_of[arm] for arm in page])
        )  # fmt: skip
        for place in range(place_count):
            column_N = shown_NK[:, place]
            clicks_N = random.random(visits) < chance_C[column_N] * PLACE_BIAS[place]
            places_N, counts_N = np.full(visits, place), np.full(visits, place_count)
            propensity_N = plan.propensities()[0][column_N, place]
            columns.append((numbers_C[column_N], places_N, counts_N, clicks_N.astype(np.float64), propensity_N))
    arms_N, places_N, counts_N, clicks_N, propensities_N = (
        np.concatenate([column[part] for column in columns]) for part in range(5)
    )
    count = len(arms_N)
    in_time = random.permutation(count)
    visitor_count = max(1, count // SHOWINGS_A_VISITOR)
    visitors_N = random.integers(0, visitor_count, count)
    return Showings(
        arms=arms,
        arms_N=arms_N.astype(np.int64),
        places_N=places_N.astype(np.int64),
        place_counts_N=counts_N.astype(np.int64),
        rewards_N=clicks_N,
        propensities_N=propensities_N,
        visitors_N=visitors_N,
        is_buyer_N=visitors_N < BUYER_RATIO * visitor_count,
        shown_at_N=in_time,
    )


def main(options: argparse.Namespace) -> str:
    """Carry the command out; returns the table.

    Raises:
        BundleMLError: of which kind says what was wrong; nothing was written.
    """
    sizes = whole_numbers(options.showings, "--showings")
    settings = Settings.from_mapping(json.loads(options.config.read_text()) if options.config else STATISTICS_ALONE)
    shop = Shop.of(options.dataset, options.data, options.orders, anchor_count=options.anchors, settings=settings)
    asked = [(size, True) for size in sizes] + [(max(sizes), False)]
    rows: list[Rehearsed] = []
    for size, has_appeal in asked:
        for seed in range(options.seeds):
            sys.stderr.write(f"{size:,} showings, items {'with' if has_appeal else 'without'} appeal, seed {seed}\n")
            rows.append(
                rehearse(shop, size, has_appeal=has_appeal, exploration_ratio=options.exploration_ratio, seed=seed)
            )
    table = as_markdown(rows, seeds=options.seeds)
    replace_file(options.json, (json.dumps([_as_json(row) for row in rows], indent=2) + "\n").encode())
    replace_file(options.json.with_suffix(".md"), table.encode())
    return table


def _as_json(row: Rehearsed) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Rehearsed.__dataclass_fields__}


def as_markdown(rows: Sequence[Rehearsed], *, seeds: int) -> str:
    """A line for each number of showings; means over the seeds, and how often the gate let it in."""
    lines = [
        "| showings | items' appeal | let in | lead by the log | clicks beside shown | beside others | new bundles |",
        "|---" * 7 + "|",
    ]
    for begin in range(0, len(rows), seeds):
        group = rows[begin : begin + seeds]
        in_words = "differs" if group[0].has_appeal else "is the same"
        let_in = sum(row.code == "better" for row in group)
        leads = [row.numbers["lead"] / row.numbers["incumbent"] for row in group if "lead" in row.numbers]
        lead = f"{100 * fmean(leads):+.1f} %" if leads else ""
        means = (fmean(row.clicks_ratio for row in group), fmean(row.hidden_clicks_ratio for row in group))
        cells = (f"{fmean(row.showings for row in group):,.0f}", in_words, f"{let_in} of {seeds}", lead)
        new = f"{100 * fmean(row.new_ratio for row in group):.0f} %"
        lines.append("| " + " | ".join([*cells, *(f"{each:.2f} ×" for each in means), new]) + " |")
    return "\n".join(lines) + "\n"
