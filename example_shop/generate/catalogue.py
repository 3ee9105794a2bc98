"""Reads the invented catalogue from `goods.toml` and `content.toml`, whose first lines say how they are written."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

COLOURS = {
    "black": ("Black", "黑色"),
    "white": ("White", "白色"),
    "grey": ("Grey", "灰色"),
    "blue": ("Blue", "蓝色"),
    "green": ("Green", "绿色"),
    "red": ("Red", "红色"),
    "pink": ("Pink", "粉色"),
    "yellow": ("Yellow", "黄色"),
    "brown": ("Brown", "棕色"),
    "cream": ("Cream", "米白色"),
    "plum": ("Plum", "梅紫色"),
    "fig": ("Fig", "无花果"),
    "cedar": ("Cedar", "雪松"),
    "orange": ("Orange", "甜橙"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedCategory:
    slug: str
    name: str
    name_zh: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedProduct:
    """`variant_group` is empty for a product of one colour; `partners` is empty for what is no anchor.

    `sizes` are the prices by size, empty for what comes in one. A basket holds the product, whichever size it is.
    """

    sku: str
    title: str
    title_zh: str
    price: Decimal
    category: str
    description: str
    description_zh: str
    variant_group: str = ""
    maker: str = ""
    maker_zh: str = ""
    partners: frozenset[str] = frozenset()
    sizes: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Products bought for one purpose; in a series every product is an anchor."""

    name: str
    weight: float
    is_series: bool
    anchors: tuple[GeneratedProduct, ...]
    accessories: tuple[GeneratedProduct, ...] = ()
    season: Mapping[int, float] = field(default_factory=dict)


@cache
def _tables() -> tuple[dict[str, Any], dict[str, Any]]:
    folder = Path(__file__).parent
    goods, content = ((folder / name).read_text(encoding="utf-8") for name in ("goods.toml", "content.toml"))
    return tomllib.loads(goods), tomllib.loads(content)


@cache
def categories() -> tuple[GeneratedCategory, ...]:
    """All categories in the order in which a shop shows them."""
    rows = [row for table in _tables() for row in table["category"]]
    return tuple(GeneratedCategory(**{"section": "goods", **row}) for row in rows)


@cache
def families() -> tuple[Family, ...]:
    """All families of goods, then all series."""
    goods, content = _tables()
    colours_by_sku = {
        entry["row"][0]: entry["colours"]
        for family in goods["family"]
        for entry in family["anchors"] + family["accessories"]
        if "colours" in entry
    }
    return (
        *(_goods_family(table, colours_by_sku) for table in goods["family"]),
        *(_series_family(table) for table in content["series"]),
    )


@cache
def products() -> tuple[GeneratedProduct, ...]:
    """The whole catalogue."""
    return tuple(product for family in families() for product in family.anchors + family.accessories)


def planted_partners() -> dict[str, set[str]]:
    """Per anchor, the products that were made to be bought with it."""
    return {product.sku: set(product.partners) for product in products() if product.partners}


def variant_groups() -> dict[str, set[str]]:
    """Per group, the products that are colours of one thing and never stand in one basket."""
    groups: dict[str, set[str]] = defaultdict(set)
    for product in products():
        if product.variant_group:
            groups[product.variant_group].add(product.sku)
    return dict(groups)


def _goods_family(table: dict[str, Any], colours_by_sku: Mapping[str, list[str]]) -> Family:
    return Family(
        name=table["name"],
        weight=table["weight"],
        is_series=False,
        anchors=tuple(_coloured(table, table["anchors"], colours_by_sku)),
        accessories=tuple(_coloured(table, table["accessories"], colours_by_sku)),
        season=_by_month(table),
    )


def _coloured(
    table: dict[str, Any], entries: list[dict[str, Any]], colours_by_sku: Mapping[str, list[str]]
) -> Iterator[GeneratedProduct]:
    """One product for each colour of each entry."""
    for entry in entries:
        sku, title, title_zh, price = entry["row"]
        for colour in entry.get("colours", [""]):
            name, name_zh = COLOURS.get(colour, ("", ""))
            yield GeneratedProduct(
                sku=f"{sku}-{colour.upper()}" if colour else sku,
                title=f"{title}, {name}" if colour else title,
                title_zh=f"{title_zh}，{name_zh}" if colour else title_zh,
                price=Decimal(price).quantize(Decimal("0.01")),
                category=table["category"],
                description=table["about"],
                description_zh=table["about_zh"],
                variant_group=sku if colour else "",
                partners=frozenset(_partner(name, colour, colours_by_sku) for name in entry.get("partners", ())),
                sizes={
                    size: Decimal(amount).quantize(Decimal("0.01")) for size, amount in entry.get("sizes", {}).items()
                },
            )


def _partner(sku: str, colour: str, colours_by_sku: Mapping[str, list[str]]) -> str:
    colours = colours_by_sku.get(sku)
    if colours is None:
        return sku
    return f"{sku}-{(colour if colour in colours else colours[0]).upper()}"


def _series_family(table: dict[str, Any]) -> Family:
    skus = {item[0] for item in table["items"]}
    return Family(
        name=table["name"],
        weight=table["weight"],
        is_series=True,
        season=_by_month(table),
        anchors=tuple(
            GeneratedProduct(
                sku=sku,
                title=title,
                title_zh=title_zh,
                price=Decimal(price).quantize(Decimal("0.01")),
                category=table["category"],
                description=table["about"],
                description_zh=table["about_zh"],
                maker=table["maker"],
                maker_zh=table["maker_zh"],
                partners=frozenset(skus - {sku}),
            )
            for sku, title, title_zh, price in table["items"]
        ),
    )


def _by_month(table: dict[str, Any]) -> dict[int, float]:
    return {int(month): factor for month, factor in table.get("season", {}).items()}
