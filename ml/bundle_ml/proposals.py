"""From learned rungs to the candidates of an artefact: every sellable item gets a bundle, the shop gets its best ones,
and so do the pairs of items that shoppers have in hand together most often.

Learned bundles first; an anchor with too few orders, or for which the rules leave nothing, falls back (see `fallback`).

A learned candidate's score is 1 - 2^(-value / typical): 0.5 for a bundle whose parts fit as well as the shop's median
best bundle, towards 1 for better ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bundle_ml.artefact import Candidate
from bundle_ml.assortment import best_of_shop, bounded, merge_near_duplicates, most_alike
from bundle_ml.baskets import Baskets
from bundle_ml.blend import Blend
from bundle_ml.category_pairs import CategoryPairs
from bundle_ml.contexts import common_contexts
from bundle_ml.evidence import Postings, gather_evidence
from bundle_ml.fallback import Fallback, Pair
from bundle_ml.generation import CLICKS, Affinity, Composer, Draft, Taught
from bundle_ml.influence import Influence, influences
from bundle_ml.quantities import QuantityRule
from bundle_ml.rungs import (
    CATEGORY,
    CO_PURCHASE,
    EASE,
    FAMILY,
    POPULARITY,
    TRANSFORMER,
    CoPurchase,
    Popularity,
    fit_category,
)
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.similarity import unit_rows
from bundle_ml.spectrum import item_vectors, ppmi
from bundle_ml.substitutes import Substitutes
from bundle_ml.templates import Templates

PARTS = (TRANSFORMER, EASE, CO_PURCHASE, CATEGORY, POPULARITY)
OFTEN_BOUGHT_ORDERS = 20
SHOP_WIDE = ""
PAIR, SET, CONTENT, PERSONAL = "pair", "set", "content", "personal"
CONTEXT_VECTOR_WIDTH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Proposer:
    """All that is needed to propose bundles for a shop."""

    shelf: Shelf
    postings: Postings
    templates: Templates
    quantities: QuantityRule
    vectors_VD: npt.NDArray[np.float32]
    """Unit vectors of what company items keep; zero beyond the learned ones."""
    fallback: Fallback
    settings: Settings
    rung: str
    composer: Composer | None

    @classmethod
    def of(
        cls,
        baskets: Baskets,
        shelf: Shelf,
        popularity: Popularity,
        settings: Settings,
        *,
        rung: str,
        decoder: Blend | None,
        co_purchase: CoPurchase | None,
        context_vectors_VD: npt.NDArray[np.float32],
        pairs: CategoryPairs | None = None,
    ) -> Proposer:
        substitutes = Substitutes.of(shelf, baskets, context_vectors_VD, settings, pairs=pairs)
        templates = Templates.of(baskets, shelf, pairs=pairs)
        everything = _with_unbought(baskets, shelf)
        log_share = popularity.log_share_V
        floor = log_share.min(initial=0.0) - 1.0
        everywhere = Popularity(np.concatenate([log_share, np.full(len(shelf) - len(log_share), floor, np.float32)]))
        category = fit_category(everything, shelf.category_numbers, everywhere)
        composer = None
        if decoder is not None and co_purchase is not None:
            composer = Composer(
                decoder,
                Affinity.of(baskets, co_purchase, exponent=settings.co_purchase_exponent),
                substitutes,
                templates,
                shelf,
                settings,
            )
        fallback = Fallback.of(shelf, substitutes, category, everywhere.log_share_V)
        return cls(
            shelf,
            substitutes.postings,
            templates,
            QuantityRule(baskets, substitutes.postings, settings),
            substitutes.likeness.vectors_VD,
            fallback,
            settings,
            rung,
            composer,
        )

    def taught_by(self, taught: Taught | None) -> Proposer:
        """The same proposer, which believes what clicks taught as well."""
        return self if self.composer is None else replace(self, composer=replace(self.composer, taught=taught))

    def propose(self, on_progress: Callable[[float], None] = lambda _done: None) -> list[Candidate]:
        """Propose for every sellable item, then for the shop; nothing while fewer than two items can be sold."""
        anchors = np.flatnonzero(self.shelf.sellable).tolist()
        if len(anchors) < 2:
            return []
        learned = merge_near_duplicates(
            self._learned(anchors, on_progress),
            duplicate_ratio=self.settings.duplicate_ratio,
            max_overlap_ratio=self.settings.max_overlap_ratio,
        )
        tops = [drafts[0].value for drafts in learned.values() if drafts]
        typical = max(float(np.median(tops)), 1e-6) if tops else 1.0
        candidates: list[Candidate] = []
        for anchor in anchors:
            drafts = learned.get(anchor, [])
            if drafts:
                candidates += [self._candidate(draft, rank, typical) for rank, draft in enumerate(drafts, 1)]
            else:
                candidates += [self._pair(pair, rank) for rank, pair in enumerate(self.fallback.pairs(anchor), 1)]
        candidates = bounded(
            candidates + self._for_contexts(candidates, typical), count=self.settings.shop_bundle_count
        )
        candidates = self._with_influence(candidates)
        return candidates + self._shop_wide(candidates)

    def coverage(self, candidates: Sequence[Candidate]) -> dict[str, int]:
        """Count the items with a bundle that was learned, of those with many orders and of all, and what is shown.

        A bundle out of the same category, or of what sells best, is none that was learned.
        """
        of_anchors = [each for each in candidates if not each.evidence.context]
        anchors = {candidate.anchor for candidate in of_anchors}
        learned = {each.anchor for each in of_anchors if each.rung not in {CATEGORY, POPULARITY}} - {SHOP_WIDE}
        often = [key for item, key in enumerate(self.shelf.keys) if self.postings.orders(item) >= OFTEN_BOUGHT_ORDERS]
        return {
            f"items_with_{OFTEN_BOUGHT_ORDERS}_orders": len(often),
            "of_these_with_bundle": sum(key in learned for key in often),
            "of_these_with_any_bundle": sum(key in anchors for key in often),
            "anchors_with_learned_bundle": len(learned),
            "sellable_items": int(self.shelf.sellable.sum()),
            "items_in_a_bundle": len({key for candidate in candidates for key, _ in candidate.items}),
            "contexts_with_bundle": len(candidates) - len(of_anchors),
            "different_bundles": len({frozenset(candidate.items) for candidate in candidates}),
        }

    def _learned(self, anchors: Sequence[int], on_progress: Callable[[float], None]) -> dict[int, list[Draft]]:
        known = [anchor for anchor in anchors if self.postings.orders(anchor) >= self.settings.item_min_orders]
        if self.composer is None:
            return {}
        return dict(self.composer.compose_all(known, on_progress=on_progress))

    def _for_contexts(self, candidates: Sequence[Candidate], typical: float) -> list[Candidate]:
        """Compose for what is often in hand together. Where an anchor's bundle is nearly the same, that is offered."""
        if self.composer is None or self.settings.max_bundle_size < 3:
            return []
        number_of = {key: number for number, key in enumerate(self.shelf.keys)}
        holding: defaultdict[str, list[Candidate]] = defaultdict(list)
        found = []
        for candidate in candidates:
            for key, _ in candidate.items:
                holding[key].append(candidate)
        untaught = replace(self.composer, taught=None)  # Clicks in carts teach nothing: see `clicks.taught`.
        for context, drafts in untaught.compose_from(common_contexts(untaught)):
            for best in drafts[:1]:
                one, other = (self.shelf.keys[item] for item in context)
                items = frozenset(self.shelf.keys[item] for item in best.items)
                completing = (each for each in holding[one] if len(each.items) > 2 and other in dict(each.items))
                known = most_alike(items, completing, duplicate_ratio=self.settings.duplicate_ratio)
                if known is None:
                    made = replace(self._candidate(best, 1, typical), kind=PERSONAL)
                    for key in items:
                        holding[key].append(made)
                found.append(made if known is None else self._in_context(known, context, number_of))
        return found

    def _in_context(self, candidate: Candidate, context: Sequence[int], number_of: Mapping[str, int]) -> Candidate:
        """Offer a known bundle to whoever has the items of a context, with the evidence of that."""
        items = [number_of[key] for key, _ in candidate.items]
        ordered = (*context, *(item for item in items if item not in context))
        shares = dict(candidate.evidence.shares)
        made = self._describe(ordered, 1, candidate.score, candidate.rung, shares, start_length=len(context))
        return replace(made, kind=candidate.kind)

    def _candidate(self, draft: Draft, rank: int, typical: float) -> Candidate:
        score, shares = self._score(draft.value, typical), self._shares(draft)
        return self._describe(draft.items, rank, score, self.rung, shares, start_length=draft.start_length)

    def _pair(self, pair: Pair, rank: int) -> Candidate:
        shares = {part: float(part == pair.rung) for part in PARTS}
        return self._describe((pair.anchor, pair.part), rank, pair.score, pair.rung, shares)

    def _describe(
        self,
        items: Sequence[int],
        rank: int,
        score: float,
        rung: str,
        shares: dict[str, float],
        *,
        start_length: int = 1,
    ) -> Candidate:
        keys, found = self.shelf.keys, self.quantities.of(items)
        evidence = gather_evidence(
            self.postings,
            keys,
            items,
            shares,
            template=self.templates.evidence(items),
            in_these_quantities=found.orders or None,
            start_length=start_length,
        )
        return Candidate(
            anchor=keys[items[0]],
            items=tuple((keys[item], quantity) for item, quantity in zip(items, found.of_items, strict=True)),
            score=round(score, 6),
            rank=rank,
            rung=rung,
            kind=self._kind(items),
            evidence=evidence,
        )

    def _kind(self, items: Sequence[int]) -> str:
        if self.shelf.content[list(items)].all():
            return CONTENT
        return PAIR if len(items) == 2 else SET

    def _with_influence(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Tell of each learned set what its parts bring to each other; asked last, so of what is published alone."""
        if self.composer is None:
            return list(candidates)
        number_of = {key: number for number, key in enumerate(self.shelf.keys)}
        sets = [tuple(sorted(number_of[key] for key, _ in each.items)) for each in candidates]
        learned = [each.rung == self.rung and len(each.items) > 2 for each in candidates]
        asked = sorted({found for found, is_learned in zip(sets, learned, strict=True) if is_learned})
        influence_of = dict(zip(asked, influences(self.composer.blend, asked), strict=True))
        return [
            self._influenced(candidate, influence_of[found]) if is_learned else candidate
            for candidate, found, is_learned in zip(candidates, sets, learned, strict=True)
        ]

    def _influenced(self, candidate: Candidate, influence: Influence) -> Candidate:
        by_part: dict[str, dict[str, float]] = {key: {} for key, _ in candidate.items}
        for (one, other), brought in influence.items():
            by_part[self.shelf.keys[one]][self.shelf.keys[other]] = round(brought, 4)
        return replace(candidate, evidence=replace(candidate.evidence, influence=by_part))

    @staticmethod
    def _score(value: float, typical: float) -> float:
        return float(1.0 - 0.5 ** (max(value, 0.0) / typical))

    def _shares(self, draft: Draft) -> dict[str, float]:
        """What each part of the blend gave, of what they gave together; what spoke against the bundle counts as 0.

        What a variant gave counts for its family.
        """
        parts = self.composer.parts if self.composer else ()
        by_part_P = np.zeros(len(parts)) if draft.by_part_P is None else np.maximum(draft.by_part_P, 0)
        given = dict.fromkeys((*PARTS, CLICKS) if CLICKS in parts else PARTS, 0.0)
        for part, value in zip(parts, by_part_P.tolist(), strict=False):  # For a context clicks have no say.
            given[FAMILY.get(part, part)] += value
        total = sum(given.values())
        if total <= 0:
            return {part: float(part == POPULARITY) for part in given}
        return {part: round(value / total, 6) for part, value in given.items()}

    def _shop_wide(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Take the shop's strongest best bundles, each unlike the others."""
        chosen = best_of_shop(
            (each for each in candidates if each.rank == 1 and not each.evidence.context),
            {key: number for number, key in enumerate(self.shelf.keys)},
            self.vectors_VD,
            count=self.settings.shop_wide_count,
            diversity=self.settings.diversity,
            duplicate_ratio=self.settings.duplicate_ratio,
        )
        return [replace(candidate, anchor=SHOP_WIDE, rank=rank) for rank, candidate in enumerate(chosen, 1)]


def context_vectors(baskets: Baskets, *, seed: int) -> npt.NDArray[np.float32]:
    """Unit vectors of the company that items keep; zero for items that were never bought with another."""
    vectors_VD, _ = item_vectors(ppmi(baskets), CONTEXT_VECTOR_WIDTH, seed=seed)
    return unit_rows(vectors_VD)


def _with_unbought(baskets: Baskets, shelf: Shelf) -> Baskets:
    return Baskets(shelf.keys, baskets.offsets, baskets.items, baskets.quantities, baskets.ordered_at)
