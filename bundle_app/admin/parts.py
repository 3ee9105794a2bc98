"""The parts of a bundle in its form: at least two products, each of which exists, in a composition that is new.

What is unusual: the composition is the bundle's identity, so this formset writes the hash and the kind to the bundle
before either is saved, and replaces the rows as a whole (swapping two products row by row would break a constraint).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin.product_picker import ProductPicker, unknown_product
from bundle_app.exceptions import BundleError
from bundle_app.models import Bundle, BundlePart, composition_hash
from bundle_app.shop import ItemCard, get_adapter

if TYPE_CHECKING:
    PartsFormSetBase = BaseInlineFormSet[BundlePart, Bundle, forms.ModelForm[BundlePart]]
    PartFormBase = forms.ModelForm[BundlePart]
    PartsInlineBase = admin.TabularInline[BundlePart, Bundle]
else:
    PartsFormSetBase, PartFormBase, PartsInlineBase = BaseInlineFormSet, forms.ModelForm, admin.TabularInline

FEWEST_PRODUCTS = 2
MOST_PRODUCTS = 10
MOST_UNITS = 99


def written(quantities: Mapping[str, int]) -> str:
    """A composition as a GET parameter holds it.

    >>> written({"A-1": 2, "b,c": 1})
    'A-1:2,b%2Cc:1'
    """
    return ",".join(f"{quote(key, safe='')}:{quantity}" for key, quantity in quantities.items())


def read(text: str) -> dict[str, int]:
    """The inverse of `written`, forgiving: what makes no sense is left out.

    >>> read("A-1:2,b%2Cc,:3,x:many")
    {'A-1': 2, 'b,c': 1, 'x': 1}
    """
    found: dict[str, int] = {}
    for piece in text.split(",")[:MOST_PRODUCTS]:
        key, _colon, number = piece.partition(":")
        quantity = int(number) if number.isdecimal() and len(number) < 4 else 1
        if key:
            found[unquote(key)] = min(max(quantity, 1), MOST_UNITS)
    return found


def labelled(forms_of_parts: Iterable[forms.ModelForm[BundlePart]]) -> str:
    """What a form's parts were before it was posted, as a bundle is called by them."""
    return " + ".join(form.initial_label for form in forms_of_parts if isinstance(form, PartForm))


class PartForm(PartFormBase):
    initial_label = ""

    class Meta:
        model = BundlePart
        fields = ("item_key", "quantity")
        widgets = {"item_key": ProductPicker}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "quantity" in self.fields:
            self.fields["quantity"] = forms.IntegerField(
                label=gettext_lazy("Quantity"), min_value=1, max_value=MOST_UNITS, initial=1
            )
        if self.instance.pk:
            self.initial_label = self.instance.label
            know_titles(self, {self.instance.item_key: self.instance.title})

    def validate_constraints(self) -> None:
        """The rows are replaced as a whole, so a row that takes another's product breaks nothing."""


def know_titles(form: forms.ModelForm[BundlePart], titles: Mapping[str, str]) -> None:
    """Let a part's field show titles for the keys that it may hold."""
    picker = form.fields["item_key"].widget if "item_key" in form.fields else None
    if isinstance(picker, ProductPicker):
        picker.titles = titles


