"""Rules as rows: one a rule, known by its number, or by what it asks where the number is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bundle_app import cells
from bundle_app.admin.rules import OF_KINDS, RuleForm
from bundle_app.models import Decision, Rule
from bundle_app.transfer.rows import FormResource, SafeField

COLUMNS = ("kind", *OF_KINDS, "priority", "is_enabled", "valid_from", "valid_until", "note")


class RuleResource(FormResource):
    number = SafeField("pk", "number")
    kind = SafeField("kind", "kind")
    item_key = SafeField("item_key", "item_key")
    category = SafeField("category", "category")
    other_item_key = SafeField("other_item_key", "other_item_key")
    other_category = SafeField("other_category", "other_category")
    lowest_price = SafeField("lowest_price", "lowest_price")
    highest_price = SafeField("highest_price", "highest_price")
    currency = SafeField("currency", "currency")
    margin_percent = SafeField("margin_percent", "margin_percent")
    stock_count = SafeField("stock_count", "stock_count")
    segment = SafeField("segment", "segment")
    placement = SafeField("placement", "placement")
    priority = SafeField("priority", "priority")
    is_enabled = SafeField("is_enabled", "is_enabled")
    valid_from = SafeField("valid_from", "valid_from")
    valid_until = SafeField("valid_until", "valid_until")
    note = SafeField("note", "note")
    in_words = SafeField(column_name="in_words", readonly=True)

    COLUMNS = COLUMNS
    NEEDED = ("kind",)

    class Meta:
        model = Rule
        fields = ("number", *COLUMNS, "in_words")
        import_id_fields = ("kind",)
        skip_html_diff = True
        store_instance = True
        chunk_size = 1000

    @classmethod
    def get_display_name(cls) -> str:
        return _("Rules")

    def get_queryset(self) -> Any:
        return Rule.objects.all()

    def dehydrate_in_words(self, rule: Rule) -> str:
        return cells.written(rule.sentence)

    # Import

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Rules are few: all are read, and stay locked to the end."""
        self.standing = {rule.pk: rule for rule in Rule.objects.order_by("pk").select_for_update()}
        self.by_asking = {_asked(rule): rule for rule in reversed(self.standing.values())}
        self.seen: Counter[Any] = Counter()

    def get_or_init_instance(self, instance_loader: Any, row: Mapping[str, str]) -> tuple[Rule, bool]:
        text = row.get("number", "")
        if not text:
            asked = self._asked_by(row)
            rule = None if asked is None else self.by_asking.get(asked)
        else:
            rule = self.standing.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None
            if rule is None:
                raise ValidationError(
                    {"number": _("There is no rule %(number)s. Leave the cell empty for a new one.") % {"number": text}}
                )
        if rule is None:
            return Rule(), True
        self.seen[rule.pk] += 1
        if self.seen[rule.pk] > 1:
            raise ValidationError({"number": _("A row above is about the same rule. Remove one.")})
        return rule, False

    def _asked_by(self, row: Mapping[str, str]) -> tuple[Any, ...] | None:
        """What the row asks, once the form has read it; None for what no rule could ask, which the form tells."""
        data, errors = self._data(Rule(), row)
        form = RuleForm(data, instance=Rule())
        return None if errors or not form.is_valid() else _asked(form.instance)

    def form_for(self, instance: Rule, data: dict[str, Any]) -> forms.ModelForm[Rule]:
        return RuleForm(data, instance=instance)

    def check(self, before: Rule, instance: Rule, *, is_new: bool) -> dict[str, str]:
        if is_new and not self.user.has_perm("bundle_app.add_rule"):
            return {"kind": _("There is no such rule, and you may not add one.")}
        if is_new:
            asked = _asked(instance)
            if self.seen[asked]:
                return {"kind": _("A row above is about the same rule. Remove one.")}
            self.seen[asked] += 1
        elif self.changes(before, instance) and not self.user.has_perm("bundle_app.change_rule"):
            return {"kind": _("You may not change this.")}
        return {}

    def action(self, changes: Mapping[str, tuple[Any, Any]], *, is_new: bool) -> Decision.Action:
        if is_new:
            return Decision.Action.CREATED
        if "is_enabled" in changes:
            return Decision.Action.ENABLED if changes["is_enabled"][1] else Decision.Action.DISABLED
        return Decision.Action.CHANGED


def _asked(rule: Rule) -> tuple[Any, ...]:
    return (rule.kind, *(getattr(rule, name) for name in OF_KINDS))
