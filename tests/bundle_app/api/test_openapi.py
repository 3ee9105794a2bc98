"""The OpenAPI description: complete, valid, without a warning, and not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bundle_app.models import Event, IntakeCount

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def description() -> Any:
    out = StringIO()
    call_command(
        "spectacular",
        format="openapi-json",
        urlconf="bundle_app.urls",
        validate=True,
        fail_on_warn=True,
        stdout=out,
    )
    return json.loads(out.getvalue())


def test_the_description_is_valid_and_without_warnings(description: Any) -> None:
    operations = {
        (method, path): operation["operationId"]
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {
        ("get", "/api/bundles/"): "product_bundles_list",
        ("get", "/api/bundles/{id}/"): "product_bundles_retrieve",
        ("post", "/api/bundles/{id}/add/"): "product_bundles_add",
        ("post", "/api/events/"): "product_bundles_events",
        ("get", "/api/figures/"): "product_bundles_figures",
    }


def test_every_answer_has_an_example(description: Any) -> None:
    without = [
        (path, status)
        for path, methods in description["paths"].items()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if not answer["content"]["application/json"].get("examples")
    ]
    assert without == []


def test_its_names_do_not_collide_with_a_host_s_own(description: Any) -> None:
    assert sorted(description["components"]["schemas"]) == [
        "BundleAdd",
        "BundleAmounts",
        "BundleCounts",
        "BundleEvent",
        "BundleEvents",
        "BundleFigures",
        "BundleIntake",
        "BundleOffer",
        "BundlePart",
        "BundleProblem",
        "BundleRate",
        "BundleVariant",
        "BundleWords",
        "PaginatedBundleFiguresList",
        "PaginatedBundleOfferList",
    ]


def test_examples_look_like_answers(description: Any) -> None:
    content = description["paths"]["/api/bundles/{id}/"]["get"]["responses"]["200"]["content"]["application/json"]
    (example,) = content["examples"].values()
    schemas = description["components"]["schemas"]
    assert set(example["value"]) == set(schemas["BundleOffer"]["properties"])
    assert set(example["value"]["parts"][0]) == set(schemas["BundlePart"]["properties"])


def test_the_example_of_figures_looks_like_them(description: Any) -> None:
    content = description["paths"]["/api/figures/"]["get"]["responses"]["200"]["content"]["application/json"]
    (example,) = content["examples"].values()
    (row,) = example["value"]["results"]
    schemas = description["components"]["schemas"]
    assert set(row) == set(schemas["BundleFigures"]["properties"])
    assert set(row["now"]) == set(schemas["BundleCounts"]["properties"])
    assert set(row["now"]["amounts"]["EUR"]) == set(schemas["BundleAmounts"]["properties"])


def test_the_example_of_reports_looks_like_them(description: Any) -> None:
    operation = description["paths"]["/api/events/"]["post"]
    schemas = description["components"]["schemas"]
    (asked,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
    (told,) = operation["responses"]["200"]["content"]["application/json"]["examples"].values()
    for report in asked["value"]["events"]:
        assert set(report) == set(schemas["BundleEvent"]["properties"])
        assert report["kind"] in Event.Kind.values
    assert set(told["value"]) == set(schemas["BundleIntake"]["properties"]) == set(IntakeCount.Outcome.values)
    assert "security" not in operation or {} in operation["security"]


WITHOUT_SPECTACULAR = """
import sys
sys.modules.update({"drf_spectacular": None, "torch": None})
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="only-for-this-test",
    ROOT_URLCONF="bundle_app.urls",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "bundle_app",
                    "tests.tutorial.shop", "tests.tutorial.orders"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0, run_syncdb=True)
answer = Client().get("/api/bundles/?item=1&exclude=2")
print(answer.status_code, answer.json()["results"], [name for name in sys.modules if name.startswith("torch.")])
"""


def test_everything_works_without_drf_spectacular_and_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SPECTACULAR], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("200 [] []", "")
