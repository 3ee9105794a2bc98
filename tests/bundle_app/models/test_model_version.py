from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.utils import timezone

from bundle_app.models import ModelVersion

pytestmark = pytest.mark.django_db


def test_the_database_allows_one_live_version() -> None:
    ModelVersion.objects.create(state="live", published_at=timezone.now())

    with pytest.raises(IntegrityError, match="model_version_one_live"):
        ModelVersion.objects.create(state="live", published_at=timezone.now())


def test_a_live_version_has_been_published() -> None:
    with pytest.raises(IntegrityError, match="model_version_live_is_published"):
        ModelVersion.objects.create(state="live")
