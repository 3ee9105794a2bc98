"""Learn from sessions with known bundles which subsets are bundles, then choose some of a new session's.

Of each subset two things are learned: how likely it lies inside a bundle, and how much it would overlap with the bundle
nearest to it (Jaccard). Which of the two decides, and how many subsets are named, is a matter of what is asked for; see
`Choice`.

Shapes: S subsets of a session, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bundle_ml.for_sessions.pairs import Pairs, fit_pairs
from bundle_ml.for_sessions.sessions import Bundle, Goods, Session
from bundle_ml.for_sessions.subsets import LARGEST, subsets_of
from bundle_ml.logistic import Cells, Logistic, fit_logistic

INSIDE, OVERLAP = "inside", "overlap"
L2 = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How subsets are chosen: the best first, while they are worth it and differ from those before."""

    by: str
    least: float
    """The best is named in any case; others from this value on."""
    most_alike: float
    """Jaccard."""
    count: int


CHOICES = tuple(
    Choice(by=by, least=least, most_alike=most_alike, count=count)
    for by in (INSIDE, OVERLAP)
    for least in (0.3, 0.4, 0.5, 0.6, 0.7)
    for most_alike in (0.0, 0.2, 0.5)
    for count in (1, 2, 3, 5)
)


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """The subsets of a session, each with what was learned to expect of it."""

    subsets: tuple[Bundle, ...]
    values: dict[str, Cells]
    best_first: dict[str, list[int]]

    @classmethod
    def of(cls, subsets: tuple[Bundle, ...], values: dict[str, Cells]) -> Rated:
        best_first = {name: np.argsort(-values_S, kind="stable").tolist() for name, values_S in values.items()}
        return cls(subsets, values, best_first)

    def choose(self, choice: Choice) -> tuple[Bundle, ...]:
        values_S = self.values[choice.by]
        chosen: list[Bundle] = []
        for place in self.best_first[choice.by]:
            if len(chosen) == choice.count or (chosen and values_S[place] < choice.least):
                break
            subset = self.subsets[place]
            if all(len(subset & other) <= choice.most_alike * len(subset | other) for other in chosen):
                chosen.append(subset)
        return tuple(chosen)


@dataclass(frozen=True, slots=True, eq=False)
class Finder:
    pairs: Pairs
    mean_F: Cells
    spread_F: Cells
    inside: Logistic
    usual_log_odds: float
    overlap_weights: Cells

    def rate(self, session: Session) -> Rated:
        """Rate every subset; none of a session of fewer than two items."""
        items = _looked_at(session, self.pairs)
        if len(items) < 2:
            return Rated.of((), {INSIDE: np.zeros(0), OVERLAP: np.zeros(0)})
        subsets = subsets_of(len(items))
        scaled_SF = (subsets.describe(self.pairs.log_odds(Session(items))) - self.mean_F) / self.spread_F
        log_odds_S = scaled_SF @ self.inside.weights_F + self.inside.intercept + self.usual_log_odds
        return Rated.of(
            tuple(_members(items, holds_N.tolist()) for holds_N in subsets.holds_SN),
            {INSIDE: 1 / (1 + np.exp(-log_odds_S)), OVERLAP: _curved(scaled_SF) @ self.overlap_weights},
        )


def fit_finder(goods: Goods, sessions: Sequence[Session]) -> Finder:
    """Learn from sessions whose bundles are known; those of one item, or too large to look at all of, teach nothing."""
    known = [session for session in sessions if 2 <= len(session.items) <= LARGEST and session.bundles]
    pairs = fit_pairs(goods, known)
    described, inside, overlap = [], [], []
    for session in known:
        subsets = subsets_of(len(session.items))
        described.append(subsets.describe(pairs.log_odds_as_if_new(session)))
        bundles = np.asarray([[item in bundle for item in session.items] for bundle in session.bundles], np.float64)
        shared = subsets.holds_SN.astype(np.float64) @ bundles.T
        sizes = subsets.sizes_S[:, None]
        inside.append((shared == sizes).any(axis=1))
        overlap.append((shared / (sizes + bundles.sum(axis=1) - shared)).max(axis=1))
    features, is_inside = np.vstack(described), np.concatenate(inside)
    mean_F, spread_F = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = (features - mean_F) / spread_F
    chance = (is_inside.sum() + 1) / (len(is_inside) + 2)
    curved = _curved(scaled)
    ridge = curved.T @ curved + L2 * np.eye(curved.shape[1])
    return Finder(
        pairs,
        mean_F,
        spread_F,
        fit_logistic(scaled, is_inside, l2=L2),
        float(np.log(chance / (1 - chance))),
        np.linalg.solve(ridge, curved.T @ np.concatenate(overlap)),
    )


def _curved(scaled: Cells) -> Cells:
    """Features, their squares, and 1."""
    return np.hstack([scaled, scaled**2, np.ones((len(scaled), 1))])


def _looked_at(session: Session, pairs: Pairs) -> tuple[int, ...]:
    """All items, or of very many those with the strongest ties."""
    if len(session.items) <= LARGEST:
        return session.items
    ties = dict.fromkeys(session.items, 0.0)
    for (one, other), value in zip(combinations(session.items, 2), pairs.log_odds(session).tolist(), strict=True):
        ties[one] += value
        ties[other] += value
    strongest = sorted(session.items, key=lambda item: -ties[item])[:LARGEST]
    return tuple(item for item in session.items if item in strongest)


def _members(items: tuple[int, ...], holds: list[bool]) -> Bundle:
    return frozenset(item for item, is_member in zip(items, holds, strict=True) if is_member)
