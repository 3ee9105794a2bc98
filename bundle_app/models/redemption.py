"""Which order bought how many of which bundle: what a limit on the sets sold is counted from.

An order is named by the shop's own key. A bundle that was ever sold cannot be deleted, so that an order line which
names it goes on meaning something.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bundle_app.models.bundle import Bundle


class Redemption(models.Model):
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("bundle"))
    order_key = models.CharField(_("order"), max_length=64)
    count = models.PositiveIntegerField(_("sets"), default=1)
    redeemed_at = models.DateTimeField(_("sold"), auto_now_add=True)

    class Meta:
        verbose_name = _("sale of a bundle")
        verbose_name_plural = _("sales of bundles")
        indexes = [models.Index(fields=["order_key"], name="redemption_by_order")]
        constraints = [
            models.UniqueConstraint(fields=["bundle", "order_key"], name="redemption_once_an_order"),
            models.CheckConstraint(condition=Q(count__gte=1), name="redemption_of_at_least_1"),
        ]

    def __str__(self) -> str:
        return f"{self.order_key}: {self.count} × {self.bundle_id}"
