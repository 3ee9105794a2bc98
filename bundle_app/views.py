"""The widget's form: one POST that adds a bundle, for shoppers with and without JavaScript."""

from __future__ import annotations

import logging

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import get_script_prefix
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from bundle_app import outages, serving
from bundle_app.exceptions import BundleNotOnOffer, CannotAddToCart
from bundle_app.serving.choosing import MOST_CHOICES

logger = logging.getLogger(__name__)


@csrf_protect
@require_POST
def add(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    """Add a bundle to the cart, say so, and go back to where the shopper was."""
    try:
        offer = serving.add_to_cart(
            pk,
            request,
            only_missing=request.POST.get("only_missing") == "1",
            impression=request.POST.get("impression", ""),
            choices=request.POST.getlist("choices")[:MOST_CHOICES],
        )
    except (BundleNotOnOffer, CannotAddToCart) as error:
        messages.error(request, str(error), fail_silently=True)
    except outages.MISTAKES:
        raise
    except outages.DATABASE_AWAY as error:
        logger.error("A bundle was not added. The database does not answer: %s", outages.in_a_line(error))  # noqa: TRY400
        told = gettext("This set could not be added at the moment. Please look into your cart and try again.")
        messages.error(request, told, fail_silently=True)
    else:
        added = gettext("Added to your cart: %(titles)s") % {
            "titles": " + ".join(part.item.title for part in offer.missing)
        }
        messages.success(request, added, fail_silently=True)
    return HttpResponseRedirect(_way_back(request))


def _way_back(request: HttpRequest) -> str:
    """The form's `next`, else the page that sent it, else the shop's front page; never another site."""
    for url in (request.POST.get("next"), request.headers.get("Referer")):
        if url and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return url
    return get_script_prefix()
