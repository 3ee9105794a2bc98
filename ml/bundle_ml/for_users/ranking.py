"""Fit all parts, weigh them, rank every bundle for a user.

    ranking = fit_ranking(histories, held_out_UB)
    ranking.top(users, 20)

Settings and weights are chosen on held-out bundles, none of which is in the histories; `refitted` then takes later
histories and keeps what was chosen.

Shapes: U users, B bundles, K places, P parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import FloatArray, IntArray
from bundle_ml.errors import DataError
from bundle_ml.for_users.histories import Histories, Ones
from bundle_ml.for_users.parts import (
    ALIKE,
    IN_HAND,
    POPULARITY,
    TAKEN_WITH,
    InHand,
    Part,
    Popularity,
    UserNumbers,
    fit_alike,
    fit_taken_with,
)
from bundle_ml.for_users.weighing import Shortlists, centred, fit_weights, in_batches, measure_spreads
from bundle_ml.metrics import top_items

TAKEN_WITH_SETTINGS = tuple(
    {"bundle_l2": bundle_l2, "item_l2": 3.0 * bundle_l2, "length_exponent": exponent, "in_bundles": in_bundles}
    for in_bundles in (1.0, 0.0)
    for exponent, bundle_l2 in ((0.5, 100.0), (0.5, 50.0), (0.5, 200.0), (0.25, 200.0), (0.25, 100.0))
)
"""What is tried for EASE, alone. A short history says more of each of its bundles than a long one: an exponent of 0
lost on every public data set. What is in a user's bundles helps on Youshu and harms on Steam."""

IN_BUNDLES = "in_bundles"
"""The setting of EASE that says how much of what is in a user's bundles counts as the user's."""

OnMessage = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """A weighted sum of parts."""

    histories: Histories
    parts: Mapping[str, Part]
    spreads: Mapping[str, float]
    weights: Mapping[str, float]
    settings: Mapping[str, float]
    """Of EASE."""

    def scores(self, users: UserNumbers) -> FloatArray:
        """(U, B)."""
        return np.asarray(sum(self.contributions(users).values()), np.float32)

    def contributions(self, users: UserNumbers) -> dict[str, FloatArray]:
        """What each part adds to each bundle's score, from its average one; (U, B) each. They explain a rank."""
        return {
            name: centred(part, users) * np.float32(self.weights[name] / self.spreads[name])
            for name, part in self.parts.items()
            if self.weights[name]
        }

    def top(self, users: UserNumbers, count: int) -> IntArray:
        """The first bundles for each user, best first, none that the user has; -1 after the last; (U, K)."""
        return first_bundles(self, self.histories, users, count)

    def only(self, name: str) -> Ranking:
        """Lean on one part alone."""
        weights = {each: float(each == name) for each in self.parts}
        return Ranking(self.histories, self.parts, self.spreads, weights, self.settings)

    def refitted(self, histories: Histories) -> Ranking:
        """Fit the parts on other histories; settings, spreads and weights stay."""
        return Ranking(histories, _fit_parts(histories, self.settings), self.spreads, self.weights, self.settings)


def first_bundles(part: Part, histories: Histories, users: UserNumbers, count: int) -> IntArray:
    """Rank by any part."""
    lists_UK = np.full((len(users), count), -1, np.int32)
    row = 0
    for some in in_batches(users):
        scores_UB = part.scores(some).copy()
        scores_UB[histories.bundles_UB[some].toarray() > 0] = -np.inf
        top_UK = top_items(scores_UB, count)
        is_known_UK = np.isneginf(np.take_along_axis(scores_UB, top_UK, axis=1))
        lists_UK[row : row + len(some), : top_UK.shape[1]] = np.where(is_known_UK, -1, top_UK)
        row += len(some)
    return lists_UK


def fit_ranking(histories: Histories, held_out_UB: Ones, *, on_message: OnMessage = lambda _: None) -> Ranking:
    """Choose EASE's settings by the held-out bundles, then the weights of all parts.

    Raises:
        DataError: nothing is held out, it has another shape, or is in the histories already.
    """
    _check(histories, held_out_UB)
    best_worth, settings = -1.0, TAKEN_WITH_SETTINGS[0]
    for number, tried in enumerate(TAKEN_WITH_SETTINGS, 1):
        on_message(f"EASE: setting {number} of {len(TAKEN_WITH_SETTINGS)}, best {max(best_worth, 0):.4f}")
        _, asked = _shortlists({TAKEN_WITH: fit_taken_with(histories, **tried)}, histories, held_out_UB)
        worth = asked.worth(np.ones(1, np.float32))
        if worth > best_worth:
            best_worth, settings = worth, tried
    on_message("weighing")
    return _weigh(_fit_parts(histories, settings), histories, settings, held_out_UB)


def fit_without_each(ranking: Ranking, held_out_UB: Ones) -> Iterator[tuple[str, Ranking]]:
    """Yield the name of each part, and the ranking by all others, weighed anew: what is each of them good for?

    What is in a user's bundles is the last, where it counts as the user's items; EASE is fitted anew without it.
    """
    histories, settings = ranking.histories, ranking.settings
    for left_out in ranking.parts:
        kept = {name: part for name, part in ranking.parts.items() if name != left_out}
        yield left_out, _weigh(kept, histories, settings, held_out_UB)
    if settings[IN_BUNDLES]:
        settings = {**settings, IN_BUNDLES: 0.0}
        yield IN_BUNDLES, _weigh(_fit_parts(histories, settings), histories, settings, held_out_UB)


def _weigh(
    parts: Mapping[str, Part], histories: Histories, settings: Mapping[str, float], held_out_UB: Ones
) -> Ranking:
    spreads, asked = _shortlists(parts, histories, held_out_UB)
    weights = dict(zip(parts, fit_weights(asked).tolist(), strict=True))
    return Ranking(histories, parts, spreads, weights, settings)


def _shortlists(
    parts: Mapping[str, Part], histories: Histories, held_out_UB: Ones
) -> tuple[dict[str, float], Shortlists]:
    users = np.flatnonzero(np.diff(held_out_UB.indptr))
    spreads = measure_spreads(parts, users)
    known_UB = histories.bundles_UB
    return spreads, Shortlists.of(parts, spreads, users=users, known_UB=known_UB, answers_UB=held_out_UB)


def _fit_parts(histories: Histories, settings: Mapping[str, float]) -> dict[str, Part]:
    return {
        POPULARITY: Popularity(histories),
        TAKEN_WITH: fit_taken_with(
            histories,
            bundle_l2=settings["bundle_l2"],
            item_l2=settings["item_l2"],
            length_exponent=settings["length_exponent"],
            in_bundles=settings[IN_BUNDLES],
        ),
        ALIKE: fit_alike(histories),
        IN_HAND: InHand(histories),
    }


def _check(histories: Histories, held_out_UB: Ones) -> None:
    if held_out_UB.shape != histories.bundles_UB.shape:
        raise DataError(
            f"The held-out bundles have the shape {held_out_UB.shape}; expected {histories.bundles_UB.shape}, a row "
            "for every user and a column for every bundle."
        )
    if not held_out_UB.nnz:
        raise DataError("No bundle is held out; expected some to choose weights by. Hold out a share of each user's.")
    known = int(held_out_UB.multiply(histories.bundles_UB).nnz)
    if known:
        raise DataError(
            f"{known} of {held_out_UB.nnz} held-out bundles are in the histories; expected none, since what a user has "
            "is not ranked. Take them out of the histories."
        )
