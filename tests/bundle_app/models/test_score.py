from __future__ import annotations

import pytest
from django.db import IntegrityError

from bundle_app.models import Bundle, ModelVersion, Score

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("second", "constraint"),
    [
        ({"rank": 2}, "score_once_per_anchor_and_version"),
        ({"rank": 1, "other": True}, "score_rank_once_per_anchor_and_version"),
        ({"rank": 0, "other": True}, "score_rank_counts_from_1"),
    ],
)
def test_the_database_keeps_ranks_in_order(second: dict[str, int], constraint: str) -> None:
    version = ModelVersion.objects.create()
    one, other = (Bundle.objects.create(composition_hash=digest) for digest in "ab")
    Score.objects.create(model_version=version, anchor_key="cup", bundle=one, score=1, rank=1)

    with pytest.raises(IntegrityError, match=constraint):
        Score.objects.create(
            model_version=version,
            anchor_key="cup",
            bundle=other if second.get("other") else one,
            score=0.5,
            rank=second["rank"],
        )
