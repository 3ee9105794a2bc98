"""Input of the shop's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from example_shop.cart import MAX_QUANTITY
from example_shop.models import Order, OrderLine


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


class RefundForm(forms.Form):
    """A number for each line of an order of which something can still come back."""

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = [line for line in order.lines.all() if line.returnable_count]
        for line in self.lines:
            self.fields[self.name_of(line)] = forms.IntegerField(
                label=line.title, min_value=0, max_value=line.returnable_count, initial=0
            )

    @staticmethod
    def name_of(line: OrderLine) -> str:
        return f"line-{line.pk}"

    @property
    def pieces(self) -> dict[int, int]:
        """How many pieces of which line, once the form is valid."""
        return {line.pk: self.cleaned_data[self.name_of(line)] for line in self.lines}
