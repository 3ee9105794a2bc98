"""Which of the candidates stand on a page, and where: the live policy's choice, with how probable it was.

What a merchandiser pinned or made comes first and is never explored with. Of the rest, the policy ranks what was found
for the page's items together; only where that does not fill the page, what the whole shop is offered. On a bounded
share of pages one place goes to another promising bundle (`EXPLORATION_RATIO`). Where nobody is looking (no request),
nothing is explored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bundle_app import conf, engine
from bundle_app.policy.worth import Worth, by_order, by_policy
from bundle_app.serving.candidates import Candidate, Tier
from bundle_app.serving.offers import Offer

Found = tuple[Candidate, Offer]
Draw = Callable[[], int | None]
"""A seed for the draws of one page; None takes one from the system."""


def arranged(found: Sequence[Found], *, limit: int, explores: bool, draw: Draw = lambda: None) -> list[Found]:
    """The first `limit`, in the order in which they are to be shown; candidates know policy and propensity."""
    chosen = [pair for pair in found if pair[0].tier <= Tier.BY_HAND][:limit]
    for pool in _pools(found):
        chosen += _from_pool(pool, limit - len(chosen), explores=explores, draw=draw)
    return chosen


def _pools(found: Sequence[Found]) -> Iterator[list[Found]]:
    yield [pair for pair in found if pair[0].tier in {Tier.CONTEXT, Tier.SCORED}]
    yield [pair for pair in found if pair[0].tier == Tier.SHOP_WIDE]


def _from_pool(pool: Sequence[Found], count: int, *, explores: bool, draw: Draw) -> list[Found]:
    if not pool or count < 1:
        return []
    settings = conf.load()
    worths = _worths([candidate for candidate, _ in pool])
    places = engine.arrange(
        [worth.mean for worth in worths],
        [worth.deviation for worth in worths],
        place_count=min(count, len(pool)),
        exploration_ratio=float(settings.exploration_ratio) if explores else 0.0,
        floor_ratio=float(settings.exploration_floor_ratio),
        seed=draw(),
    )
    return [_chosen(pool[place.candidate], place.propensity) for place in places]


def _worths(candidates: Sequence[Candidate]) -> Sequence[Worth]:
    beliefs = candidates[0].beliefs
    if not beliefs:
        return by_order(len(candidates))
    return [
        by_policy(
            beliefs,
            score=candidate.score,
            rank=candidate.rank,
            quality=candidate.quality,
            evidence=candidate.quality_evidence,
        )
        for candidate in candidates
    ]


def _chosen(pair: Found, propensity: float) -> Found:
    candidate, offer = pair
    return replace(candidate, propensity=propensity), offer
