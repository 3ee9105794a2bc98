"""Which bundles may be shown for some anchors, best first. It knows nothing of prices, stock or requests.

One query unites two sources: the live model's scores for the anchors and for the whole shop, and the bundles that a
merchandiser pinned or made by hand. The live version is found by a join, not by a query of its own and not by a cache:
a page sees a version's scores all or none, from the moment it is published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum
from itertools import combinations
from typing import Any

from django.db.models import (
    BigIntegerField,
    CharField,
    Exists,
    F,
    FloatField,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    prefetch_related_objects,
)
from django.db.models.functions import JSONObject

from bundle_app.models import ArmQuality, Bundle, BundlePart, ModelVersion, PolicyVersion
from bundle_app.models.rule import RuleKind
from bundle_app.models.score import CONTEXT_MARK, SHOP_WIDE, context_key
from bundle_app.rules import ANYBODY, NO_RULES, Audience, RuleBook, applies, judge
from bundle_app.serving.ruling import about_any, broad, not_hidden

SPARE_COUNT = 20
"""Candidates fetched beyond the number wanted, since some cannot be bought today."""

ANCHOR_COUNT = 50
"""Anchors looked at; a cart of hundreds is cut to its first so many."""

CONTEXT_ITEM_COUNT = 12
"""Of these, so many are looked at two by two: bundles for pairs of them come before those for one."""

NO_RANK = 0
"""Rank of a candidate that no model scored; the ranks of scores count from 1."""


class Tier(IntEnum):
    """What comes before what. A pin counts on the pages of a bundle's own products; elsewhere it is SHOP_WIDE too.

    A rule's pin counts where the bundle is shown anyway: it makes a bundle of the page's own PINNED, and puts one of
    the whole shop first among these.
    """

    PINNED = 0
    BY_HAND = 1
    CONTEXT = 2
    SCORED = 3
    SHOP_WIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bundle that may be shown, and on what grounds: a row of the live model, or a merchandiser's decision.

    `pin_priority` is that of the rule that puts it first, if one does; `is_own` is false on the page of other products.
    `version_id` is the model version's that ranked it, 0 for a merchandiser's. `policy_id` and `beliefs` are the
    policy's that ranks it, 0 and empty without one; `quality` and `quality_evidence` what it knows of this bundle
    beside this anchor (see `ArmQuality`); `arm` and `propensity` say how it came to its place.
    `discount_percent` takes the place of the bundle's own where its price is a percentage off.
    """

    bundle: Bundle
    anchor_key: str
    rank: int = NO_RANK
    score: float = 0.0
    rung: str = ""
    evidence: Mapping[str, Any]
    pin_priority: int | None = None
    is_own: bool = True
    version_id: int = 0
    policy_id: int = 0
    beliefs: Mapping[str, Any] = field(default_factory=dict)
    quality: float | None = None
    quality_evidence: float | None = None
    arm: str = ""
    propensity: float = 1.0
    discount_percent: Decimal | None = None

    @property
    def tier(self) -> Tier:
        if self.pin_priority is not None and self.is_own:
            return Tier.PINNED
        if self.rank == NO_RANK:
            return Tier.PINNED if self.bundle.pinned else Tier.BY_HAND
        if self.is_for_context:
            return Tier.CONTEXT
        return Tier.SHOP_WIDE if self.anchor_key == SHOP_WIDE else Tier.SCORED

    @property
    def is_for_context(self) -> bool:
        """Whether it was composed for several items in hand together."""
        return self.anchor_key.startswith(CONTEXT_MARK)

    @property
    def item_anchor(self) -> str:
        """The item that it was found for; "" where that was a context, or nothing."""
        return "" if self.is_for_context else self.anchor_key

    @property
    def order(self) -> tuple[Tier, bool, bool, int, int, float, int]:
        """Best first: by tier, then by who pinned it (a person before a rule), by rank, by score, then the newest."""
        by_rule = self.pin_priority is not None and not (self.tier == Tier.PINNED and self.bundle.pinned)
        by_person = self.tier == Tier.PINNED and self.bundle.pinned
        weight = self.pin_priority or 0 if by_rule else 0
        return self.tier, not by_person, not by_rule, -weight, self.rank, -self.score, -self.bundle.pk


