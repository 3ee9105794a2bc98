"""What a page shows and what its button does: the use cases of the web process.

    candidates   which bundles may be shown, and in which order: the live model's and the merchandisers' own
    choosing     which variant of each part is sold
    offers       a bundle with today's prices, or why it cannot be bought
    showings     the word that names an offer in its place on a page
    arranging    which of them stand where: the live policy's choice
    pages        all together: offers for a page, as objects or as HTML
    cart         an offer into the shopper's cart
    held         what bundles in the cart save today
    promises     the price that an experiment has shown
    ruling       the rules in force, and who is asking
    standing     why bundles are not shown, for merchandisers
    previewing   what a rule would do to today's bundles

Nothing here writes to the app's tables, and no price is remembered: the shop is asked each time. What is unusual is
the budget: four SQL queries a page, whatever the number of bundles, parts and rules: rules, candidates, parts, the
shop's items; a fifth reads variants, in a shop that has them.
"""

from __future__ import annotations

from bundle_app.serving.cart import add_to_cart
from bundle_app.serving.held import HeldBundle, HeldPrice, HeldStanding, price_held
from bundle_app.serving.offers import Offer, OfferedPart
from bundle_app.serving.pages import bundles_for, offer, offer_by_id, problems, render
from bundle_app.serving.previewing import Preview, preview
from bundle_app.serving.standing import Standing, standings

__all__ = [
    "HeldBundle",
    "HeldPrice",
    "HeldStanding",
    "Offer",
    "OfferedPart",
    "Preview",
    "Standing",
    "add_to_cart",
    "bundles_for",
    "offer",
    "offer_by_id",
    "preview",
    "price_held",
    "problems",
    "render",
    "standings",
]
