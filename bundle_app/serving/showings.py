"""Names for what a page shows, so that what becomes of it can be told. Nothing is written for them."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from bundle_app.events import subjects, tokens
from bundle_app.serving.candidates import Candidate
from bundle_app.serving.offers import Offer


class Showings:
    """Those of one page at one moment. Without a request there is no visitor, and nothing is named."""

    def __init__(self, request: HttpRequest | None, *, placement: str) -> None:
        self.request = request
        self.placement = placement
        self.at = timezone.now()

    @cached_property
    def subject(self) -> str:
        return subjects.pseudonym_of(self.request)

    def named(self, offer: Offer, candidate: Candidate, *, slot: int) -> Offer:
        """The offer with the token of its showing. Where a key or a place is too long for one, it goes without."""
        if self.request is None or not tokens.fits(offer.anchor_key, self.placement, candidate.arm):
            return offer
        showing = tokens.Showing(
            bundle_id=offer.bundle.pk,
            anchor_key=offer.anchor_key,
            placement=self.placement,
            slot=slot,
            shown_at=self.at,
            version_id=candidate.version_id,
            policy_id=candidate.policy_id,
            arm=candidate.arm,
            propensity=candidate.propensity,
        )
        return replace(offer, impression=tokens.sign(showing, subject=self.subject))
