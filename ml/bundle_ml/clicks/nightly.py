"""A shop's night: sums of its log become a policy, and the log says whether that is better than the one in force.

An arm is a bundle beside an anchor. A policy is what is believed of all arms together (`bandit.Beliefs`) and, of each
arm, how far it is from that. Without a policy the supervised model's order stands; explored like any
other, it makes a log that a first policy can be judged on.

The log does not say what else might have stood on a page. Taken for it are all arms of the anchor; where some could not
be bought that day the propensities of both policies are a little off, alike.

Shapes: N impressions, A anchors, C arms of an anchor, R arms in all, F features, K places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bundle_ml.clicks import bandit, gate
from bundle_ml.clicks.bandit import BanditSettings, Beliefs, Values
from bundle_ml.clicks.counts import Counts
from bundle_ml.clicks.estimators import Estimate, Logged, doubly_robust
from bundle_ml.clicks.gate import Code, Decision, GateSettings
from bundle_ml.clicks.truth import EMPTY, Numbers, Reals

PLACE_COUNT = 5
"""Places that are told apart; further down all are the last of them."""
LEAST_BUYERS_REWARD = 100.0
"""What known buyers must have earned to be the yardstick; before that everybody is believed."""
SUPPORTED = (0.8, 1.25)
"""Between these the mean importance weight must lie for the log to be about the candidate."""
ORDER_FALL = 0.8
"""What each place of the supervised order is worth of the one above, as far as exploring goes."""


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """What a shop may show. The arms of one anchor stand together, in the supervised model's order."""

    anchors_R: Numbers
    """Number of each arm's anchor, ascending from 0."""
    features_RF: Reals

    @property
    def columns_R(self) -> Numbers:
        """The place of each arm among those of its anchor.

        >>> Arms(np.array([0, 0, 1, 2, 2, 2]), np.zeros((6, 1))).columns_R.tolist()
        [0, 1, 0, 0, 1, 2]
        """
        first_R = np.searchsorted(self.anchors_R, self.anchors_R)
        return np.arange(len(self.anchors_R)) - first_R

    @property
    def table_AC(self) -> Numbers:
        """The arms of each anchor, -1 after the last."""
        if not len(self.anchors_R):
            return np.full((0, 0), EMPTY)
        table_AC = np.full((int(self.anchors_R[-1]) + 1, int(self.columns_R.max()) + 1), EMPTY)
        table_AC[self.anchors_R, self.columns_R] = np.arange(len(self.anchors_R))
        return table_AC


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What is believed of all arms, and of each: its quality and how much is known of it (see `bandit`)."""

    beliefs: Beliefs
    quality_R: Reals
    """How far it is from what its features promise, 1 where nothing is known of it nor of others with its core."""
    evidence_R: Reals
    """(mean / deviation)² of that: so many rewards stand behind it, what is believed before any among them."""

    def values(self, arms: Arms) -> Values:
        mean_R = self.beliefs.promised(arms.features_RF) * self.quality_R
        return Values(mean_R[:, None], (mean_R / np.sqrt(self.evidence_R))[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Impressions: what was shown where, what came of it, how likely it was to be shown, and to whom; each (N,)."""

    arms_N: Numbers
    places_N: Numbers
    """From 0."""
    place_counts_N: Numbers
    """Places of the page."""
    rewards_N: Reals
    propensities_N: Reals
    units_N: Numbers
    """A number for the visitor; one's impressions do not err apart."""


def order_values(column_count: int) -> Values:
    """The supervised order as values: so far down is worth exploring, and no further."""
    mean_C = np.power(ORDER_FALL, np.arange(column_count, dtype=np.float64))
    return Values(mean_C[:, None], np.zeros((column_count, 1)))


def learn(arms: Arms, core_of_R: Numbers, counts: Counts, settings: BanditSettings) -> Policy | None:
    """Fit a policy to sums of shape (R, 1, PLACE_COUNT); None where nothing was rewarded yet. For cores see `cores`.

    Known buyers and sales are the yardstick only where buyers did enough to be one; before that everybody is believed.
    """
    features_RHF = arms.features_RF[:, None, :]
    if counts.buyers_reward_RHK.sum() < LEAST_BUYERS_REWARD:
        nobody = np.zeros_like(counts.shown_RHK)
        counts = Counts(counts.shown_RHK, counts.reward_RHK, nobody, nobody, nobody)
    beliefs = bandit.fit(counts, features_RHF, core_of_R)
    if beliefs is None:
        return None
    values = bandit.value(counts, features_RHF, core_of_R, beliefs, settings)
    mean_R, deviation_R = values.mean_RH[:, 0], values.deviation_RH[:, 0]
    return Policy(beliefs, mean_R / beliefs.promised(arms.features_RF), (mean_R / deviation_R) ** 2)


