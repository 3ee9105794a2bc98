"""A comparison of several ways to offer bundles, each shown to a share of the visitors.

Everything that the statistics rest on, from the weights to the planned number of visitors, is written down before the
start and does not change after it. An arm changes one thing, and all arms of an experiment the same one; where an arm
changes nothing, it is the shop as it stands.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from string import ascii_lowercase
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bundle_app.exceptions import ExperimentFrozen
from bundle_app.models.model_version import ModelVersion
from bundle_app.models.policy_version import PolicyVersion
from bundle_app.models.rule import word

MOST_ARMS = 8
JOINT = "+"
"""Between the words of a showing's arms, where it takes part in more than one experiment."""


def new_salt() -> str:
    return secrets.token_hex(8)


class Metric(models.TextChoices):
    CLICK_RATE = "click_rate", _("Clicks per bundle seen")
    ADD_RATE = "add_rate", _("Bundles added to the cart per bundle seen")
    CONVERSION = "conversion", _("Share of visitors who buy a bundle")
    REVENUE = "revenue", _("Revenue from bundles per visitor")
    MARGIN = "margin", _("Margin of bundles per visitor")


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    def running(self) -> ExperimentQuerySet:
        return self.filter(state=Experiment.State.RUNNING)

    def in_force(self) -> ExperimentQuerySet:
        """Those that change what pages show: the running ones, and those whose promoted arm everybody has."""
        return self.filter(Q(state=Experiment.State.RUNNING) | Q(is_in_effect=True))


