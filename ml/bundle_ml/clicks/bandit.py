"""Which of a page's candidate bundles are shown, and where: a contextual bandit with a closed form for everything.

**What is believed.** Rewards of arm r in context h at place k are Poisson with the mean `shown · bias_k · exp(w·x_rh) ·
g_c · q_r`. The regression `w` on a few features (the supervised score among them) and the places' bias are fitted to
all arms together. `q_r` says how far an arm is from what its features promise, and `g_c` how far all arms with its core
are (`cores`); both are Gamma with mean 1 and strengths that are found from how much arms really differ, and how much
alike those of one core are (empirical Bayes). A Gamma prior under Poisson counts has a Gamma posterior, so each is a
ratio of sums given the other, `(strength + reward) / (strength + expected)`: a new arm is worth what its score and its
core say, an old one what it earned.

**What is shown.** The arms of highest value, best first; on a bounded share of impressions one drawn candidate takes
one place. Every propensity is exact (`propensities`), which Thompson sampling cannot say of its own. Nothing here needs
more than numpy: `fit` is a nightly job over daily sums, `value` and `choose` are a few operations on a page's
candidates.

**Whose clicks are believed.** Bots click for nothing, so what all arms share is fitted to two witnesses who pay: known
buyers' clicks, and what all others bought (`Counts.vouched`). An arm's value by all clicks is believed within a
fraction of a standard deviation around its value by these: all clicks make the value exact, the witnesses say where it
can be. Taking the smaller of the two instead was tried, and failed: it holds honest arms down, and whom bots click then
stands out. A shop that knows no buyer believes everybody.

What a web process does for a page, with three candidates, one context and two places:

    >>> shown = np.array([[[90.0, 10.0]], [[10.0, 40.0]], [[0.0, 0.0]]])
    >>> counts = Counts(shown, shown * 0.04, shown * 0.3, shown * 0.012, shown * 0)
    >>> features, settings = np.array([[[1.0]], [[0.5]], [[0.0]]]), BanditSettings()
    >>> beliefs = Beliefs(weights=(0.1,), intercept=-3.2, place_bias=(1.0, 0.6), arm_strength=5.0)
    >>> values = value(counts, features, np.arange(3), beliefs, settings).at(np.array([[0, 1, 2]]), np.array([0]))
    >>> page = plan(values, np.array([[True, True, True]]), 2, settings)
    >>> page.best_NK.tolist(), page.draw(np.random.default_rng(0)).tolist()
    ([[1, 0]], [[1, 0]])
    >>> page.propensities().round(3)[0, :, 0].tolist()  # of each candidate, to stand first
    [0.069, 0.9, 0.031]

Sources: Robbins 1956, "An empirical Bayes approach to statistics"; Clayton & Kaldor 1987 (Gamma–Poisson ratios shrunk
by moments); Jordan et al. 1999 (two factors in turns: mean-field variational Bayes); Craswell et al. 2008 (position
bias).

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
ROUNDS = 20
"""Of fitting arms and places in turns, at most."""
L2 = 1.0
"""On the regression's weights: as if a reward had been seen that says nothing of each feature."""
FIRST_PLACE_BIAS, PLACE_REWARDS = 0.8, 20.0
"""Before it is known, each place is looked at so often as the one above; as if so many rewards had said so."""
STRENGTHS = (1.0, 1000.0)
"""The least and most that arms may resemble their features, in expected rewards."""
CORE_RATIO, CORE_SPREAD, MOST_OF_CORE = 0.5, 0.2, 0.9
"""How much those of one core have in common, before it is known, give or take; and at most."""
TURNS = 10
"""Of cores and arms, which correct each other; they settle in about five."""
LEAST_BIAS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditSettings:
    exploration_ratio: float = 0.1
    """Of impressions, at most, that show a drawn candidate instead of the best."""
    floor_ratio: float = 0.3
    """Of the page's best value: below it a candidate is never drawn."""
    eagerness: float = 3.0
    """How much promising candidates are preferred in a draw: the power of their optimistic value."""
    even_ratio: float = 0.5
    """Of draws, which are even, so that no propensity is close to 0."""
    optimism: float = 1.0
    """Standard deviations above a value that count as its promise."""
    trust_deviations: float = 0.08
    """How far all clicks may move an arm's value from the one by witnesses who pay, in standard deviations of that."""

    def __post_init__(self) -> None:
        for name in ("exploration_ratio", "floor_ratio", "even_ratio"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value}; expected 0 to 1.")
        for name in ("eagerness", "optimism", "trust_deviations"):
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
    """How much arms resemble their features, in expected rewards."""
    core_ratio: float = 0.0
    """Of what sets arms apart from their features, how much those of one core have in common."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Beliefs:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        try:
            return cls(**values)
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


def fit(counts: Counts, features_RHF: Reals, core_of_R: Numbers) -> Beliefs | None:
    """Fit all that arms share; a function of the sums alone, None where there is no reward yet.

    In turns: the regression given the places' bias, the strengths by moments, the bias given what arms are worth. An
    arm stands first because it is good, so a bias fitted without the arms' own values would take credit for that.
    Comparing places inside arms alone, which needs no values, was tried: arms rise after luck in a lower place, and it
    flatters those.

    Raises:
        DataError: counts, features and cores are of different arms or contexts.
    """
    _check(counts, features_RHF, core_of_R)
    shown_RHK, rewards_RHK = counts.vouched()
    rewards_RH = rewards_RHK.sum(axis=2)
    if not rewards_RH.sum():
        return None
    usual_K = FIRST_PLACE_BIAS ** np.arange(counts.shape[2])
    bias_K, found_P, strengths = usual_K, np.zeros(features_RHF.shape[2] + 1), (1.0, 0.0)
    for _ in range(ROUNDS):
        looked_RH = shown_RHK @ bias_K
        found_P = _regress(looked_RH, rewards_RH, features_RHF, found_P)
        promised_RH = np.exp(features_RHF @ found_P[:-1] + found_P[-1])
        expected_R, rewards_R = (promised_RH * looked_RH).sum(axis=1), rewards_RH.sum(axis=1)
        strengths = _strengths(rewards_R, expected_R, core_of_R)
        worth_RH = promised_RH * _ratio(rewards_R, expected_R, core_of_R, *strengths)[0][:, None]
        earned_K = rewards_RHK.sum(axis=(0, 1)) + PLACE_REWARDS * usual_K
        due_K = np.einsum("rhk,rh->k", shown_RHK, worth_RH) + PLACE_REWARDS
        last_K, bias_K = bias_K, (earned_K / due_K / (earned_K[0] / due_K[0])).clip(LEAST_BIAS)
        if np.abs(bias_K - last_K).max() < BIAS_CLOSE_ENOUGH:
            break
    return Beliefs(
        weights=tuple(found_P[:-1].tolist()),
        intercept=float(found_P[-1]),
        place_bias=tuple(bias_K.tolist()),
        arm_strength=strengths[0],
        core_ratio=strengths[1],
    )


def value(
    counts: Counts, features_RHF: Reals, core_of_R: Numbers, beliefs: Beliefs, settings: BanditSettings
) -> Values:
    """What each arm is worth in each context, with its standard deviation: a function of the sums and the beliefs.

    Raises:
        DataError: counts, features and cores are of different arms, contexts or numbers of features.
    """
    _check(counts, features_RHF, core_of_R)
    _check_beliefs(counts, features_RHF, beliefs)
    promised_RH = beliefs.promised(features_RHF)
    bias_K = np.asarray(beliefs.place_bias)

    def ratio_by(shown_RHK: Reals, rewards_RHK: Reals) -> tuple[Reals, Reals]:
        expected_R = (promised_RH * (shown_RHK @ bias_K)).sum(axis=1)
        return _ratio(rewards_RHK.sum(axis=(1, 2)), expected_R, core_of_R, beliefs.arm_strength, beliefs.core_ratio)

    by_all_R, _ = ratio_by(counts.shown_RHK, counts.reward_RHK)
    by_witnesses_R, doubt_R = ratio_by(*counts.vouched())
    leeway_R = settings.trust_deviations * doubt_R
    ratio_R = np.clip(by_all_R, by_witnesses_R - leeway_R, by_witnesses_R + leeway_R)
    return Values(promised_RH * ratio_R[:, None], promised_RH * doubt_R[:, None])


def _ratio(
    rewards_R: Reals, expected_R: Reals, core_of_R: Numbers, strength: float, core_ratio: float
) -> tuple[Reals, Reals]:
    """How far arms are from their promises, and its deviation.

    It is g_c q_r, of its core and its own. Each is Gamma(own strength + rewards, own strength + expected) given the
    other: in turns they settle. A Gamma's deviation is its mean over the root of its shape, and squares of such shares
    add up.

        g_c = (s_c + Σ n_r) / (s_c + Σ e_r q_r)        q_r = (s_q + n_r) / (s_q + e_r g_c)
        1 / s_c = core_ratio / strength                1 / s_q = (1 − core_ratio) / strength
    """
    of_core, of_arm = strength / max(core_ratio, 1e-9), strength / (1 - core_ratio)
    shape_C, own_R = of_core + np.bincount(core_of_R, rewards_R), np.ones_like(expected_R)
    for _ in range(TURNS):
        core_R = (shape_C / (of_core + np.bincount(core_of_R, expected_R * own_R)))[core_of_R]
        own_R = (of_arm + rewards_R) / (of_arm + expected_R * core_R)
    return core_R * own_R, core_R * own_R * np.sqrt(1 / (of_arm + rewards_R) + 1 / shape_C[core_of_R])


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How pages will be filled: what is best, who is drawn how often where a page explores, and how often it does."""

    best_NK: Numbers
    """Columns of candidates, best first; -1 where there are too few."""
    draw_weights_NC: Reals
    """Rows sum to 1, or to 0 where nothing may be drawn."""
    explores_N: Reals
    """The chance that the page explores."""

    def take(self, rows: Numbers) -> Plan:
        return Plan(self.best_NK[rows], self.draw_weights_NC[rows], self.explores_N[rows])

    def draw(self, random: np.random.Generator) -> Numbers:
        """Fill the pages: the best, or, where one explores, with a drawn candidate in an evenly drawn place; (N, K).

        If the candidate stood in another place, the two change places.
        """
        count = len(self.best_NK)
        explores_N, which_N, where_N = random.random((3, count))  # as many whatever is explored: runs stay comparable
        rows = np.flatnonzero(explores_N < self.explores_N)
        columns_NK = self.best_NK.copy()
        up_to_MC = np.cumsum(self.draw_weights_NC[rows], axis=1)
        drawn_M = (up_to_MC <= which_N[rows, None] * up_to_MC[:, -1:]).sum(axis=1)
        places_M = (where_N[rows] * (columns_NK[rows] != EMPTY).sum(axis=1)).astype(np.int64)
        displaced_M1 = columns_NK[rows, places_M][:, None]
        columns_NK[rows] = np.where(columns_NK[rows] == drawn_M[:, None], displaced_M1, columns_NK[rows])
        columns_NK[rows, places_M] = drawn_M
        return columns_NK

    def propensities(self) -> Reals:
        """The chance that each candidate stands at each place; (N, C, K), sums over candidates are 1 at a filled place.

        With e the chance that the page explores, K filled places, v_d the chance that candidate d is the drawn one, and
        b_i the candidate ranked i-th:

            P(c at j) = e v_c / K                                   c not ranked
            P(b_i at j) = e (v_{b_i} + v_{b_j}) / K                 j ≠ i: itself drawn for j, or b_j drawn for i
            P(b_i at i) = 1 − e + e (v / K + (1 − v) (K − 1) / K)   v = v_{b_i}: drawn for i, or another for another
            place
        """
        is_filled_NK = self.best_NK != EMPTY
        filled_N1, explores_N1 = np.maximum(is_filled_NK.sum(axis=1, keepdims=True), 1), self.explores_N[:, None]
        ranked_weight_NK = _at(self.draw_weights_NC, self.best_NK)
        chances_NCK = (explores_N1 * self.draw_weights_NC / filled_N1)[:, :, None] * is_filled_NK[:, None, :]
        moved_NK = explores_N1 * ranked_weight_NK / filled_N1
        stays_NK = 1 - explores_N1 + explores_N1 * (1 - ranked_weight_NK) * (1 - 1 / filled_N1)
        for place in range(self.best_NK.shape[1]):
            rows = np.flatnonzero(is_filled_NK[:, place])
            to_each_MK = moved_NK[rows]
            to_each_MK[:, place] = stays_NK[rows, place]
            chances_NCK[rows, self.best_NK[rows, place]] += to_each_MK
        return np.asarray(chances_NCK)


