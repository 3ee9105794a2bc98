"""A simulated shop whose shoppers come with needs that nobody sees.

Each visit has one need out of a few. What is ordered, clicked and bought follows from how well things serve it, and
from what no order tells: a bundle's appeal (its pictures, its price, its title), and that two things of one kind in a
bundle put people off. This is a mixture over needs; policies are log-linear in features, with a multiplier an arm, so
that none of them can become the truth.

**How far the supervised model is right.** It knows the needs from orders, with noise, knows no appeal, sees half of
the harm that substitutes do, and no season. How well its scores and the true log-odds agree among the candidates of one
page is measured (`Visits.prior_correlation`) and stands in the report; `Behaviour` was set once, before any policy was
run on it, and `appeal_spread` alone decides.

Shapes: V items, L needs, B bundles, M items at most in a bundle, D directions of appeal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle_ml.clicks.truth import EMPTY, Numbers, Reals

DIRECTIONS = 16
LEAST_AFFINITY = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How shoppers are; odds are natural logarithms."""

    usual_log_odds: float = -3.2
    """Of a click on an ordinary bundle in the first place."""
    need_weight: float = 0.5
    """Of serving the need, in the logarithm of how much better than the average item."""
    appeal_spread: float = 0.5
    """Standard deviation over bundles."""
    substitutes_harm: float = 0.8
    """Off the log-odds where a bundle holds two things of one kind."""
    model_noise: float = 0.5
    """Of the supervised model's profiles, in their logarithm."""
    place_bias: tuple[float, ...] = (1.0, 0.7, 0.5)
    """How often each place is looked at, of how often the first is."""
    kept_interest_ratio: float = 0.8
    """Of a click's chance, after each time that the shopper has seen the bundle before."""
    season_swing: float = 0.5
    """How far above and below its mean a need is in its best and worst days of the year."""
    known_shopper_ratio: float = 0.6
    """Of shoppers, by whose past the shop can tell their main need."""
    main_need_weight: float = 3.0
    """How much likelier it is than it would be for another shopper."""
    add_ratio: float = 0.4
    purchase_ratio: float = 0.5
    """Of clicks that are added, and of adds that are bought."""
    buyer_ratio: float = 0.3
    """Of shoppers, who have bought before."""
    bot_ratio: float = 0.005
    """Of visits: crawlers that click one place, always."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentNeeds:
    """Items, the needs they serve, and what shoppers make of any set of them."""

    profiles_VL: Reals
    """How much of each item's use is for each need; rows sum to 1."""
    popularity_V: Reals
    """Sums to 1."""
    kinds_V: Numbers
    """Items of one kind replace each other; -1 is a kind of its own."""
    appeal_VD: Reals
    model_profiles_VL: Reals
    """What the supervised model takes the profiles for."""
    behaviour: Behaviour

    @property
    def item_count(self) -> int:
        return len(self.profiles_VL)

    @property
    def need_count(self) -> int:
        return int(self.profiles_VL.shape[1])

    @classmethod
    def generate(
        cls, *, seed: int, item_count: int = 150, need_count: int = 6, behaviour: Behaviour | None = None
    ) -> LatentNeeds:
        """Make up a shop: three items of each kind, each kind for one or two needs, sales that follow a power law."""
        random = np.random.default_rng([seed, 20])
        kinds_V = np.arange(item_count) // 3
        of_kinds = random.dirichlet(np.full(need_count, 0.3), size=kinds_V[-1] + 1)
        profiles_VL = 0.85 * of_kinds[kinds_V] + 0.15 * random.dirichlet(np.full(need_count, 0.5), size=item_count)
        popularity_V = np.asarray((1.0 + random.permutation(item_count)) ** -0.7, np.float64)
        return cls.around(profiles_VL, popularity_V, kinds_V, seed=seed, behaviour=behaviour)

    @classmethod
    def around(
        cls,
        profiles_VL: Reals,
        popularity_V: Reals,
        kinds_V: Numbers,
        *,
        seed: int,
        behaviour: Behaviour | None = None,
    ) -> LatentNeeds:
        """Add to needs what orders cannot tell, drawn from a seed."""
        behaviour = behaviour or Behaviour()
        random = np.random.default_rng([seed, 21])
        noisy_VL = (profiles_VL + 0.02) * np.exp(behaviour.model_noise * random.standard_normal(profiles_VL.shape))
        return cls(
            profiles_VL=profiles_VL / profiles_VL.sum(axis=1, keepdims=True),
            popularity_V=popularity_V / popularity_V.sum(),
            kinds_V=kinds_V,
            appeal_VD=random.standard_normal((len(profiles_VL), DIRECTIONS)),
            model_profiles_VL=noisy_VL / noisy_VL.sum(axis=1, keepdims=True),
            behaviour=behaviour,
        )

    def log_odds(self, anchors_B: Numbers, bundles_BM: Numbers) -> Reals:
        """Of a click in the first place, for each need that a visit may have; bundles without their anchor; (B, L)."""
        affinity_BL = self._mean_over(self.profiles_VL, bundles_BM) * self.need_count
        with_anchor = np.hstack([anchors_B[:, None], bundles_BM])
        return (
            self.behaviour.usual_log_odds
            + self.behaviour.need_weight * np.log(LEAST_AFFINITY + affinity_BL)
            + (self.behaviour.appeal_spread * self._appeal(with_anchor))[:, None]
            - self.behaviour.substitutes_harm * self.holds_substitutes(with_anchor)[:, None]
        )

    def _appeal(self, bundles_BM: Numbers) -> Reals:
        """About standard normal: the sum over pairs of items of what the two do for each other, over its spread."""
        is_item = bundles_BM != EMPTY
        vectors_BMD = self.appeal_VD[bundles_BM.clip(0)] * is_item[..., None]
        twice_pairs_B = (vectors_BMD.sum(axis=1) ** 2).sum(axis=1) - (vectors_BMD**2).sum(axis=(1, 2))
        counts_B = is_item.sum(axis=1)
        pair_counts_B = np.maximum(counts_B * (counts_B - 1) / 2, 1)
        return np.asarray(twice_pairs_B / 2 / np.sqrt(pair_counts_B * DIRECTIONS))

    def holds_substitutes(self, bundles_BM: Numbers) -> Reals:
        """1 where two items are of one kind; (B,)."""
        kinds_BM = np.where(bundles_BM == EMPTY, -1, self.kinds_V[bundles_BM.clip(0)])
        same_BMM = (kinds_BM[:, :, None] == kinds_BM[:, None, :]) & (kinds_BM[:, :, None] >= 0)
        same_BMM &= ~np.eye(bundles_BM.shape[1], dtype=bool)
        return np.asarray(same_BMM.any(axis=(1, 2)), np.float64)

    def next_item_log_scores(self, sets_BM: Numbers) -> Reals:
        """What the supervised model gives each item as the next one: log p(item | set), less for substitutes; (B, V).

        p(item | set) = Σ p(need | set) p(item | need), the need inferred from the model's own profiles.
        """
        log_need_BL = self._mean_over(np.log(self.model_profiles_VL), sets_BM)
        need_BL = np.exp(log_need_BL - log_need_BL.max(axis=1, keepdims=True))
        need_BL /= need_BL.sum(axis=1, keepdims=True)
        item_VL = self.model_profiles_VL * self.popularity_V[:, None]
        item_VL = item_VL / item_VL.sum(axis=0)
        scores_BV = np.log(need_BL @ item_VL.T)
        kinds_BM = np.where(sets_BM == EMPTY, -2, self.kinds_V[sets_BM.clip(0)])
        same_BV = (kinds_BM[:, :, None] == self.kinds_V).any(axis=1) & (self.kinds_V >= 0)
        return np.asarray(scores_BV - self.behaviour.substitutes_harm / 2 * same_BV)

    def season_L(self, day: int) -> Reals:
        """How much more than on average each need is felt on a day of the year."""
        phase_L = np.arange(self.need_count) / self.need_count
        return np.asarray(1 + self.behaviour.season_swing * np.cos(2 * np.pi * (day / 365 - phase_L)))

    @staticmethod
    def _mean_over(of_item_VL: Reals, sets_BM: Numbers) -> Reals:
        is_item = sets_BM != EMPTY
        total_BL = (of_item_VL[sets_BM.clip(0)] * is_item[..., None]).sum(axis=1)
        return np.asarray(total_BL / np.maximum(is_item.sum(axis=1, keepdims=True), 1))
