"""A night's work: learn a policy from clicks and sales, let the gate judge it, and watch the one that is live.

    watch()     the live policy goes again if it earns less than it was let in for
    learn()     a new one is fitted to the log but for its last days, and judged by these

Both are safe to run twice and to be killed: a policy is written in one transaction, another one decides, and at any
moment one policy is live or none. What is unusual: nothing of a log is kept. Every night reads the events again, so
that a refund, a capped click or an erased person is out of the next policy without being taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from bundle_app import conf, engine
from bundle_app.exceptions import PolicyForgotten
from bundle_app.models import (
    ArmQuality,
    BundlePart,
    Decision,
    Entry,
    Event,
    ModelVersion,
    PolicyVersion,
    Purchase,
    Score,
)
from bundle_app.models.score import CONTEXT_MARK
from bundle_app.policy.worth import features

BATCH_SIZE = 2000
SETTLING = timedelta(days=1)
"""How old a showing must be for what it earned to be held against a policy's promise: sales take their time."""
State = PolicyVersion.State


@dataclass(frozen=True, slots=True)
class Window:
    """Showings from `begin` on and before `end`."""

    begin: datetime
    end: datetime

    def events(self) -> QuerySet[Event]:
        return Event.objects.filter(shown_at__gte=self.begin, shown_at__lt=self.end).order_by()

    def purchases(self) -> QuerySet[Purchase]:
        return Purchase.objects.filter(ordered_at__gte=self.begin, ordered_at__lt=self.end).order_by()


def learn(*, now: datetime | None = None) -> PolicyVersion | None:
    """Learn, judge, and make live what is better; return the new policy, None where there is nothing to learn from."""
    moment, settings = now or timezone.now(), conf.load()
    arms = _arms()
    if not arms.bundle_ids:
        return None
    judged_from = moment - timedelta(days=settings.policy_judge_days)
    taught = Window(moment - timedelta(days=settings.policy_days), judged_from)
    learned = engine.learn_policy(
        arms.anchor_numbers,
        arms.features,
        arms.cores,
        list(_cells(taught, arms, settings.rewards)),
        exploration_ratio=float(settings.exploration_ratio),
        floor_ratio=float(settings.exploration_floor_ratio),
    )
    if learned is None:
        return None
    policy = _written(learned, arms, taught, settings.rewards)
    return _decide(policy, Window(judged_from, moment), arms, learned, now=moment)


def _decide(
    policy: PolicyVersion, window: Window, arms: Arms, learned: engine.LearnedPolicy, *, now: datetime
) -> PolicyVersion:
    """Let the gate judge a policy by a window that did not teach it, against the one that is live."""
    settings = conf.load()
    incumbent = PolicyVersion.objects.live().first()
    impressions = list(_impressions(window, arms, settings.rewards))
    if not impressions:
        decision: dict[str, Any] = {"code": "too_little_log", "numbers": {"effective_count": 0.0}}
        promised: dict[str, float] = {}
    else:
        decision, promised = engine.judge_policy(
            arms.anchor_numbers,
            arms.features,
            impressions,
            candidate=learned,
            incumbent=None if incumbent is None else _read(incumbent, arms),
            exploration_ratio=float(settings.exploration_ratio),
            floor_ratio=float(settings.exploration_floor_ratio),
        )
    with transaction.atomic():
        policies = {each.pk: each for each in PolicyVersion.objects.for_update()}
        policy = policies[policy.pk]
        live = next((each for each in policies.values() if each.state == State.LIVE), None)
        if (live and live.pk) != (incumbent and incumbent.pk):  # The next night judges against the new one.
            decision = {**decision, "code": "overtaken"}
        policy.decision, policy.promised = decision, promised
        if decision["code"] == "better":
            _go_live(policy, live, now=now)
            Decision.objects.record([_entry(policy, Decision.Action.ACTIVATED, State.LEARNED)])
        else:
            policy.state, policy.ended_at = State.REFUSED, now
        policy.save()
        _forget_qualities()
    return policy


