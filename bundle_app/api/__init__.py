"""The REST interface, for shops whose pages are not Django templates.

    GET  bundles/                bundles for items, best first; for the whole shop without an item
    GET  bundles/<id>/           one bundle on offer
    POST bundles/<id>/add/       all of it into the shopper's cart
    POST events/                 what became of bundles that were shown
    GET  figures/                how bundles do, for a shop's own reports

What is unusual: nothing is left to the host's REST_FRAMEWORK defaults. Permissions, authentication, throttling,
pagination, rendering and the shape of errors are named on the views, so that they are the same in every shop.
"""

from __future__ import annotations
