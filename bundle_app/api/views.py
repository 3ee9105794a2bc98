"""Three views over `bundle_app.serving`. A GET writes nothing: it makes no session and sets no cookie."""

from __future__ import annotations

import re
from typing import Any

from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from bundle_app import serving
from bundle_app.api import openapi, problems
from bundle_app.api.authentication import CsrfSessionAuthentication
from bundle_app.api.pagination import OfferPagination
from bundle_app.api.serializers import BundleAddSerializer, BundleOfferSerializer, BundleProblemSerializer
from bundle_app.api.throttles import VisitorThrottle
from bundle_app.exceptions import BundleNotOnOffer, CannotAddToCart, ChoiceNotOffered
from bundle_app.shop import get_adapter

MOST_ITEMS = 50
MOST_OFFERS = 100
LONGEST_KEY = 64


class BundleView(GenericAPIView[Any]):
    """What the three have in common. Everybody may see what is on offer; a draft is not found, as if it were not."""

    authentication_classes = [CsrfSessionAuthentication]
    permission_classes = [AllowAny]
    throttle_classes = [VisitorThrottle]
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    renderer_classes = [JSONRenderer]
    filter_backends = []
    versioning_class = None
    serializer_class: type[BaseSerializer[Any]] = BundleOfferSerializer
    schema = openapi.view_schema()

    def get_exception_handler(self) -> Any:
        return problems.answer

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Prices and carts are a shopper's own: no shared cache may keep an answer."""
        final = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(final, private=True, **({} if request.method == "GET" else {"no_store": True}))
        patch_vary_headers(final, ["Cookie", "Accept-Language"])
        return final


class BundleList(BundleView):
    pagination_class = OfferPagination

    @openapi.described(
        operation_id="product_bundles_list",
        tags=["product bundles"],
        summary="Bundles for items, best first",
        parameters=[
            openapi.query("item", "Key of an item to find bundles for; without one, for the whole shop.", many=True),
            openapi.query("exclude", "Key of an item that no bundle may hold.", many=True),
            openapi.query("placement", "Where they are to be shown, a word such as product, cart or home."),
        ],
        responses={
            200: BundleOfferSerializer(many=True),
            400: BundleProblemSerializer,
            404: BundleProblemSerializer,
            429: BundleProblemSerializer,
            503: BundleProblemSerializer,
        },
        examples=[
            openapi.example("Bundles", openapi.OFFER),
            openapi.example("Too many items", openapi.INVALID, status=400),
            openapi.example("No such page", {"detail": "Invalid page.", "code": "not_found"}, status=404),
            openapi.example("Too many requests", openapi.THROTTLED, status=429),
            openapi.example("No database", openapi.TRY_AGAIN, status=503),
        ],
    )
    def get(self, request: Request) -> Response:
        """Bundles that can be bought now, at this shopper's prices."""
        adapter = get_adapter()
        offers = serving.bundles_for(
            adapter.item_keys(_keys(request, "item")),
            request=request._request,
            limit=MOST_OFFERS,
            exclude=adapter.item_keys(_keys(request, "exclude")),
            placement=_placement(request),
            explores=False,  # Each page of the list is another request: drawn anew, some would be told twice.
        )
        page = self.paginate_queryset(offers)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class BundleDetail(BundleView):
    pagination_class = None

    @openapi.described(
        operation_id="product_bundles_retrieve",
        tags=["product bundles"],
        summary="One bundle on offer",
        parameters=[
            openapi.query("choices", "Key of a variant to price it with, at most one for each part.", many=True),
            openapi.query("only_missing", "Leave out of the price what is in the cart already.", kind=bool),
            openapi.query("impression", "The showing that led to it, where an experiment may be about prices."),
        ],
        responses={
            200: BundleOfferSerializer,
            400: BundleProblemSerializer,
            404: BundleProblemSerializer,
            429: BundleProblemSerializer,
            503: BundleProblemSerializer,
        },
        examples=[
            openapi.example("Bundle", openapi.OFFER),
            openapi.example("No such variant", openapi.NOT_OFFERED, status=400),
            openapi.example("Not on offer", openapi.NOT_ON_OFFER, status=404),
            openapi.example("Too many requests", openapi.THROTTLED, status=429),
            openapi.example("No database", openapi.TRY_AGAIN, status=503),
        ],
    )
    def get(self, request: Request, pk: int) -> Response:
        """A bundle that can be bought now, at this shopper's prices, with the variants that are asked for."""
        try:
            offer = serving.offer_by_id(
                pk,
                request=request._request,
                choices=_keys(request, "choices"),
                only_missing=request.query_params.get("only_missing", "") in {"1", "true"},
                impression=request.query_params.get("impression", ""),
            )
        except BundleNotOnOffer as error:
            raise NotFound(str(error)) from error
        except ChoiceNotOffered as error:
            raise problems.InvalidQuery(str(error)) from error
        if offer is None:
            raise NotFound(gettext("This set cannot be bought at the moment."), code="sold_out")
        return Response(self.get_serializer(offer).data)


class BundleAdd(BundleView):
    pagination_class = None
    serializer_class = BundleAddSerializer

    @openapi.described(
        operation_id="product_bundles_add",
        tags=["product bundles"],
        summary="Add a bundle to the cart",
        parameters=[openapi.csrf_header()],
        request=BundleAddSerializer,
        responses={
            200: BundleOfferSerializer,
            400: BundleProblemSerializer,
            403: BundleProblemSerializer,
            404: BundleProblemSerializer,
            409: BundleProblemSerializer,
            429: BundleProblemSerializer,
            503: BundleProblemSerializer,
        },
        examples=[
            openapi.example("What was added", openapi.OFFER),
            openapi.example("Unreadable", {"detail": "JSON parse error", "code": "parse_error"}, status=400),
            openapi.example("No CSRF token", openapi.NO_TOKEN, status=403),
            openapi.example("Not on offer", openapi.NOT_ON_OFFER, status=404),
            openapi.example("Sold out", openapi.SOLD_OUT, status=409),
            openapi.example("Too many requests", openapi.THROTTLED, status=429),
            openapi.example("No database", openapi.TRY_AGAIN, status=503),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """All parts go into the cart of the shopper's session, or none."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            offer = serving.add_to_cart(pk, request._request, **body.validated_data)
        except BundleNotOnOffer as error:
            raise NotFound(str(error)) from error
        except CannotAddToCart as error:
            raise problems.CannotAdd(str(error)) from error
        return Response(BundleOfferSerializer(offer).data)


def _placement(request: Request) -> str:
    """
    Raises:
        InvalidQuery: it is no word.
    """
    found = request.query_params.get("placement", "")
    if not re.fullmatch(r"[\w-]{0,32}", found):
        raise problems.InvalidQuery(
            f"'placement' is {found[:32]!r}; expected a word of at most 32 letters, digits, - and _, such as 'product'."
        )
    return found


def _keys(request: Request, name: str) -> list[str]:
    """Item keys of a query parameter that may be given more than once.

    Raises:
        InvalidQuery: there are too many, or one cannot be a key.
    """
    keys = [key for key in request.query_params.getlist(name) if key]
    if len(keys) > MOST_ITEMS:
        raise problems.InvalidQuery(f"There are {len(keys)} values of {name!r}; expected at most {MOST_ITEMS}.")
    for key in keys:
        if len(key) > LONGEST_KEY or "\x00" in key:
            raise problems.InvalidQuery(
                f"{name!r} is {key[:LONGEST_KEY]!r}; expected an item key of at most {LONGEST_KEY} characters."
            )
    return keys
