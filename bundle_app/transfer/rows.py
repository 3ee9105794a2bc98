"""What the resources of bundles and of rules share: a row goes through the form of admin, and is told in a report.

What is unusual: values are not set on the instance one by one, as django-import-export does, but handed to the form
that admin shows for the same thing. So a file is held to what a person at the form is held to, and told so in the
same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from import_export import fields, resources
from import_export.results import RowResult

from bundle_app import cells
from bundle_app.admin.decisions import plain
from bundle_app.models import Decision, Entry
from bundle_app.transfer.reading import Sheet


class SafeField(fields.Field):
    """A column of an export; its text starts no formula."""

    def export(self, instance: Any, **_kwargs: Any) -> str:
        return cells.written(self.get_value(instance))


class FormResource(resources.ModelResource):
    """`COLUMNS` are the form's fields of the same name; without the `NEEDED` columns no row can be understood."""

    COLUMNS: ClassVar[tuple[str, ...]]
    NEEDED: ClassVar[tuple[str, ...]] = ()

    user: Any
    reason = ""
    on_row: Callable[[int], None] = staticmethod(lambda _count: None)
    numbers: Sequence[int] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        for name in ("user", "reason", "on_row"):
            if name in kwargs:
                setattr(self, name, kwargs[name])
        self.entries: list[Entry] = []

    @classmethod
    def known_columns(cls) -> list[str]:
        return list(cls._meta.fields)

    @classmethod
    def told_columns(cls) -> list[str]:
        """Columns of an export that an import overlooks."""
        return [name for name in cls._meta.fields if cls.fields[name].readonly]

    def run(self, sheet: Sheet, *, is_trial: bool) -> list[dict[str, Any]]:
        """Apply a file, all of it or nothing, and tell what became of each row. A trial is taken back at its end."""
        self.numbers = sheet.numbers
        result = self.import_data(
            sheet.dataset, dry_run=is_trial, use_transactions=True, rollback_on_validation_errors=True
        )
        for error in result.base_errors:
            raise error.error
        return [
            self._told(row, number, values)
            for row, number, values in zip(result.rows, sheet.numbers, sheet.dataset.dict, strict=True)
        ]

    # One row

    def before_import_row(self, row: Mapping[str, str], **kwargs: Any) -> None:
        self.on_row(kwargs["row_number"])

    def form_for(self, instance: Any, data: dict[str, Any]) -> forms.ModelForm[Any]:
        raise NotImplementedError

    def check(self, before: Any, instance: Any, *, is_new: bool) -> dict[str, str]:
        """Whether this user may do that: messages by column."""
        raise NotImplementedError

    def import_instance(self, instance: Any, row: Mapping[str, str], **kwargs: Any) -> None:
        """Bring the row's cells onto the instance by way of the form."""
        is_new = instance._state.adding
        before = type(instance)(**{field.attname: getattr(instance, field.attname) for field in self._columns()})
        data, errors = self._data(instance, row)
        form = self.form_for(instance, data)
        for name, found in form.errors.as_data().items():
            errors.setdefault(name, [message for error in found for message in error.messages])
        if not errors:
            errors = {name: [text] for name, text in self.check(before, instance, is_new=is_new).items()}
        if errors:
            raise ValidationError({name: [ValidationError(text) for text in texts] for name, texts in errors.items()})

    def _columns(self) -> list[models.Field[Any, Any]]:
        return [field for field in self._meta.model._meta.concrete_fields if field.name in self.COLUMNS]

    def _data(self, instance: Any, row: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """What the form is given: what stands, and on it what the row says. An empty cell empties what may be empty."""
        data, errors = forms.model_to_dict(instance, self.COLUMNS), {}
        for field in self._columns():
            text = row.get(field.name)
            if text is None or (not text and not field.blank and not isinstance(field, models.BooleanField)):
                continue
            try:
                data[field.name] = self._value(field, text, data[field.name])
            except ValueError as error:
                errors[field.name] = [str(error)]
        return data, errors

    @staticmethod
    def _value(field: models.Field[Any, Any], text: str, standing: Any) -> Any:
        if isinstance(field, models.BooleanField):
            return cells.yes_or_no(text) if text else standing
        if field.choices and text:
            known = [str(value) for value, _label in field.flatchoices]
            if text.lower() not in known:
                raise ValueError(
                    _("“%(found)s” is not known here. Expected one of: %(known)s.")
                    % {"found": text, "known": ", ".join(known)}
                )
            return text.lower()
        return text

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        """A row that changes nothing decides nothing."""
        if import_validation_errors or instance._state.adding:
            return False
        return not self.changes(original, instance)

    def changes(self, before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
        pairs = {field.name: (getattr(before, field.name), getattr(after, field.name)) for field in self._columns()}
        return {name: (plain(old), plain(new)) for name, (old, new) in pairs.items() if old != new}

    def do_instance_save(self, instance: Any, is_create: bool) -> None:  # noqa: FBT001  (its signature)
        try:
            with transaction.atomic():
                instance.save(force_insert=is_create)
                if is_create:
                    self.save_rest(instance)
        except IntegrityError as error:
            raise ValidationError(
                _("The database refuses this row; a colleague may have written the same one just now. Try again.")
            ) from error

    def save_rest(self, instance: Any) -> None:
        """What a new one needs besides its own row."""

    # The whole file

    def action(self, changes: Mapping[str, tuple[Any, Any]], *, is_new: bool) -> Decision.Action:
        raise NotImplementedError

    def after_import_row(self, row: Any, row_result: Any, **kwargs: Any) -> None:
        row_result.changes = {}
        if row_result.import_type in {RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE}:
            is_new = row_result.is_new()
            row_result.changes = {} if is_new else self.changes(row_result.original, row_result.instance)
            action = self.action(
                self.changes(self._meta.model(), row_result.instance) if is_new else row_result.changes, is_new=is_new
            )
            self.entries.append(
                Entry(
                    subject=row_result.instance,
                    action=action,
                    label=self.label(row_result.instance),
                    changes=row_result.changes,
                )
            )

    def label(self, instance: Any) -> str:
        return str(instance)

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """Write everything down under the name of who handed the file in."""
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors():
            return
        Decision.objects.record(self.entries, by=self.user, reason=self.reason)
        for flag, wanted in ((ADDITION, RowResult.IMPORT_TYPE_NEW), (CHANGE, RowResult.IMPORT_TYPE_UPDATE)):
            numbers = [row.instance.pk for row in result.rows if row.import_type == wanted]
            subjects = self.get_queryset().filter(pk__in=numbers)
            LogEntry.objects.log_actions(self.user.pk, subjects, flag, self.reason)

    # The report

    def _told(self, row: Any, number: int, values: Mapping[str, str]) -> dict[str, Any]:
        if row.import_type in RowResult.valid_import_types:
            return {
                "row": number,
                "outcome": row.import_type,
                "subject": self.label(row.instance),
                "changes": {name: list(pair) for name, pair in row.changes.items()},
            }
        return {"row": number, "outcome": "error", "subject": self.called(values), "errors": _messages(row)}

    def called(self, values: Mapping[str, str]) -> str:
        """What a wrong row is called by: its first cell that holds anything."""
        return next(filter(None, values.values()), "")


def _messages(row: Any) -> list[list[str]]:
    """(column, message) of a row that is wrong."""
    if row.validation_error is None:
        return [["", _("Unexpected: %(error)s") % {"error": found.error}] for found in row.errors]
    by_column = (
        row.validation_error.message_dict
        if hasattr(row.validation_error, "error_dict")
        else {NON_FIELD_ERRORS: row.validation_error.messages}
    )
    return [
        ["" if column == NON_FIELD_ERRORS else column, text] for column, texts in by_column.items() for text in texts
    ]
