"""The default adapter: a shop described by a dict of paths, no code.

A path goes from the model outwards. Between names stands `__` or a dot, which mean the same; the last name may be a
field, a property or a method without arguments: `category__name`, `image.url`, `get_absolute_url`. Paths of `line`
are exported by one SQL query and so must be fields all the way.

What needs the request (a price per customer group, stock per warehouse) is beyond paths: subclass and override
`get_items`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, ValidationError
from django.db.models import BooleanField, Case, CharField, F, Field, Model, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string

from bundle_app import conf
from bundle_app.exceptions import MappingError
from bundle_app.shop.adapter import CartLine, CatalogueItem, ItemCard, ShopAdapter
from bundle_app.shop.field_paths import as_lookup, check_path, model_of, read_path, relations_of, split_path
from bundle_app.shop.presets import PRESETS

KNOWN_KEYS = frozenset(
    "preset order_line line counted not_counted product_view view item item_key item_filter item_fields search "
    "cart cart_quantities".split()
)
DICTS = frozenset("line counted not_counted view item_filter item_fields".split())
LINE_KEYS = ("order", "item", "quantity", "unit_price", "ordered_at", "shopper")
VIEW_KEYS = ("shopper", "item", "viewed_at")
ITEM_KEYS = ("title", "category", "price", "currency", "cost", "sellable", "content", "stock", "url", "image")


def resolved_map(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a shop's own keys over its preset; nested dicts are merged key by key.

    Raises:
        MappingError: an unknown preset, an unknown key, or a required key that is missing.
    """
    preset = raw.get("preset")
    if preset is not None and not (isinstance(preset, str) and preset in PRESETS):
        raise MappingError(f"MAP['preset'] is {preset!r}; expected one of {', '.join(sorted(PRESETS))}, or no preset.")
    merged = dict(PRESETS[preset]) if preset else {}
    for key, value in raw.items():
        if key not in KNOWN_KEYS:
            raise MappingError(f"MAP has the unknown key {key!r}. Known keys: {', '.join(sorted(KNOWN_KEYS))}.")
        if key in DICTS and not isinstance(value, Mapping):
            raise MappingError(f"MAP[{key!r}] is {value!r}; expected a dict.")
        merged[key] = {**merged.get(key, {}), **value} if key in {"line", "view", "item_fields"} else value
    _check_paths(merged)
    required = [("order_line",), ("item",), ("line", "order"), ("line", "item"), ("item_fields", "title")]
    required += [("view", key) for key in VIEW_KEYS] if merged.get("product_view") else []
    for path in required:
        if not (merged.get(path[0]) if len(path) == 1 else merged.get(path[0], {}).get(path[1])):
            raise MappingError(f"MAP{''.join(f'[{part!r}]' for part in path)} is missing; it is needed in every shop.")
    return merged


def _check_paths(merged: Mapping[str, Any]) -> None:
    for key, known in (("line", LINE_KEYS), ("view", VIEW_KEYS), ("item_fields", ITEM_KEYS)):
        for name, path in merged.get(key, {}).items():
            if name not in known:
                raise MappingError(f"MAP[{key!r}] has the unknown key {name!r}. Known keys: {', '.join(known)}.")
            if path and not isinstance(path, str) and not (key == "item_fields" and callable(path)):
                raise MappingError(f"MAP[{key!r}][{name!r}] is {path!r}; expected a path such as 'category__name'.")