def judge(
    arms: Arms,
    log: Log,
    candidate: Policy,
    incumbent: Policy | None,
    *,
    settings: BanditSettings,
    gate_settings: GateSettings,
) -> tuple[Decision, Estimate]:
    """Decide whether the candidate goes live in place of the incumbent, or of the supervised order.

    The log must not have taught the candidate. The estimate is what is promised of the candidate: its reward an
    impression, doubly robust with the candidate's own word for what was not shown.

    That word is all there is where the log never showed what one of the two would. Importance weights are 1 on average
    where it did, so a mean far from that says that too little of the log is about that one, whatever the lead.
    """
    as_candidate = _as_shown_by(candidate, arms, log, settings, word=candidate)
    return _decide(as_candidate, _as_shown_by(incumbent, arms, log, settings, word=candidate), gate_settings)


def judge_order(
    arms: Arms, log: Log, order_R: Numbers, *, word: Policy, gate_settings: GateSettings
) -> tuple[Decision, Estimate]:
    """Decide whether the arms would earn more in another order, shown without exploring, than in theirs.

    `order_R` holds the numbers of all arms; anchors ascend in it as well. The log must have taught neither the order
    nor the `word` that is taken for what was not shown.
    """
    place_of_R = np.empty_like(order_R)
    place_of_R[order_R] = np.arange(len(order_R))
    other_arms = Arms(arms.anchors_R[order_R], arms.features_RF[order_R])
    other_log = replace(log, arms_N=place_of_R[log.arms_N])
    other_word = replace(word, quality_R=word.quality_R[order_R], evidence_R=word.evidence_R[order_R])
    settings = BanditSettings(exploration_ratio=0.0)
    return _decide(
        _as_shown_by(None, other_arms, other_log, settings, word=other_word),
        _as_shown_by(None, arms, log, settings, word=word),
        gate_settings,
    )


def _decide(candidate: Logged, incumbent: Logged, gate_settings: GateSettings) -> tuple[Decision, Estimate]:
    promised = doubly_robust(candidate)
    decision = gate.promote(promised, doubly_robust(incumbent), gate_settings)
    supported = {
        "supported_ratio": float(candidate.weights_N.mean()),
        "incumbent_supported_ratio": float(incumbent.weights_N.mean()),
    }
    least, most = SUPPORTED
    is_supported = all(least <= ratio <= most for ratio in supported.values())
    code = decision.code if is_supported else Code.TOO_LITTLE_LOG
    return Decision(code=code, numbers={**decision.numbers, **supported}), promised


def _as_shown_by(policy: Policy | None, arms: Arms, log: Log, settings: BanditSettings, *, word: Policy) -> Logged:
    """The log under a policy; `word` is the one that is believed about what was not shown."""
    word_R, bias_K = word.values(arms).mean_RH[:, 0], np.asarray(word.beliefs.place_bias)
    anchors_N, columns_N = arms.anchors_R[log.arms_N], arms.columns_R[log.arms_N]
    bias_N = bias_K[log.places_N.clip(max=len(bias_K) - 1)]
    target_N, expected_N = np.zeros(len(log.arms_N)), np.zeros(len(log.arms_N))
    for rows, anchors_M, table_MC, chances_MCK in _pages(policy, arms, log, settings):
        pages = np.searchsorted(anchors_M, anchors_N[rows])
        places = log.places_N[rows]
        target_N[rows] = chances_MCK[pages, columns_N[rows], places]
        words_MC = np.where(table_MC == EMPTY, 0.0, word_R[table_MC.clip(0)])
        expected_N[rows] = np.einsum("mck,mc->mk", chances_MCK, words_MC)[pages, places]
    return Logged(
        rewards_N=log.rewards_N,
        logged_N=log.propensities_N,
        target_N=target_N,
        predicted_N=word_R[log.arms_N] * bias_N,
        expected_N=expected_N * bias_N,
        units_N=log.units_N,
    )


def _pages(
    policy: Policy | None, arms: Arms, log: Log, settings: BanditSettings
) -> Iterator[tuple[Numbers, Numbers, Numbers, Reals]]:
    """Yield, for each number of places: the log's rows, their anchors, the anchors' arms, and all chances (M, C, K)."""
    table_AC = arms.table_AC
    by_order = order_values(table_AC.shape[1])
    for place_count in np.unique(log.place_counts_N).tolist():
        rows = np.flatnonzero(log.place_counts_N == place_count)
        anchors_M = np.unique(arms.anchors_R[log.arms_N[rows]])
        table_MC = table_AC[anchors_M]
        eligible_MC = table_MC != EMPTY
        if policy is None:
            mean_MC, deviation_MC = (
                np.broadcast_to(each[:, 0], table_MC.shape) * eligible_MC
                for each in (by_order.mean_RH, by_order.deviation_RH)
            )
            values = Values(mean_MC, deviation_MC)
        else:
            values = policy.values(arms).at(table_MC, np.zeros(len(table_MC), np.int64))
        plan = bandit.plan(values, eligible_MC, place_count, settings)
        yield rows, anchors_M, table_MC, plan.propensities()
