"""Product bundles for Django shops, learned from the shop's own orders.

The app stands beside a shop and never inside it. It reads the shop's order table through an adapter
(`bundle_app.shop`), has a worker learn from it which products belong together (`bundle_app.training`), writes the
composed and scored bundles to the database (`bundle_app.publishing`) and shows them where shoppers decide
(`bundle_app.serving`, by template tag and by REST):

    INSTALLED_APPS += ["rest_framework", "bundle_app"]
    BUNDLE_APP = {"MAP": {"preset": "tutorial"}}                         # settings.py
    path("bundles/", include("bundle_app.urls"))                         # urls.py
    {% load bundles %}{% bundle_widget product %}                        # product.html
    python manage.py migrate && python manage.py bundles_train

What is unusual: products are referenced by a string, `item_key`, and never by a foreign key, so that the migrations
are the same in every shop, whatever its models, key types or database aliases. And nothing in this package imports
torch: the learning lives in `bundle_ml`, behind one door (`bundle_app.engine`), in a process of its own.
"""

from __future__ import annotations

__version__ = "0.1.0"
