"""What a shop's clicks teach about composing: the policy network, taught by the showings of what was composed before.

    showings  →  what each bundle earned  →  the network  →  judged    →  what composing adds to the blend
                 (places set right)          (REINFORCE)     (the gate)

What is unusual:

* A click weighs more in a place that is looked at less (`bandit.fit` finds by how much). Where known buyers did enough
  to teach, they alone do: a bot clicks for nothing (see `bandit`). Showings in which nothing was left to chance say
  nothing of what else might have been shown, and neither teach nor judge.
* The network is asked only how to change the scores of a beam search that keeps all of its rules. So nothing is
  composed that a merchandiser could not check, and an untaught network changes nothing, byte for byte.
* Its vectors of items begin as those of what is bought together. What it learns about one item holds a little for those
  like it, and so for anchors and bundles that were never shown.
* It is judged on anchors and on days that neither taught nor stopped it. The anchors are parted in three: of each
  network's, one part teaches, another says when it has learned enough, and the later showings of the third judge. The
  order that results must beat the blend's beyond chance, by the doubly robust estimate. Composing takes the mean of the
  three networks. (What stops a network must not judge it, on other days either: the best of twenty epochs has found out
  what is liked of those very bundles, and would be let in where nothing carries over to others.)

Shapes: R arms, A anchors, N showings, V learned items, D width, B sets, C items asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bundle_ml.baskets import FloatArray, IntArray
from bundle_ml.clicks import nightly
from bundle_ml.clicks.bandit import BanditSettings
from bundle_ml.clicks.composer import Composer, ComposerShape
from bundle_ml.clicks.composing import taken
from bundle_ml.clicks.cores import cores
from bundle_ml.clicks.counts import Counts
from bundle_ml.clicks.gate import Code, Decision, GateSettings
from bundle_ml.clicks.menu import ShownMenu, in_order_of_composing
from bundle_ml.clicks.reinforce import Log, ReinforceSettings, log_chances, teach
from bundle_ml.clicks.showings import Arm, Showings
from bundle_ml.clicks.truth import EMPTY, Flags, Numbers, Openings, Reals
from bundle_ml.generation import Composer as Beam

JUDGED_RATIO = 0.5
"""Of the showings, the last ones: they judge and teach nothing."""
LEAST_ANCHORS = 10
PARTS = 3
"""Of the anchors: one teaches a network, one stops it, one judges it."""
LEAST_EFFECTIVE_COUNT = 200.0
LEAST_SPREAD = 1e-3
STOP = -1
"""The last action, by number."""
STEPS_AT_ONCE = 512
PROPENSITIES_A_DECADE = 10
"""Showings of an arm whose propensities agree to so many steps a power of ten teach as one row ..."""
MOST_ROWS = 20_000
"""... of which those that stand for most showings are taken."""
LEARNING = ReinforceSettings(epochs=20, patience=4, batch_size=256, kl_weight=0.1, entropy_weight=3e-3)
"""Rewards are relative to the mean one here: hence other weights than in the simulator."""
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class TaughtByClicks:
    """Networks beside a beam search: what they learned on average, in the unit of the blend's scores."""

    networks: tuple[Composer, ...]

    def changes(self, sets: Sequence[Sequence[int]], items: IntArray) -> FloatArray:
        return self._learned(sets, items)

    def changes_when_complete(self, sets: Sequence[Sequence[int]]) -> FloatArray:
        return self._learned(sets, np.array([STOP]))[:, 0]

    def changes_of(self, arms: Sequence[Arm]) -> Reals:
        """By how much it changes the gains of each bundle's items and of leaving it so, taken together; (R,)."""
        steps = [(row, arm[:length]) for row, arm in enumerate(arms) for length in range(1, len(arm) + 1)]
        actions = [action for arm in arms for action in (*arm[1:], STOP)]
        changes_R = np.zeros(len(arms))
        for begin in range(0, len(steps), STEPS_AT_ONCE):
            rows, sets = zip(*steps[begin : begin + STEPS_AT_ONCE], strict=True)
            asked, places_B = np.unique(actions[begin : begin + STEPS_AT_ONCE], return_inverse=True)
            np.add.at(changes_R, np.asarray(rows), self._learned(sets, asked)[np.arange(len(rows)), places_B])
        return changes_R

    def _learned(self, sets: Sequence[Sequence[int]], actions_C: npt.NDArray[np.integer[Any]]) -> FloatArray:
        """What was learned about these actions, by number of the item, beside each set; (B, C)."""
        sets_BM = torch.from_numpy(_padded(sets))
        nowhere_B = torch.zeros(len(sets), dtype=torch.int64)
        with torch.inference_mode():
            learned = [
                (each.query(sets_BM, nowhere_B) @ each.of_action.weight[actions_C].T).numpy() / each.shape.sharpness
                for each in self.networks
            ]
        return np.asarray(sum(learned) / len(learned), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a shop's showings: the network, None where it must not be used; and a report for people."""

    taught: TaughtByClicks | None
    report: dict[str, Any]


def learn_from_showings(
    showings: Showings,
    beam: Beam,
    vectors_VD: npt.NDArray[np.float32],
    *,
    seed: int,
    on_progress: OnProgress = lambda _done: None,
) -> Found:
    """Teach a network by what was shown, and let it be used if it would have earned more.

    `vectors_VD` are unit vectors of the company that items keep, zero for those that keep none.
    """
    showings = _as_composed(showings, beam)
    is_explored_N, is_early_N = showings.propensities_N < 1, _is_early(showings)
    teaches_N, judges_N = is_explored_N & is_early_N, is_explored_N & ~is_early_N
    teaches_N &= showings.believed(teaches_N)
    anchors, anchors_R = np.unique(showings.anchors_R, return_inverse=True)
    part_R = np.random.default_rng([seed, 41]).permutation(len(anchors))[anchors_R] % PARTS
    earned = np.bincount(part_R[showings.arms_N[teaches_N]], showings.rewards_N[teaches_N], PARTS)
    report: dict[str, Any] = {"showings": len(showings), "arms": len(showings.arms), "anchors": len(anchors)}
    report |= {"judged": int(judges_N.sum()), "code": str(Code.TOO_LITTLE_LOG), "numbers": {}}
    if len(anchors) < LEAST_ANCHORS or not judges_N.any() or not earned.all():
        return Found(taught=None, report=report)
    shown = _Shown.of(showings, part_R, beam, on_progress=lambda done: on_progress(0.3 * done))
    word = shown.word(is_early_N)
    if word is None:
        return Found(taught=None, report=report)
    values_R = np.empty(len(shown.values_R))
    networks = []
    for part in range(PARTS):

        def taught_so_far(done: float, part: int = part) -> None:
            on_progress(0.3 + 0.7 * (part + done) / PARTS)

        networks.append(_teach(shown, word, teaches_N, part, vectors_VD, seed=seed, on_progress=taught_so_far))
        judged_R = shown.part_R == (part + 2) % PARTS
        values_R[judged_R] = shown.values_by(networks[part])[judged_R]
    decision = shown.judged(values_R, word, judges_N)
    report |= {"code": str(decision.code), "numbers": decision.numbers}
    return Found(taught=TaughtByClicks(tuple(networks)) if decision.goes_live else None, report=report)


def _as_composed(showings: Showings, beam: Beam) -> Showings:
    """Each bundle in the order in which it would be composed, and none that is larger than bundles may be now."""
    lengths_R = np.asarray([len(arm) for arm in showings.arms], np.int64)
    kept = showings.take(lengths_R[showings.arms_N] <= beam.settings.max_bundle_size)
    asked = np.unique(kept.arms_N)
    ordered = in_order_of_composing([showings.arms[number] for number in asked.tolist()], beam)
    arms = tuple(sorted(set(ordered)))
    place_of = {arm: place for place, arm in enumerate(arms)}
    places = np.asarray([place_of[arm] for arm in ordered], np.int64)
    return replace(kept, arms=arms, arms_N=places[np.searchsorted(asked, kept.arms_N)])


def _is_early(showings: Showings) -> Flags:
    """Say of each showing whether it is of the earlier part; those of one moment are not parted."""
    if not len(showings):
        return np.empty(0, np.bool_)
    cut = np.quantile(showings.shown_at_N, 1 - JUDGED_RATIO, method="lower")
    return np.asarray(showings.shown_at_N <= cut)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The arms in the order that the blend gives them, beside each anchor the best first, and their showings."""

    showings: Showings
    menu: ShownMenu
    anchors_R: Numbers
    """Numbers of anchors, ascending from 0."""
    values_R: Reals
    """What the beam search makes of each arm: see `generation.Draft.value`."""
    part_R: Numbers
    """To which part its anchor belongs, from 0."""
    order_R: Numbers
    """Place in `showings.arms` of each."""
    arms_N: Numbers

    @classmethod
    def of(cls, showings: Showings, part_R: Numbers, beam: Beam, *, on_progress: OnProgress) -> _Shown:
        menu = ShownMenu.of(showings.arms, beam, on_progress=on_progress)
        anchors_R = np.unique(showings.anchors_R, return_inverse=True)[1]
        values_R = np.asarray([menu.value(arm) for arm in showings.arms])
        order_R = np.lexsort((-values_R, anchors_R))
        place_of_R = np.empty_like(order_R)
        place_of_R[order_R] = np.arange(len(order_R))
        arms_N = place_of_R[showings.arms_N]
        return cls(showings, menu, anchors_R[order_R], values_R[order_R], part_R[order_R], order_R, arms_N)

    @property
    def arms(self) -> list[Arm]:
        return [self.showings.arms[place] for place in self.order_R.tolist()]

    @property
    def anchor_count(self) -> int:
        return int(self.anchors_R[-1]) + 1

    @property
    def bandit_arms(self) -> nightly.Arms:
        first_R = np.searchsorted(self.anchors_R, self.anchors_R)
        typical = max(float(np.median(self.values_R[np.unique(first_R)])), 1e-6)
        score_R = 1 - 0.5 ** (self.values_R.clip(0) / typical)
        rank_R = np.arange(len(first_R)) - first_R + 1
        return nightly.Arms(self.anchors_R, np.log(np.stack([score_R.clip(0.02), rank_R], axis=1)))

    def word(self, chosen_N: Flags) -> nightly.Policy | None:
        """What the bandit makes of some showings; None where nothing was rewarded."""
        shown = self.showings
        counts = Counts.of(
            self.arms_N[chosen_N],
            np.zeros(int(chosen_N.sum()), np.int64),
            shown.places_N[chosen_N].clip(max=nightly.PLACE_COUNT - 1),
            shown.rewards_N[chosen_N],
            shown.is_buyer_N[chosen_N],
            is_sale_N=np.zeros(int(chosen_N.sum()), np.bool_),
            shape=(len(self.anchors_R), 1, nightly.PLACE_COUNT),
        )
        anchors_R, firsts_R = np.asarray([arm[:2] for arm in self.arms]).T
        return nightly.learn(self.bandit_arms, cores(anchors_R, firsts_R), counts, BanditSettings())

    def judged(self, values_R: Reals, word: nightly.Policy, chosen_N: Flags) -> Decision:
        """What some showings say of ordering the arms by these values instead of the blend's."""
        shown = self.showings.take(chosen_N)
        log = nightly.Log(
            self.arms_N[chosen_N],
            shown.places_N,
            shown.place_counts_N,
            shown.rewards_N,
            shown.propensities_N,
            shown.visitors_N,
        )
        order_R = np.lexsort((-values_R, self.anchors_R))
        gate_settings = GateSettings(least_effective_count=LEAST_EFFECTIVE_COUNT)
        decision, _ = nightly.judge_order(self.bandit_arms, log, order_R, word=word, gate_settings=gate_settings)
        return decision

    def values_by(self, network: Composer) -> Reals:
        """What the beam search makes of each arm with what the network learned."""
        arms = self.arms
        added_R = np.asarray([len(arm) - 1 for arm in arms])
        worth_R = np.asarray([self.menu.worth(arm) for arm in arms])
        return np.asarray(self.values_R + worth_R * TaughtByClicks((network,)).changes_of(arms) / added_R)

    @property
    def sharpness(self) -> float:
        """One over how far the bundles of an anchor typically lie apart: so far is a factor of e in the policy."""
        starts = np.searchsorted(self.anchors_R, np.arange(self.anchor_count))
        spreads = [values_R.std() for values_R in np.split(self.values_R, starts[1:]) if len(values_R) > 1]
        return 1 / max(float(np.median(spreads)) if spreads else 1.0, LEAST_SPREAD)


def _teach(
    shown: _Shown,
    word: nightly.Policy,
    teaches_N: Flags,
    part: int,
    vectors_VD: npt.NDArray[np.float32],
    *,
    seed: int,
    on_progress: OnProgress,
) -> Composer:
    """A network taught by one part's showings, and stopped by those of the next."""
    item_count, width = vectors_VD.shape
    shape = ComposerShape(item_count=item_count, context_count=1, width=width, sharpness=shown.sharpness)
    network = Composer(shape, seed=seed, vectors_VD=vectors_VD)
    learned, held_out = (_log(shown, word, teaches_N, each, network) for each in (part, (part + 1) % PARTS))
    return teach(
        network,
        shown.menu,
        learned,
        held_out,
        replace(LEARNING, seed=seed),
        on_epoch=lambda epoch, _estimate: on_progress(epoch / LEARNING.epochs),
    )


def _log(shown: _Shown, word: nightly.Policy, teaches_N: Flags, part: int, network: Composer) -> Log:
    """Showings of one part as sequences of actions. A row stands for those of one arm with about one propensity.

    A page draws one of an anchor's known bundles, and the network one of all that could be composed. So a propensity is
    that of the page, times the chance that the untaught network composes one of the known bundles at all: then the
    weights of a network that has learned nothing compare the known bundles with each other.
    """
    asked_R = shown.part_R == part
    chosen_N = teaches_N & asked_R[shown.arms_N]
    log, arms_N, bias_K = shown.showings.take(chosen_N), shown.arms_N[chosen_N], np.asarray(word.beliefs.place_bias)
    steps_N = np.rint(np.log10(log.propensities_N) * PROPENSITIES_A_DECADE).astype(np.int64)
    pairs_B2, rows_N, counts_B = np.unique(
        np.stack([arms_N, steps_N], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    earned_B = np.bincount(rows_N.ravel(), log.rewards_N / bias_K[log.places_N.clip(max=len(bias_K) - 1)])
    usual = earned_B.sum() / counts_B.sum()
    most_shown = np.argsort(-counts_B, kind="stable")[:MOST_ROWS]
    pairs_B2, counts_B, earned_B = pairs_B2[most_shown], counts_B[most_shown], earned_B[most_shown]
    arms_B = pairs_B2[:, 0]
    known = np.flatnonzero(asked_R)
    actions_RT = shown.menu.actions(shown.arms)
    anchors_R = np.asarray([arm[0] for arm in shown.arms])
    openings = Openings(anchors_R, np.zeros(len(anchors_R), np.int64))
    log_chance_R = np.full(len(anchors_R), -np.inf)
    log_chance_R[known] = log_chances(network, shown.menu, taken(openings, known), actions_RT[known])
    log_mass_A = np.full(shown.anchor_count, -np.inf)
    np.logaddexp.at(log_mass_A, shown.anchors_R[known], log_chance_R[known])
    return Log(
        openings=taken(openings, arms_B),
        actions_BT=actions_RT[arms_B],
        log_propensity_B=pairs_B2[:, 1] / PROPENSITIES_A_DECADE * np.log(10) + log_mass_A[shown.anchors_R[arms_B]],
        rewards_B=earned_B / counts_B / usual,
        counts_B=counts_B.astype(np.float64),
    )


def _padded(sets: Sequence[Sequence[int]]) -> Numbers:
    sets_BM = np.full((len(sets), max(map(len, sets))), EMPTY)
    for row, each in enumerate(sets):
        sets_BM[row, : len(each)] = each
    return sets_BM