class Experiment(models.Model):
    """DRAFT (being written) → RUNNING → STOPPED, or PROMOTED: an arm has become what the shop does."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")
        PROMOTED = "promoted", _("Promoted")

    class Kind(models.TextChoices):
        """What the arms differ in."""

        MODEL = "model", _("Model version")
        POLICY = "policy", _("Order of bundles")
        TEMPLATE = "template", _("Template of the widget")
        PLACE = "place", _("Place in the shop")
        DISCOUNT = "discount", _("Percentage off")

    FIELDS_OF: ClassVar = {
        Kind.MODEL: ("model_version",),
        Kind.POLICY: ("order", "policy_version"),
        Kind.TEMPLATE: ("template",),
        Kind.PLACE: ("placement",),
        Kind.DISCOUNT: ("discount_percent",),
    }
    """The fields of `Arm` that say what it changes: one of them."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("what the arms differ in"), max_length=10, choices=Kind.choices)
    placement = models.CharField(
        _("place in the shop"),
        max_length=32,
        blank=True,
        validators=[word],
        help_text=_("As the widget is placed: product, cart, home. Empty for everywhere."),
    )
    metric = models.CharField(_("decided by"), max_length=12, choices=Metric.choices)
    window_days = models.PositiveSmallIntegerField(
        _("days that count"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_(
            "What a visitor does in so many days, from the day of their first sight, counts. "
            "They are counted when these days are over."
        ),
    )
    planned_count = models.PositiveIntegerField(
        _("planned visitors"),
        default=20_000,
        validators=[MinValueValidator(1_000)],
        help_text=_(
            "In all arms together. You may look and stop earlier; the intervals are narrowest about then. "
            "If no arm is better by then, none is said to be."
        ),
    )
    traffic_percent = models.PositiveSmallIntegerField(
        _("share of visitors in percent"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("All others see the shop as it is, and are not counted."),
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    stopped_at = models.DateTimeField(_("stopped"), null=True, editable=False)
    decided_arm = models.ForeignKey(
        "Arm", null=True, editable=False, on_delete=models.PROTECT, related_name="+", verbose_name=_("promoted arm")
    )
    is_in_effect = models.BooleanField(
        _("in effect"),
        default=False,
        editable=False,
        help_text=_("Everybody has the promoted arm. A model version is published instead."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    counted_at = models.DateTimeField(
        _("counted"), null=True, editable=False, help_text=_("When its figures were last counted from the events.")
    )
    crossed_count = models.PositiveIntegerField(_("visitors who saw more than one arm"), default=0, editable=False)

    PROGRESS: ClassVar = frozenset(
        {"state", "started_at", "stopped_at", "decided_arm", "is_in_effect", "counted_at", "crossed_count"}
    )
    """Fields that change after the start."""

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        ordering = ["-id"]
        permissions = [
            ("run_experiment", "Can start and stop experiments"),
            ("promote_experiment", "Can promote an experiment's arm"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "placement"],
                condition=Q(state="running"),
                name="experiment_one_running_for_a_kind_and_place",
            ),
            models.UniqueConstraint(
                fields=["kind", "placement"],
                condition=Q(is_in_effect=True),
                name="experiment_one_in_effect_for_a_kind_and_place",
            ),
            models.CheckConstraint(
                condition=Q(is_in_effect=False) | (Q(state="promoted") & ~Q(kind="model")),
                name="experiment_in_effect_is_promoted",
            ),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, planned_count__gte=1000, traffic_percent__gte=1)
                & Q(traffic_percent__lte=100),
                name="experiment_numbers_in_range",
                violation_error_message=_("A number is out of its range."),
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["place", "discount"]) | Q(placement=""),
                name="experiment_about_places_or_prices_is_about_all",
                violation_error_message=_(
                    "Where the arms differ in the place, they name the places; and a price is the same everywhere. "
                    "Leave the place empty."
                ),
            ),
            models.CheckConstraint(
                condition=Q(state="draft", started_at__isnull=True, stopped_at__isnull=True)
                | Q(state="running", started_at__isnull=False, stopped_at__isnull=True)
                | Q(state__in=["stopped", "promoted"], started_at__isnull=False, stopped_at__isnull=False),
                name="experiment_times_fit_its_state",
            ),
            models.CheckConstraint(
                condition=Q(state="promoted", decided_arm__isnull=False)
                | (~Q(state="promoted") & Q(decided_arm__isnull=True)),
                name="experiment_promoted_has_an_arm",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        names = kwargs.get("update_fields")
        if (names is None or not self.PROGRESS.issuperset(names)) and self.is_frozen:
            raise ExperimentFrozen
        super().save(*args, **kwargs)

    @property
    def is_frozen(self) -> bool:
        """Whether it has been started, as the database knows it: one query, none for one that is new."""
        return not self._state.adding and not Experiment.objects.filter(pk=self.pk, state=self.State.DRAFT).exists()


NOTHING: Mapping[str, Any] = {
    "model_version__isnull": True,
    "order": "",
    "policy_version__isnull": True,
    "template": "",
    "placement": "",
    "discount_percent__isnull": True,
}
"""Of what an arm may change: that it does not."""


class Arm(models.Model):
    """One way, with its share of the visitors by `weight`. Its `word` is what the showings' tokens carry."""

    class Order(models.TextChoices):
        MODEL = "model", _("The model's own, without what clicks have taught")

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="arms", verbose_name=_("experiment")
    )
    key = models.CharField(
        _("letter"), max_length=1, editable=False, validators=[RegexValidator(r"^[a-z]\Z")], default="", blank=True
    )
    name = models.CharField(_("name"), max_length=100)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    is_control = models.BooleanField(
        _("control"), default=False, help_text=_("The one that the others are compared with.")
    )
    model_version = models.ForeignKey(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="arms",
        verbose_name=_("model version"),
    )
    order = models.CharField(
        _("order of bundles"),
        max_length=8,
        blank=True,
        choices=Order.choices,
        help_text=_("Empty for that of the policy version, or of whichever policy is live."),
    )
    policy_version = models.ForeignKey(
        PolicyVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="arms",
        verbose_name=_("policy version"),
        help_text=_("This one, whichever is live meanwhile."),
    )
    template = models.CharField(
        _("template of the widget"),
        max_length=200,
        blank=True,
        help_text=_("Such as bundle_app/compact.html. Empty for the shop's own."),
    )
    placement = models.CharField(
        _("place in the shop"),
        max_length=32,
        blank=True,
        validators=[word],
        help_text=_("Where the bundles are shown; at the places of the other arms they are not."),
    )
    discount_percent = models.DecimalField(
        _("discount in percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(99)],
        help_text=_("Of every bundle whose price is a percentage off. Empty for each bundle's own."),
    )

    class Meta:
        verbose_name = _("arm")
        verbose_name_plural = _("arms")
        ordering = ["experiment_id", "key"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "key"], name="arm_letter_once_an_experiment"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="arm_one_control_an_experiment"
            ),
            models.CheckConstraint(
                condition=Q(weight__gte=1, weight__lte=1000),
                name="arm_weight_in_range",
                violation_error_message=_("A weight is a whole number from 1 to 1,000."),
            ),
            models.CheckConstraint(
                condition=Q(discount_percent__isnull=True) | Q(discount_percent__gte=0, discount_percent__lt=100),
                name="arm_discount_below_100_percent",
                violation_error_message=_("The discount must be at least 0 and below 100 percent."),
            ),
            models.CheckConstraint(
                condition=reduce(
                    or_, (Q(**{name: empty for name, empty in NOTHING.items() if name != one}) for one in NOTHING)
                ),
                name="arm_changes_one_thing",
                violation_error_message=_("An arm changes one thing. Empty the other fields."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key.upper()} · {self.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.experiment.is_frozen:
            raise ExperimentFrozen
        if not self.key:
            taken = set(self.experiment.arms.values_list("key", flat=True))
            self.key = next(letter for letter in ascii_lowercase if letter not in taken)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if self.experiment.is_frozen:
            raise ExperimentFrozen
        return super().delete(*args, **kwargs)

    @property
    def word(self) -> str:
        return f"{self.experiment_id}{self.key}"

    @property
    def goes_live(self) -> bool:
        """Whether promotion makes it the live version of its kind, instead of being in effect until withdrawn."""
        return self.model_version_id is not None or self.policy_version_id is not None

    @property
    def change(self) -> str:
        """What it makes different, in a word; "" for the shop as it stands."""
        values = (getattr(self, name) for name in Experiment.FIELDS_OF[Experiment.Kind(self.experiment.kind)])
        return next((str(value) for value in values if value not in {None, ""}), "")


def arms_in(words: str) -> Iterator[tuple[int, str]]:
    """(experiment, letter) of the arms that a showing was in.

    >>> list(arms_in("12b+13a")), list(arms_in("")), list(arms_in("of another system"))
    ([(12, 'b'), (13, 'a')], [], [])
    """
    for found in words.split(JOINT):
        match = re.fullmatch(r"(\d+)([a-z])", found)
        if match:
            yield int(match[1]), match[2]


class ArmDay(models.Model):
    """What was known of an arm on the evening of a day: of all visitors up to then, not of that day's alone.

    `sums` are those of `bundle_app.experiments.sequential.Moments`, by figure. Each count writes all days anew.
    """

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="days", verbose_name=_("arm"))
    day = models.DateField(_("day"))
    entered_count = models.PositiveIntegerField(_("visitors who came"))
    sums = models.JSONField(_("sums"))

    class Meta:
        verbose_name = _("day of an arm")
        verbose_name_plural = _("days of arms")
        constraints = [models.UniqueConstraint(fields=["arm", "day"], name="arm_day_once")]

    def __str__(self) -> str:
        return f"{self.arm_id} {self.day}"


class Guardrail(models.Model):
    """A figure that must not suffer for the sake of the one that decides."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="guardrails", verbose_name=_("experiment")
    )
    metric = models.CharField(_("figure"), max_length=12, choices=Metric.choices)
    tolerated_loss_percent = models.DecimalField(
        _("largest loss tolerated, in percent"),
        max_digits=4,
        decimal_places=1,
        default=5,
        validators=[MinValueValidator(0), MaxValueValidator(99)],
        help_text=_("Of the control's figure."),
    )

    class Meta:
        verbose_name = _("guardrail")
        verbose_name_plural = _("guardrails")
        ordering = ["experiment_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "metric"], name="guardrail_once_a_figure"),
            models.CheckConstraint(
                condition=Q(tolerated_loss_percent__gte=0, tolerated_loss_percent__lt=100),
                name="guardrail_loss_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} −{self.tolerated_loss_percent} %"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.experiment.is_frozen:
            raise ExperimentFrozen
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if self.experiment.is_frozen:
            raise ExperimentFrozen
        return super().delete(*args, **kwargs)
