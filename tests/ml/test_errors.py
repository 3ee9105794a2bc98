from __future__ import annotations

import pytest

from bundle_ml.errors import ArtefactError, BundleMLError, DataError, MissingExtraError, SettingsError, training_extra


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DataError, ValueError),
        (SettingsError, ValueError),
        (ArtefactError, ValueError),
        (MissingExtraError, ImportError),
    ],
)
def test_every_error_is_also_a_standard_kind(error: type[Exception], kind: type[Exception]) -> None:
    assert issubclass(error, BundleMLError)
    assert issubclass(error, kind)


def test_a_missing_training_package_gives_advice() -> None:
    with pytest.raises(MissingExtraError) as caught, training_extra():
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    assert str(caught.value) == "Training needs torch: pip install 'django-product-bundles[train]'"


def test_a_mistake_of_our_own_is_not_mistaken_for_a_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match="bundle_ml.misspelt"), training_extra():
        raise ModuleNotFoundError("No module named 'bundle_ml.misspelt'", name="bundle_ml.misspelt")
