"""Pages of the cart and the checkout."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from example_shop.account_views import remember_order
from example_shop.cart import Cart, CartError
from example_shop.checkout import place_order
from example_shop.forms import CartAddForm, CartUpdateForm, CheckoutForm
from example_shop.models import Product


@require_safe
@never_cache
def cart(request: HttpRequest) -> HttpResponse:
    return render(request, "example_shop/cart.html", {"cart": Cart(request.session).contents()})


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    form = CartAddForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That quantity cannot be ordered."))
        return redirect("cart")
    product = get_object_or_404(Product, sku=form.cleaned_data["sku"])
    try:
        Cart(request.session).add(product, form.cleaned_data["quantity"])
    except CartError as error:
        messages.error(request, str(error))
        return redirect(product)
    messages.success(request, _("“%(title)s” is in your cart.") % {"title": product.local_title})
    return redirect("cart")


@require_POST
def update(request: HttpRequest) -> HttpResponse:
    form = CartUpdateForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That quantity cannot be ordered."))
        return redirect("cart")
    sku, quantity = form.cleaned_data["sku"], form.cleaned_data["quantity"]
    product = Product.objects.filter(sku=sku).first()
    try:
        if product is None or quantity == 0:
            Cart(request.session).remove(sku)
        else:
            Cart(request.session).set_quantity(product, quantity)
    except CartError as error:
        messages.error(request, str(error))
    return redirect("cart")


@require_POST
def remove_bundle(request: HttpRequest) -> HttpResponse:
    position = request.POST.get("position", "")
    if position.isdecimal():
        Cart(request.session).remove_bundle(int(position))
    return redirect("cart")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def checkout(request: HttpRequest) -> HttpResponse:
    basket = Cart(request.session)
    member = request.user if request.user.is_authenticated else None
    form = CheckoutForm(request.POST or None, initial={"email": member.email if member else ""})
    if request.method == "POST" and form.is_valid():
        try:
            order = place_order(basket, email=form.cleaned_data["email"], user=member)
        except CartError as error:
            messages.error(request, str(error))
            return redirect("cart")
        remember_order(request, order)
        return redirect(order)
    contents = basket.contents()
    if not contents:
        return redirect("cart")
    return render(request, "example_shop/checkout.html", {"cart": contents, "form": form})
