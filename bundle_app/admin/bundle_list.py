"""Whether each bundle of a page of the list is shown, and if not, why: asked once for the whole page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bundle_app import serving
from bundle_app.admin.presentation import badge
from bundle_app.models import Bundle

logger = logging.getLogger(__name__)
TOLD_COUNT = 2


class BundleChangeList(ChangeList):
    """Bundles that know how they stand. A shop that does not answer costs the column, not the list."""

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


def standing_cell(bundle: Bundle, *, is_scored: bool) -> SafeString:
    """A word, and the reasons; the status speaks for itself."""
    standing: serving.Standing | None = getattr(bundle, "standing", None)
    if standing is None:
        return badge("unknown", _("Not known"))
    against = list(standing.against)
    if bundle.status != Bundle.Status.ACTIVE:
        against = against[1:]
    elif not (is_scored or bundle.pinned or bundle.source == Bundle.Source.MANUAL):
        against.append(_("The live model does not score it."))
    if bundle.status != Bundle.Status.ACTIVE or against:
        return _cell(badge("hidden", _("Not shown")), against)
    first = [_("Rule “%(rule)s”") % {"rule": standing.pin.sentence}] if standing.pin else []
    return _cell(badge("shown", _("Shown")), [*standing.limits, *first])


def _cell(shown: SafeString, told: Sequence[str]) -> SafeString:
    notes = list(told[:TOLD_COUNT])
    if len(told) > TOLD_COUNT:
        notes.append(_("and %(count)d more") % {"count": len(told) - TOLD_COUNT})
    return format_html(
        "{} {}", shown, format_html_join("", '<span class="bundle-note">{}</span>', ((note,) for note in notes))
    )