def plan(values: Values, eligible_NC: Flags, slot_count: int, settings: BanditSettings) -> Plan:
    """Rank, and say how to explore, so that just `exploration_ratio` of impressions are expected to differ from the
    best.

    Drawn are eligible candidates at or above the floor, by their optimistic value and partly evenly. Pages explore as
    often as keeps to the ratio: a candidate that is not ranked changes one impression, a ranked one two unless it is
    drawn for its own place.
    """
    best_NK = ranked(values.mean_RH, eligible_NC, slot_count)
    weights_NC = _draw_weights(values, eligible_NC, settings)
    filled_N = (best_NK != EMPTY).sum(axis=1)
    ranked_N = _at(weights_NC, best_NK).sum(axis=1)
    changed_N = weights_NC.sum(axis=1) - ranked_N + 2 * ranked_N * (1 - 1 / np.maximum(filled_N, 1))
    explores_N = settings.exploration_ratio * filled_N / np.maximum(changed_N, 1e-12)
    return Plan(best_NK, weights_NC, np.where(changed_N > 0, np.minimum(explores_N, 1.0), 0.0))


def ranked(mean_NC: Reals, eligible_NC: Flags, slot_count: int) -> Numbers:
    """The eligible candidates of highest value, best first, -1 after the last; of equals the earlier column; (N, K)."""
    order_NC = np.argsort(-np.where(eligible_NC, mean_NC, -np.inf), axis=1, kind="stable")[:, :slot_count]
    padded_NK = np.full((len(mean_NC), slot_count), EMPTY)
    padded_NK[:, : order_NC.shape[1]] = np.where(np.take_along_axis(eligible_NC, order_NC, axis=1), order_NC, EMPTY)
    return padded_NK


