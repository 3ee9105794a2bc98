"""Variants of items, read by the paths of `MAP["variant_fields"]`: what is sold where the item is a parent.

A variant may be a row of the item's own model (a product whose parent is another) or of a model beside it. What its
paths do not tell, such as a price that all sizes share, is the item's. Variants come in the order of their primary
keys, which is the order in which a shop offers them; the first that can be bought is what one click buys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Model, Q, QuerySet

from bundle_app.shop.adapter import ItemCard, VariantCard
from bundle_app.shop.field_paths import (
    as_lookup,
    check_path,
    model_of,
    read_path,
    relations_of,
    split_path,
    valid_keys,
)

REQUIRED_OF_VARIANTS = ("parent", "key", "label")
VARIANT_KEYS = (*REQUIRED_OF_VARIANTS, "price", "cost", "sellable", "stock")
IN_QUERIES = frozenset({"parent", "key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantMap:
    """`paths["parent"]` leads to the item's key, `paths["key"]` to the variant's own."""

    model: type[Model]
    paths: Mapping[str, Any]
    only: Mapping[str, Any]

    @classmethod
    def of(cls, shop_map: Mapping[str, Any]) -> VariantMap:
        return cls(
            model=model_of(shop_map["variant"], key="variant"),
            paths={name: path for name, path in shop_map["variant_fields"].items() if path},
            only=shop_map.get("variant_filter", {}),
        )

    def problems(self) -> list[str]:
        """What is wrong with the paths, each as a sentence."""
        found: list[str] = []
        for name, path in self.paths.items():
            label = f"MAP['variant_fields'][{name!r}]"
            if not callable(path):
                found += check_path(self.model, path, label=label, fields_only=name in IN_QUERIES)
            elif name in IN_QUERIES:
                found.append(f"{label} is a function; expected a path of fields, since variants are looked up by it.")
        return found

    def parent_of(self, product: Model) -> str:
        """The item's key if this is a variant, else ""."""
        if not isinstance(product, self.model):
            return ""
        parent = read_path(product, self.paths["parent"])
        return "" if parent is None else str(parent)

    def parents(self, keys: Sequence[str]) -> dict[str, str]:
        """Item keys by variant key, for those of these keys that are variants'."""
        found = self._rows().filter(self._are("key", keys)).values_list(self._lookup("key"), self._lookup("parent"))
        return {str(key): str(parent) for key, parent in found if parent is not None}

    def rows(self, keys: Sequence[str]) -> list[Model]:
        """All variants of these items, and those variants whose own keys are among them: one query."""
        return list(self._rows().filter(self._are("parent", keys) | self._are("key", keys)).order_by("pk"))

    def cards(self, rows: Iterable[Model], items: Mapping[str, ItemCard]) -> dict[str, list[VariantCard]]:
        """The variants among rows of each of these items, by its key."""
        found: dict[str, list[VariantCard]] = {}
        for row in rows:
            item = items.get(self.parent_of(row))
            if item is not None:
                found.setdefault(item.key, []).append(self._card(row, item))
        return found

    def _card(self, row: Model, item: ItemCard) -> VariantCard:
        price, cost, stock = (self._read(row, name, getattr(item, name)) for name in ("price", "cost", "stock"))
        key = str(read_path(row, self.paths["key"]))
        return VariantCard(
            key=key,
            label=str(self._read(row, "label", "") or key),
            price=None if price is None else Decimal(str(price)),
            cost=None if cost is None else Decimal(str(cost)),
            stock=None if stock is None else int(stock),
            sellable=bool(self._read(row, "sellable", otherwise=True)),
        )

    def _read(self, row: Model, name: str, otherwise: Any) -> Any:
        path = self.paths.get(name)
        if not path:
            return otherwise
        return path(row) if callable(path) else read_path(row, path)

    def _are(self, name: str, keys: Sequence[str]) -> Q:
        return Q(**{f"{self._lookup(name)}__in": valid_keys(self.model, self.paths[name], keys)})

    def _lookup(self, name: str) -> str:
        return as_lookup(self.paths[name])

    def _rows(self) -> QuerySet[Any]:
        relations = {
            relation
            for path in self.paths.values()
            if not callable(path) and len(split_path(path)) > 1
            for relation in relations_of(self.model, path)
        }
        rows: QuerySet[Any] = self.model._default_manager.filter(**self.only)
        return rows.select_related(*sorted(relations)) if relations else rows
