"""What a shopper will probably buy next, by an artefact and the shopper's past.

The past is handed in and forgotten: an artefact holds no shopper, so whoever asks keeps the orders. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle_ml.artefact import read_tensors, read_vocabulary, verify
from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.blend import Blend
from bundle_ml.errors import ArtefactError, DataError
from bundle_ml.histories import LATEST_BASKETS, Histories
from bundle_ml.lines import read_lines
from bundle_ml.metrics import top_items
from bundle_ml.rungs import POPULARITY
from bundle_ml.stored_personal import PREFIX, personal_from_tensors
from bundle_ml.views import Views, read_views


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    key: str
    title: str
    score: float
    """Comparable within one answer alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Recommender:
    """The personal blend of one artefact.

    >>> recommender = Recommender.read(Path("artefact"))                              # doctest: +SKIP
    >>> recommender.recommend(recommender.read_past(Path("past.csv")), count=3)      # doctest: +SKIP
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    blend: Blend

    @classmethod
    def read(cls, artefact: Path) -> Recommender:
        """Verify an artefact and read what ranks by a past.

        Raises:
            ArtefactError: it is damaged, or its shop had too few shoppers who came back.
        """
        manifest, vocabulary = verify(artefact), read_vocabulary(artefact)
        if PREFIX not in vocabulary["facts"]:
            why = manifest.metrics["personal"]["decision"]
            raise ArtefactError(f"Found no personal blend in the artefact: {why}. Export shopper_key and train again.")
        keys = tuple(vocabulary["keys"])
        blend = personal_from_tensors(read_tensors(artefact), vocabulary["facts"][PREFIX], len(keys))
        return cls(keys, tuple(vocabulary["titles"]), blend)

    def read_past(self, lines: Path, *, views: Path | None = None) -> Histories:
        """Read one shopper's past out of order lines, and what the shopper looked at.

        Items that the artefact does not know are left out. Views are named by the `shopper_key` of the lines.

        Raises:
            DataError: a file is not what it should be, or is of several shoppers.
        """
        read = read_lines(lines, self.keys)
        baskets = read.baskets.numbered_as(self.keys)
        shopper_count = 0 if baskets.shoppers is None else len(np.unique(baskets.shoppers))
        if shopper_count > 1:
            raise DataError(
                f"{lines.name} holds the orders of {shopper_count} shoppers; expected those of one. "
                "Ask for each shopper with a file of their own."
            )
        looked_at = None
        if views:
            looked_at, _ = read_views(views, shopper_keys=read.shopper_keys, item_keys=self.keys)
        return past_of_one(baskets, looked_at)

    def recommend(self, past: Histories, *, count: int = 10) -> list[Recommendation]:
        """Rank by one shopper's past; without any, by what sells.

        Things bought before are among the answers: people buy again.
        """
        knows_views = past.looked_at is not None and len(past.looked_at.items) > 0
        ranking = self.blend if len(past.baskets) or knows_views else self.blend.rungs[POPULARITY]
        scores_1V = ranking.scores(past)
        return [
            Recommendation(key=self.keys[item], title=self.titles[item], score=float(scores_1V[0, item]))
            for item in top_items(scores_1V, count)[0].tolist()
        ]


def past_of_one(baskets: Baskets, looked_at: Views | None = None) -> Histories:
    """One shopper's baskets, oldest first, and views as of the latest of all these events."""
    latest = baskets.between(max(0, len(baskets) - LATEST_BASKETS), len(baskets))
    if looked_at is not None:
        events = np.concatenate([latest.ordered_at, looked_at.viewed_at])
        now = np.asarray([events.max(initial=UNKNOWN_TIME) + 1])
        looked_at = looked_at.as_of(np.zeros(1, np.int64), now)
    return Histories.made_of(np.asarray([0, len(latest)], np.int64), latest, looked_at)


def describe(recommendations: list[Recommendation]) -> str:
    """One line an item: place, score, key and title."""
    width = max((len(each.key) for each in recommendations), default=0)
    lines = [
        f"{place:>4}. {each.score:8.4f}  {each.key:<{width}}  {each.title if each.title != each.key else ''}".rstrip()
        for place, each in enumerate(recommendations, 1)
    ]
    return "\n".join(lines) or "The artefact knows no item."
