"""Pages of a shopper's own orders."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from example_shop.models import Order

SESSION_KEY = "orders"
REMEMBERED_COUNT = 20


def remember_order(request: HttpRequest, order: Order) -> None:
    """Let this browser, and no other, look at the order of a guest."""
    request.session[SESSION_KEY] = [*request.session.get(SESSION_KEY, []), order.number][-REMEMBERED_COUNT:]


@require_safe
@never_cache
def order(request: HttpRequest, number: str) -> HttpResponse:
    shown = get_object_or_404(Order.objects.prefetch_related("lines__product"), number=number)
    is_own = request.user.is_authenticated and shown.user_id == request.user.pk
    if not is_own and number not in request.session.get(SESSION_KEY, []):
        raise Http404
    return render(request, "example_shop/order.html", {"order": shown})


@login_required
@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    orders = Order.objects.filter(user=request.user.pk).prefetch_related("lines")[:50]
    return render(request, "example_shop/account.html", {"orders": orders})
