"""What groups are called: bundles by their contents, product pages by their products, versions by their numbers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.figures.selection import Grouping
from bundle_app.models import Arm, Bundle
from bundle_app.models.experiment import JOINT, arms_in
from bundle_app.shop import get_adapter

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

logger = logging.getLogger(__name__)

PLACES: Mapping[str, StrPromise] = {
    "product": gettext_lazy("Product page"),
    "cart": gettext_lazy("Cart"),
    "home": gettext_lazy("Home page"),
    "import": gettext_lazy("Imported log"),
    "": gettext_lazy("No place named"),
}


def names(by: Grouping, keys: Sequence[Any]) -> dict[Any, str]:
    """Names by key, in at most two queries or one call to the shop, whose silence costs the titles alone."""
    match by:
        case Grouping.BUNDLE:
            bundles = Bundle.objects.filter(pk__in=keys).prefetch_related("parts")
            known = {bundle.pk: str(bundle) for bundle in bundles}
            return {key: known.get(key) or _("Bundle %(number)s, deleted") % {"number": key} for key in keys}
        case Grouping.ANCHOR:
            titles = _titles([key for key in keys if key])
            return {key: titles.get(key, key) if key else _("No product page") for key in keys}
        case Grouping.ARM:
            return _names_of_arms(keys)
        case _:
            return {key: name(by, key) for key in keys}


def name(by: Grouping, key: Any) -> str:
    """Of a group that needs no looking up; bundles and product pages are their numbers here."""
    match by:
        case Grouping.DAY:
            return date_format(key, "MONTH_DAY_FORMAT")
        case Grouping.PLACEMENT:
            return str(PLACES.get(key, key))
        case Grouping.POSITION:
            return _("Position %(number)s") % {"number": key}
        case Grouping.VERSION:
            return _("Model %(number)s") % {"number": key} if key else _("Chosen by hand")
        case Grouping.POLICY:
            return _("Policy %(number)s") % {"number": key} if key else _("Without a policy")
        case Grouping.ARM:
            return key or _("In no experiment")
        case _:
            return str(key)


def _names_of_arms(keys: Sequence[str]) -> dict[str, str]:
    """Of an own experiment, its name and the arm's; words of another system stay what they are."""
    asked = {pair for key in keys for pair in arms_in(key)}
    arms = Arm.objects.filter(experiment_id__in={number for number, _letter in asked}).select_related("experiment")
    known = {arm.word: f"{arm.experiment}: {arm}" for arm in arms} if asked else {}

    def told(key: str) -> str:
        words = key.split(JOINT)
        return f" {JOINT} ".join(known.get(word, word) for word in words) if known.keys() & words else key

    return {key: told(key) if key else name(Grouping.ARM, key) for key in keys}


def _titles(keys: Sequence[str]) -> dict[str, str]:
    try:
        return {key: card.title for key, card in get_adapter().get_items(keys, None).items()}
    except Exception:
        logger.exception("The shop could not be asked what its products are called.")
        return {}
