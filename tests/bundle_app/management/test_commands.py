from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bundle_app.models import DailyFigure, ModelVersion
from tests.bundle_app.events.worlds import happened
from tests.worlds import make_products

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def run(*arguments: Any, **options: Any) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output, **options)
    return output.getvalue()


def test_training_shows_its_stages_and_says_what_came_of_it() -> None:
    make_products(3)

    output = run("bundles_train")

    assert "Publishing bundles" in output
    assert output.rstrip().endswith("bundles.")
    assert f"Model {ModelVersion.objects.live().get().pk} is live with" in output


def test_training_an_empty_shop_ends_with_advice() -> None:
    with pytest.raises(CommandError, match='Check "item" and "sellable" in MAP'):
        run("bundles_train")


def test_rolling_back_and_publishing_again() -> None:
    make_products(3)
    run("bundles_train", verbosity=0)
    first = ModelVersion.objects.live().get()
    run("bundles_train", verbosity=0)

    assert f"Model {first.pk} is live again" in run("bundles_rollback")
    assert f"Model {first.pk + 1} is live" in run("bundles_publish")
    assert f"Model {first.pk} is live" in run("bundles_publish", first.pk)


def test_rolling_back_from_nothing_says_so() -> None:
    with pytest.raises(CommandError, match="no earlier model version"):
        run("bundles_rollback")


def test_publishing_what_does_not_exist_says_so() -> None:
    with pytest.raises(CommandError, match="Run: manage.py bundles_train"):
        run("bundles_publish")
    with pytest.raises(CommandError, match="There is no model version 77"):
        run("bundles_publish", 77)


def test_the_doctor_ends_with_an_error_where_something_must_be_put_right() -> None:
    output = io.StringIO()

    with pytest.raises(CommandError, match="1 of these must be put right"):
        call_command("bundles_doctor", stdout=output)

    assert "✗ catalogue: 0 items" in output.getvalue()
    assert "    → A bundle needs two." in output.getvalue()


def test_events_are_credited_counted_and_forgotten_without_celery() -> None:
    happened("7", ["impression", "click"], at=timezone.now())

    assert run("bundles_attribute") == "0 credited sales written, 0 taken back.\n"
    assert run("bundles_aggregate") == "1 days and 0 experiments counted, 0 old rows deleted.\n"
    assert DailyFigure.objects.get().clicks == 1
    assert run("bundles_forget", "7") == "2 events deleted.\n"
    run("bundles_aggregate")
    assert not DailyFigure.objects.exists()
