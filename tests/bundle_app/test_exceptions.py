from __future__ import annotations

import inspect

import pytest
from django.core.exceptions import ImproperlyConfigured

from bundle_app import exceptions
from bundle_app.exceptions import BundleError, ConfigurationError, LeaseLost


def kinds() -> list[type[BundleError]]:
    return [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, BundleError)]


@pytest.mark.parametrize("kind", kinds())
def test_the_docstring_is_the_message_when_none_is_given(kind: type[BundleError]) -> None:
    assert str(kind()) == inspect.cleandoc(kind.__doc__ or "")


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind is not BundleError])
def test_every_error_is_also_of_a_standard_kind_and_stands_in_the_tree(kind: type[BundleError]) -> None:
    standard = (ImproperlyConfigured, LookupError, RuntimeError, ValueError, ConnectionError)

    assert issubclass(kind, standard)
    assert kind.__name__ in (exceptions.__doc__ or "")


def test_a_message_replaces_the_docstring() -> None:
    assert str(LeaseLost("gone")) == "gone"


def test_a_wrong_setting_is_improperly_configured_to_django() -> None:
    assert issubclass(ConfigurationError, ImproperlyConfigured)