class FieldMapAdapter(ShopAdapter):
    """Reads the shop through `BUNDLE_APP["MAP"]`. Override single methods where paths do not reach."""

    @cached_property
    def map(self) -> dict[str, Any]:
        return resolved_map(conf.load().map)

    @cached_property
    def item_model(self) -> type[Model]:
        return model_of(self.map["item"], key="item")

    @cached_property
    def line_model(self) -> type[Model]:
        return model_of(self.map["order_line"], key="order_line")

    @cached_property
    def currency(self) -> str:
        """Of prices whose model says none."""
        return conf.load().currency

    @property
    def item_key_path(self) -> str:
        return as_lookup(str(self.map.get("item_key", "pk")))

    @cached_property
    def line_paths(self) -> dict[str, str]:
        """ORM paths by column; columns that the shop does not have are absent."""
        return {name: as_lookup(path) for name, path in self.map["line"].items() if path}

    @cached_property
    def view_model(self) -> type[Model] | None:
        """What records that a shopper looked at a product, where the shop has such a model."""
        label = self.map.get("product_view")
        return model_of(label, key="product_view") if label else None

    @cached_property
    def view_paths(self) -> dict[str, str]:
        return {name: as_lookup(path) for name, path in self.map.get("view", {}).items()}

    @property
    def search_paths(self) -> list[str]:
        return [as_lookup(path) for path in self.map.get("search", ())]

    @property
    def item_paths(self) -> Mapping[str, Any]:
        paths: Mapping[str, Any] = self.map["item_fields"]
        return paths

    def problems(self) -> list[str]:
        """All that is wrong with the map, each as a sentence for the person who wrote it."""
        found: list[str] = []
        for name, path in self.line_paths.items():
            found += check_path(self.line_model, path, label=f"MAP['line'][{name!r}]", fields_only=True)
        if self.view_model:
            for name, path in self.view_paths.items():
                found += check_path(self.view_model, path, label=f"MAP['view'][{name!r}]", fields_only=True)
            if "shopper" not in self.line_paths:
                found.append("Views need to know whose orders are whose: set MAP['line']['shopper'] to the same id.")
        for name, path in self.item_paths.items():
            if path and not callable(path):
                found += check_path(self.item_model, path, label=f"MAP['item_fields'][{name!r}]")
        found += check_path(self.item_model, self.item_key_path, label="MAP['item_key']", fields_only=True)
        if conf.load().history_days and "ordered_at" not in self.line_paths:
            found.append(
                "BUNDLE_APP['HISTORY_DAYS'] needs to know when orders were placed: set MAP['line']['ordered_at']."
            )
        for path in self.search_paths:
            found += check_path(self.item_model, path, label="MAP['search']", fields_only=True)
        return found + self._filter_problems() + self._cart_problems()

    def _cart_problems(self) -> list[str]:
        found = []
        for key in ("cart", "cart_quantities"):
            if not self.map.get(key):
                continue
            try:
                import_string(self.map[key])
            except (ImportError, AttributeError) as error:
                found.append(f"MAP[{key!r}] is {self.map[key]!r}, which cannot be imported: {error}")
        return found

    def _filter_problems(self) -> list[str]:
        found = []
        for key, model in (
            ("counted", self.line_model),
            ("not_counted", self.line_model),
            ("item_filter", self.item_model),
        ):
            try:
                model._default_manager.filter(**self.map.get(key, {}))
            except Exception as error:  # noqa: BLE001  (the ORM raises a dozen kinds for a wrong lookup)
                found.append(f"MAP[{key!r}] is {self.map[key]!r}, which is no filter on {model._meta.label}: {error}")
        return found

    # Offline

    def order_lines(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]]:
        paths = self.line_paths
        lines: QuerySet[Any] = self.line_model._default_manager.order_by()
        if since is not None and "ordered_at" in paths:
            lines = lines.filter(**{f"{paths['ordered_at']}__gte": since})
        *columns, shopper = (
            F(paths[key]) if key in paths else Value(None, output_field=CharField()) for key in LINE_KEYS
        )
        return lines.values_list(*columns, self._counts(), shopper)

    def views(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]] | None:
        if self.view_model is None:
            return None
        paths = self.view_paths
        seen: QuerySet[Any] = self.view_model._default_manager.order_by()
        if since is not None:
            seen = seen.filter(**{f"{paths['viewed_at']}__gte": since})
        return seen.values_list(*(F(paths[key]) for key in VIEW_KEYS))

    def _counts(self) -> Case | Value:
        counted, not_counted = self.map.get("counted", {}), self.map.get("not_counted", {})
        cases = []
        if not_counted:
            cases.append(When(Q(**not_counted), then=Value(value=False)))
        if counted:
            cases.append(When(Q(**counted), then=Value(value=True)))
        return Case(*cases, default=Value(not counted), output_field=BooleanField()) if cases else Value(value=True)

    def items(self) -> Iterator[CatalogueItem]:
        for product in self._products().iterator(chunk_size=2000):
            card = self.card(product)
            yield CatalogueItem(
                key=card.key,
                title=card.title,
                category=card.category,
                price=card.price,
                cost=card.cost,
                sellable=card.can_sell(1),
                content=bool(self._read(product, "content")),
            )

    # Online

    def key_for(self, product: Any) -> str:
        if isinstance(product, Model):
            return str(read_path(product, self.item_key_path))
        return str(product)

    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        products = self._products().filter(**{f"{self.item_key_path}__in": self._valid_keys(keys)})
        return {card.key: card for card in map(self.card, products)}

    def search_items(self, query: str, *, limit: int) -> list[ItemCard]:
        matches = Q(**{f"{self.item_key_path}__in": self._valid_keys([query])})
        for path in self.search_paths:
            matches |= Q(**{f"{path}__icontains": query})
        return [self.card(product) for product in self._products().filter(matches).order_by("pk")[:limit]]

    @property
    def has_cart(self) -> bool:
        return bool(self.map.get("cart")) or type(self).add_to_cart is not FieldMapAdapter.add_to_cart

    def cart_quantities(self, request: HttpRequest) -> Mapping[str, int]:
        if not self.map.get("cart_quantities"):
            return super().cart_quantities(request)
        read: Callable[[HttpRequest], Mapping[str, int]] = import_string(self.map["cart_quantities"])
        return read(request)

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        if not self.map.get("cart"):
            super().add_to_cart(request, lines, bundle)
            return
        add: Callable[..., None] = import_string(self.map["cart"])
        add(request, lines, bundle)

    # Reading one product

    def card(self, product: Model) -> ItemCard:
        """A product as pages show it."""
        price, cost, stock = (self._read(product, name) for name in ("price", "cost", "stock"))
        return ItemCard(
            key=self.key_for(product),
            title=str(self._read(product, "title") or self.key_for(product)),
            category=self._read(product, "category") or None,
            price=None if price is None else Decimal(str(price)),
            currency=str(self._read(product, "currency") or self.currency),
            url=str(self._read(product, "url") or ""),
            image_url=str(self._read(product, "image") or ""),
            sellable=bool(self._read(product, "sellable")) if self.item_paths.get("sellable") else True,
            stock=None if stock is None else int(stock),
            cost=None if cost is None else Decimal(str(cost)),
        )

    def _read(self, product: Model, name: str) -> Any:
        path = self.item_paths.get(name)
        if not path:
            return None
        try:
            return path(product) if callable(path) else read_path(product, path)
        except (ObjectDoesNotExist, ValueError, NoReverseMatch):
            # A one-to-one without a row, an image field without a file, a product without a page of its own.
            return None

    def _products(self) -> QuerySet[Any]:
        relations = {
            relation
            for path in self.item_paths.values()
            if path and not callable(path)
            for relation in relations_of(self.item_model, path)
        }
        products: QuerySet[Any] = self.item_model._default_manager.filter(**self.map.get("item_filter", {}))
        return products.select_related(*sorted(relations)) if relations else products

    def _valid_keys(self, keys: Sequence[str]) -> list[Any]:
        """Keys as the model's field holds them; a word that cannot be a key of this model is no key."""
        name = split_path(self.item_key_path)[-1]
        options = self.item_model._meta
        try:
            key_field = options.pk if name == "pk" else options.get_field(name)
        except FieldDoesNotExist:  # The path crosses a relation: the database compares.
            return list(keys)
        valid = []
        for key in keys:
            try:
                valid.append(cast("Field[Any, Any]", key_field).to_python(key))
            except (ValidationError, ValueError, TypeError):
                continue
        return valid
