"""What a rule would do to today's bundles, before it is saved: which appear, which disappear, which change.

Every bundle that the rule is about, as it stands in the database and as it is about to be, is judged twice by the
function that serves (`bundle_app.rules`), once with the rules of today and once with this one among them. It is judged
for every audience that the rules about it tell apart. Five queries, whatever the number of bundles and rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app.models import Bundle, BundlePart, ModelVersion, Rule, Score
from bundle_app.models.score import SHOP_WIDE
from bundle_app.rules import Audience, Objection, RuleBook, Terms, Verdict, applies, judged_by
from bundle_app.serving.candidates import Candidate
from bundle_app.serving.offers import compose
from bundle_app.serving.ruling import about_any, terms_of
from bundle_app.shop import ItemCard, get_adapter

MOST_BUNDLES = 5000
EXAMPLE_COUNT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    bundle: Bundle
    why: str


@dataclass(slots=True, kw_only=True)
class Group:
    """Bundles to which the same happens, of which a few are shown."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, bundle: Bundle, why: str) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLE_COUNT:
            self.examples.append(Example(bundle=bundle, why=why))


@dataclass(slots=True, kw_only=True)
class Preview:
    """`at` is when it would be so: now, or when the rule begins. `concerned_count` counts the bundles on offer that the
    rule is about, of which `judged_count` were looked at and `unsaleable_count` cannot be bought today anyway. What the
    rule does in the end, whether it did so before or not, `hidden_count` and `first_count` tell."""

    rule: Rule
    at: datetime
    begins_later: bool
    in_force: bool
    concerned_count: int = 0
    judged_count: int = 0
    unsaleable_count: int = 0
    hidden_count: int = 0
    first_count: int = 0
    appearing: Group = field(default_factory=Group)
    disappearing: Group = field(default_factory=Group)
    changing: Group = field(default_factory=Group)

    @property
    def unchanged_count(self) -> int:
        moved = self.appearing.count + self.disappearing.count + self.changing.count
        return self.judged_count - self.unsaleable_count - moved


def preview(rule: Rule, *, request: HttpRequest | None, at: datetime | None = None) -> Preview:
    """What would happen if this rule were saved as it is. It need not be valid in all its fields, nor stored."""
    now = at or timezone.now()
    begins_later = rule.valid_from is not None and rule.valid_from > now
    moment = rule.valid_from if begins_later and rule.valid_from is not None else now
    stored = list(Rule.objects.in_force(at=moment))
    in_force = rule.is_enabled and (rule.valid_until is None or rule.valid_until > moment)
    others = [other for other in stored if other.pk != rule.pk]
    before, after = RuleBook(stored), RuleBook([*others, rule] if in_force else others)
    told = Preview(rule=rule, at=moment, begins_later=begins_later, in_force=in_force)
    changed = [other for other in stored if other.pk == rule.pk] + ([rule] if in_force else [])
    if not changed:
        return told
    concerned = _on_offer(at=moment).filter(about_any(changed))
    bundles = list(concerned.order_by("-pinned", "-pk").prefetch_related("parts")[:MOST_BUNDLES])
    told.judged_count = len(bundles)
    told.concerned_count = concerned.count() if len(bundles) == MOST_BUNDLES else len(bundles)
    cards = _cards(bundles, request)
    for bundle in bundles:
        _compare(bundle, cards, before, after, told)
    return told


def _on_offer(*, at: datetime) -> QuerySet[Bundle]:
    """Bundles that some page would show: of the live model, pinned, or made by hand."""
    scored = Score.objects.filter(bundle=OuterRef("pk"), model_version__state=ModelVersion.State.LIVE)
    chosen = Q(pinned=True) | Q(source=Bundle.Source.MANUAL)
    return Bundle.objects.on_offer(at=at).filter(chosen | Exists(scored))


def _cards(bundles: Sequence[Bundle], request: HttpRequest | None) -> Mapping[str, ItemCard]:
    keys = list(dict.fromkeys(part.item_key for bundle in bundles for part in bundle.parts.all()))
    return get_adapter().get_items(keys, request) if keys else {}


def _compare(bundle: Bundle, cards: Mapping[str, ItemCard], before: RuleBook, after: RuleBook, told: Preview) -> None:
    offer = compose(Candidate(bundle=bundle, anchor_key=SHOP_WIDE, evidence={}), cards)
    if offer is None:
        told.unsaleable_count += 1
        return
    parts, terms = list(bundle.parts.all()), terms_of(offer)
    old_rules, new_rules = before.about(parts), after.about(parts)
    audiences = _told_apart([*old_rules, *new_rules])
    old = [_verdict(old_rules, parts, audience, terms) for audience in audiences]
    new = [_verdict(new_rules, parts, audience, terms) for audience in audiences]
    told.hidden_count += any(objection.rule is told.rule for verdict in new for objection in verdict.objections)
    told.first_count += any(verdict.pin is told.rule for verdict in new)
    was_shown, is_shown = (any(verdict.is_allowed for verdict in verdicts) for verdicts in (old, new))
    if was_shown and not is_shown:
        told.disappearing.add(bundle, _why(new[0].objections[0], told.rule))
    elif is_shown and not was_shown:
        told.appearing.add(bundle, str(old[0].objections[0]))
    elif is_shown:
        changes = [
            change
            for audience, old_one, new_one in zip(audiences, old, new, strict=True)
            if (change := _change(_where(audience, is_only=len(audiences) == 1), old_one, new_one))
        ]
        if changes:
            told.changing.add(bundle, " ".join(dict.fromkeys(changes)))


def _verdict(rules: Iterable[Rule], parts: Sequence[BundlePart], audience: Audience, terms: Terms) -> Verdict:
    return judged_by([rule for rule in rules if applies(rule, audience)], parts, audience, terms)


def _told_apart(rules: Iterable[Rule]) -> list[Audience]:
    """Nobody known at no place in particular first, then everyone whom some rule names."""
    placements = dict.fromkeys(["", *(rule.placement for rule in rules)])
    segments = dict.fromkeys(["", *(rule.segment for rule in rules)])
    return [
        Audience(placement=placement, segments=frozenset({segment} - {""}))
        for placement, segment in product(placements, segments)
    ]


def _why(objection: Objection, rule: Rule) -> str:
    """Why a bundle is hidden; the rule that is looked at need not be told of itself."""
    return objection.found if objection.rule is rule else str(objection)


def _change(where: str, old: Verdict, new: Verdict) -> str:
    """What changes for an audience, in a sentence; empty if nothing does."""
    if old.is_allowed and not new.is_allowed:
        return _("%(where)s: no longer shown.") % {"where": where}
    if new.is_allowed and not old.is_allowed:
        return _("%(where)s: shown.") % {"where": where}
    old_priority, new_priority = (None if pin is None else pin.priority for pin in (old.pin, new.pin))
    if old_priority == new_priority:
        return ""
    if new_priority is None:
        return _("%(where)s: no longer first.") % {"where": where}
    if old_priority is None:
        return _("%(where)s: comes first.") % {"where": where}
    return _("%(where)s: first, by priority %(priority)s.") % {"where": where, "priority": new_priority}


def _where(audience: Audience, *, is_only: bool) -> str:
    named = [
        *(_("shoppers of “%(segment)s”") % {"segment": segment} for segment in audience.segments or ()),
        *([_("at “%(placement)s”") % {"placement": audience.placement}] if audience.placement else []),
    ]
    return ", ".join(named) or (_("In the shop") if is_only else _("Otherwise"))