def _draw_weights(values: Values, eligible_NC: Flags, settings: BanditSettings) -> Reals:
    """How likely each candidate is to be the drawn one: 0 for those not eligible or below the floor; rows sum to 1."""
    best_N1 = np.where(eligible_NC, values.mean_RH, 0).max(axis=1, keepdims=True)
    allowed_NC = eligible_NC & (values.mean_RH >= settings.floor_ratio * best_N1)
    promise_NC = np.where(allowed_NC, values.mean_RH + settings.optimism * values.deviation_RH, 0)
    eager_NC = (promise_NC / _above_0(promise_NC.max(axis=1, keepdims=True))) ** settings.eagerness * allowed_NC
    eager_NC /= _above_0(eager_NC.sum(axis=1, keepdims=True))
    even_NC = allowed_NC / _above_0(allowed_NC.sum(axis=1, keepdims=True))
    return np.asarray(settings.even_ratio * even_NC + (1 - settings.even_ratio) * eager_NC)


def _above_0(values: Reals) -> Reals:
    return np.maximum(values, 1e-300)


def _at(of_candidates_NC: Reals, columns_NK: Numbers) -> Reals:
    """What stands in these columns, 0 at an empty place; (N, K)."""
    return np.where(columns_NK == EMPTY, 0, np.take_along_axis(of_candidates_NC, columns_NK.clip(0), axis=1))


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


