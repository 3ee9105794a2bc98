"""The field in which a merchandiser finds a product: an accessible combobox on top of a plain key input.

What is submitted is the item key, always. Without JavaScript the key is typed; with it, a static module lays a
search by title over the field, fed by `found_products`. The server checks the key either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from bundle_app.exceptions import BundleError
from bundle_app.explain import money
from bundle_app.shop import ItemCard, get_adapter

RESULT_COUNT = 20
SUGGESTION_COUNT = 3
SHORTEST_PREFIX = 3


class ProductPicker(forms.TextInput):
    """An input for an item key. `titles` holds what is known of the keys it may show."""

    template_name = "admin/bundle_app/product_picker.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"size": 24, "autocomplete": "off", "spellcheck": "false", **(attrs or {})})
        self.titles: Mapping[str, str] = {}

    @property
    def media(self) -> forms.Media:
        modules: list[Any] = [forms.Script("bundle_app/admin/product_picker.js", type="module")]
        return forms.Media(
            js=modules,
            css={"all": ["bundle_app/admin/admin.css"]},
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["title"] = self.titles.get(str(value or ""), "")
        context["widget"]["search_url"] = reverse("admin:bundle_app_bundle_products")
        return context


def found_products(request: HttpRequest) -> JsonResponse:
    """GET ?q=… → {"products": [{"key", "title", "note"}]}. A shop that cannot be asked answers 503 with an error."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    try:
        cards = get_adapter().search_items(query, limit=RESULT_COUNT) if query else []
    except BundleError as error:
        return JsonResponse({"products": [], "error": str(error)}, status=503)
    return JsonResponse({"products": [{"key": card.key, "title": card.title, "note": note(card)} for card in cards]})


def note(card: ItemCard) -> str:
    """What a merchandiser should know of a product before picking it: key, price, whether it can be sold."""
    told = [card.key, _("no price") if card.price is None else money(card.price, card.currency)]
    if not card.sellable:
        told.append(_("not for sale"))
    elif card.stock is not None and card.stock < 1:
        told.append(_("sold out"))
    return " · ".join(told)


def unknown_product(typed: str) -> str:
    """What to tell someone who typed a key that no product has."""
    nearest = nearest_products(typed)
    if not nearest:
        return _("There is no product with the key “%(typed)s”. Enter a key as the shop's catalogue shows it.") % {
            "typed": typed
        }
    return _("There is no product with the key “%(typed)s”. Enter a key, for example %(suggestions)s.") % {
        "typed": typed,
        "suggestions": ", ".join(f"{card.key} ({card.title})" for card in nearest),
    }


def nearest_products(typed: str) -> list[ItemCard]:
    """A few products that may have been meant: by all that was typed, by each word, by how it begins."""
    words = sorted(typed.split(), key=len, reverse=True)[:3]
    prefixes = [
        typed[:length] for length in (len(typed) - 2, SHORTEST_PREFIX) if SHORTEST_PREFIX <= length < len(typed)
    ]
    adapter = get_adapter()
    for query in dict.fromkeys([typed, *words, *prefixes]):
        cards = adapter.search_items(query, limit=SUGGESTION_COUNT)
        if cards:
            return cards
    return []