def watch(*, now: datetime | None = None) -> PolicyVersion | None:
    """Take the live policy back if what it earns lies below what it promised; return it if so."""
    moment = now or timezone.now()
    live = PolicyVersion.objects.live().first()
    if live is None or live.live_at is None or not live.promised:
        return None
    shown = Window(live.live_at, moment - SETTLING).events().filter(JUDGED_BY, policy_id=live.pk)
    sold = Purchase.objects.filter(showing__in=shown.values("showing"))
    rewards = rewards_by_showing(shown, sold, live.rewards)
    count = shown.aggregate(count=Count("showing", distinct=True))["count"]
    if not count:
        return None
    earned = list(rewards.values())
    watched = engine.watch_policy(sum(earned), sum(each * each for each in earned), count, promised=live.promised)
    with transaction.atomic():
        live = PolicyVersion.objects.for_update().get(pk=live.pk)
        if live.state != State.LIVE:
            return None
        live.watched = watched
        if watched["code"] != "below_promise":
            live.save(update_fields=["watched"])
            return None
        take_back(live, now=moment, by=None, reason="")
    return live


@transaction.atomic
def take_back(policy: PolicyVersion, *, now: datetime, by: Any, reason: str) -> PolicyVersion | None:
    """End a live policy and let the one before it live again; return that, None where the model's order takes over."""
    policies = list(PolicyVersion.objects.for_update())
    replaced = [each for each in policies if each.state == State.REPLACED and each.qualities.exists()]
    former = max(replaced, key=lambda each: each.ended_at or now, default=None)
    policy.state, policy.ended_at = State.ROLLED_BACK, now
    policy.save()
    entries = [_entry(policy, Decision.Action.WITHDRAWN, State.LIVE)]
    if former is not None:
        _go_live(former, None, now=now)
        former.save()
        entries.append(_entry(former, Decision.Action.ACTIVATED, State.REPLACED))
    _forget_qualities()
    Decision.objects.record(entries, by=by, reason=reason)
    return former


@transaction.atomic
def make_live(policy_id: int, *, now: datetime, by: Any, reason: str) -> PolicyVersion:
    """Make a policy the live one because somebody decided so, whatever the gate said. One that is live stays it.

    Raises:
        PolicyForgotten: what it knew of single bundles is deleted.
    """
    policies = {each.pk: each for each in PolicyVersion.objects.for_update()}
    policy = policies[policy_id]
    if policy.state == State.LIVE:
        return policy
    if not policy.qualities.exists():
        raise PolicyForgotten
    was = policy.state
    _go_live(policy, next((each for each in policies.values() if each.state == State.LIVE), None), now=now)
    policy.save()
    _forget_qualities()
    Decision.objects.record([_entry(policy, Decision.Action.ACTIVATED, was)], by=by, reason=reason)
    return policy


def _go_live(policy: PolicyVersion, live: PolicyVersion | None, *, now: datetime) -> None:
    """Within a transaction that holds all policies; the one that was live is saved first, for one may be at a time."""
    if live is not None:
        live.state, live.ended_at = State.REPLACED, now
        live.save()
    policy.state, policy.live_at, policy.ended_at = State.LIVE, now, None


def _forget_qualities() -> None:
    """Delete what policies knew of single bundles, but for those that may be shown: the live one, the one before it,
    which can come back, the latest, those that are being judged, and those that an experiment names."""
    policies = PolicyVersion.objects.order_by("pk")
    former = policies.filter(state=State.REPLACED).known().order_by("-ended_at").first()
    latest = policies.last()
    kept = {each.pk for each in (former, latest) if each is not None and each.state != State.ROLLED_BACK}
    kept |= set(policies.filter(state__in=[State.LIVE, State.LEARNED]).values_list("pk", flat=True))
    kept |= set(policies.in_trial().values_list("pk", flat=True))
    ArmQuality.objects.exclude(policy__in=kept).delete()


def _entry(policy: PolicyVersion, action: str, before: str) -> Entry:
    return Entry(subject=policy, action=action, changes={"state": (str(before), str(policy.state))})


