"""Input of the shop's pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from example_shop.cart import MAX_QUANTITY


class CartAddForm(forms.Form):
    sku = forms.CharField(max_length=60)
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class CartUpdateForm(forms.Form):
    sku = forms.CharField(max_length=60)
    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


class CheckoutForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("For the order confirmation that a real shop would send. This one sends nothing."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    expected_total = forms.DecimalField(required=False, widget=forms.HiddenInput)
