"""All our admin pages pass a strict content security policy: nothing inline, neither script nor style."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bundle_app.models import Decision, Entry, ModelVersion, Rule, TrainingRun
from tests.bundle_app.admin.conftest import EVIDENCE, Tags
from tests.bundle_app.admin.test_model_versions import make
from tests.bundle_app.admin.test_training_runs import running
from tests.bundle_app.experiments.worlds import arms, crowd, experiment, run
from tests.bundle_app.figures.worlds import shown, sold
from tests.bundle_app.tutorial_shop import bundle, score

PAGES = {
    "the list of bundles": "admin:bundle_app_bundle_changelist",
    "a filtered list": "admin:bundle_app_bundle_changelist",
    "a new bundle": "admin:bundle_app_bundle_add",
    "a generated bundle": "admin:bundle_app_bundle_change",
    "a bundle made by hand": "admin:bundle_app_bundle_change",
    "the list of rules": "admin:bundle_app_rule_changelist",
    "a new rule": "admin:bundle_app_rule_add",
    "a rule": "admin:bundle_app_rule_change",
    "the list of experiments": "admin:bundle_app_experiment_changelist",
    "a new experiment": "admin:bundle_app_experiment_add",
    "a draft of an experiment": "admin:bundle_app_experiment_change",
    "a running experiment": "admin:bundle_app_experiment_change",
    "promoting an arm": "admin:bundle_app_experiment_promote",
    "the log of decisions": "admin:bundle_app_decision_changelist",
    "the list of versions": "admin:bundle_app_modelversion_changelist",
    "a version": "admin:bundle_app_modelversion_change",
    "going live": "admin:bundle_app_modelversion_go_live",
    "the results": "admin:bundle_app_dailyfigure_changelist",
    "results of nothing": "admin:bundle_app_dailyfigure_changelist",
    "the list of runs": "admin:bundle_app_trainingrun_changelist",
    "a running run": "admin:bundle_app_trainingrun_change",
    "a failed run": "admin:bundle_app_trainingrun_change",
}


@pytest.fixture
def addresses(goods: list[Any]) -> dict[str, str]:
    generated, manual = bundle(goods[:3]), bundle(goods[3:5], source="manual", pinned=True)
    live, old = make("live"), make(published_at=timezone.now())
    score(generated, live, anchor=goods[0], rung="blend", evidence=EVIDENCE)
    rule = Rule.objects.create(kind="stock_floor", stock_count=1)
    Decision.objects.record([Entry(subject=one, action="changed") for one in (generated, rule)])
    draft, trial = experiment(), experiment(window_days=1)
    for arm in arms(trial, "bundle_app/widget.html"):
        crowd(arm, 100, buying=30)
    run(trial)
    failed = TrainingRun.objects.create(status="failed", error="Nothing to train.")
    arguments: dict[str, Any] = {
        "a generated bundle": generated.pk,
        "a bundle made by hand": manual.pk,
        "a rule": rule.pk,
        "a draft of an experiment": draft.pk,
        "a running experiment": trial.pk,
        "promoting an arm": trial.arms.get(key="b").pk,
        "a version": live.pk,
        "going live": old.pk,
        "a running run": running().pk,
        "a failed run": failed.pk,
    }
    found = {name: reverse(view, args=[arguments[name]] if name in arguments else []) for name, view in PAGES.items()}
    shown(bundle_id=generated.pk, clicks=3)
    sold(2, bundle_id=generated.pk, revenue=9)
    found["results of nothing"] += "?arm=nobody"
    found["a rule"] += "?_changelist_filters=kind__exact%3Dpin"
    found["a filtered list"] += "?status__exact=active&rung=blend&time=now&q=Product&_facets=True"
    return found


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_has_nothing_inline(page: Client, addresses: dict[str, str], name: str) -> None:
    response = page.get(addresses[name])
    assert response.status_code == 200
    tags = Tags(response.content.decode())
    for tag, attributes in tags.found:
        assert tag != "style", "an inline style sheet"
        assert "style" not in attributes, f"a style attribute on <{tag}>"
        handlers = [attribute for attribute in attributes if attribute.startswith("on")]
        assert not handlers, f"{handlers} on <{tag}>"
        assert not attributes.get("href", "").startswith("javascript:")
    scripts = list(tags.named("script"))
    assert scripts
    assert all(script.get("src") for script in scripts), "an inline script"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_names_what_it_has(page: Client, addresses: dict[str, str], name: str) -> None:
    tags = Tags(page.get(addresses[name]).content.decode())
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id twice"
    for tag, attributes in tags.found:
        for reference in attributes.get("aria-labelledby", "").split():
            assert reference in ids, f"<{tag}> is labelled by {reference}, which is not on the page"
    for picture in tags.named("svg"):
        if picture.get("class", "").startswith("bundle-"):
            assert picture.get("role") == "img" or picture.get("aria-hidden") == "true"
    for bar in tags.named("progress"):
        assert bar.get("aria-label") or bar.get("aria-labelledby")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_for_staff(addresses: dict[str, str], name: str) -> None:
    response = Client().get(addresses[name])
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]


def test_no_version_or_run_is_needed_for_any_list(page: Client) -> None:
    ModelVersion.objects.all().delete()
    for name in ("the list of bundles", "the list of versions", "the list of runs", "a new bundle"):
        assert page.get(reverse(PAGES[name])).status_code == 200