# What may be shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The bundles of the live model beside their anchors; one anchor's stand together, in the model's order."""

    anchor_keys: list[str]
    bundle_ids: list[int]
    anchor_numbers: list[int]
    features: list[tuple[float, float]]
    cores: list[int]
    """What each is about, by number: its product and its first companion (`bundle_ml.clicks.cores`)."""
    number_of: Mapping[tuple[str, int], int]


def _arms() -> Arms:
    live = ModelVersion.objects.live().only("pk").first()
    scores = Score.objects.filter(model_version=live).exclude(anchor_key__startswith=CONTEXT_MARK)
    companions = BundlePart.objects.filter(bundle=OuterRef("bundle")).exclude(item_key=OuterRef("anchor_key"))
    first = Subquery(companions.order_by("position", "id").values("item_key")[:1])
    rows = scores.order_by("anchor_key", "rank").values_list("anchor_key", "bundle_id", "score", "rank", first)
    keys: list[str] = []
    ids: list[int] = []
    numbers: list[int] = []
    found: list[tuple[float, float]] = []
    cores: list[int] = []
    core_numbers: dict[frozenset[str], int] = {}
    for anchor_key, bundle_id, score, rank, companion in rows.iterator(chunk_size=BATCH_SIZE):
        numbers.append(numbers[-1] + (anchor_key != keys[-1]) if keys else 0)
        keys.append(anchor_key)
        ids.append(bundle_id)
        found.append(features(score, rank))
        cores.append(core_numbers.setdefault(frozenset((anchor_key, companion)), len(core_numbers)))
    number_of = {pair: number for number, pair in enumerate(zip(keys, ids, strict=True))}
    return Arms(
        anchor_keys=keys,
        bundle_ids=ids,
        anchor_numbers=numbers,
        features=found,
        cores=cores,
        number_of=number_of,
    )


# What became of it


def _cells(window: Window, arms: Arms, rewards: Mapping[str, float]) -> Iterator[engine.Cell]:
    """Sums over showings, by bundle, anchor and place: of everybody, of known buyers, and sales to all others."""
    place = ("anchor_key", "bundle_id", "slot")
    by_buyer = Q(subject__in=known_buyers(window))
    clicked, added = Q(kind="click", is_rewarded=True), Q(kind="add", is_rewarded=True)
    seen = (
        window.events()
        .values(*place)
        .annotate(
            shown=Count("showing", distinct=True),
            clicks=Count("pk", filter=clicked),
            adds=Count("pk", filter=added),
            buyers_shown=Count("showing", filter=by_buyer, distinct=True),
            buyers_clicks=Count("pk", filter=clicked & by_buyer),
            buyers_adds=Count("pk", filter=added & by_buyer),
        )
    )
    for row in seen.iterator(chunk_size=BATCH_SIZE):
        arm = arms.number_of.get((row["anchor_key"], row["bundle_id"]))
        if arm is not None:
            yield engine.Cell(
                arm,
                row["slot"] - 1,
                shown=row["shown"],
                reward=rewards["click"] * row["clicks"] + rewards["add"] * row["adds"],
                buyers_shown=row["buyers_shown"],
                buyers_reward=rewards["click"] * row["buyers_clicks"] + rewards["add"] * row["buyers_adds"],
                others_sales=0.0,
            )
    to_buyers = Q(showing__in=window.events().filter(by_buyer).values("showing"))
    sold = window.purchases().values(*place).annotate(sold=Sum("share"), to_buyers=Sum("share", filter=to_buyers))
    for row in sold.iterator(chunk_size=BATCH_SIZE):
        arm = arms.number_of.get((row["anchor_key"], row["bundle_id"]))
        if arm is not None:
            yield engine.Cell(
                arm,
                row["slot"] - 1,
                shown=0,
                reward=rewards["purchase"] * float(row["sold"]),
                buyers_shown=0,
                buyers_reward=rewards["purchase"] * float(row["to_buyers"] or 0),
                others_sales=float(row["sold"] - (row["to_buyers"] or 0)),
            )


