"""How well a bundle suits an anchor, in the eyes of one model version, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from django.db import models
from django.utils.translation import gettext_lazy as _

from bundle_app.models.bundle import Bundle
from bundle_app.models.model_version import ModelVersion

SHOP_WIDE = ""
"""The anchor of bundles that suit any page; shown where an item has none of its own."""

CONTEXT_MARK = "~"


def context_key(item_keys: Collection[str]) -> str:
    """The anchor of bundles for whoever has all of these items in hand, in whatever order they are told.

    >>> context_key(["7", "12"]) == context_key(["12", "7"]), len(context_key(["7", "12"]))
    (True, 41)
    """
    digest = hashlib.sha256("\x00".join(sorted(item_keys)).encode()).hexdigest()
    return f"{CONTEXT_MARK}{digest[:40]}"


class Score(models.Model):
    """One row per (model version, anchor, bundle).

    The anchor is the item whose page is looked at, a context of several items in hand (`context_key`), or SHOP_WIDE.
    """

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="scores", verbose_name=_("model version")
    )
    anchor_key = models.CharField(_("product page"), max_length=64, blank=True)
    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="scores", verbose_name=_("bundle"))
    score = models.FloatField(_("score"))
    rank = models.PositiveSmallIntegerField(_("rank"))
    rung = models.CharField(_("learned from"), max_length=16)
    evidence = models.JSONField(_("evidence"), default=dict)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["model_version", "anchor_key", "rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "anchor_key", "bundle"], name="score_once_per_anchor_and_version"
            ),
            models.UniqueConstraint(
                fields=["model_version", "anchor_key", "rank"], name="score_rank_once_per_anchor_and_version"
            ),
            models.CheckConstraint(condition=models.Q(rank__gte=1), name="score_rank_counts_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.anchor_key or '*'} #{self.rank}"

    @property
    def context(self) -> tuple[str, ...]:
        """The items that must be in hand together; empty where the anchor is one item, or none."""
        return tuple(self.evidence.get("context") or ())
