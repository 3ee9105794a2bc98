"""Which of the candidates stand on a page, and where: the live policy's choice, with how probable it was.

What a merchandiser pinned or made comes first and is never explored with. Of the rest, the policy ranks what was found
for the page's items together; only where that does not fill the page, what the whole shop is offered. On a bounded
share of pages one place goes to another promising bundle (`EXPLORATION_RATIO`).

What is unusual: a page is explored only where the policy fills it from its first place on, so that a propensity below 1
says all of how a bundle came to its place. Beside what a merchandiser put there the log could not be judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bundle_app import conf, engine
from bundle_app.policy.worth import Worth, by_order, by_policy
from bundle_app.serving.candidates import Candidate, Tier
from bundle_app.serving.offers import Offer

Found = tuple[Candidate, Offer]


def arranged(found: Sequence[Found], *, limit: int, explores: bool) -> list[Found]:
    """The first `limit`, in the order in which they are to be shown; candidates know policy and propensity."""
    fixed = [pair for pair in found if pair[0].tier <= Tier.BY_HAND][:limit]
    chosen = [(replace(candidate, policy_id=0), offer) for candidate, offer in fixed]
    for pool in _pools(found):
        chosen += _from_pool(pool, limit - len(chosen), explores=explores and not chosen)
    return chosen


def _pools(found: Sequence[Found]) -> Iterator[list[Found]]:
    yield [pair for pair in found if pair[0].tier in {Tier.CONTEXT, Tier.SCORED}]
    yield [pair for pair in found if pair[0].tier == Tier.SHOP_WIDE]


def _from_pool(pool: Sequence[Found], count: int, *, explores: bool) -> list[Found]:
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
