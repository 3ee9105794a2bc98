"""How bundles do, as rows: what the live model says of each, and how often it was sold. For export alone."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, OuterRef, Subquery
from django.utils.translation import gettext as _
from import_export import resources

from bundle_app import cells, conf, telling
from bundle_app.models import Bundle, Redemption, Score
from bundle_app.transfer import composition
from bundle_app.transfer.rows import SafeField

NAMES = (
    *("number", "products", "product_titles", "status"),
    *("model_version", "product_page", "page_count", "best_rank", "score", "learned_from"),
    *("orders", "support", "confidence", "lift"),
    *("sold", "sold_at_most", "order_count", "last_sold_at"),
)


class BundleResultResource(resources.ModelResource):
    """One row a bundle; its best score in the live model, with what may be told of its evidence (see `telling`)."""

    number = SafeField("pk", "number")
    products = SafeField(column_name="products")
    product_titles = SafeField(column_name="product_titles")
    status = SafeField("status", "status")
    model_version = SafeField(column_name="model_version")
    product_page = SafeField(column_name="product_page")
    page_count = SafeField(column_name="page_count")
    best_rank = SafeField(column_name="best_rank")
    score = SafeField(column_name="score")
    learned_from = SafeField(column_name="learned_from")
    orders = SafeField(column_name="orders")
    support = SafeField(column_name="support")
    confidence = SafeField(column_name="confidence")
    lift = SafeField(column_name="lift")
    sold = SafeField("use_count", "sold")
    sold_at_most = SafeField("max_uses", "sold_at_most")
    order_count = SafeField("order_count", "order_count")
    last_sold_at = SafeField("last_sold_at", "last_sold_at")

    class Meta:
        model = Bundle
        fields = NAMES
        chunk_size = 1000

    @classmethod
    def get_display_name(cls) -> str:
        return _("Results")

    def filter_export(self, queryset: Any, **kwargs: Any) -> Any:
        sales = Redemption.objects.filter(bundle=OuterRef("pk")).order_by().values("bundle")
        return queryset.annotate(
            order_count=Subquery(sales.annotate(found=Count("pk")).values("found")),
            last_sold_at=Subquery(sales.annotate(found=Max("redeemed_at")).values("found")),
        )

    def dehydrate_products(self, bundle: Bundle) -> str:
        return cells.written(composition.written(bundle.quantities()))

    def dehydrate_product_titles(self, bundle: Bundle) -> str:
        return cells.written(" + ".join(part.label for part in bundle.parts.all()))

    def dehydrate_model_version(self, bundle: Bundle) -> str:
        return _best(bundle, "model_version_id")

    def dehydrate_product_page(self, bundle: Bundle) -> str:
        best = next(iter(_scores(bundle)), None)
        return cells.written(" + ".join(best.context) or best.anchor_key) if best else ""

    def dehydrate_page_count(self, bundle: Bundle) -> str:
        return str(sum(not score.context for score in _scores(bundle)))

    def dehydrate_best_rank(self, bundle: Bundle) -> str:
        return _best(bundle, "rank")

    def dehydrate_score(self, bundle: Bundle) -> str:
        return _best(bundle, "score")

    def dehydrate_learned_from(self, bundle: Bundle) -> str:
        return _best(bundle, "rung")

    def dehydrate_orders(self, bundle: Bundle) -> str:
        return _evidence(bundle, "orders")

    def dehydrate_support(self, bundle: Bundle) -> str:
        return _evidence(bundle, "support")

    def dehydrate_confidence(self, bundle: Bundle) -> str:
        return _evidence(bundle, "confidence")

    def dehydrate_lift(self, bundle: Bundle) -> str:
        return _evidence(bundle, "lift")


def _scores(bundle: Bundle) -> list[Score]:
    return list(getattr(bundle, "live_scores", ()))


def _best(bundle: Bundle, name: str) -> str:
    return next((cells.written(getattr(score, name)) for score in _scores(bundle)), "")


def _evidence(bundle: Bundle, name: str) -> str:
    evidence: dict[str, Any] = next((score.evidence for score in _scores(bundle)), {})
    return cells.written(getattr(telling.tell(evidence, threshold=conf.load().k_anonymity), name))