def valid_keys(keys: Iterable[str]) -> list[str]:
    """Keys that can be keys, once each and in order. PostgreSQL refuses NUL in a string; no item has it in its key."""
    return [key for key in dict.fromkeys(keys) if key and "\x00" not in key]


def candidates_for(
    anchors: Sequence[str],
    *,
    limit: int,
    exclude: Collection[str] = (),
    book: RuleBook = NO_RULES,
    audience: Audience = ANYBODY,
    version_id: int | None = None,
    policy_id: int | None = None,
) -> list[Candidate]:
    """The best candidates, each bundle once, its parts fetched: two queries.

    They are the live model's, or those of the version that is asked for, with what the live policy knows of them, or
    the policy that is asked for.

    Bundles that hold an item of `exclude` are left out, those that the rules hide from this audience, and those that
    hold nothing but anchors: they would offer a shopper what is already there.
    """
    wanted = limit + SPARE_COUNT
    keys = valid_keys(anchors)[:ANCHOR_COUNT]
    on_offer = Bundle.objects.on_offer()
    unwanted = valid_keys(exclude)
    if unwanted:
        on_offer = on_offer.exclude(Exists(BundlePart.objects.filter(bundle=OuterRef("pk"), item_key__in=unwanted)))
    contexts = [context_key(pair) for pair in combinations(keys[:CONTEXT_ITEM_COUNT], 2)]
    model = Q(scores__model_version__state=ModelVersion.State.LIVE)
    if version_id is not None:
        model = Q(scores__model_version=version_id)
    policies = PolicyVersion.objects.live() if policy_id is None else PolicyVersion.objects.filter(pk=policy_id)
    scored = _scored(on_offer, model, policies, keys, contexts, wanted=None if book.rules else wanted)
    by_hand = _by_hand(on_offer, keys, book, audience, wanted=wanted)
    rows = scored.union(by_hand, all=True)
    merged = _merged(map(_candidate, rows))
    if book.rules:
        prefetch_related_objects([candidate.bundle for candidate in merged], "parts")
        merged = sorted(_ruled(merged, keys, book, audience), key=lambda candidate: candidate.order)
    candidates = _cut(merged, wanted=wanted)
    prefetch_related_objects([candidate.bundle for candidate in candidates], "parts")
    return [candidate for candidate in candidates if not set(candidate.bundle.quantities()) <= set(keys)]


def best_grounds(bundle: Bundle) -> Candidate:
    """A bundle on its best grounds in the live model, an item's before a context's, then the shop's: one query."""
    scores = bundle.scores.filter(model_version__state=ModelVersion.State.LIVE)
    best = min(scores, key=lambda score: (score.anchor_key == SHOP_WIDE, bool(score.context), score.rank), default=None)
    if best is None:
        return Candidate(bundle=bundle, anchor_key=SHOP_WIDE, evidence={})
    return Candidate(
        bundle=bundle,
        anchor_key=best.anchor_key,
        rank=best.rank,
        score=best.score,
        rung=best.rung,
        evidence=best.evidence,
    )


def _ruled(
    candidates: Iterable[Candidate], keys: Collection[str], book: RuleBook, audience: Audience
) -> Iterator[Candidate]:
    """Candidates that the rules allow, with the pins that they give. Floors and bands are judged with the prices."""
    for candidate in candidates:
        parts = list(candidate.bundle.parts.all())
        verdict = judge(book, parts, audience=audience)
        if verdict.is_allowed:
            yield replace(
                candidate,
                pin_priority=None if verdict.pin is None else verdict.pin.priority,
                is_own=not keys or candidate.anchor_key != SHOP_WIDE or any(part.item_key in keys for part in parts),
            )


