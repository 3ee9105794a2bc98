"""How bundles do, for a shop's own reports: GET figures/, the numbers of the screen "Results".

    GET figures/?days=28                          one row: all together
    GET figures/?days=28&by=bundle&arm=~          a row a bundle, most first; those of no experiment alone

It is for accounts with the permission `bundle_app.view_dailyfigure`, by session, or by token where the host has
installed `rest_framework.authtoken`.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.pagination import BasePagination, PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from bundle_app.api import openapi, problems
from bundle_app.api.serializers import AmountField, BundleProblemSerializer
from bundle_app.api.views import BundleView
from bundle_app.figures.adding import Amounts, Figures, Line, Report
from bundle_app.figures.naming import names
from bundle_app.figures.rates import Rate
from bundle_app.figures.selection import Grouping, Order, SelectionForm

MAY_SEE = "bundle_app.view_dailyfigure"


class MaySeeFigures(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user.is_active and request.user.has_perm(MAY_SEE))


class FiguresPagination(PageNumberPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000


class BundleRateSerializer(serializers.Serializer[Rate]):
    value = serializers.FloatField(read_only=True, help_text="A share, from 0 to 1.")
    low = serializers.FloatField(read_only=True, allow_null=True, help_text="Lower end of its 95 % interval.")
    high = serializers.FloatField(read_only=True, allow_null=True, help_text="Upper end.")


class BundleAmountsSerializer(serializers.Serializer[Amounts]):
    revenue = AmountField(help_text="After discounts and refunds.")
    margin = AmountField(allow_null=True, help_text="Of the sales whose costs are known; null where none are.")
    discount = AmountField(help_text="What bundles took off.")


class BundleCountsSerializer(serializers.Serializer[Figures]):
    impressions = serializers.IntegerField(read_only=True, help_text="Showings that were seen.")
    clicks = serializers.IntegerField(read_only=True)
    adds = serializers.IntegerField(read_only=True, help_text="Showings whose bundle was put into the cart.")
    dismissals = serializers.IntegerField(read_only=True)
    surplus = serializers.IntegerField(read_only=True, help_text="Reports beyond what one visitor is believed.")
    purchases = AmountField(help_text="Orders credited to showings; parts of them where credit is shared.")
    orders = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="All of the shop; null if not counted."
    )
    explored_impressions = serializers.IntegerField(
        read_only=True, help_text="Showings of what was tried out though something else was more likely."
    )
    ctr = BundleRateSerializer(read_only=True, allow_null=True, help_text="Clicks per impression.")
    add_rate = BundleRateSerializer(read_only=True, allow_null=True, help_text="Adds per impression.")
    conversion = BundleRateSerializer(read_only=True, allow_null=True, help_text="Purchases per impression.")
    attach_rate = BundleRateSerializer(read_only=True, allow_null=True, help_text="Purchases per order of the shop.")
    amounts = serializers.DictField(
        child=BundleAmountsSerializer(), read_only=True, help_text="By currency, an ISO 4217 code."
    )


class BundleFiguresSerializer(serializers.Serializer[Line]):
    key = serializers.CharField(read_only=True, help_text="What the row is of, such as a bundle's number; or 'all'.")
    name = serializers.SerializerMethodField(help_text="What it is called in the answer's language.")
    now = BundleCountsSerializer(read_only=True)
    before = BundleCountsSerializer(read_only=True, help_text="The same in the period before, of as many days.")

    def get_name(self, line: Line) -> str:
        found: str = self.context["names"].get(line.key, "")
        return found


class FigureList(BundleView):
    permission_classes = [MaySeeFigures]
    pagination_class: type[BasePagination] | None = FiguresPagination
    serializer_class = BundleFiguresSerializer

    def get_authenticators(self) -> list[BaseAuthentication]:
        by_session = super().get_authenticators()
        if not apps.is_installed("rest_framework.authtoken"):
            return by_session
        from rest_framework.authentication import TokenAuthentication  # its model needs the app

        return [TokenAuthentication(), *by_session]

    @openapi.described(
        operation_id="product_bundles_figures",
        tags=["product bundles"],
        summary="How bundles do",
        parameters=[
            openapi.query(
                "days", "How long the period is: 7, 28, 90 or 365 days up to the last counted one.", kind=int
            ),
            openapi.query("first", "First day instead, as in 2026-03-01."),
            openapi.query("last", "Last day, included."),
            openapi.query("by", f"One row for each: {', '.join(Grouping.values)}. Without it, one row for all."),
            openapi.query("order", f"What most of comes first: {', '.join(Order.values)}."),
            openapi.query("bundle", "Only this bundle, by its number.", kind=int),
            openapi.query("anchor", "Only the page of this product, by its key; ~ for no product page."),
            openapi.query("placement", "Only this place; ~ for none named."),
            openapi.query("version", "Only this model version; 0 for what was chosen by hand.", kind=int),
            openapi.query("policy", "Only this policy version; 0 for none.", kind=int),
            openapi.query("arm", "Only this arm of an experiment; ~ for no experiment."),
        ],
        responses={
            200: BundleFiguresSerializer(many=True),
            400: BundleProblemSerializer,
            403: BundleProblemSerializer,
            404: BundleProblemSerializer,
            429: BundleProblemSerializer,
            503: BundleProblemSerializer,
        },
        examples=[
            openapi.example("Figures", openapi.FIGURES),
            openapi.example("No such grouping", openapi.NO_GROUPING, status=400),
            openapi.example("Not allowed", openapi.NOT_ALLOWED, status=403),
            openapi.example("No such page", {"detail": "Invalid page.", "code": "not_found"}, status=404),
            openapi.example("Too many requests", openapi.THROTTLED, status=429),
            openapi.example("No database", openapi.TRY_AGAIN, status=503),
        ],
    )
    def get(self, request: Request) -> Response:
        """Counts, rates with their intervals, and amounts by currency, beside those of the period before."""
        form = SelectionForm(request.query_params)
        if not form.is_valid():
            raise problems.InvalidQuery(" ".join(_told(form)))
        report, by = Report(form.selection), form.grouping
        lines = _Lines(report, by, form.most_first)
        page: Any = self.paginate_queryset(lines)  # type: ignore[arg-type]  # it asks for no more than len and slices
        found: list[Line] = list(page or ())
        called = names(by, [line.key for line in found]) if by else {}
        context = {**self.get_serializer_context(), "names": called}
        return self.get_paginated_response(self.get_serializer(found, many=True, context=context).data)


class _Lines:
    """A report's groups as a paginator asks for them: how many there are, then one page of them."""

    def __init__(self, report: Report, by: Grouping | None, order: Order) -> None:
        self.report, self.by, self.order = report, by, order

    def __len__(self) -> int:
        return 1 if self.by is None else self.report.groups(self.by, order=self.order, count=0)[1]

    def __getitem__(self, wanted: slice) -> list[Line]:
        if self.by is None:
            return [self.report.totals][wanted]
        start, stop = wanted.start or 0, wanted.stop
        return self.report.groups(self.by, order=self.order, start=start, count=stop - start)[0]


def _told(form: SelectionForm) -> list[str]:
    return [f"{field!r}: {message}" for field, messages in form.errors.items() for message in messages]
