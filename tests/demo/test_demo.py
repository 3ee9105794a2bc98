"""`make demo` as a user meets it, on the generated shop."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from example_shop.generate import planted_partners, variant_groups
from tests.demo.conftest import Demo, demo_command, free_port, start

pytestmark = [pytest.mark.process]

TOP_BUNDLES = """
from bundle_app.models import Score
top = {}
for score in Score.objects.filter(model_version__state="live", rank=1).prefetch_related("bundle__parts"):
    top[score.anchor_key] = sorted(score.bundle.quantities())
print(json.dumps(top))
"""

ALL_BUNDLES = """
from bundle_app.models import Bundle
bundles = Bundle.objects.filter(scores__model_version__state="live").distinct().prefetch_related("parts")
print(json.dumps([sorted(bundle.quantities()) for bundle in bundles]))
"""


def test_training_ends_with_a_summary_that_a_script_can_read(demo: Demo) -> None:
    summary = demo.summary

    assert summary["order_lines_read"] > summary["order_lines_kept"] > 10_000
    assert summary["dropped"]["not_counted"] > 0
    assert summary["bundles_published"] > 100
    assert {"database", "filling_the_shop", "export", "train", "publish"} <= summary["seconds"].keys()
    assert summary["peak_memory_bytes"]["worker"] > 0
    assert {row["model"] for row in summary["metrics"]["rows"]} >= {"popularity", "co_purchase", "ease", "blend"}


def test_all_planted_partners_are_in_the_top_bundle_of_their_anchor(demo: Demo) -> None:
    top = demo.ask(TOP_BUNDLES)
    anchors = {anchor: partners for anchor, partners in planted_partners().items() if partners}

    found = [anchor for anchor, partners in anchors.items() if set(partners) <= set(top.get(anchor, ()))]

    missed = sorted(set(anchors) - set(found))
    assert len(found) >= 0.95 * len(anchors), f"{len(missed)} of {len(anchors)} anchors: {missed[:20]}"


def test_no_bundle_holds_two_variants_of_one_product(demo: Demo) -> None:
    group_of = {sku: group for group, skus in variant_groups().items() for sku in skus}

    for keys in demo.ask(ALL_BUNDLES):
        groups = [group_of[key] for key in keys if key in group_of]
        assert len(groups) == len(set(groups)), keys


def test_every_product_that_can_be_sold_has_a_bundle(demo: Demo) -> None:
    without = demo.ask(
        "from bundle_app.models import Score; from example_shop.models import Product\n"
        "have = Score.objects.filter(model_version__state='live').values('anchor_key')\n"
        "print(json.dumps(list(Product.objects.for_sale().filter(in_stock=True).exclude(sku__in=have)"
        ".values_list('sku', flat=True))))"
    )

    assert without == []


def test_the_second_start_serves_what_is_there_and_says_where(demo: Demo) -> None:
    said = demo.log.read_text()

    assert "is live with" in said
    assert "Sent the training task" not in said
    assert f"{demo.url}/admin/" in said


def test_it_stops_every_process_that_it_started(demo: Demo) -> None:
    second, log = start(demo.folder, free_port())
    children = psutil.Process(second.pid).children(recursive=True)
    assert any("celery" in " ".join(child.cmdline()) for child in children)

    second.send_signal(signal.SIGINT)
    second.wait(timeout=60)

    _gone, alive = psutil.wait_procs([child for child in children if "celery" in str(child)], timeout=10)
    assert alive == []
    assert "The demonstration has ended." in log.read_text()


def test_a_port_in_use_is_said_before_anything_starts(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = demo_command(folder, PORT=str(port))

    assert result.returncode == 1
    assert f"Port {port} is in use. Choose another one: make demo PORT={port + 1}" in result.stderr
    assert not (folder / "postgres").exists()


def test_a_port_that_is_no_number_is_refused(folder: Path) -> None:
    assert "PORT is 'eighty'; expected a number from 1 to 65535" in demo_command(folder, PORT="eighty").stderr


def test_an_order_file_without_the_needed_columns_is_explained(folder: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("invoice,product\n1,2\n")

    result = demo_command(folder, ORDERS=str(orders))

    assert result.returncode == 1
    assert "order_id" in result.stderr
    assert "invoice" in result.stderr


def test_another_source_for_a_filled_shop_is_refused_with_advice(demo: Demo, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("order_id,item_id,quantity\n" + "".join(f"{n},{item},1\n" for n in range(50) for item in "ab"))

    result = demo_command(demo.folder, ORDERS=str(orders), PORT=str(free_port()))

    assert result.returncode == 1
    assert "make demo-reset" in result.stderr


def test_it_runs_on_an_order_file(folder: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    lines = [
        f"{n},{2 * (n % 6) + part},1,9.90,2025-01-{1 + n % 28:02},Thing {2 * (n % 6) + part}"
        for n in range(300)
        for part in (0, 1)
    ]
    orders.write_text("order_id,item_id,quantity,unit_price,ordered_at,title\n" + "\n".join(lines) + "\n")

    result = demo_command(folder, ORDERS=os.fspath(orders), DEMO_EXIT_AFTER_TRAINING="1")

    assert result.returncode == 0, result.stderr
    assert '"order_lines_read": 600' in result.stdout.splitlines()[-1]
