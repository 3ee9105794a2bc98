"""Drawn pictures: well-formed, the same every time, and telling things apart."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.test import Client

from example_shop.generate import GeneratedProduct, categories, products
from example_shop.models import Product
from example_shop.pictures import draw, motif_of

CONTENT = {category.slug for category in categories() if category.section == "content"}


@pytest.mark.parametrize("product", products(), ids=lambda product: product.sku)
def test_every_generated_product_has_a_picture_of_its_own_kind(product: GeneratedProduct) -> None:
    svg = draw(title=product.title, category=product.category, maker=product.maker, key=product.sku)
    root = ET.fromstring(svg)
    assert root.get("viewBox") == "0 0 400 400"
    assert "$" not in svg
    if product.category not in CONTENT:
        assert motif_of(product.title, product.sku).group is not None, f"nothing is drawn for {product.title!r}"


@pytest.mark.parametrize(
    ("title", "motif"),
    [
        ("Canvas Laptop Bag, Grey", "briefcase"),
        ("Nova Phone Case, Blue", "phonecase"),
        ("White Hanging Heart T-Light Holder", "tray"),
        ("Set of 3 Cake Tins Pantry Design", "tin"),
        ("Jumbo Bag Red Retrospot", "handbag"),
        ("Regency Cakestand 3 Tier", "cakestand"),
    ],
)
def test_the_last_known_word_of_a_title_decides(title: str, motif: str) -> None:
    assert motif_of(title, "any").name == motif


def test_a_title_that_says_nothing_gets_a_still_life() -> None:
    assert {motif_of("Xyzzy", str(number)).name for number in range(50)} == {"stilllife", "parcel", "shapes"}


def test_colours_of_one_product_differ_in_colour_alone() -> None:
    blue, red = (draw(title=f"Mug, {colour}", category="kitchen", maker="", key="MUG") for colour in ("Blue", "Red"))
    assert blue != red
    assert blue[:200].split("fill=")[1] == red[:200].split("fill=")[1]


def test_what_a_title_holds_cannot_break_out_of_the_picture() -> None:
    svg = draw(title='<script>alert("x")</script>', category="books", maker="A & B", key="B")
    assert "<script" not in svg
    ET.fromstring(svg)


def test_a_picture_is_served_and_may_be_kept(client: Client, teapot: Product) -> None:
    response = client.get("/picture/POT.svg")
    assert response.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert "max-age=86400" in response.headers["Cache-Control"]
    assert response.content.startswith(b"<svg")
    assert client.get("/picture/NOWHERE.svg").status_code == 404
