"""Paths over models: `category__name`, `image.url`, `get_absolute_url`. Reading them, and saying what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Model

from bundle_app.exceptions import MappingError


def split_path(path: str) -> list[str]:
    """
    >>> split_path("image.url"), split_path("category__name")
    (['image', 'url'], ['category', 'name'])
    """
    return path.replace(".", "__").split("__")


def as_lookup(path: str) -> str:
    """
    >>> as_lookup("order.created")
    'order__created'
    """
    return "__".join(split_path(path))


def model_of(label: str, *, key: str) -> type[Model]:
    """The model that `app_label.ModelName` names.

    Raises:
        MappingError: no such app or model, with the nearest name there is.
    """
    try:
        return apps.get_model(label)
    except (LookupError, ValueError) as error:
        labels = [model._meta.label for model in apps.get_models()]
        near = get_close_matches(str(label), labels, n=1, cutoff=0.4)
        advice = f"Did you mean {near[0]!r}?" if near else "Expected 'app_label.ModelName'."
        raise MappingError(f"MAP[{key!r}] is {label!r}, which is no installed model ({error}). {advice}") from error


def read_path(instance: Any, path: str) -> Any:
    """Follow a path from an instance; None on the way ends it with None; a method at the end is called."""
    value = instance
    for name in split_path(path):
        if value is None:
            return None
        value = getattr(value, name)
    return value() if callable(value) else value


def check_path(model: type[Model], path: str, *, label: str, fields_only: bool = False) -> list[str]:
    """What is wrong with a path, as no or one sentence. Past the last field, properties cannot be looked into."""
    current: Any = model
    names = split_path(path)
    for depth, name in enumerate(names):
        if name == "pk":
            return []
        try:
            model_field = current._meta.get_field(name)
        except FieldDoesNotExist:
            if not fields_only and hasattr(current, name):
                return []
            return [_unknown(current, name, path=path, label=label, fields_only=fields_only)]
        current = getattr(model_field, "related_model", None)
        rest = names[depth + 1 :]
        if current is None and rest:
            if not fields_only and hasattr(model_field, "attr_class"):  # a file field: `image.url`
                return []
            return [f"{label} is {path!r}, but {name!r} is a plain field: nothing can follow it. End the path there."]
    return []


def _unknown(model: Any, name: str, *, path: str, label: str, fields_only: bool) -> str:
    known = [model_field.name for model_field in model._meta.get_fields()]
    if not fields_only:
        known += [attribute for attribute in vars(model) if not attribute.startswith("_")]
    near = get_close_matches(name, known, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(sorted(set(known))[:20])}."
    what = "field" if fields_only else "field, property or method"
    return f"{label} is {path!r}, but {model._meta.label} has no {what} {name!r}. {advice}"


def relations_of(model: type[Model], path: str) -> Iterator[str]:
    """The to-one relations along a path, as `select_related` wants them."""
    current: Any = model
    taken: list[str] = []
    for name in split_path(path):
        try:
            model_field = current._meta.get_field(name)
        except FieldDoesNotExist:
            break
        if not (model_field.many_to_one or model_field.one_to_one) or model_field.related_model is None:
            break
        taken.append(name)
        current = model_field.related_model
    if taken:
        yield "__".join(taken)


def valid_keys(model: type[Model], path: str, keys: Sequence[str]) -> list[Any]:
    """Keys as the field at the end of a path holds them; a word that cannot be a key of it is no key."""
    key_field = _field_at(model, path)
    if key_field is None:  # No field that is known here: the database compares.
        return list(keys)
    valid = []
    for key in keys:
        try:
            valid.append(key_field.to_python(key))
        except (ValidationError, ValueError, TypeError):
            continue
    return valid


def _field_at(model: type[Model], path: str) -> Field[Any, Any] | None:
    current: Any = model
    found: Any = None
    for name in split_path(path):
        if current is None:
            return None
        try:
            found = current._meta.pk if name == "pk" else current._meta.get_field(name)
        except FieldDoesNotExist:
            return None
        current = found.related_model
    return found if isinstance(found, Field) else None
