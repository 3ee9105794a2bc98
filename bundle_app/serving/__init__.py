"""What a page shows and what its button does: the use cases of the web process.

    candidates   which bundles may be shown, and in which order: the live model's and the merchandisers' own
    offers       a bundle with today's prices, or why it cannot be bought
    pages        the two together: offers for a page, as objects or as HTML
    cart         an offer into the shopper's cart
    held         what bundles in the cart save today

Nothing here writes to the app's tables, and no price is remembered: the shop is asked each time. What is unusual is
the budget: three SQL queries a page, whatever the number of bundles and parts: candidates, parts, the shop's items.
"""

from __future__ import annotations

from bundle_app.serving.cart import add_to_cart
from bundle_app.serving.held import HeldBundle, HeldPrice, Standing, price_held
from bundle_app.serving.offers import Offer, OfferedPart
from bundle_app.serving.pages import bundles_for, offer, offer_by_id, problems, render

__all__ = [
    "HeldBundle",
    "HeldPrice",
    "Offer",
    "OfferedPart",
    "Standing",
    "add_to_cart",
    "bundles_for",
    "offer",
    "offer_by_id",
    "price_held",
    "problems",
    "render",
]
