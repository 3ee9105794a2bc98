"""Pages of the cart and the checkout."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from example_shop.account_views import remember_order
from example_shop.cart import Cart, CartBundle, CartError
from example_shop.checkout import place_order
from example_shop.forms import CartAddForm, CartUpdateForm, CheckoutForm
from example_shop.models import Product
from example_shop.templatetags.shop import price


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
    Cart(request.session).remove_bundle(request.POST.get("name", ""))
    return redirect("cart")


@require_POST
def change_part(request: HttpRequest) -> HttpResponse:
    """Change a part inside a set, which is none after that; the shopper is told what it costs."""
    form = CartUpdateForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That quantity cannot be ordered."))
        return redirect("cart")
    basket, name = Cart(request.session), request.POST.get("name", "")
    broken = next((bundle for bundle in basket.contents().bundles if bundle.name == name), None)
    try:
        if basket.break_up(name, form.cleaned_data["sku"], form.cleaned_data["quantity"]) and broken is not None:
            messages.warning(request, _broken_up(broken))
    except CartError as error:
        messages.error(request, str(error))
    return redirect("cart")


def _broken_up(bundle: CartBundle) -> str:
    title = bundle.title or " + ".join(item.product.local_title for item in bundle.items)
    if not bundle.discount:
        return _("“%(title)s” is no set any more; what is left of it are single items.") % {"title": title}
    return _(
        "“%(title)s” is no set any more: its discount of %(amount)s has ended, and what is left of it are single items."
    ) % {"title": title, "amount": price(bundle.discount)}


@require_POST
def voucher(request: HttpRequest) -> HttpResponse:
    try:
        Cart(request.session).use_voucher(request.POST.get("code", "").strip()[:20])
    except CartError as error:
        messages.error(request, str(error))
    return redirect("cart")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def checkout(request: HttpRequest) -> HttpResponse:
    basket = Cart(request.session)
    member = request.user if request.user.is_authenticated else None
    form = CheckoutForm(request.POST or None, initial={"email": member.email if member else ""})
    if request.method == "POST" and form.is_valid():
        try:
            order = place_order(
                basket,
                email=form.cleaned_data["email"],
                user=member,
                expected_total=form.cleaned_data["expected_total"],
            )
        except CartError as error:
            messages.error(request, str(error))
            return redirect("cart")
        remember_order(request, order)
        return redirect(order)
    contents = basket.contents()
    if not contents:
        return redirect("cart")
    form.initial["expected_total"] = contents.total
    return render(request, "example_shop/checkout.html", {"cart": contents, "form": form})
