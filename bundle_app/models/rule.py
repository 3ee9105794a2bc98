"""A merchandiser's standing instruction about many bundles at once; the decision about one stands on the bundle.

A rule is about the bundles that hold its product or its category, and the other one too where it names two; without
either it is about all. `NEEDS` says which fields each kind must have and may have: the constraints, the form and its
script are made from that one table. What a rule does to a bundle is said in `bundle_app.rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

SUBJECT = ("item_key", "category")
OTHER = ("other_item_key", "other_category")
CONDITIONS = ("segment", "placement")
TEXTS = (*SUBJECT, *OTHER, *CONDITIONS, "currency")
NUMBERS = ("lowest_price", "highest_price", "margin_percent", "stock_count")

word = RegexValidator(r"^[\w-]+\Z", _("Enter one word of letters, digits, - and _."))


class RuleQuerySet(models.QuerySet["Rule"]):
    def in_force(self, *, at: datetime | None = None) -> RuleQuerySet:
        """Rules that count now, the weightiest first."""
        now = at or timezone.now()
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=now),
            Q(valid_until__isnull=True) | Q(valid_until__gt=now),
            is_enabled=True,
        ).order_by("-priority", "pk")


class RuleKind(models.TextChoices):
    PIN = "pin", _("Show first")
    EXCLUDE = "exclude", _("Never show")
    REQUIRE = "require", _("Must also hold")
    PRICE_BAND = "price_band", _("Price from … to …")
    MARGIN_FLOOR = "margin_floor", _("Lowest margin")
    STOCK_FLOOR = "stock_floor", _("Lowest stock")
    SEGMENT = "segment", _("Only for a group of shoppers")
    PLACEMENT = "placement", _("Only in one place of the shop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """`one_of` holds groups of fields of each of which at least one must be filled; `may` may be filled besides."""

    one_of: tuple[tuple[str, ...], ...]
    may: tuple[str, ...] = ()

    @property
    def used(self) -> frozenset[str]:
        return frozenset({name for group in self.one_of for name in group} | set(self.may))


NEEDS: dict[str, Needs] = {
    "pin": Needs(one_of=(SUBJECT,), may=(*OTHER, *CONDITIONS)),
    "exclude": Needs(one_of=(SUBJECT,), may=(*OTHER, *CONDITIONS)),
    "require": Needs(one_of=(OTHER,), may=(*SUBJECT, *CONDITIONS)),
    "price_band": Needs(one_of=(("lowest_price", "highest_price"), ("currency",)), may=(*SUBJECT, *CONDITIONS)),
    "margin_floor": Needs(one_of=(("margin_percent",),), may=(*SUBJECT, *CONDITIONS)),
    "stock_floor": Needs(one_of=(("stock_count",),), may=(*SUBJECT, *CONDITIONS)),
    "segment": Needs(one_of=(("segment",),), may=SUBJECT),
    "placement": Needs(one_of=(("placement",),), may=SUBJECT),
}


def _filled(name: str) -> Q:
    return ~Q(**{name: ""}) if name in TEXTS else Q(**{f"{name}__isnull": False})


def _empty(name: str) -> Q:
    return Q(**{name: ""}) if name in TEXTS else Q(**{f"{name}__isnull": True})


def _makes_sense(kind: str) -> Q:
    """For rules of a kind: what must be there is there, and what it does not use is not."""
    needs, sense = NEEDS[kind], Q()
    for group in needs.one_of:
        some = Q()
        for name in group:
            some |= _filled(name)
        sense &= some
    for name in (*TEXTS, *NUMBERS):
        if name not in needs.used:
            sense &= _empty(name)
    return sense


class Rule(models.Model):
    """One instruction. Empty text fields say "any"; numbers are null where the kind has none."""

    Kind = RuleKind

    kind = models.CharField(_("what it does"), max_length=12, choices=RuleKind.choices)
    item_key = models.CharField(_("product"), max_length=64, blank=True)
    category = models.CharField(_("category"), max_length=200, blank=True)
    other_item_key = models.CharField(_("second product"), max_length=64, blank=True)
    other_category = models.CharField(_("second category"), max_length=200, blank=True)
    item_title = models.CharField(max_length=200, blank=True, editable=False)
    other_item_title = models.CharField(max_length=200, blank=True, editable=False)
    lowest_price = models.DecimalField(
        _("price from"), max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    highest_price = models.DecimalField(
        _("price to"), max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Enter a code of three capital letters, such as EUR."))],
        help_text=_("Bundles in another currency are left alone."),
    )
    margin_percent = models.DecimalField(
        _("lowest margin in percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(99)],
        help_text=_("Of what the shopper pays. A bundle with a product whose cost is not known is not shown."),
    )
    stock_count = models.PositiveIntegerField(
        _("lowest stock"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("How often the whole bundle can be sold from what is in stock."),
    )
    segment = models.CharField(
        _("group of shoppers"),
        max_length=64,
        blank=True,
        validators=[word],
        help_text=_("A word by which the shop knows them, such as trade. Empty for everybody."),
    )
    placement = models.CharField(
        _("place in the shop"),
        max_length=32,
        blank=True,
        validators=[word],
        help_text=_("As the widget is placed: product, cart, home. Empty for everywhere."),
    )
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("Where two rules meet, the higher number decides.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    note = models.CharField(
        _("note"), max_length=300, blank=True, help_text=_("Why this rule is here, for colleagues.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["-priority", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=reduce(or_, (Q(kind=kind) & _makes_sense(kind) for kind in NEEDS)),
                name="rule_has_what_its_kind_needs",
                violation_error_message=_("This kind of rule lacks a field that it needs, or has one too many."),
            ),
            models.CheckConstraint(
                condition=(Q(item_key="") | Q(category="")) & (Q(other_item_key="") | Q(other_category="")),
                name="rule_product_or_category",
                violation_error_message=_("Name a product or a category, not both."),
            ),
            models.CheckConstraint(
                condition=Q(item_key="") | ~Q(item_key=F("other_item_key")),
                name="rule_pair_of_two_products",
                violation_error_message=_("Name two different products."),
            ),
            models.CheckConstraint(
                condition=Q(lowest_price__isnull=True)
                | Q(highest_price__isnull=True)
                | Q(highest_price__gte=F("lowest_price")),
                name="rule_price_band_is_not_empty",
                violation_error_message=_("The highest price must not be below the lowest."),
            ),
            models.CheckConstraint(
                condition=(Q(lowest_price__isnull=True) | Q(lowest_price__gte=0))
                & (Q(highest_price__isnull=True) | Q(highest_price__gte=0))
                & (Q(margin_percent__isnull=True) | Q(margin_percent__gte=0, margin_percent__lt=100))
                & (Q(stock_count__isnull=True) | Q(stock_count__gte=1)),
                name="rule_numbers_in_range",
                violation_error_message=_("A number is out of its range."),
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="rule_ends_after_it_begins",
                violation_error_message=_("A rule must end after it begins."),
            ),
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The rule in words: what it is about, what it asks, and for whom and where alone."""
        conditions = self._conditions()
        if not conditions:
            return self._asks()
        return gettext("%(rule)s %(conditions)s") % {"rule": self._asks(), "conditions": conditions}

    def _asks(self) -> str:
        values: dict[str, Any] = {"about": self.about, "other": self.other}
        match self.kind:
            case "pin":
                return gettext("Show %(about)s first") % values
            case "exclude":
                return gettext("Never show %(about)s") % values
            case "require":
                return gettext("Show %(about)s only together with %(other)s") % values
            case "price_band":
                return self._price_band()
            case "margin_floor":
                return gettext("Show %(about)s from a margin of %(percent)s%% on") % {
                    **values,
                    "percent": _plain(self.margin_percent),
                }
            case "stock_floor":
                return gettext("Show %(about)s while %(count)s can be sold") % {**values, "count": self.stock_count}
            case "segment":
                return gettext("Show %(about)s only to shoppers of “%(segment)s”") % {**values, "segment": self.segment}
            case _:
                return gettext("Show %(about)s only at “%(placement)s”") % {**values, "placement": self.placement}

    def _price_band(self) -> str:
        values = {
            "about": self.about,
            "lowest": _plain(self.lowest_price),
            "highest": _plain(self.highest_price),
            "currency": self.currency,
        }
        if self.highest_price is None:
            return gettext("Show %(about)s from %(lowest)s %(currency)s on") % values
        if self.lowest_price is None:
            return gettext("Show %(about)s up to %(highest)s %(currency)s") % values
        return gettext("Show %(about)s from %(lowest)s to %(highest)s %(currency)s") % values

    def _conditions(self) -> str:
        segment = self.segment if self.kind != RuleKind.SEGMENT else ""
        placement = self.placement if self.kind != RuleKind.PLACEMENT else ""
        values = {"segment": segment, "placement": placement}
        if segment and placement:
            return gettext("for shoppers of “%(segment)s”, at “%(placement)s”") % values
        if segment:
            return gettext("for shoppers of “%(segment)s”") % values
        return gettext("at “%(placement)s”") % values if placement else ""

    @property
    def about(self) -> str:
        """The bundles that the rule speaks of, in words."""
        first = self._named(self.item_title or self.item_key, self.category)
        if not first:
            return gettext("bundles")
        if self.kind == RuleKind.REQUIRE or not self.other:
            return gettext("bundles with %(first)s") % {"first": first}
        return gettext("bundles with %(first)s and %(second)s") % {"first": first, "second": self.other}

    @property
    def other(self) -> str:
        return self._named(self.other_item_title or self.other_item_key, self.other_category)

    @staticmethod
    def _named(item: str, category: str) -> str:
        if category:
            return gettext("something of “%(category)s”") % {"category": category}
        return item


def _plain(number: Any) -> str:
    """A decimal without zeros at its end: 20, 7.5."""
    return "" if number is None else format(number.normalize(), "f")
