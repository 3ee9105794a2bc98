"""What became of the showings of a day, added up: what dashboards read, and what is left when old events are deleted.

A day's rows are always written anew from the events and the credited sales, all of them in one transaction, so counting
twice changes nothing. `CountedDay` says which days are counted, and which are closed because their events are gone.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from bundle_app.models.event import ShowingFields


class DailyFigure(ShowingFields):
    """One row per (day, bundle, anchor, place, position, versions, arm, explored or not, currency).

    Sales have rows of their own, with their currency; rows of what was seen and clicked have none. Whoever wants
    everything about a bundle adds the rows up.
    """

    day = models.DateField(_("day"))
    is_explored = models.BooleanField(
        _("explored"), default=False, help_text=_("Something else was more likely to be shown there.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    impressions = models.PositiveIntegerField(_("impressions"), default=0)
    clicks = models.PositiveIntegerField(_("clicks"), default=0)
    adds = models.PositiveIntegerField(_("added to carts"), default=0)
    dismissals = models.PositiveIntegerField(_("dismissals"), default=0)
    surplus = models.PositiveIntegerField(
        _("not learned from"),
        default=0,
        help_text=_("Clicks, adds and dismissals beyond what one visitor is believed; they are in no other column."),
    )
    purchases = models.DecimalField(_("sales"), max_digits=12, decimal_places=6, default=0)
    revenue = models.DecimalField(_("revenue"), max_digits=16, decimal_places=4, default=0)
    discount = models.DecimalField(_("discount"), max_digits=16, decimal_places=4, default=0)
    margin = models.DecimalField(
        _("margin"),
        max_digits=16,
        decimal_places=4,
        null=True,
        help_text=_("Of the sales whose costs are known; empty where none are."),
    )

    class Meta:
        verbose_name = _("daily figure")
        verbose_name_plural = _("results")
        indexes = [models.Index(fields=["bundle", "day"], name="daily_figure_by_bundle")]
        constraints = [
            models.UniqueConstraint(
                fields="day bundle anchor_key placement slot version_id policy_id arm is_explored currency".split(),
                name="daily_figure_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.bundle_id}"


class CountedDay(models.Model):
    """`counted_at` is when the day's counting began; null once something of the day has changed since."""

    day = models.DateField(_("day"), primary_key=True)
    counted_at = models.DateTimeField(_("counted"), null=True)
    is_closed = models.BooleanField(_("closed"), default=False)

    class Meta:
        verbose_name = _("counted day")
        verbose_name_plural = _("counted days")

    def __str__(self) -> str:
        return str(self.day)


class OrderCount(models.Model):
    """How many orders the shop took on a day, whether a bundle had a part in them or not."""

    day = models.DateField(_("day"), primary_key=True)
    count = models.PositiveIntegerField(_("orders"))

    class Meta:
        verbose_name = _("count of orders")
        verbose_name_plural = _("counts of orders")

    def __str__(self) -> str:
        return f"{self.day}: {self.count}"