def _scored(
    on_offer: QuerySet[Bundle],
    model: Q,
    policies: QuerySet[PolicyVersion],
    keys: Sequence[str],
    contexts: Sequence[str],
    *,
    wanted: int | None,
) -> QuerySet[Any]:
    """Rows of the model: those of each context, the first ranks of each anchor, and of the whole shop.

    `policies` are one or none. Two columns are theirs: the policy, and what it knows of a bundle beside an anchor.

    With rules in force, `wanted` is None and all ranks are read, as many as a model composes for an anchor: the first
    may be hidden, and the last may be what a rule puts first.
    """
    if wanted is None:
        ranks = Q(scores__anchor_key__in=[SHOP_WIDE, *keys, *contexts])
    else:
        ranks = Q(scores__anchor_key=SHOP_WIDE, scores__rank__lte=wanted)
        ranks |= Q(scores__anchor_key__in=keys, scores__rank__lte=3 + wanted // max(len(keys), 1))
        ranks |= Q(scores__anchor_key__in=contexts)
    scored = on_offer.filter(ranks, model)
    known = ArmQuality.objects.filter(
        policy__in=policies, bundle=OuterRef("pk"), anchor_key=OuterRef("scores__anchor_key")
    )
    return scored.order_by().annotate(
        anchor_key=F("scores__anchor_key"),
        rank=F("scores__rank"),
        score=F("scores__score"),
        rung=F("scores__rung"),
        evidence=F("scores__evidence"),
        version_id=F("scores__model_version_id"),
        policy=Subquery(policies.values(told=JSONObject(id="pk", beliefs="beliefs"))[:1]),
        known=Subquery(known.values(told=JSONObject(quality="quality", evidence="evidence"))[:1]),
    )


def _by_hand(
    on_offer: QuerySet[Bundle], keys: Sequence[str], book: RuleBook, audience: Audience, *, wanted: int
) -> QuerySet[Any]:
    """What merchandisers pinned or made: with an anchor in it, or any where the page has no anchor.

    There may be any number of these, so what a rule hides is left out before they are cut.
    """
    chosen = on_offer.filter(not_hidden(broad(book), audience)).filter(Q(pinned=True) | Q(source=Bundle.Source.MANUAL))
    if keys:
        chosen = chosen.filter(pk__in=BundlePart.objects.filter(item_key__in=keys).values("bundle"))
    # Cut in a subquery, because SQLite allows no LIMIT inside a UNION.
    newest = chosen.order_by("-pinned", "-pk").values("pk")[:wanted]
    picked = Q(pk__in=newest)
    pins = [rule for rule in book.rules if rule.kind == RuleKind.PIN and applies(rule, audience)]
    if pins:
        picked |= Q(pk__in=chosen.filter(about_any(pins)).order_by("-pk").values("pk")[:wanted])
    return (
        Bundle.objects.order_by()
        .filter(picked)
        .annotate(
            anchor_key=Value(SHOP_WIDE, output_field=CharField()),
            rank=Value(NO_RANK, output_field=IntegerField()),
            score=Value(0.0, output_field=FloatField()),
            rung=Value("", output_field=CharField()),
            evidence=Value({}, output_field=JSONField()),
            version_id=Value(0, output_field=BigIntegerField()),
            policy=Value({}, output_field=JSONField()),
            known=Value({}, output_field=JSONField()),
        )
    )


def _candidate(row: Any) -> Candidate:
    return Candidate(
        bundle=row,
        anchor_key=row.anchor_key,
        rank=row.rank,
        score=row.score,
        rung=row.rung,
        evidence=row.evidence or {},
        version_id=row.version_id,
        policy_id=(row.policy or {}).get("id", 0),
        beliefs=(row.policy or {}).get("beliefs", {}),
        quality=(row.known or {}).get("quality"),
        quality_evidence=(row.known or {}).get("evidence"),
    )


def _merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each bundle once, in its best place, and with a model's evidence where there is any."""
    merged: dict[int, Candidate] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.order):
        kept = merged.setdefault(candidate.bundle.pk, candidate)
        if not kept.rung and candidate.rung:
            merged[candidate.bundle.pk] = replace(
                kept, anchor_key=candidate.anchor_key, rung=candidate.rung, evidence=candidate.evidence
            )
    return list(merged.values())


def _cut(candidates: Sequence[Candidate], *, wanted: int) -> list[Candidate]:
    """As many of each tier as are wanted: many that cannot be bought today do not crowd out those that can."""
    tiers = [[candidate for candidate in candidates if candidate.tier == tier] for tier in Tier]
    return [candidate for tier in tiers for candidate in tier[:wanted]]
