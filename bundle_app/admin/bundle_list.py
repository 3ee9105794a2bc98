"""Why active bundles of the list are not shown, and where alone some are: asked once for a whole page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bundle_app import rules, serving
from bundle_app.admin.presentation import badge
from bundle_app.models import Bundle

logger = logging.getLogger(__name__)
TOLD_COUNT = 2


class BundleChangeList(ChangeList):
    """Bundles that know how they stand. A shop that does not answer costs the notes, not the list."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        bundles: Sequence[Any] = list(self.result_list)
        try:
            found = serving.standings(bundles, request=request)
        except Exception:
            logger.exception("The shop could not be asked whether the bundles of the list can be bought.")
            return
        for bundle in bundles:
            bundle.standing = found[bundle.pk]


def standing_notes(bundle: Bundle, *, is_scored: bool) -> SafeString:
    """A word, and the reasons; empty for what is shown wherever it fits. What is not active, its status says."""
    standing: serving.Standing | None = getattr(bundle, "standing", None)
    if bundle.status != Bundle.Status.ACTIVE:
        return SafeString("")
    if standing is None:
        return badge("unknown", _("Shown or not: not known"))
    against = list(standing.against)
    if not (is_scored or bundle.pinned or bundle.source == Bundle.Source.MANUAL):
        against.append(_("The live model does not score it."))
    if against:
        return format_html("{} {}", badge("hidden", _("Not shown")), _notes(against))
    first = [rules.told(standing.pin)] if standing.pin else []
    return _notes([*standing.limits, *first])


def _notes(told: Sequence[str]) -> SafeString:
    notes = list(told[:TOLD_COUNT])
    if len(told) > TOLD_COUNT:
        notes.append(_("and %(count)d more") % {"count": len(told) - TOLD_COUNT})
    return format_html_join("", '<span class="bundle-note">{}</span>', ((note,) for note in notes))