def _strengths(rewards_R: Reals, expected_R: Reals, core_of_R: Numbers) -> tuple[float, float]:
    """Moments: how much arms resemble their features, and how much of the rest those of a core have in common.

    Rewards of mean e whose rates are Gamma vary by v = e + e² / strength; two of one core vary together by
    e e' core_ratio / strength. A sum over pairs of that has a variance of Σ v v', so few rewards say little of it, and
    it is taken for CORE_RATIO the more (both normal).

    >>> _strengths(np.array([20.0, 0.0, 20.0, 0.0]), np.array([10.0] * 4), np.array([0, 1, 2, 3]))
    (1.1111111111111112, 0.5)
    >>> alike = np.tile([20.0, 20.0, 0.0, 0.0], 25), np.full(100, 10.0), np.arange(100) // 2
    >>> np.round(_strengths(*alike), 2).tolist()
    [1.11, 0.88]
    """

    def over_pairs(of_arms_R: Reals) -> float:
        return float((np.bincount(core_of_R, of_arms_R) ** 2).sum() - (of_arms_R**2).sum()) / 2

    surplus_R = rewards_R - expected_R
    excess = float((surplus_R**2 - expected_R).sum())
    strength = float(np.clip((expected_R**2).sum() / max(excess, 1e-12), *STRENGTHS))
    unit, seen = over_pairs(expected_R) / strength, over_pairs(surplus_R)
    variance = over_pairs(expected_R + expected_R**2 / strength) or 1.0
    # seen = unit · core_ratio, give or take the root of the variance
    core_ratio = (CORE_RATIO * variance + CORE_SPREAD**2 * unit * seen) / (variance + CORE_SPREAD**2 * unit**2)
    return strength, float(np.clip(core_ratio, 0, MOST_OF_CORE))


def _check(counts: Counts, features_RHF: Reals, core_of_R: Numbers) -> None:
    counted = counts.shape[:2]
    if features_RHF.ndim != 3 or features_RHF.shape[:2] != counted:
        raise DataError(
            f"The features have the shape {features_RHF.shape}; expected {(*counted, 'features')}, a row for every arm "
            "that is counted and in it one for every context."
        )
    if core_of_R.shape != counted[:1]:
        raise DataError(f"There are {len(core_of_R)} cores; expected {counted[0]}, one for every arm that is counted.")


def _check_beliefs(counts: Counts, features_RHF: Reals, beliefs: Beliefs) -> None:
    found = features_RHF.shape[2], counts.shape[2]
    expected = len(beliefs.weights), len(beliefs.place_bias)
    if found != expected:
        raise DataError(
            f"There are {found[0]} features and {found[1]} places; expected {expected[0]} and {expected[1]}, as when "
            "the beliefs were fitted. Fit them again."
        )
