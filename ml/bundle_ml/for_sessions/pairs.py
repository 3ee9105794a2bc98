"""How likely two items of a session are to share a bundle, by what is known of them.

Shapes: P pairs of a session, in the order of `itertools.combinations`; F features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import log

import numpy as np

from bundle_ml.for_sessions.sessions import Goods, Path, Session
from bundle_ml.logistic import Cells, Logistic, fit_logistic
from bundle_ml.titles import Vector, cosine, title_vectors

LEAF, WIDE = "leaf", "wide"
WIDE_DEPTH = 3
SHRINKAGE_PAIRS = 3.0
"""Pairs of the usual chance that are added to those seen of two categories."""
L2 = 5.0
COMPARED = (0, 1, 2)
"""Features that are told once more relative to the session: what is alike depends on what else is there."""

Kind = tuple[str, ...]
Kinds = tuple[Kind, Kind]


def shares_bundle(session: Session, one: int, other: int) -> bool:
    return any(one in bundle and other in bundle for bundle in session.bundles)


def shared_depth(paths: Sequence[Path], others: Sequence[Path]) -> int:
    """Count the categories that the two have in common from the widest on.

    >>> shared_depth([("Food", "Tea", "Green")], [("Food", "Tea", "Black"), ("Gifts",)])
    2
    """
    return max((_in_common(path, other) for path in paths for other in others), default=0)


def _in_common(path: Path, other: Path) -> int:
    alike = [one == two for one, two in zip(path, other, strict=False)]
    return alike.index(False) if False in alike else len(alike)


@dataclass(frozen=True, slots=True, eq=False)
class Experience:
    """Of each two kinds of items in one session: how often, and how often in one bundle."""

    kinds: tuple[Kind, ...]
    """Of each item."""
    seen: Counter[Kinds]
    together: Counter[Kinds]
    usual: float
    unseen: Counter[Kinds] = field(default_factory=Counter)
    unseen_together: Counter[Kinds] = field(default_factory=Counter)
    """To be taken off again."""

    @classmethod
    def of(cls, sessions: Sequence[Session], kinds: tuple[Kind, ...]) -> Experience:
        seen: Counter[Kinds] = Counter()
        together: Counter[Kinds] = Counter()
        for session in sessions:
            more_seen, more_together = _counted(session, kinds)
            seen.update(more_seen)
            together.update(more_together)
        return cls(kinds, seen, together, (sum(together.values()) + 1) / (sum(seen.values()) + 2))

    def without(self, session: Session) -> Experience:
        """What would be known had this session not been seen: no session may teach by its own answer."""
        seen, together = _counted(session, self.kinds)
        return replace(self, unseen=seen, unseen_together=together)

    def log_odds(self, one: int, other: int) -> float:
        kinds = _sorted(self.kinds[one], self.kinds[other])
        seen = self.seen[kinds] - self.unseen[kinds]
        together = self.together[kinds] - self.unseen_together[kinds]
        chance = (together + SHRINKAGE_PAIRS * self.usual) / (seen + SHRINKAGE_PAIRS)
        return log(chance / (1 - chance))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """A fitted judge of pairs."""

    goods: Goods
    titles: tuple[Vector, ...]
    categories: tuple[Vector, ...]
    experience: dict[str, Experience]
    mean_F: Cells
    spread_F: Cells
    model: Logistic
    usual_log_odds: float

    def log_odds(self, session: Session) -> Cells:
        """(P,), of a session whose bundles are unknown or were not learned from."""
        return self._judged(self._features(session, self.experience))

    def log_odds_as_if_new(self, session: Session) -> Cells:
        """(P,), of a session that was learned from, nearly as if it had not been."""
        return self._judged(
            self._features(session, {name: each.without(session) for name, each in self.experience.items()})
        )

    def _judged(self, features_PF: Cells) -> Cells:
        scaled_PF = (features_PF - self.mean_F) / self.spread_F
        return np.asarray(scaled_PF @ self.model.weights_F + self.model.intercept + self.usual_log_odds)

    def _features(self, session: Session, experience: dict[str, Experience]) -> Cells:
        found = [self._describe(one, other, experience) for one, other in combinations(session.items, 2)]
        features_PF = np.asarray([[*each, log(len(session.items))] for each in found])
        compared_PF = features_PF[:, COMPARED]
        return np.hstack([features_PF, compared_PF - compared_PF.mean(axis=0)])

    def _describe(self, one: int, other: int, experience: dict[str, Experience]) -> list[float]:
        paths, others = self.goods.paths[one], self.goods.paths[other]
        depth = shared_depth(paths, others)
        deepest = max((len(path) for path in (*paths, *others)), default=1)
        return [
            cosine(self.titles[one], self.titles[other]),
            cosine(self.categories[one], self.categories[other]),
            depth / deepest,
            *(float(depth == number) for number in range(WIDE_DEPTH + 1)),
            float(not paths or not others),
            *(each.log_odds(one, other) for each in experience.values()),
        ]


def fit_pairs(goods: Goods, sessions: Sequence[Session]) -> Pairs:
    """Learn from sessions whose bundles are known."""
    experience = {
        LEAF: Experience.of(sessions, _kinds(goods, lambda path: path[-1:])),
        WIDE: Experience.of(sessions, _kinds(goods, lambda path: path[:WIDE_DEPTH])),
    }
    answers = np.asarray(
        [shares_bundle(session, *pair) for session in sessions for pair in combinations(session.items, 2)]
    )
    chance = (answers.sum() + 1) / (len(answers) + 2)
    unfitted = Pairs(
        goods,
        title_vectors(goods.titles),
        title_vectors([" ".join(name for path in paths for name in path) for paths in goods.paths]),
        experience,
        np.zeros(0),
        np.ones(0),
        Logistic(np.zeros(0), 0.0),
        log(chance / (1 - chance)),
    )
    features_PF = np.vstack([unfitted._features(session, _without(session, experience)) for session in sessions])
    mean_F, spread_F = features_PF.mean(axis=0), features_PF.std(axis=0) + 1e-9
    model = fit_logistic((features_PF - mean_F) / spread_F, answers, l2=L2)
    return Pairs(
        goods,
        unfitted.titles,
        unfitted.categories,
        experience,
        mean_F,
        spread_F,
        model,
        unfitted.usual_log_odds,
    )


def _without(session: Session, experience: dict[str, Experience]) -> dict[str, Experience]:
    return {name: each.without(session) for name, each in experience.items()}


def _kinds(goods: Goods, part: Callable[[Path], Kind]) -> tuple[Kind, ...]:
    return tuple(part(paths[0]) if paths else () for paths in goods.paths)


def _counted(session: Session, kinds: tuple[Kind, ...]) -> tuple[Counter[Kinds], Counter[Kinds]]:
    seen: Counter[Kinds] = Counter()
    together: Counter[Kinds] = Counter()
    for one, other in combinations(session.items, 2):
        pair = _sorted(kinds[one], kinds[other])
        seen[pair] += 1
        together[pair] += shares_bundle(session, one, other)
    return seen, together


def _sorted(one: Kind, other: Kind) -> Kinds:
    return (one, other) if one <= other else (other, one)
