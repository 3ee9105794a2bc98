"""What Prometheus asks for: GET metrics, with the secret of `METRICS_TOKEN` as bearer token. Without that setting there
is no such page. It needs the extra [prometheus].

    scrape_configs:
      - job_name: bundles
        metrics_path: /bundles/metrics
        authorization: {credentials: "…"}

What is unusual: nothing is counted in the process. Each scrape reads what stands in the database, in five queries, so
that every web process tells the same, none of them keeps files to share with the others, and nothing is lost when one
ends. Labels are words of short lists alone: no bundle, no product, no visitor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET

from bundle_app import conf
from bundle_app.events.days import day_of
from bundle_app.models import CountedDay, DailyFigure, IntakeCount, ModelVersion, TrainingRun

if TYPE_CHECKING:
    from prometheus_client.core import Metric

RECENT_DAYS = 7


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics as text, for whoever knows the token."""
    token = conf.load().metrics_token
    if not token:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse("A token is asked for.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Collector())
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


class Collector:
    def collect(self) -> Iterator[Metric]:
        yield self._intake()
        yield from self._recent(timezone.now())
        yield from self._model()
        yield from self._training()

    @staticmethod
    def _intake() -> Metric:
        from prometheus_client.core import CounterMetricFamily

        counts = dict(IntakeCount.objects.order_by().values_list("outcome").annotate(found=Sum("count")))
        told = CounterMetricFamily(
            "bundle_app_intake_reports", "What became of reports of the beacon.", labels=["outcome"]
        )
        for outcome in IntakeCount.Outcome.values:
            told.add_metric([outcome], counts.get(outcome, 0))
        return told

    @staticmethod
    def _recent(now: datetime) -> Iterator[Metric]:
        """Refunds take sales back, and old days are not read at every scrape: gauges over a few days, not counters."""
        names = ("impressions", "clicks", "adds", "purchases")
        since = day_of(now) - timedelta(days=RECENT_DAYS)
        found = DailyFigure.objects.filter(day__gte=since).aggregate(**{name: Sum(name, default=0) for name in names})
        for name in names:
            about = f"Of bundles on the last {RECENT_DAYS} whole days, and of today, as far as they are counted."
            yield _gauge(f"recent_{name}", about, float(found[name]))
        counted = CountedDay.objects.aggregate(at=Max("counted_at"))["at"]
        if counted is not None:
            yield _gauge("figures_counted_timestamp_seconds", "When days were counted last.", counted.timestamp())

    @staticmethod
    def _model() -> Iterator[Metric]:
        live = ModelVersion.objects.live().only("published_at", "bundle_count").first()
        yield _gauge(
            "live_model_bundles", "Bundles of the live model, 0 without one.", live.bundle_count if live else 0
        )
        if live is not None and live.published_at is not None:
            about = "When the live model was published; its age is time() less this."
            yield _gauge("live_model_published_timestamp_seconds", about, live.published_at.timestamp())

    @staticmethod
    def _training() -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        last = TrainingRun.objects.only("status", "finished_at").first()
        told = GaugeMetricFamily("bundle_app_training_state", "1 for the state of the last training.", labels=["state"])
        for status in TrainingRun.Status.values:
            told.add_metric([status], float(last is not None and last.status == status))
        yield told
        if last is not None and last.finished_at is not None:
            about = "When the last training ended, however it did."
            yield _gauge("training_finished_timestamp_seconds", about, last.finished_at.timestamp())


def _gauge(name: str, about: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"bundle_app_{name}", about, value=value)