def known_buyers(window: Window) -> QuerySet[Event, str]:
    """Pseudonyms of those to whom a sale was credited before the window began.

    Who bought inside it would be a biased witness: of those, by choice, everybody clicked.
    """
    earlier = Purchase.objects.filter(ordered_at__lt=window.begin).values("showing")
    return Event.objects.filter(showing__in=earlier).exclude(subject="").values_list("subject", flat=True)


JUDGED_BY = Q(propensity__lt=1) & ~Q(placement="cart")
"""Showings that say something of what else might have been shown. Where nothing was left to chance, as with what a
merchandiser pinned, they do not; and in the cart the log does not say what else was in it."""


def _impressions(window: Window, arms: Arms, rewards: Mapping[str, float]) -> Iterator[engine.Impression]:
    """Showings one by one, for the gate."""
    shown = window.events().filter(JUDGED_BY)
    places = dict(shown.values("placement").values_list("placement").annotate(count=Max("slot")))
    earned = rewards_by_showing(shown, window.purchases().filter(JUDGED_BY), rewards)
    rows = (
        shown.values("showing", "anchor_key", "bundle_id", "slot", "placement", "propensity")
        .annotate(visitor=Max("subject"))
        .values_list("showing", "anchor_key", "bundle_id", "slot", "placement", "propensity", "visitor")
    )
    for showing, anchor_key, bundle_id, slot, placement, propensity, visitor in rows.iterator(chunk_size=BATCH_SIZE):
        arm = arms.number_of.get((anchor_key, bundle_id))
        if arm is not None:
            yield engine.Impression(
                arm=arm,
                place=slot - 1,
                place_count=places[placement],
                reward=earned.get(showing, 0.0),
                propensity=propensity,
                unit=visitor or str(showing),
            )


def rewards_by_showing(
    shown: QuerySet[Event], sold: QuerySet[Purchase], rewards: Mapping[str, float]
) -> dict[int, float]:
    """What each showing earned, of those that earned anything."""
    earned: dict[int, float] = {}
    acted = shown.filter(kind__in=[kind for kind in ("click", "add") if rewards[kind]], is_rewarded=True)
    for showing, kind in acted.values_list("showing", "kind").iterator(chunk_size=BATCH_SIZE):
        earned[showing] = earned.get(showing, 0.0) + rewards[kind]
    if rewards["purchase"]:
        for showing, share in sold.values_list("showing", "share").iterator(chunk_size=BATCH_SIZE):
            earned[showing] = earned.get(showing, 0.0) + rewards["purchase"] * float(share)
    return earned


# Written and read


@transaction.atomic
def _written(learned: engine.LearnedPolicy, arms: Arms, taught: Window, rewards: Mapping[str, float]) -> PolicyVersion:
    """The policy, and the quality of every bundle of which it knows more than its score says."""
    policy = PolicyVersion.objects.create(
        beliefs=learned.beliefs,
        rewards=dict(rewards),
        learned_from=taught.begin,
        learned_until=taught.end,
        impressions=learned.impression_count,
    )
    rows = (
        ArmQuality(
            policy=policy,
            anchor_key=arms.anchor_keys[arm],
            bundle_id=arms.bundle_ids[arm],
            quality=learned.qualities[arm],
            evidence=learned.evidence[arm],
        )
        for arm in learned.known
    )
    ArmQuality.objects.bulk_create(rows, batch_size=BATCH_SIZE)
    return policy


def _read(policy: PolicyVersion, arms: Arms) -> engine.LearnedPolicy:
    count = len(arms.bundle_ids)
    qualities, evidence = [1.0] * count, [float(policy.beliefs["arm_strength"])] * count
    known = []
    for row in policy.qualities.all().iterator(chunk_size=BATCH_SIZE):
        arm = arms.number_of.get((row.anchor_key, row.bundle_id))
        if arm is not None:
            qualities[arm], evidence[arm] = row.quality, row.evidence
            known.append(arm)
    return engine.LearnedPolicy(
        beliefs=policy.beliefs,
        qualities=qualities,
        evidence=evidence,
        known=known,
        impression_count=policy.impressions,
    )
