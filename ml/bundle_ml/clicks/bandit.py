"""Which of a page's candidate bundles are shown, and where: a contextual bandit with a closed form for everything.

**What is believed.** Rewards of arm r in context h at place k are Poisson with the mean `shown · bias_k · exp(w·x_rh) ·
q_r`. The regression `w` on a few features (the supervised score among them) and the places' bias are fitted to all arms
together. `q_r` says how far an arm is from what its features promise; it is Gamma with mean 1 and a strength that is
found from how much arms really differ (empirical Bayes). A Gamma prior under Poisson counts has a Gamma posterior, so
an arm's value is a ratio of sums, `(strength + reward) / (strength + expected)`, times what its features promise: a new
arm is worth what its score says, an old one what it earned.

**What is shown.** The arms of highest value, best first; on a bounded share of impressions one drawn candidate takes
one place. Every propensity is exact (`propensities`), which Thompson sampling cannot say of its own. Nothing here needs
more than numpy: `fit` is a nightly job over daily sums, `value` and `choose` are a few operations on a page's
candidates.

**What is believed of clicks.** Clicks by known buyers are the yardstick: where an arm's share of them is too low to be
chance, only they count, scaled up (`credible`). A bot's click then moves nothing for long; the price is that a bundle
which newcomers alone click is believed less than it deserves.

Sources: Robbins 1956, "An empirical Bayes approach to statistics"; Clayton & Kaldor 1987 (Gamma–Poisson ratios shrunk
by moments); Craswell et al. 2008 (position bias).

Shapes: N pages, C candidates, K places, R arms, H contexts, F features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bundle_ml.clicks.counts import Counts
from bundle_ml.clicks.truth import EMPTY, Flags, Numbers, Reals
from bundle_ml.errors import DataError, SettingsError

STEPS = 30
CLOSE_ENOUGH, BIAS_CLOSE_ENOUGH = 1e-8, 1e-3
L2 = 1.0
"""On the regression's weights: as if a reward had been seen that says nothing of each feature."""
ROUNDS = 20
"""Of fitting places and arms in turns, at most."""
FIRST_PLACE_BIAS, PLACE_REWARDS = 0.8, 20.0
"""Before it is known, each place is looked at so often as the one above; as if so many rewards had said so."""
STRENGTHS = (1.0, 1000.0)
"""The least and most that arms may resemble their features, in expected rewards."""
LEAST_BIAS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditSettings:
    exploration_ratio: float = 0.05
    """Of impressions, at most, that show a drawn candidate instead of the best."""
    floor_ratio: float = 0.3
    """Of the page's best value: below it a candidate is never drawn."""
    eagerness: float = 3.0
    """How much promising candidates are preferred in a draw: the power of their optimistic value."""
    even_ratio: float = 0.2
    """Of draws, which are even, so that no propensity is close to 0."""
    optimism: float = 1.0
    """Standard deviations above a value that count as its promise."""
    doubt_deviations: float = 2.0
    """How improbable an arm's share of known buyers must be, in standard deviations."""
    doubt_tolerance_ratio: float = 0.2
    """How far below the shop's share an arm's may lie in truth and be honest."""

    def __post_init__(self) -> None:
        for name in ("exploration_ratio", "floor_ratio", "even_ratio", "doubt_tolerance_ratio"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value}; expected 0 to 1.")
        for name in ("eagerness", "optimism", "doubt_deviations"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise SettingsError(f"{name} is {value}; expected a finite number of 0 or more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """What is believed of all arms together: a dozen numbers, which a worker fits and a web process reads."""

    weights: tuple[float, ...]
    intercept: float
    place_bias: tuple[float, ...]
    arm_strength: float
    buyer_ratio: float
    """Of rewards, those of known buyers."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Beliefs:
        try:
            return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
        except TypeError as error:
            raise DataError(f"These beliefs cannot be read: {error}. Fit them again.") from error

    @classmethod
    def before_any_click(
        cls, prior_weight: float, feature_count: int, slot_count: int, *, usual: float = 0.03
    ) -> Beliefs:
        """Rank by the first feature alone, in its own order, until there is a fit."""
        return cls(
            weights=(prior_weight, *(0.0,) * (feature_count - 1)),
            intercept=float(np.log(usual)),
            place_bias=tuple(FIRST_PLACE_BIAS**place for place in range(slot_count)),
            arm_strength=10.0,
            buyer_ratio=1.0,
        )

    def promised(self, features_F_: Reals) -> Reals:
        """The value that features alone promise, of the first place; features are in the last axis."""
        return np.asarray(np.exp(features_F_ @ np.asarray(self.weights) + self.intercept))


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """What arms are worth in the first place, in each context; any shape that their features had."""

    mean_RH: Reals
    deviation_RH: Reals

    def at(self, arms_NC: Numbers, contexts_N: Numbers) -> Values:
        """Of each candidate of each page, 0 where there is none; (N, C)."""
        there_NC = arms_NC != EMPTY
        rows_NC, columns_N1 = arms_NC.clip(0), contexts_N[:, None]
        return Values(self.mean_RH[rows_NC, columns_N1] * there_NC, self.deviation_RH[rows_NC, columns_N1] * there_NC)


def fit(counts: Counts, features_RHF: Reals, settings: BanditSettings) -> Beliefs | None:
    """Fit all that arms share; a function of the sums alone, None where there is no reward yet.

    In turns: the regression given the places' bias, the strength by moments, the bias given what arms are worth. An arm
    stands higher because it is better, so a bias fitted without the arms' own values would take credit for that.

    Raises:
        DataError: counts and features are of different arms or contexts.
    """
    _check(counts, features_RHF)
    if not counts.reward_RHK.any():
        return None
    buyer_ratio = _usual_buyer_ratio(counts)
    rewards_RHK = credible(counts, buyer_ratio, settings)
    rewards_RH = rewards_RHK.sum(axis=2)
    if not rewards_RH.any():
        return None
    first_bias_K = FIRST_PLACE_BIAS ** np.arange(counts.shown_RHK.shape[2])
    bias_K, found_P, strength = first_bias_K, np.zeros(features_RHF.shape[2] + 1), 1.0
    for _ in range(ROUNDS):
        looked_RH = counts.shown_RHK @ bias_K
        found_P = _regress(looked_RH, rewards_RH, features_RHF, found_P)
        promised_RH = np.exp(features_RHF @ found_P[:-1] + found_P[-1])
        expected_R, rewards_R = (promised_RH * looked_RH).sum(axis=1), rewards_RH.sum(axis=1)
        strength = _strength(rewards_R, expected_R)
        worth_RH = promised_RH * ((strength + rewards_R) / (strength + expected_R))[:, None]
        earned_K = rewards_RHK.sum(axis=(0, 1)) + PLACE_REWARDS * first_bias_K
        due_K = np.einsum("rhk,rh->k", counts.shown_RHK, worth_RH) + PLACE_REWARDS
        last_K, bias_K = bias_K, (earned_K / due_K / (earned_K[0] / due_K[0])).clip(LEAST_BIAS)
        if np.abs(bias_K - last_K).max() < BIAS_CLOSE_ENOUGH:
            break
    return Beliefs(
        weights=tuple(found_P[:-1].tolist()),
        intercept=float(found_P[-1]),
        place_bias=tuple(bias_K.tolist()),
        arm_strength=strength,
        buyer_ratio=buyer_ratio,
    )


def value(counts: Counts, features_RHF: Reals, beliefs: Beliefs, settings: BanditSettings) -> Values:
    """What each arm is worth in each context, with its standard deviation; exact, given the beliefs.

    The posterior of q_r is Gamma(strength + rewards, strength + expected): its mean is their ratio, and its deviation
    over its mean one over the root of the first.

    Raises:
        DataError: counts and features are of different arms, contexts or numbers of features.
    """
    _check(counts, features_RHF)
    _check_beliefs(counts, features_RHF, beliefs)
    promised_RH = beliefs.promised(features_RHF)
    expected_R = (promised_RH * (counts.shown_RHK @ np.asarray(beliefs.place_bias))).sum(axis=1)
    shape_R = beliefs.arm_strength + credible(counts, beliefs.buyer_ratio, settings).sum(axis=(1, 2))
    mean_RH = promised_RH * (shape_R / (beliefs.arm_strength + expected_R))[:, None]
    return Values(mean_RH, mean_RH / np.sqrt(shape_R)[:, None])


def credible(counts: Counts, buyer_ratio: float, settings: BanditSettings) -> Reals:
    """Take the rewards of arms that too few known buyers vouch for, for what the buyers' alone are worth; (R, H, K).

    An arm is doubted where its vouched rewards v lie more than z deviations of a binomial below what the tolerated
    share s of its c rewards would be: v < c s − z √(c s (1 − s)). Then v / buyer_ratio takes the place of c.
    """
    rewards_R, vouched_R = (each.sum(axis=(1, 2)) for each in (counts.reward_RHK, counts.vouched_RHK))
    share = buyer_ratio * (1 - settings.doubt_tolerance_ratio)
    least_R = rewards_R * share - settings.doubt_deviations * np.sqrt(rewards_R * share * (1 - share))
    is_doubted_R11 = (vouched_R < least_R)[:, None, None]
    return np.where(is_doubted_R11, counts.vouched_RHK / max(buyer_ratio, 1e-9), counts.reward_RHK)


def choose(
    values: Values, eligible_NC: Flags, slot_count: int, settings: BanditSettings, random: np.random.Generator
) -> tuple[Numbers, Reals, Flags]:
    """Fill pages: columns (N, K), the propensity of each place's column (N, K), and which places explore (N, K).

    A place without a candidate holds -1 and has propensity 1.
    """
    best_NK = ranked(values.mean_RH, eligible_NC, slot_count)
    weights_NC = draw_weights(values, eligible_NC, settings)
    page_ratio = _page_ratio(slot_count, settings)
    columns_NK = best_NK.copy()
    rows = np.flatnonzero((random.random(len(best_NK)) < page_ratio) & (weights_NC.sum(axis=1) > 0))
    drawn = (np.cumsum(weights_NC[rows], axis=1) < random.random(len(rows))[:, None]).sum(axis=1)
    drawn = drawn.clip(max=weights_NC.shape[1] - 1)
    filled_count = (best_NK[rows] != EMPTY).sum(axis=1)
    places = (random.random(len(rows)) * filled_count).astype(np.int64)
    displaced = columns_NK[rows, places]
    held_MK = columns_NK[rows] == drawn[:, None]
    columns_NK[rows] = np.where(held_MK, displaced[:, None], columns_NK[rows])
    columns_NK[rows, places] = drawn
    chances_NCK = _propensities(best_NK, weights_NC, page_ratio)
    taken_NK = np.take_along_axis(chances_NCK, columns_NK.clip(0)[:, None, :], axis=1)[:, 0, :]
    return columns_NK, np.where(columns_NK == EMPTY, 1.0, taken_NK), columns_NK != best_NK


def propensities(values: Values, eligible_NC: Flags, slot_count: int, settings: BanditSettings) -> Reals:
    """The chance that each candidate stands at each place; (N, C, K), sums over candidates are 1 at a filled place.

    A page explores with probability e (see `_page_ratio`): candidate d is drawn with its weight v_d and one of K filled
    places evenly; d takes the place, and if it stood in another one, the two change places. So a candidate that is not
    ranked stands at each place with e v / K; the one ranked i-th at another place j with e (v + v_j) / K, where v_j is
    the weight of the one ranked j-th, which may be drawn for place i; and at its own with the rest, 1 − e + e (v / K +
    (1 − v − Σ v_j) (K − 1) / K + Σ v_j (K − 1) / K) = 1 − e + e (v / K + (1 − v)(K − 1) / K).
    """
    best_NK = ranked(values.mean_RH, eligible_NC, slot_count)
    return _propensities(best_NK, draw_weights(values, eligible_NC, settings), _page_ratio(slot_count, settings))


def ranked(mean_NC: Reals, eligible_NC: Flags, slot_count: int) -> Numbers:
    """The eligible candidates of highest value, best first, -1 after the last; of equals the earlier column; (N, K)."""
    order_NC = np.argsort(-np.where(eligible_NC, mean_NC, -np.inf), axis=1, kind="stable")[:, :slot_count]
    padded_NK = np.full((len(mean_NC), slot_count), EMPTY)
    padded_NK[:, : order_NC.shape[1]] = np.where(np.take_along_axis(eligible_NC, order_NC, axis=1), order_NC, EMPTY)
    return padded_NK


def draw_weights(values: Values, eligible_NC: Flags, settings: BanditSettings) -> Reals:
    """How likely each candidate is to be the drawn one: 0 for those not eligible or below the floor; rows sum to 1."""
    best_N1 = np.where(eligible_NC, values.mean_RH, 0).max(axis=1, keepdims=True)
    allowed_NC = eligible_NC & (values.mean_RH >= settings.floor_ratio * best_N1)
    promise_NC = np.where(allowed_NC, values.mean_RH + settings.optimism * values.deviation_RH, 0)
    eager_NC = (
        promise_NC / np.maximum(promise_NC.max(axis=1, keepdims=True), 1e-300)
    ) ** settings.eagerness * allowed_NC
    eager_NC /= np.maximum(eager_NC.sum(axis=1, keepdims=True), 1e-300)
    even_NC = allowed_NC / np.maximum(allowed_NC.sum(axis=1, keepdims=True), 1)
    return np.asarray(settings.even_ratio * even_NC + (1 - settings.even_ratio) * eager_NC)


def _page_ratio(slot_count: int, settings: BanditSettings) -> float:
    """A page that explores changes one impression or exchanges two, where it has two: so many pages are in bounds."""
    return min(1.0, settings.exploration_ratio * slot_count / min(slot_count, 2))


def _propensities(best_NK: Numbers, weights_NC: Reals, page_ratio: float) -> Reals:
    """See `propensities`."""
    is_filled_NK = best_NK != EMPTY
    filled_N1 = np.maximum(is_filled_NK.sum(axis=1, keepdims=True), 1)
    explores_N1 = np.where(weights_NC.sum(axis=1, keepdims=True) > 0, page_ratio, 0.0)
    ranked_weight_NK = np.where(is_filled_NK, np.take_along_axis(weights_NC, best_NK.clip(0), axis=1), 0)
    chances_NCK = (explores_N1 * weights_NC / filled_N1)[:, :, None] * is_filled_NK[:, None, :]
    moved_NK = explores_N1 * ranked_weight_NK / filled_N1
    stays_NK = 1 - explores_N1 + explores_N1 * (1 - ranked_weight_NK) * (1 - 1 / filled_N1)
    for place in range(best_NK.shape[1]):
        rows = np.flatnonzero(is_filled_NK[:, place])
        to_each_MK = moved_NK[rows]
        to_each_MK[:, place] = stays_NK[rows, place]
        chances_NCK[rows, best_NK[rows, place]] += to_each_MK
    return chances_NCK


def _usual_buyer_ratio(counts: Counts) -> float:
    """The share of known buyers of the middle arm, arms weighed by rewards: a few attacked ones move it little."""
    rewards_R, vouched_R = (each.sum(axis=(1, 2)) for each in (counts.reward_RHK, counts.vouched_RHK))
    has = rewards_R > 0
    shares, weights = vouched_R[has] / rewards_R[has], rewards_R[has]
    order = np.argsort(shares, kind="stable")
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(shares[order][middle])


def _regress(looked_RH: Reals, rewards_RH: Reals, features_RHF: Reals, start_P: Reals) -> Reals:
    """Poisson regression of rewards on features, given how often each arm was looked at, by Newton's steps.

    Returns the weights and, last, the intercept.
    """
    arms, contexts = np.nonzero(looked_RH)
    design_NP = np.hstack([features_RHF[arms, contexts], np.ones((len(arms), 1))])
    log_looked_N, rewards_N = np.log(looked_RH[arms, contexts]), rewards_RH[arms, contexts]
    penalty_P = np.append(np.full(features_RHF.shape[2], L2), 1e-6)
    found_P = start_P.copy()
    found_P[-1] = found_P[-1] or np.log(rewards_N.sum() / looked_RH.sum())
    for _ in range(STEPS):
        mean_N = np.exp(np.minimum(design_NP @ found_P + log_looked_N, 30))
        gradient_P = design_NP.T @ (mean_N - rewards_N) + penalty_P * found_P
        curvature_PP = (design_NP * mean_N[:, None]).T @ design_NP + np.diag(penalty_P)
        step_P = np.linalg.solve(curvature_PP, gradient_P)
        found_P -= step_P / max(1.0, float(np.abs(step_P).max()))
        if float(np.abs(step_P).max()) < CLOSE_ENOUGH:
            break
    return found_P


def _strength(rewards_N: Reals, expected_N: Reals) -> float:
    """Moments: rewards of mean e and Gamma-distributed rates vary by e + e² / strength.

    >>> _strength(np.array([20.0, 0.0, 20.0, 0.0]), np.array([10.0] * 4))
    1.1111111111111112
    """
    excess = float(((rewards_N - expected_N) ** 2 - expected_N).sum())
    return float(np.clip((expected_N**2).sum() / max(excess, 1e-12), *STRENGTHS))


def _check(counts: Counts, features_RHF: Reals) -> None:
    counted = counts.shown_RHK.shape[:2]
    if features_RHF.ndim != 3 or features_RHF.shape[:2] != counted:
        raise DataError(
            f"The features have the shape {features_RHF.shape}; expected {(*counted, 'features')}, a row for every arm "
            "that is counted and in it one for every context."
        )


def _check_beliefs(counts: Counts, features_RHF: Reals, beliefs: Beliefs) -> None:
    found = features_RHF.shape[2], counts.shown_RHK.shape[2]
    expected = len(beliefs.weights), len(beliefs.place_bias)
    if found != expected:
        raise DataError(
            f"There are {found[0]} features and {found[1]} places; expected {expected[0]} and {expected[1]}, as when "
            "the beliefs were fitted. Fit them again."
        )
