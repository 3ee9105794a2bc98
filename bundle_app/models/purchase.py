"""What a showing has sold: the lines of one order that are credited to it.

Amounts are after the bundle's discount and after what was paid back; a row of which nothing is left is deleted. The
order is named by the shop's own key, as in `redemption.py`, and nothing here says whose it was.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bundle_app.models.event import ShowingFields


class Purchase(ShowingFields):
    showing = models.BigIntegerField(_("showing"))
    order_key = models.CharField(_("order"), max_length=64)
    propensity = models.FloatField(_("propensity"), default=1.0)
    share = models.DecimalField(
        _("share of the credit"),
        max_digits=7,
        decimal_places=6,
        help_text=_("1 if the sale is credited to this showing alone."),
    )
    revenue = models.DecimalField(_("revenue"), max_digits=14, decimal_places=4)
    discount = models.DecimalField(_("discount"), max_digits=14, decimal_places=4)
    margin = models.DecimalField(
        _("margin"),
        max_digits=14,
        decimal_places=4,
        null=True,
        help_text=_("Empty where the cost of a product is not known."),
    )
    currency = models.CharField(_("currency"), max_length=3)
    ordered_at = models.DateTimeField(_("ordered"), db_index=True)

    class Meta:
        verbose_name = _("credited sale")
        verbose_name_plural = _("credited sales")
        indexes = [models.Index(fields=["showing"], name="purchase_by_showing")]
        constraints = [
            models.UniqueConstraint(fields=["order_key", "showing"], name="purchase_once_an_order_and_showing"),
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=1), name="purchase_share_is_a_share"),
            models.CheckConstraint(condition=Q(propensity__gt=0, propensity__lte=1), name="purchase_propensity"),
        ]

    def __str__(self) -> str:
        return f"{self.order_key}: {self.revenue} {self.currency}"
