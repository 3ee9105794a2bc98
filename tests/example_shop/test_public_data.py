"""A real order file on its whole way: into the shop's tables, out by COPY, into baskets. No line goes unaccounted for."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from bundle_app.exporting import export_items, export_lines
from bundle_app.shop import get_adapter
from example_shop.models import Order, OrderLine, Product

pytestmark = [pytest.mark.django_db, pytest.mark.data]

LINES = 1_044_847
INVOICES = 53_628


def test_every_line_of_online_retail_is_kept_or_counted(public_data: Path, tmp_path: Path) -> None:
    from bundle_ml.lines import read_baskets

    call_command("import_orders", str(public_data / "online_retail_ii" / "orders.parquet"), verbosity=0)
    assert (Order.objects.count(), OrderLine.objects.count()) == (INVOICES, LINES)

    exported = export_lines(get_adapter(), tmp_path / "lines.csv")
    sellable = export_items(get_adapter(), tmp_path / "items.jsonl")
    baskets, report = read_baskets(tmp_path / "lines.csv")

    assert exported == report.lines_read == LINES
    assert report.lines_kept + sum(report.dropped.values()) == LINES
    assert report.dropped["malformed"] == 0
    assert report.dropped["not_counted"] > 20_000
    assert len(baskets) > 35_000
    assert 0 < sellable < Product.objects.count()
