from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bundle_app import doctor, engine, leases, training
from bundle_app.doctor import Finding, Verdict
from bundle_app.models import Bundle, TrainingRun
from tests.worlds import make_order, make_products

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def finding(subject: str) -> Finding:
    return next(entry for entry in doctor.examine() if entry.subject == subject)


def test_a_new_shop_is_told_what_to_do_first() -> None:
    assert finding("catalogue").verdict is Verdict.BAD
    assert "A bundle needs two." in finding("catalogue").advice
    assert "check MAP['order_line']" in finding("orders").advice
    assert finding("training runs").advice == "Run: manage.py bundles_train"
    assert finding("live model").advice.endswith("Run: manage.py bundles_train")


def test_a_trained_shop_is_well(settings: Any) -> None:
    settings.BUNDLE_APP["MAP"]["cart"] = "tests.bundle_app.shop.test_field_map.added_by_dotted_path"
    make_order(*make_products(3))
    training.train(TrainingRun.objects.create().pk)

    verdicts = {entry.subject: entry.verdict for entry in doctor.examine()}

    assert verdicts.pop("orders") is Verdict.WARNING
    assert set(verdicts.values()) == {Verdict.GOOD}
    assert "3 items, 3 of them can be sold." in finding("catalogue").found


def test_wrong_settings_are_findings_and_not_a_crash(settings: Any) -> None:
    settings.BUNDLE_APP = {"MAP": {"preset": "tutorial", "item": "shop.Produkt"}}

    found = list(doctor.examine())

    assert any("Did you mean 'shop.Product'?" in entry.found for entry in found if entry.subject == "settings")
    assert [entry.verdict for entry in found if entry.subject == "catalogue"] == [Verdict.BAD]
    assert any(entry.subject == "broker" for entry in found)


def test_missing_training_libraries_are_fine_on_a_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TRAINING_LIBRARIES", ("no_such_library",))

    assert finding("training libraries").verdict is Verdict.WARNING
    assert "Right for a web server." in finding("training libraries").advice


@pytest.mark.usefixtures("unreachable_broker")
def test_a_broker_that_is_down_is_found() -> None:
    assert finding("broker").verdict is Verdict.BAD
    assert "Without Celery, train by: manage.py bundles_train" in finding("broker").advice


def test_a_killed_worker_and_a_missing_one_are_told_apart() -> None:
    run = TrainingRun.objects.create()
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert "Is a worker listening?" in finding("training runs").advice

    leases.acquire(run.pk)
    TrainingRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert "Its worker was killed." in finding("training runs").advice


def test_a_failed_run_shows_its_error() -> None:
    TrainingRun.objects.create(status="failed", error="No orders at all.")

    assert finding("training runs").verdict is Verdict.BAD
    assert "No orders at all." in finding("training runs").found


def test_damaged_model_files_are_found(tmp_path: Path) -> None:
    make_products(3)
    training.train(TrainingRun.objects.create().pk)
    (damaged,) = (tmp_path / "artefacts").glob("*/candidates.jsonl")
    damaged.write_bytes(damaged.read_bytes() + b" ")

    findings = [entry for entry in doctor.examine() if entry.subject == "live model"]

    assert [entry.verdict for entry in findings] == [Verdict.GOOD, Verdict.BAD]
    assert "candidates.jsonl is damaged" in findings[1].found


def test_bundles_of_products_that_are_gone_are_counted() -> None:
    products = make_products(3)
    training.train(TrainingRun.objects.create().pk)
    products[0].delete()

    assert "1 products that active bundles hold are not in the catalogue" in finding("bundles").found


def test_a_live_model_all_of_whose_bundles_are_paused_is_found() -> None:
    make_products(3)
    training.train(TrainingRun.objects.create().pk)
    Bundle.objects.update(status="paused")

    assert "activate some in admin" in finding("live model").advice
