"""What can go wrong, as one small tree.

    BundleMLError
    ├── DataError          (ValueError)    an input file is not what it should be
    ├── SettingsError      (ValueError)    a setting is unknown or out of range
    ├── ArtefactError      (ValueError)    an artefact is damaged, foreign or incomplete
    └── MissingExtraError  (ImportError)   torch, scipy or pyarrow is not installed

Messages say what was found, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

TRAINING_MODULES = frozenset({"torch", "scipy", "pyarrow", "tqdm"})


class BundleMLError(Exception):
    """Something in bundle_ml failed."""


class DataError(BundleMLError, ValueError):
    """An input file is not what it should be."""


class SettingsError(BundleMLError, ValueError):
    """A setting is unknown or out of range."""


class ArtefactError(BundleMLError, ValueError):
    """An artefact is damaged, foreign or incomplete."""


class MissingExtraError(BundleMLError, ImportError):
    """Training needs packages that are not installed."""


@contextmanager
def training_extra() -> Iterator[None]:
    """Turn a missing training package, and nothing else, into advice.

    An ImportError that comes from a mistake inside this package passes through untouched.
    """
    try:
        yield
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in TRAINING_MODULES:
            raise
        message = f"Training needs {missing}: pip install 'django-product-bundles[train]'"
        raise MissingExtraError(message) from error
