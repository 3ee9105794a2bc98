"""How much each reason counts: weights found on held-out bundles by Recall@20 and NDCG@20 themselves.

Each part's scores are centred and divided by their typical spread, so that a weight of 1 means the same for all. The
search changes one weight at a time and keeps what ranks better: four weights are few enough for the measures as they
are, which need not be made smooth. Weights that differ with how many bundles a user has were tried: fitted on one half
of the held-out users, they ranked the other half no better.

Shapes: U users, B bundles, P parts, S bundles on a shortlist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import BoolArray, FloatArray
from bundle_ml.for_users import measures
from bundle_ml.for_users.histories import Ones
from bundle_ml.for_users.parts import Part, UserNumbers
from bundle_ml.metrics import RankArray, top_items

PLACES = 20
SHORTLIST = 100
"""Bundles of each part that the search looks at. What is far down every part's list is far down every sum's."""
FIRST_SHARE = 0.1
"""What the search gives a part at the start: 0 could not grow by being multiplied."""
STEPS = (0.0, 0.5, 0.7, 0.85, 0.95, 1.05, 1.2, 1.5, 2.0)
"""What a weight is multiplied by, to see whether lists get better."""
ROUNDS = 20
USERS_AT_ONCE = 512
USERS_TO_MEASURE = 1024


def centred(part: Part, users: UserNumbers) -> FloatArray:
    """Score all bundles, the average one 0; (U, B)."""
    scores_UB = part.scores(users)
    return np.asarray(scores_UB - scores_UB.mean(axis=1, keepdims=True), np.float32)


def measure_spreads(parts: Mapping[str, Part], users: UserNumbers) -> dict[str, float]:
    """Measure how far apart a part's scores for one user typically are."""
    sample = users[:USERS_TO_MEASURE]
    spreads = {
        name: float(part.scores(sample).std(axis=1).mean()) if len(sample) else 0.0 for name, part in parts.items()
    }
    return {name: spread if spread > 0 else 1.0 for name, spread in spreads.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Shortlists:
    """For each user the bundles that some part would show, what each part says of them, and which are right.

    A right one that no part would show is not on it and counts as missed.
    """

    parts_PUS: FloatArray
    """-inf where the place is empty."""
    is_right_US: BoolArray
    answer_counts_U: RankArray

    @classmethod
    def of(
        cls,
        parts: Mapping[str, Part],
        spreads: Mapping[str, float],
        *,
        users: UserNumbers,
        known_UB: Ones,
        answers_UB: Ones,
    ) -> Shortlists:
        """`known_UB`, which is never shown, and `answers_UB` have a row for every user, asked or not."""
        batches = [_shortlist(parts, spreads, some, known_UB, answers_UB) for some in in_batches(users)]
        return cls(
            np.concatenate([scores_PUS for scores_PUS, _ in batches], axis=1),
            np.concatenate([is_right_US for _, is_right_US in batches]),
            np.diff(answers_UB.indptr)[users].astype(np.int64),
        )

    def worth(self, weights_P: FloatArray) -> float:
        """Return the mean of Recall@20 and NDCG@20."""
        total_US = np.where(np.isneginf(self.parts_PUS[0]), np.float32(-np.inf), np.float32(0))
        for weight, scores_US in zip(weights_P, self.parts_PUS, strict=True):
            if weight:
                total_US += scores_US * weight
        hits_UK = np.take_along_axis(self.is_right_US, top_items(total_US, PLACES), axis=1)
        gains = (measures.recall(hits_UK, self.answer_counts_U), measures.ndcg(hits_UK, self.answer_counts_U))
        return float(np.mean(gains))


def in_batches(users: UserNumbers) -> Iterator[UserNumbers]:
    for start in range(0, len(users), USERS_AT_ONCE):
        yield users[start : start + USERS_AT_ONCE]


def _shortlist(
    parts: Mapping[str, Part], spreads: Mapping[str, float], users: UserNumbers, known_UB: Ones, answers_UB: Ones
) -> tuple[FloatArray, BoolArray]:
    is_known_UB, is_right_UB = (table_UB[users].toarray() > 0 for table_UB in (known_UB, answers_UB))
    scores = [centred(part, users) / np.float32(spreads[name]) for name, part in parts.items()]
    for scores_UB in scores:
        scores_UB[is_known_UB] = -np.inf
    listed_US = np.sort(np.concatenate([top_items(scores_UB, SHORTLIST) for scores_UB in scores], axis=1), axis=1)
    is_empty_US = np.take_along_axis(is_known_UB, listed_US, axis=1)
    is_empty_US[:, 1:] |= listed_US[:, 1:] == listed_US[:, :-1]
    found_PUS = np.stack([np.take_along_axis(scores_UB, listed_US, axis=1) for scores_UB in scores])
    found_PUS[:, is_empty_US] = -np.inf
    return found_PUS, np.take_along_axis(is_right_UB, listed_US, axis=1) & ~is_empty_US


def fit_weights(asked: Shortlists) -> FloatArray:
    """Search the weights, (P,); they sum to 1, and are never worse than the best part alone."""
    units_PP = np.eye(len(asked.parts_PUS), dtype=np.float32)
    alone_P = max(units_PP, key=asked.worth)
    found_P = _without_idle_parts(asked, _search(asked, np.maximum(alone_P, np.float32(FIRST_SHARE))))
    best_P = max((alone_P, found_P), key=asked.worth)  # of equals the simpler
    return np.asarray(best_P / best_P.sum(), np.float32)


def _search(asked: Shortlists, weights_P: FloatArray) -> FloatArray:
    best = asked.worth(weights_P)
    for _ in range(ROUNDS):
        before = best
        for part in range(len(weights_P)):
            for step in STEPS:
                tried_P = weights_P.copy()
                tried_P[part] *= np.float32(step)
                if tried_P.any() and (worth := asked.worth(tried_P)) > best:
                    weights_P, best = tried_P, worth
        if best == before:
            break
    return weights_P


def _without_idle_parts(asked: Shortlists, weights_P: FloatArray) -> FloatArray:
    """Leave out parts, those of least weight first, without which the lists are no worse."""
    best = asked.worth(weights_P)
    for part in np.argsort(weights_P, kind="stable").tolist():
        fewer_P = weights_P.copy()
        fewer_P[part] = 0
        if fewer_P.any() and (found := asked.worth(fewer_P)) >= best:
            weights_P, best = fewer_P, found
    return weights_P
