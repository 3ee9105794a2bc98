"""The default adapter: a shop described by a dict of paths, no code.

A path goes from the model outwards. Between names stands `__` or a dot, which mean the same; the last name may be a
field, a property or a method without arguments: `category__name`, `image.url`, `get_absolute_url`. Paths of `line`
are exported by one SQL query and so must be fields all the way.

What needs the request (a price per customer group, stock per warehouse) is beyond paths: subclass and override
`get_items`. Variants are read by `variant_map`, beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BooleanField, Case, CharField, F, Model, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string

from bundle_app import conf
from bundle_app.exceptions import MappingError
from bundle_app.shop.adapter import CartLine, CatalogueItem, ItemCard, ShopAdapter
from bundle_app.shop.field_paths import as_lookup, check_path, model_of, read_path, relations_of, valid_keys
from bundle_app.shop.presets import PRESETS
from bundle_app.shop.variant_map import REQUIRED_OF_VARIANTS, VARIANT_KEYS, VariantMap

KNOWN_KEYS = frozenset(
    "preset order_line line counted not_counted product_view view item item_key item_filter item_fields search "
    "variant variant_filter variant_fields cart cart_quantities".split()
)
DICTS = frozenset("line counted not_counted view item_filter item_fields variant_filter variant_fields".split())
READ_IN_PYTHON = frozenset({"item_fields", "variant_fields"})
MERGED = frozenset("line view item_fields variant_fields".split())
LINE_KEYS = ("order", "item", "quantity", "unit_price", "ordered_at", "shopper")
SALE_KEYS = ("discount", "other_discount", "refunded", "cost", "currency", "impression")
PARENT = "parent"
"""Path of an order line or a view to the item of a variant; null where its `item` is the item itself."""
VIEW_KEYS = ("shopper", "item", "viewed_at")
CHUNK_SIZE = 2000
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
        merged[key] = {**merged.get(key, {}), **value} if key in MERGED else value
    _check_paths(merged)
    required = [("order_line",), ("item",), ("line", "order"), ("line", "item"), ("item_fields", "title")]
    required += [("view", key) for key in VIEW_KEYS] if merged.get("product_view") else []
    required += [("variant_fields", key) for key in REQUIRED_OF_VARIANTS] if merged.get("variant") else []
    for path in required:
        if not (merged.get(path[0]) if len(path) == 1 else merged.get(path[0], {}).get(path[1])):
            raise MappingError(f"MAP{''.join(f'[{part!r}]' for part in path)} is missing; it is needed in every shop.")
    return merged


def _check_paths(merged: Mapping[str, Any]) -> None:
    for key, known in (
        ("line", (*LINE_KEYS, *SALE_KEYS, PARENT)),
        ("view", (*VIEW_KEYS, PARENT)),
        ("item_fields", ITEM_KEYS),
        ("variant_fields", VARIANT_KEYS),
    ):
        for name, path in merged.get(key, {}).items():
            if name not in known:
                raise MappingError(f"MAP[{key!r}] has the unknown key {name!r}. Known keys: {', '.join(known)}.")
            if path and not isinstance(path, str) and not (key in READ_IN_PYTHON and callable(path)):
                raise MappingError(f"MAP[{key!r}][{name!r}] is {path!r}; expected a path such as 'category__name'.")


def _column(paths: Mapping[str, str], key: str) -> F | Coalesce | Value:
    if key == "item" and PARENT in paths:
        return Coalesce(F(paths[PARENT]), F(paths["item"]))
    return F(paths[key]) if key in paths else Value(None, output_field=CharField())


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

    @cached_property
    def variants(self) -> VariantMap | None:
        """How variants are read, where the shop has them."""
        return VariantMap.of(self.map) if self.map.get("variant") else None

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
        return found + self._variant_problems() + self._filter_problems() + self._cart_problems()

    def _variant_problems(self) -> list[str]:
        if self.variants is None:
            return []
        found = self.variants.problems()
        if self.variants.model is self.item_model and not self.map.get("item_filter"):
            found.append(
                "MAP['variant'] is the model of the items themselves: set MAP['item_filter'] so that a variant is no "
                "item of its own, such as {'parent': None}."
            )
        return found

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
            *([("variant_filter", self.variants.model)] if self.variants else []),
        ):
            try:
                model._default_manager.filter(**self.map.get(key, {}))
            except Exception as error:  # noqa: BLE001  (the ORM raises a dozen kinds for a wrong lookup)
                found.append(f"MAP[{key!r}] is {self.map[key]!r}, which is no filter on {model._meta.label}: {error}")
        return found

    # Offline

    def order_lines(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]]:
        lines: QuerySet[Any] = self.line_model._default_manager.order_by()
        if since is not None and "ordered_at" in self.line_paths:
            lines = lines.filter(**{f"{self.line_paths['ordered_at']}__gte": since})
        return lines.values_list(*self._line_columns())

    def sales(self, *, since: datetime) -> QuerySet[Any, tuple[Any, ...]] | None:
        paths = self.line_paths
        if "ordered_at" not in paths or not {"impression", "shopper"} & paths.keys():
            return None
        lines: QuerySet[Any] = self.line_model._default_manager.order_by(paths["order"])
        lines = lines.filter(**{f"{paths['ordered_at']}__gte": since})
        return lines.values_list(*self._line_columns(), *(_column(paths, key) for key in SALE_KEYS))

    def _line_columns(self) -> list[Any]:
        *columns, shopper = (_column(self.line_paths, key) for key in LINE_KEYS)
        return [*columns, self._counts(), shopper]

    def views(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]] | None:
        if self.view_model is None:
            return None
        paths = self.view_paths
        seen: QuerySet[Any] = self.view_model._default_manager.order_by()
        if since is not None:
            seen = seen.filter(**{f"{paths['viewed_at']}__gte": since})
        return seen.values_list(*(_column(paths, key) for key in VIEW_KEYS))

    def _counts(self) -> Case | Value:
        counted, not_counted = self.map.get("counted", {}), self.map.get("not_counted", {})
        cases = []
        if not_counted:
            cases.append(When(Q(**not_counted), then=Value(value=False)))
        if counted:
            cases.append(When(Q(**counted), then=Value(value=True)))
        return Case(*cases, default=Value(not counted), output_field=BooleanField()) if cases else Value(value=True)

    def items(self) -> Iterator[CatalogueItem]:
        products = self._products().iterator(chunk_size=CHUNK_SIZE)
        while chunk := list(islice(products, CHUNK_SIZE)):
            cards = self.with_variants([self.card(product) for product in chunk])
            for product, card in zip(chunk, cards, strict=True):
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
            parent = self.variants.parent_of(product) if self.variants else ""
            return parent or str(read_path(product, self.item_key_path))
        return str(product)

    def parents(self, keys: Sequence[str]) -> Mapping[str, str]:
        return self.variants.parents(keys) if self.variants and keys else {}

    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        rows = self.variants.rows(keys) if self.variants and keys else []
        parents = [self.key_for(row) for row in rows]
        items = {card.key: card for card in map(self.card, self._with_keys([*keys, *parents]))}
        variants = self.variants.cards(rows, items) if self.variants else {}
        whole = {key: item.with_variants(variants.get(key, ())) for key, item in items.items()}
        known = {one.key: item.as_variant(one) for item in whole.values() for one in item.variants} | whole
        return {key: known[key] for key in keys if key in known}

    def search_items(self, query: str, *, limit: int) -> list[ItemCard]:
        matches = Q(**{f"{self.item_key_path}__in": valid_keys(self.item_model, self.item_key_path, [query])})
        for path in self.search_paths:
            matches |= Q(**{f"{path}__icontains": query})
        return self.with_variants(list(map(self.card, self._products().filter(matches).order_by("pk")[:limit])))

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

    def _with_keys(self, keys: Sequence[str]) -> QuerySet[Any]:
        valid = valid_keys(self.item_model, self.item_key_path, keys)
        return self._products().filter(**{f"{self.item_key_path}__in": valid})

    def with_variants(self, cards: Sequence[ItemCard]) -> list[ItemCard]:
        """Cards with what they are sold in: one query for all of them, none in a shop without variants."""
        if self.variants is None or not cards:
            return list(cards)
        items = {card.key: card for card in cards}
        found = self.variants.cards(self.variants.rows(list(items)), items)
        return [card.with_variants(found.get(card.key, ())) for card in cards]