class PartsFormSet(PartsFormSetBase):
    cards: dict[str, ItemCard]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prefilled = [row["item_key"] for row in kwargs.get("initial") or ()]
        if prefilled:
            titles = {key: card.title for key, card in get_adapter().get_items(prefilled, None).items()}
            for form in self.forms:
                know_titles(form, titles)

    def clean(self) -> None:
        """Check the composition and hand its hash and kind to the bundle."""
        if self.instance.pk and self.instance.source == Bundle.Source.GENERATED:
            return
        self._ask_the_shop()
        if any(self.errors):
            return
        quantities = {form.cleaned_data["item_key"]: form.cleaned_data["quantity"] for form in self._kept()}
        self._check_size(quantities)
        digest = composition_hash(quantities)
        self._check_that_it_is_new(digest)
        self.instance.composition_hash = digest
        if self.instance.kind != Bundle.Kind.PERSONAL:
            self.instance.kind = Bundle.Kind.PAIR if len(quantities) == 2 else Bundle.Kind.SET

    def _kept(self) -> list[forms.ModelForm[BundlePart]]:
        """Forms that hold a product and are not marked for deletion."""
        return [
            form
            for form in self.forms
            if form.is_valid() and form.cleaned_data.get("item_key") and not form.cleaned_data.get("DELETE")
        ]

    def _ask_the_shop(self) -> None:
        """One question for all keys; unknown and repeated ones become errors of their row."""
        kept = self._kept()
        keys = [form.cleaned_data["item_key"] for form in kept]
        try:
            self.cards = get_adapter().get_items(keys, None)
        except BundleError as error:
            raise ValidationError(_("The shop could not be asked: %(error)s") % {"error": error}) from error
        titles = {key: card.title for key, card in self.cards.items()}
        counts = Counter(keys)
        for form, key in zip(kept, keys, strict=True):
            know_titles(form, titles)
            if key not in self.cards:
                form.add_error("item_key", unknown_product(key))
            elif counts[key] > 1:
                form.add_error(
                    "item_key",
                    _("%(title)s is in the list twice. Raise its quantity instead.") % {"title": titles[key]},
                )

    @staticmethod
    def _check_size(quantities: Mapping[str, int]) -> None:
        if len(quantities) < FEWEST_PRODUCTS:
            raise ValidationError(_("A bundle needs at least two products."))
        if len(quantities) > MOST_PRODUCTS:
            raise ValidationError(
                _("This bundle has %(found)d products; %(most)d are the most that a shopper takes in. Remove some.")
                % {"found": len(quantities), "most": MOST_PRODUCTS}
            )

    def _check_that_it_is_new(self, digest: str) -> None:
        twins = Bundle.objects.filter(composition_hash=digest).exclude(pk=self.instance.pk)
        twin = twins.prefetch_related("parts").first()
        if twin is None:
            return
        raise ValidationError(
            format_html(
                _("There is a bundle of exactly these products already: {link} ({status}). Change that one instead."),
                link=format_html(
                    '<a href="{}">{}</a>', reverse("admin:bundle_app_bundle_change", args=[twin.pk]), twin
                ),
                status=twin.get_status_display(),
            )
        )

    def save(self, commit: bool = True) -> list[BundlePart]:  # noqa: FBT001, FBT002  (Django's signature)
        """Replace the parts by those in the form, in its order, with today's titles."""
        super().save(commit=False)  # Tells the admin log what was added, changed and removed.
        if not commit or not self.has_changed():
            return []
        categories = self._categories()
        parts = [
            BundlePart(
                bundle=self.instance,
                item_key=form.cleaned_data["item_key"],
                quantity=form.cleaned_data["quantity"],
                position=position,
                title=self.cards[form.cleaned_data["item_key"]].title[:200],
                category=categories.get(form.cleaned_data["item_key"], ""),
            )
            for position, form in enumerate(self._kept())
        ]
        self.instance.scores.all().delete()  # The model scored what was in it before.
        self.instance.parts.all().delete()
        return BundlePart.objects.bulk_create(parts)

    def _categories(self) -> dict[str, str]:
        """By item key: as the shop's cards tell, else as other bundles know it from the catalogue."""
        known = BundlePart.objects.filter(item_key__in=self.cards).exclude(category="").order_by("pk")
        told = {key: card.category[:200] for key, card in self.cards.items() if card.category}
        return dict(known.values_list("item_key", "category")) | told


class PartsInline(PartsInlineBase):
    model = BundlePart
    form = PartForm
    formset = PartsFormSet
    max_num = MOST_PRODUCTS
    readonly_fields = ("product",)

    def get_fields(self, request: HttpRequest, obj: Bundle | None = None) -> tuple[str, ...]:
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request, obj)
        return ("item_key", "quantity") if editable else ("product", "quantity")

    @admin.display(description=gettext_lazy("Product"))
    def product(self, part: BundlePart) -> str:
        return format_html('{} <span class="bundle-note">{}</span>', part.title or _("(title unknown)"), part.item_key)

    def get_extra(self, request: HttpRequest, obj: Bundle | None = None, **kwargs: Any) -> int:
        if obj is not None:
            return 0
        return max(len(read(request.GET.get("parts", ""))), FEWEST_PRODUCTS)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(obj) and self._may(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(obj) and self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(obj) and self._may(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # Whoever may see the bundle may see what is in it.

    @staticmethod
    def _may(request: HttpRequest, bundle: Bundle | None) -> bool:
        """Parts belong to their bundle: its permission is theirs."""
        return request.user.has_perm("bundle_app.change_bundle" if bundle else "bundle_app.add_bundle")

    @staticmethod
    def _is_open(bundle: Bundle | None) -> bool:
        """The products of a generated bundle are what the model scored; they stay."""
        return bundle is None or bundle.source != Bundle.Source.GENERATED
