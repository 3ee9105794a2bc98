"""Bundles as rows: one a bundle, known by which products it holds.

A row whose products are those of a bundle changes that bundle; any other makes one by hand. So no row ever changes
what is in a bundle, and importing a file twice changes nothing the second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import cells
from bundle_app.admin.bundles import PRICE_FIELDS, BundleForm
from bundle_app.admin.decisions import MOVES, action_of
from bundle_app.admin.product_picker import unknown_product
from bundle_app.models import Bundle, BundlePart, Decision, composition_hash
from bundle_app.shop import ItemCard, get_adapter
from bundle_app.transfer import composition
from bundle_app.transfer.rows import FormResource, SafeField

SUGGESTED_COUNT = 20
"""For so many unknown products the shop is asked what may have been meant."""
MOVE_TO = {"review": "submit", "active": "activate", "paused": "pause", "rejected": "reject"}
DECIDED = ("status", "pinned")
NEEDED = ("products",)
COLUMNS = ("title", *DECIDED, *PRICE_FIELDS)
TOLD = ("number", "product_titles", "kind", "source", "sold", "decided_at")


class BundleResource(FormResource):
    products = SafeField(column_name="products")
    title = SafeField("title", "title")
    status = SafeField("status", "status")
    pinned = SafeField("pinned", "pinned")
    discount_form = SafeField("discount_form", "discount_form")
    discount_percent = SafeField("discount_percent", "discount_percent")
    discount_amount = SafeField("discount_amount", "discount_amount")
    discount_maximum = SafeField("discount_maximum", "discount_maximum")
    discount_currency = SafeField("discount_currency", "discount_currency")
    combinable = SafeField("combinable", "combinable")
    valid_from = SafeField("valid_from", "valid_from")
    valid_until = SafeField("valid_until", "valid_until")
    max_uses = SafeField("max_uses", "max_uses")
    number = SafeField("pk", "number", readonly=True)
    product_titles = SafeField(column_name="product_titles", readonly=True)
    kind = SafeField("kind", "kind", readonly=True)
    source = SafeField("source", "source", readonly=True)
    sold = SafeField("use_count", "sold", readonly=True)
    decided_at = SafeField("decided_at", "decided_at", readonly=True)

    COLUMNS = COLUMNS
    NEEDED = NEEDED

    class Meta:
        model = Bundle
        fields = (*NEEDED, *COLUMNS, *TOLD)
        import_id_fields = ("products",)
        skip_html_diff = True
        store_instance = True
        chunk_size = 1000

    @classmethod
    def get_display_name(cls) -> str:
        return _("Bundles")

    def get_queryset(self) -> Any:
        return Bundle.objects.prefetch_related("parts")

    def dehydrate_products(self, bundle: Bundle) -> str:
        return cells.written(composition.written(bundle.quantities()))

    def dehydrate_product_titles(self, bundle: Bundle) -> str:
        return cells.written(" + ".join(part.label for part in bundle.parts.all()))

    # Import

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Ask the shop and the database once for the whole file. The bundles it names stay locked to the end."""
        self.by_hash: dict[str, dict[str, int]] = {}
        for text in dataset["products"]:
            with suppress(ValueError):  # Said at its row.
                quantities = composition.read(text)
                self.by_hash.setdefault(composition_hash(quantities), quantities)
        locked = (
            self.get_queryset()
            .filter(composition_hash__in=list(self.by_hash))
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        self.standing: dict[str, Bundle] = {bundle.composition_hash: bundle for bundle in locked}
        keys = {key for digest, found in self.by_hash.items() if digest not in self.standing for key in found}
        self.cards: Mapping[str, ItemCard] = get_adapter().get_items(sorted(keys), None) if keys else {}
        self.categories = dict(
            BundlePart.objects.filter(item_key__in=keys)
            .exclude(category="")
            .order_by("pk")
            .values_list("item_key", "category")
        )
        self.seen: Counter[str] = Counter()
        self.unknown_count = 0

    def get_or_init_instance(self, instance_loader: Any, row: Mapping[str, str]) -> tuple[Bundle, bool]:
        try:
            quantities = composition.read(row["products"])
        except ValueError as error:
            raise ValidationError({"products": str(error)}) from error
        digest = composition_hash(quantities)
        self.seen[digest] += 1
        if self.seen[digest] > 1:
            raise ValidationError({"products": _("A row above is about exactly these products already. Remove one.")})
        standing = self.standing.get(digest)
        if standing is not None:
            return standing, False
        unknown = [key for key in quantities if key not in self.cards]
        if unknown:
            raise ValidationError({"products": [self._unknown(key) for key in unknown]})
        kind = Bundle.Kind.PAIR if len(quantities) == 2 else Bundle.Kind.SET
        return Bundle(composition_hash=digest, kind=kind, source=Bundle.Source.MANUAL), True

    def _unknown(self, key: str) -> str:
        self.unknown_count += 1
        if self.unknown_count <= SUGGESTED_COUNT:
            return unknown_product(key)
        return _("There is no product with the key “%(typed)s”. Enter a key as the shop's catalogue shows it.") % {
            "typed": key
        }

    def form_for(self, instance: Bundle, data: dict[str, Any]) -> forms.ModelForm[Bundle]:
        return BundleForm(data, instance=instance)

    def check(self, before: Bundle, instance: Bundle, *, is_new: bool) -> dict[str, str]:
        """As in admin: moves need their own permissions, all else that of changing, and a new one that of adding."""
        if is_new and not self.user.has_perm("bundle_app.add_bundle"):
            return {"products": _("There is no bundle of exactly these products, and you may not add one.")}
        changed = self.changes(before, instance)
        errors = {}
        if "status" in changed and not self._may_move(before.status, instance.status):
            errors["status"] = _("You may not set a bundle to “%(status)s”.") % {
                "status": instance.get_status_display()
            }
        is_dropped = "pinned" in changed and instance.status == Bundle.Status.REJECTED
        if "pinned" in changed and not is_dropped and not self.user.has_perm(MOVES["pin"].permission):
            errors["pinned"] = _("You may not pin or unpin bundles.")
        if not is_new and not self.user.has_perm("bundle_app.change_bundle"):
            errors |= {name: _("You may not change this.") for name in changed if name not in DECIDED}
        return errors

    def _may_move(self, before: str, after: str) -> bool:
        """The form lets those set any status who may decide all; others have the moves that they may make."""
        if all(self.user.has_perm(MOVES[name].permission) for name in ("activate", "pause", "reject")):
            return True
        if after not in MOVE_TO or (after == Bundle.Status.REVIEW and before != Bundle.Status.DRAFT):
            return False
        return bool(self.user.has_perm(MOVES[MOVE_TO[after]].permission))

    def before_save_instance(self, instance: Bundle, row: Any, **kwargs: Any) -> None:
        """As at the form, saving is deciding."""
        instance.decided_at = timezone.now()

    def save_rest(self, instance: Bundle) -> None:
        parts = [
            BundlePart(
                bundle=instance,
                item_key=key,
                quantity=quantity,
                position=position,
                title=self.cards[key].title[:200],
                category=(self.cards[key].category or self.categories.get(key, ""))[:200],
            )
            for position, (key, quantity) in enumerate(self.by_hash[instance.composition_hash].items())
        ]
        BundlePart.objects.bulk_create(parts)
        instance._prefetched_objects_cache = {"parts": parts}  # type: ignore[attr-defined]

    def label(self, instance: Bundle) -> str:
        if instance.title:
            return instance.title
        return " + ".join(part.label for part in instance.parts.all())

    def action(self, changes: Mapping[str, tuple[Any, Any]], *, is_new: bool) -> Decision.Action:
        return action_of(changes, is_new=is_new)
