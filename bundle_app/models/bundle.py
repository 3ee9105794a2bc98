"""A bundle is its composition: the set of item keys with quantities, unique by hash.

That identity is what lets a bundle survive retraining with its merchandiser's decisions and its history. Scores live
elsewhere (`score.py`), since only they change with the model. No price is stored, only how it is made (`discount.py`):
prices are asked from the shop when the bundle is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bundle_app.models.discount import DISCOUNT_CONSTRAINTS, USES_LEFT, DiscountFields


def composition_hash(quantities: Mapping[str, int]) -> str:
    """The identity of a set of item keys with quantities, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(quantities.items()), ensure_ascii=False).encode()).hexdigest()


class BundleQuerySet(models.QuerySet["Bundle"]):
    def on_offer(self, *, at: datetime | None = None) -> BundleQuerySet:
        """Bundles that may be shown and sold now, as far as the merchandiser is concerned."""
        now = at or timezone.now()
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=now),
            Q(valid_until__isnull=True) | Q(valid_until__gt=now),
            USES_LEFT,
            status=Bundle.Status.ACTIVE,
        )

    def undecided(self) -> BundleQuerySet:
        """Generated bundles that no merchandiser has ever touched."""
        return self.filter(source=Bundle.Source.GENERATED, decided_at__isnull=True)


class Bundle(DiscountFields):
    """Products that are offered together."""

    class Status(models.TextChoices):
        """DRAFT (being composed) → REVIEW (waits for a decision) → ACTIVE, PAUSED or REJECTED, and back at any time."""

        DRAFT = "draft", _("Draft")
        REVIEW = "review", _("Review")
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")
        REJECTED = "rejected", _("Rejected")

    class Kind(models.TextChoices):
        PAIR = "pair", _("Matching pair")
        SET = "set", _("Set")
        CONTENT = "content", _("Books, films and music")
        PERSONAL = "personal", _("Personal")

    class Source(models.TextChoices):
        GENERATED = "generated", _("Generated")
        MANUAL = "manual", _("Made by hand")

    composition_hash = models.CharField(max_length=64, unique=True, editable=False)
    title = models.CharField(
        _("title"), max_length=200, blank=True, help_text=_("Leave empty to show the titles of the products.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.SET)
    source = models.CharField(_("source"), max_length=10, choices=Source.choices, default=Source.MANUAL, editable=False)
    pinned = models.BooleanField(
        _("pinned"), default=False, help_text=_("Shown before others on the pages of all its products.")
    )
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    decided_at = models.DateTimeField(_("last decision"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = BundleQuerySet.as_manager()

    class Meta:
        verbose_name = _("bundle")
        verbose_name_plural = _("bundles")
        ordering = ["-pinned", "-id"]
        permissions = [
            ("submit_bundle", "Can send bundles to review"),
            ("activate_bundle", "Can activate bundles"),
            ("pause_bundle", "Can pause bundles"),
            ("reject_bundle", "Can reject bundles"),
            ("pin_bundle", "Can pin and unpin bundles"),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="bundle_by_status"),
            models.Index(
                fields=["-pinned", "-id"],
                name="bundle_chosen_by_hand",
                condition=Q(pinned=True) | Q(source="manual"),
            ),
        ]
        constraints = [
            *DISCOUNT_CONSTRAINTS,
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="bundle_ends_after_it_begins",
                violation_error_message=_("A bundle must end after it begins."),
            ),
            models.CheckConstraint(
                condition=~Q(status="rejected", pinned=True),
                name="bundle_rejected_is_not_pinned",
                violation_error_message=_("A rejected bundle cannot be pinned."),
            ),
        ]

    def __str__(self) -> str:
        return self.title or " + ".join(part.label for part in self.parts.all()) or _("Bundle %s") % self.pk

    def quantities(self) -> dict[str, int]:
        """The composition: quantity by item key."""
        return {part.item_key: part.quantity for part in self.parts.all()}


class BundlePart(models.Model):
    """One product in a bundle.

    `title` is a copy for lists and search; pages ask the shop. `category` is a copy, too, and is what rules go by:
    bundles are chosen by a query, before the shop is asked. It is copied anew whenever a model is loaded.
    """

    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="parts", verbose_name=_("bundle"))
    item_key = models.CharField(_("product"), max_length=64, db_index=True)
    title = models.CharField(_("title"), max_length=200, blank=True, editable=False)
    category = models.CharField(_("category"), max_length=200, blank=True, editable=False, db_index=True)
    quantity = models.PositiveSmallIntegerField(_("quantity"), default=1, validators=[MinValueValidator(1)])
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("part")
        verbose_name_plural = _("parts")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["bundle", "item_key"], name="bundle_holds_an_item_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="bundle_part_quantity_at_least_1"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        name = self.title or self.item_key
        return f"{self.quantity} × {name}" if self.quantity > 1 else name
