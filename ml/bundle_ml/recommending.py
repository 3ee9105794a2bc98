"""What a shopper will probably buy next, by an artefact and the shopper's past.

The past is handed in and forgotten: an artefact holds no shopper, so whoever asks keeps the orders. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle_ml.artefact import read_tensors, read_vocabulary, verify
from bundle_ml.baskets import Baskets
from bundle_ml.blend import Blend
from bundle_ml.errors import ArtefactError, DataError
from bundle_ml.histories import LATEST_BASKETS, Histories
from bundle_ml.lines import read_baskets
from bundle_ml.metrics import top_items
from bundle_ml.rungs import POPULARITY
from bundle_ml.stored_personal import PREFIX, personal_from_tensors


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

    def read_past(self, lines: Path) -> Baskets:
        """Read one shopper's past baskets out of order lines; items that the artefact does not know are left out.

        Raises:
            DataError: the file is not what it should be, or is of several shoppers.
        """
        baskets, _ = read_baskets(lines, self.keys)
        shopper_count = 0 if baskets.shoppers is None else len(np.unique(baskets.shoppers))
        if shopper_count > 1:
            raise DataError(
                f"{lines.name} holds the orders of {shopper_count} shoppers; expected those of one. "
                "Ask for each shopper with a file of their own."
            )
        return baskets.numbered_as(self.keys)

    def recommend(self, past: Baskets, *, count: int = 10) -> list[Recommendation]:
        """Rank by past baskets, oldest first, numbered as `keys`; without any, by what sells.

        Things bought before are among the answers: people buy again.
        """
        latest = past.between(max(0, len(past) - LATEST_BASKETS), len(past))
        ranking = self.blend if len(latest) else self.blend.rungs[POPULARITY]
        scores_1V = ranking.scores(Histories.made_of(np.asarray([0, len(latest)], np.int64), latest))
        return [
            Recommendation(key=self.keys[item], title=self.titles[item], score=float(scores_1V[0, item]))
            for item in top_items(scores_1V, count)[0].tolist()
        ]


def describe(recommendations: list[Recommendation]) -> str:
    """One line an item: place, score, key and title."""
    width = max((len(each.key) for each in recommendations), default=0)
    lines = [
        f"{place:>4}. {each.score:8.4f}  {each.key:<{width}}  {each.title if each.title != each.key else ''}".rstrip()
        for place, each in enumerate(recommendations, 1)
    ]
    return "\n".join(lines) or "The artefact knows no item."
