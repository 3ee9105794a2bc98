"""Pages of the catalogue. They only read; none of them knows anything of bundles but the tag in its template."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from example_shop.models import Category, Product, ProductQuerySet
from example_shop.pictures import draw

PER_PAGE = 24
SORTS = {
    "popular": (_("Most popular"), ("-sold_count", "pk")),
    "price": (_("Price, low to high"), ("price", "pk")),
    "-price": (_("Price, high to low"), ("-price", "pk")),
    "title": (_("Title"), ("title", "pk")),
}


@require_safe
def icon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look on pages that name no icon, such as the admin's.

    A "not found" there would be a page with a form, and its new CSRF cookie would refuse the login that is being typed.
    """
    return redirect(static("example_shop/favicon.svg"), permanent=True)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    categories = list(_categories_with_picture())
    content = [category for category in categories if category.section == Category.Section.CONTENT]
    goods = Product.objects.for_sale().exclude(category__section=Category.Section.CONTENT)
    best = list(goods.one_per_variant_group().with_category().order_by("-sold_count", "pk")[:11])
    return render(
        request,
        "example_shop/home.html",
        {
            "goods_categories": [category for category in categories if category not in content],
            "hero": best[:3],
            "best_sellers": best[3:],
            "content": [
                (category, category.products.for_sale().with_category().order_by("-sold_count", "pk")[:4])
                for category in content
            ],
        },
    )


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    shown = get_object_or_404(Category, slug=slug)
    page = _page(request, Product.objects.for_sale().filter(category=shown))
    return render(
        request,
        "example_shop/category.html",
        {"category": shown, "current_slug": slug, "page": page, "sorts": _sorts(request)},
    )


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = Product.objects.for_sale().matching(text)
    slug = request.GET.get("category", "")
    if slug:
        found = found.filter(category__slug=slug)
    return render(
        request,
        "example_shop/search.html",
        {"text": text, "slug": slug, "page": _page(request, found), "sorts": _sorts(request)},
    )


@require_safe
def product(request: HttpRequest, sku: str) -> HttpResponse:
    shown = get_object_or_404(Product.objects.with_category(), sku=sku)
    variants = Product.objects.for_sale().filter(variant_group=shown.variant_group).order_by("pk")
    similar = Product.objects.for_sale().filter(category=shown.category).exclude(pk=shown.pk)
    if shown.variant_group:
        similar = similar.exclude(variant_group=shown.variant_group)
    return render(
        request,
        "example_shop/product.html",
        {
            "product": shown,
            "variants": list(variants) if shown.variant_group else [],
            "similar": similar.one_per_variant_group().with_category().order_by("-sold_count", "pk")[:4],
        },
    )


@require_safe
@cache_control(public=True, max_age=24 * 60 * 60)
def picture(request: HttpRequest, sku: str) -> HttpResponse:  # noqa: ARG001
    """A product's picture: drawn from what the product is called, the same every time."""
    shown = get_object_or_404(Product.objects.with_category(), sku=sku)
    svg = draw(title=shown.title, category=shown.category.slug, maker=shown.maker, key=shown.sku)
    return HttpResponse(svg, content_type="image/svg+xml; charset=utf-8")


def _page(request: HttpRequest, products: ProductQuerySet) -> Page[Product]:
    _label, order = SORTS.get(request.GET.get("sort", ""), SORTS["popular"])
    shown = products.one_per_variant_group().with_category().order_by(*order)
    return Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))


def _sorts(request: HttpRequest) -> list[tuple[str, object, bool]]:
    """Ways to sort: key, label, whether chosen."""
    chosen = request.GET.get("sort", "popular")
    return [(key, label, key == chosen) for key, (label, _order) in SORTS.items()]


def _categories_with_picture() -> QuerySet[Category]:
    """Categories in which something is for sale, with the number of their best seller as `top_sku`."""
    best = Product.objects.for_sale().filter(category=OuterRef("pk")).order_by("-sold_count", "pk")
    return Category.objects.annotate(top_sku=Subquery(best.values("sku")[:1])).filter(top_sku__isnull=False)
