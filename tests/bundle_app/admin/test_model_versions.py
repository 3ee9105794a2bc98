"""Model versions: what the list and the page tell, and going live and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bundle_app.admin.data_report import REASONS, dropped
from bundle_app.admin.metrics import context_label, metrics_table, reason
from bundle_app.models import ModelVersion
from tests.bundle_app.admin.conftest import Tags, text_of

LIST = "admin:bundle_app_modelversion_changelist"
PAGE = "admin:bundle_app_modelversion_change"
GO_LIVE = "admin:bundle_app_modelversion_go_live"

METRICS = {
    "contexts": ["1", "4", "all_but_one"],
    "test_baskets": 2018,
    "rows": [
        {"model": model, "context": context, "ndcg_at_10": value, "ndcg_at_10_low": value - 0.004,
         "ndcg_at_10_high": value + 0.004, "mrr": value / 2}
        for model, values in {
            "popularity": (0.0180, 0.0170, 0.0190),
            "ease": (0.0700, 0.0930, 0.2020),
            "blend": (0.0835, 0.0970, 0.2020),
        }.items()
        for context, value in zip(("1", "4", "all_but_one"), values, strict=True)
    ],
}  # fmt: skip

DATA = {
    "lines_read": 541909,
    "lines_kept": 397884,
    "baskets": 18532,
    "dropped": {"null_item": 1454, "not_counted": 9288, "not_in_catalogue": 0, "a reason of tomorrow": 3},
}


def make(state: str = "ready", **fields: Any) -> ModelVersion:
    values: dict[str, Any] = {
        "rung": "blend",
        "metrics": METRICS,
        "data": DATA,
        "history": [
            {"epoch": 1, "loss": 7.1, "validation_ndcg": 0.06},
            {"epoch": 2, "loss": 6.4, "validation_ndcg": 0.08},
        ],
        "settings": {"width": 192, "sizes": [2, 5]},
        "fingerprint": "ab" * 32,
        "artefact": "abab-1",
        "bundle_count": 1204,
        "data_from": datetime(2025, 1, 2, tzinfo=UTC),
        "data_until": datetime(2026, 1, 3, tzinfo=UTC),
        "published_at": timezone.now() if state == "live" else None,
    }
    return ModelVersion.objects.create(state=state, **{**values, **fields})


class TestTheList:
    def test_a_row_tells_what_is_live_how_good_it_is_and_what_it_learned_from(self, page: Client) -> None:
        made = make("live")
        shown = text_of(page.get(reverse(LIST)))
        assert f"Model {made.pk} Live Blend with Transformer" in shown
        assert "0.084 0.202 in a full cart" in shown
        assert "1,204" in shown
        assert "Jan. 2, 2025 – Jan. 3, 2026" in shown

    def test_a_version_that_was_not_measured_shows_a_dash(self, page: Client) -> None:
        make(metrics={}, data_from=None, data_until=None)
        assert page.get(reverse(LIST)).status_code == 200

    def test_many_versions_cost_as_many_queries_as_few(self, page: Client) -> None:
        def query_count() -> int:
            with CaptureQueriesContext(connection) as queries:
                page.get(reverse(LIST))
            return len(queries)

        make("live")
        make()
        query_count()
        few = query_count()
        for _ in range(20):
            make()
        assert query_count() == few

    def test_versions_are_not_made_by_hand(self, page: Client) -> None:
        assert page.get(reverse("admin:bundle_app_modelversion_add")).status_code == 403


class TestThePage:
    def test_the_table_has_models_as_rows_and_contexts_as_columns_the_best_in_bold(self, page: Client) -> None:
        html = page.get(reverse(PAGE, args=[make().pk])).content.decode()
        shown = Tags(html).text
        assert "NDCG@10 1 product known 4 products known All but one product known" in shown
        assert "Popularity 0.0180 0.0140 – 0.0220" in shown
        assert "<strong>0.0835</strong>" in html
        assert html.count("<strong>0.2020</strong>") == 2, "a tie has two winners"
        assert "<strong>0.0700</strong>" not in html
        assert "Blend served" in shown
        assert "Served because no simpler model ranks the held-out orders better by more than chance: " in shown
        assert "NDCG@10 0.1275 on average." in shown
        assert "Not served" not in shown
        assert "Measured on 2,018 orders that were kept back while the models learned." in shown

    def test_another_measure_is_an_address_away(self, page: Client) -> None:
        shown = text_of(page.get(reverse(PAGE, args=[make().pk]), {"metric": "mrr"}))
        assert "MRR 1 product known" in shown
        assert "0.0418" in shown

    def test_a_measure_that_does_not_exist_is_the_usual_one(self, page: Client) -> None:
        assert "NDCG@10 1 product known" in text_of(page.get(reverse(PAGE, args=[make().pk]), {"metric": "<script>"}))

    def test_the_curve_is_drawn_with_its_numbers_beside(self, page: Client) -> None:
        html = page.get(reverse(PAGE, args=[make().pk])).content.decode()
        assert 'class="bundle-chart"' in html
        assert "1 7.1000 0.0600 2 6.4000 0.0800" in Tags(html).text

    def test_the_data_report_gives_reasons_in_plain_words(self, page: Client) -> None:
        shown = text_of(page.get(reverse(PAGE, args=[make().pk])))
        assert "Order lines read 541,909" in shown
        assert "Belong to orders that were cancelled or never paid. 9,288 1.7%" in shown
        assert "Name a product that is no longer in the catalogue." not in shown, "none was dropped for that"
        assert "width 192" in shown
        assert "sizes 2, 5" in shown

    def test_an_untrained_version_has_no_curve_and_says_so(self, page: Client) -> None:
        shown = text_of(page.get(reverse(PAGE, args=[make(history=[], metrics={}, data={}, settings={}).pk])))
        assert "This version was counted rather than trained, so there is no curve." in shown
        assert "Nothing was measured: the shop had too few orders to keep some back for that." in shown

    def test_nothing_on_it_can_be_edited(self, page: Client) -> None:
        html = page.get(reverse(PAGE, args=[make().pk])).content.decode()
        assert not [field for field in Tags(html).named("input") if field.get("name", "").startswith(("rung", "state"))]
        assert page.post(reverse(PAGE, args=[make().pk]), {"state": "live"}).status_code == 403

    def test_the_live_version_is_not_deleted_and_another_is(self, page: Client) -> None:
        live, old = make("live"), make()
        delete = "admin:bundle_app_modelversion_delete"
        assert page.post(reverse(delete, args=[live.pk]), {"post": "yes"}).status_code == 403
        assert page.post(reverse(delete, args=[old.pk]), {"post": "yes"}).status_code == 302
        assert list(ModelVersion.objects.all()) == [live]


@pytest.mark.django_db
def test_a_richer_model_that_was_refused_is_named_with_who_beat_it_and_by_how_much() -> None:
    refused = {
        "rung": "blend",
        "by": "ease",
        "difference": 0.0101,
        "difference_low": 0.0042,
        "difference_high": 0.0164,
    }
    told = reason(make(rung="ease", metrics={**METRICS, "refused": [refused]}))

    assert told.startswith(
        "Served because no simpler model ranks the held-out orders better by more than chance: NDCG@10 0.1217"
    )
    assert told.endswith(
        "Not served: Blend. Linear model (EASE) ranks better by 0.0101 (95% interval: 0.0042 – 0.0164)."
    )


@pytest.mark.django_db
def test_segments_and_confidence_are_shown_where_they_were_measured(page: Client) -> None:
    segment = {"model": "blend", "context": "1", "segment": "rare_items", "cases": 900}
    segment |= {"ndcg_at_10": 0.0433, "ndcg_at_10_low": 0.0391, "ndcg_at_10_high": 0.0477}
    other = {**segment, "model": "ease", "ndcg_at_10": 0.9999}
    bins = [
        {"predicted": 0.01 * n, "observed": 0.012 * n, "observed_low": 0.0, "observed_high": 0.1, "items": 50}
        for n in range(1, 4)
    ]
    calibration = {"expected_error": 0.0041, "bins": bins, "temperatures": [1.0] * 6}
    made = make(metrics={**METRICS, "segments": [segment, other], "calibration": calibration})

    html = page.get(reverse(PAGE, args=[made.pk])).content.decode()

    assert "All other products" in html
    assert "0.0433" in html
    assert "0.9999" not in html, "of a model that is not served"
    assert "On average, the two are 0.0041 apart." in html
    assert html.count("bundle-interval-line") == 3
    plain = page.get(reverse(PAGE, args=[make().pk])).content.decode()
    assert "segments-heading" not in plain
    assert "reliability-heading" not in plain


@pytest.mark.django_db
def test_with_too_few_orders_to_compare_the_amount_of_data_decides() -> None:
    assert "0 held-out orders are too few to compare models" in reason(make(settings={"gate_min_cases": 30}))


@pytest.mark.django_db
def test_nothing_measured_gives_no_reason() -> None:
    assert reason(make(metrics={})) == ""


class TestGoingLive:
    def test_an_earlier_version_is_rolled_back_to_after_a_question(self, page: Client, boss: User) -> None:
        earlier = make(published_at=timezone.now())
        live = make("live")
        assert "Roll back to this version" in text_of(page.get(reverse(PAGE, args=[earlier.pk])))

        asked = text_of(page.get(reverse(GO_LIVE, args=[earlier.pk])))
        assert f"the shop shows the bundles of Model {earlier.pk} instead of those of Model {live.pk}" in asked
        assert ModelVersion.objects.live().get() == live, "asking changes nothing"

        done = text_of(page.post(reverse(GO_LIVE, args=[earlier.pk]), follow=True))
        assert f"Model {earlier.pk} is live." in done
        assert ModelVersion.objects.live().get() == earlier
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_id, entry.get_change_message()) == (boss, str(earlier.pk), "Made live.")

    def test_a_version_that_was_never_live_is_published(self, page: Client) -> None:
        made = make()
        assert "Publish this version" in text_of(page.get(reverse(PAGE, args=[made.pk])))
        page.post(reverse(GO_LIVE, args=[made.pk]))
        assert ModelVersion.objects.live().get() == made

    @pytest.mark.parametrize(("state", "name"), [("live", "Live"), ("pruned", "Pruned"), ("loading", "Loading")])
    def test_a_version_in_another_state_offers_nothing_and_says_why(self, page: Client, state: str, name: str) -> None:
        made = make(state)
        shown = text_of(page.get(reverse(PAGE, args=[made.pk])))
        assert "Publish this version" not in shown
        assert "Roll back" not in shown
        told = text_of(page.get(reverse(GO_LIVE, args=[made.pk]), follow=True))
        assert f"Model {made.pk} cannot be made live: it is {name}." in told

    def test_what_cannot_go_live_is_told_and_what_was_live_stays(self, page: Client) -> None:
        live, pruned = make("live"), make("pruned")
        told = text_of(page.post(reverse(GO_LIVE, args=[pruned.pk]), follow=True))
        assert f"Model {pruned.pk} was pruned: its scores and files are gone." in told
        assert ModelVersion.objects.live().get() == live
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_may_not_publish_sees_no_button_and_gets_403(self, staff: Any, method: str) -> None:
        made = make()
        clerk = staff("view_modelversion", "change_modelversion")
        assert "Publish this version" not in text_of(clerk.get(reverse(PAGE, args=[made.pk])))
        assert getattr(clerk, method)(reverse(GO_LIVE, args=[made.pk])).status_code == 403
        assert not ModelVersion.objects.live().exists()

    def test_who_may_publish_may(self, staff: Any) -> None:
        made = make()
        clerk = staff("view_modelversion", "publish_modelversion")
        assert clerk.post(reverse(GO_LIVE, args=[made.pk])).status_code == 302
        assert ModelVersion.objects.live().get() == made

    def test_a_version_that_does_not_exist_is_404(self, page: Client) -> None:
        assert page.get(reverse(GO_LIVE, args=[999])).status_code == 404


def test_missing_cells_are_no_winners() -> None:
    table = metrics_table({"contexts": ["1", "2"], "rows": [{"model": "ease", "context": "1", "ndcg_at_10": 0.1}]})
    assert [(cell.value, cell.is_best) for cell in table.rows[0].cells] == [(0.1, True), (None, False)]


def test_contexts_have_names() -> None:
    assert [context_label(name) for name in ("1", "2", "all_but_one", "odd")] == [
        "1 product known",
        "2 products known",
        "All but one product known",
        "odd",
    ]


def test_every_reason_that_the_learning_knows_has_its_words() -> None:
    lines = pytest.importorskip("bundle_ml.lines")
    assert set(lines.REASONS) <= set(REASONS)


def test_a_reason_without_words_stands_for_itself_and_the_most_frequent_comes_first() -> None:
    assert [(entry.reason, entry.count, entry.percent) for entry in dropped(DATA)] == [
        ("Belong to orders that were cancelled or never paid.", "9,288", "1.7%"),
        ("Name no product, for instance because it was deleted.", "1,454", "0.3%"),
        ("a reason of tomorrow", "3", "0.001%"),
    ]
