"""What learning from clicks is worth, on a truth: every figure of the report, seed by seed.

Each function measures one thing and returns plain numbers. Trials are drawn from generators of their own seed, so that
one figure can be measured again without the others.

Shapes: N pages, C candidates, K places, R arms, P policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bundle_ml.clicks import bandit, estimators, trial
from bundle_ml.clicks.bandit import BanditSettings, Beliefs, Plan, Values
from bundle_ml.clicks.composing import Composing
from bundle_ml.clicks.estimators import Estimate, Logged
from bundle_ml.clicks.gate import GateSettings, promote, watch
from bundle_ml.clicks.peers import begun
from bundle_ml.clicks.truth import EMPTY, BundleTruth, Numbers, Pages, Reals, Truth

Tell = Callable[[str], None]
Figures = dict[str, float]

PART_PAGES = 50_000
"""Simulated at once."""
WATCHED_POLICIES = 200
MOST_POINTS = {0.01: 2.0, 0.05: 5.0}
"""Bots' share of visits, and by how many points they may raise their target."""
JUDGED_SHARE = 0.3
"""Of the learning impressions, so many follow in which the policies that learned are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is simulated; the defaults are the report's."""

    impressions: int = 200_000
    days: int = 60
    replications: int = 100
    replication_pages: int = 50_000
    truth_pages: int = 1_000_000
    """To compute what a policy is truly worth."""
    gate_trials: int = 10
    gate_pages: int = 1_000_000
    ranked_policies: int = 20
    ranking_pages: int = 200_000
    fraud_draws: int = 5
    """Of bots' targets and of visits; each is played with and without bots."""
    composed_bundles: int = 40_000
    composer_epochs: int = 6

    @classmethod
    def to_learn_from(cls, impressions: int) -> Sizes:
        """All that is simulated grows with the impressions to learn from; numbers of trials do not."""
        usual = cls()
        scaled = {
            name: max(2, round(getattr(usual, name) * impressions / usual.impressions))
            for name in ("replication_pages", "truth_pages", "gate_pages", "ranking_pages", "composed_bundles")
        }
        return replace(usual, impressions=impressions, **scaled)


# Learning


def learning(
    truth: Truth, *, seed: int, sizes: Sizes, peers: Sequence[str], python: Path, tell: Tell
) -> tuple[dict[str, Figures], dict[str, list[float]]]:
    """Play every policy on the same visits; returns each one's figures, and its daily clicks an impression."""
    settings = BanditSettings()
    figures: dict[str, Figures] = {}
    curves: dict[str, list[float]] = {}

    def judge(name: str, world: Truth, policy: trial.PagePolicy) -> None:
        tell(name)
        judged_days = round(sizes.days * JUDGED_SHARE)
        played = trial.play(
            world,
            policy,
            page_count=round(sizes.impressions / world.slot_count * (1 + JUDGED_SHARE)),
            day_count=sizes.days + judged_days,
            seed=seed,
        )
        late, places = slice(sizes.days, None), world.slot_count
        figures[name] = {
            "ctr_while_learning": played.worth(slice(sizes.days)) / places,
            "ctr_after": played.worth(late) / places,
            "ctr_after_without_exploration": played.best_worth(late) / places,
            "exploration_cost_ratio": played.exploration_cost_ratio,
        }
        curves[name] = (played.shown_D / places).tolist()

    fixed: dict[str, Callable[[Truth], trial.PagePolicy]]
    fixed = {"static": trial.Static, "oracle": trial.Oracle, "mind_reader": trial.MindReader}
    for name, make in fixed.items():
        world = truth.anew()
        judge(name, world, make(world))
    world = truth.anew()
    learner = trial.Learner(world, settings)
    start = learner.beliefs
    judge("bandit", world, learner)
    for name in peers:
        world = truth.anew()
        with begun(name, world, start.promised(world.features_RHF), seed=seed, python=python) as peer:
            judge(name, world, peer)
    return figures, curves


# Judgement


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One page for each anchor and context: policies that no longer learn fill pages of a cell alike.

    Shapes: X cells, C candidates, K places.
    """

    pages: Pages
    context_count: int
    slot_count: int

    @classmethod
    def of(cls, truth: Truth) -> Cells:
        _, context_count, _ = truth.features_RHF.shape
        _, firsts_A, counts_A = np.unique(truth.anchor_of_R, return_index=True, return_counts=True)
        columns_C = np.arange(int(counts_A.max()))
        arms_AC = np.where(columns_C < counts_A[:, None], firsts_A[:, None] + columns_C, EMPTY)
        contexts_X = np.tile(np.arange(context_count), len(arms_AC))
        nobody_X = np.zeros(len(contexts_X), np.int64)
        pages = Pages(arms_AC.repeat(context_count, axis=0), contexts_X, nobody_X, nobody_X.astype(bool), 0)
        return cls(pages, context_count, truth.slot_count)

    def cell_of(self, pages: Pages, truth: Truth) -> Numbers:
        return np.asarray(truth.anchor_of_R[pages.arms_NC[:, 0]] * self.context_count + pages.contexts_N)

    def plan(self, policy: Policy) -> Plan:
        values = policy.values.at(self.pages.arms_NC, self.pages.contexts_N)
        return bandit.plan(values, self.pages.eligible_NC, self.slot_count, policy.settings)

    def true_values(self, truth: Truth) -> Reals:
        """The chance of a click on each arm in each context in the first place; (R, H)."""
        return self._by_arm(truth.expected(self.pages), truth)

    def is_shown_by(self, policy: Policy, truth: Truth) -> Reals:
        """1 where a policy shows an arm at all in a context, if seldom; (R, H)."""
        is_shown_XC = self.plan(policy).propensities().sum(axis=2) > 0
        return self._by_arm(is_shown_XC.astype(np.float64), truth)

    def _by_arm(self, values_XC: Reals, truth: Truth) -> Reals:
        values_RH = np.zeros(truth.features_RHF.shape[:2])
        cells, columns = np.nonzero(self.pages.eligible_NC)
        values_RH[self.pages.arms_NC[cells, columns], self.pages.contexts_N[cells]] = values_XC[cells, columns]
        return values_RH


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A bandit that no longer learns: values, and how it explores."""

    values: Values
    beliefs: Beliefs
    settings: BanditSettings

    def ordered_by(self, mean_RH: Reals) -> Policy:
        """Rank by other values, without exploring."""
        values = Values(mean_RH, np.zeros_like(mean_RH))
        return Policy(values, self.beliefs, replace(self.settings, exploration_ratio=0.0))


def log_of(
    truth: Truth, pages: Pages, logging: Policy, targets: Sequence[Policy], random: np.random.Generator
) -> Iterator[Logged]:
    """Show what the logging policy draws, see clicks, write the log for each of the targets; a row an impression."""
    cells = Cells.of(truth)
    cells_N = cells.cell_of(pages, truth)
    plan_X = cells.plan(logging)
    columns_NK = plan_X.take(cells_N).draw(random)
    clicks_NK = random.random(columns_NK.shape) < truth.chances(pages, columns_NK)
    values_XC = logging.values.at(cells.pages.arms_NC, cells.pages.contexts_N).mean_RH
    predicted_XCK = values_XC[:, :, None] * np.asarray(logging.beliefs.place_bias)
    units_N = np.repeat(np.arange(len(pages)), truth.slot_count)

    def at_shown(table_XCK: Reals) -> Reals:
        return table_XCK[cells_N[:, None], columns_NK, np.arange(truth.slot_count)].ravel()

    rewards_N, logged_N, predicted_N = (
        clicks_NK.ravel().astype(np.float64),
        at_shown(plan_X.propensities()),
        at_shown(predicted_XCK),
    )
    for target in targets:
        target_XCK = cells.plan(target).propensities()
        expected_N = (target_XCK * predicted_XCK).sum(axis=1)[cells_N].ravel()
        yield Logged(rewards_N, logged_N, at_shown(target_XCK), predicted_N, expected_N, units_N)


def estimates_of(log: Logged) -> dict[str, Estimate]:
    return {
        "ips": estimators.ips(log),
        "snips": estimators.snips(log),
        "dr": estimators.doubly_robust(log),
        "switch_dr": estimators.switch_doubly_robust(log, threshold=estimators.choose_threshold(log)),
    }


def true_clicks(truth: Truth, cells: Cells, *, page_count: int, random: np.random.Generator) -> Reals:
    """The clicks an average page of the shop would get in each cell from each candidate at each place; (X, C, K)."""
    total_XCK = np.zeros((*cells.pages.arms_NC.shape, truth.slot_count))
    parts = [min(page_count, PART_PAGES)] * max(1, page_count // PART_PAGES)
    for part in parts:
        pages = truth.draw(part, day=0, random=random)
        cells_N = cells.cell_of(pages, truth)
        for column in range(total_XCK.shape[1]):
            chance_NK = truth.chances(pages, np.full((part, truth.slot_count), column))
            for place in range(truth.slot_count):
                total_XCK[:, column, place] += np.bincount(cells_N, chance_NK[:, place], minlength=len(total_XCK))
    return total_XCK / sum(parts)


def worth(table_XCK: Reals, cells: Cells, policy: Policy) -> float:
    """A policy's true clicks an impression."""
    return float((table_XCK * cells.plan(policy).propensities()).sum() / cells.slot_count)


def taught(truth: Truth, *, seed: int, sizes: Sizes) -> Policy:
    """A bandit after a tenth of the report's impressions: what logs in the trials of judgement."""
    world = truth.anew()
    learner = trial.Learner(world, BanditSettings())
    page_count = max(100, sizes.impressions // world.slot_count // 10)
    trial.play(world, learner, page_count=page_count, day_count=6, seed=seed)
    return Policy(learner.values, learner.beliefs, learner.settings)


def coverage(truth: Truth, *, seed: int, sizes: Sizes, tell: Tell) -> dict[str, Figures]:
    """How often 95 % intervals hold the truth, for a target half-way between what the log believes and the truth."""
    logging = taught(truth, seed=seed, sizes=sizes)
    random = np.random.default_rng([seed, 50])
    world = truth.anew()
    target = _between(world, logging, logging.values.mean_RH, 0.5)
    cells = Cells.of(world)
    true = worth(true_clicks(world, cells, page_count=sizes.truth_pages, random=random), cells, target)
    held: dict[str, list[bool]] = {}
    means: dict[str, list[float]] = {}
    for number in range(sizes.replications):
        if number % 100 == 0:
            tell(f"coverage, replication {number}")
        pages = world.draw(sizes.replication_pages, day=0, random=random)
        (log,) = log_of(world, pages, logging, [target], random)
        for name, estimate in estimates_of(log).items():
            held.setdefault(name, []).append(estimate.low <= true <= estimate.high)
            means.setdefault(name, []).append(estimate.mean)
    return {
        name: {
            "coverage": float(np.mean(held[name])),
            "bias_ratio": float(np.mean(means[name]) / true - 1),
            "rmse_ratio": float(np.sqrt(np.mean((np.asarray(means[name]) - true) ** 2)) / true),
        }
        for name in held
    }


def rank_correlation(truth: Truth, *, seed: int, sizes: Sizes, tell: Tell) -> Figures:
    """Spearman's correlation of estimates and truth, over policies between the prior's order and the oracle's."""
    tell("ranking policies")
    logging = taught(truth, seed=seed, sizes=sizes)
    random, world = np.random.default_rng([seed, 51]), truth.anew()
    shares = np.linspace(0, 1, sizes.ranked_policies).tolist()
    prior_RH = np.exp(world.features_RHF[:, :, 0])
    targets = [_between(world, logging, prior_RH, share) for share in shares]
    cells = Cells.of(world)
    table_XCK = true_clicks(world, cells, page_count=sizes.truth_pages, random=random)
    true = [worth(table_XCK, cells, each) for each in targets]
    pages = world.draw(sizes.ranking_pages, day=0, random=random)
    found: dict[str, list[float]] = {}
    for log in log_of(world, pages, logging, targets, random):
        for name, estimate in estimates_of(log).items():
            found.setdefault(name, []).append(estimate.mean)
    return {name: _spearman(np.asarray(values), np.asarray(true)) for name, values in found.items()}


def gate_errors(truth: Truth, *, seed: int, sizes: Sizes, tell: Tell) -> Figures:
    """How often the gate promotes a policy that is 5 % worse, and one that is 5 % better; and rolls a kept promise
    back.

    The incumbent is what logs. Candidates rank some anchors' pages by the truth, or by the prior, so that the
    difference in true clicks is what was asked.
    """
    logging = taught(truth, seed=seed, sizes=sizes)
    random, world = np.random.default_rng([seed, 52]), truth.anew()
    cells = Cells.of(world)
    table_XCK = true_clicks(world, cells, page_count=sizes.truth_pages // 10, random=random)
    incumbent = logging.ordered_by(logging.values.mean_RH)
    figures: Figures = {}
    for name, gain in {"worse": -0.05, "better": 0.05}.items():
        candidate = _with_gain(logging, gain, world, table_XCK, random)
        promoted = 0
        for number in range(sizes.gate_trials):
            tell(f"gate, {name}, trial {number + 1}")
            both = [candidate, incumbent]
            page_count = sizes.gate_pages if gain > 0 else sizes.gate_pages // 2
            new, old = _estimates_where_they_differ(world, logging, both, page_count, random)
            promoted += promote(new, old, GateSettings()).goes_live
        figures[f"promoted_{name}"] = promoted / sizes.gate_trials
        figures[f"gain_{name}"] = worth(table_XCK, cells, candidate) / worth(table_XCK, cells, incumbent) - 1
    for name, kept_ratio in {"kept": 1.0, "broken": 0.8}.items():
        rate = worth(table_XCK, cells, incumbent)
        rolled_back = [_is_rolled_back(rate, kept_ratio * rate, random) for _ in range(WATCHED_POLICIES)]
        figures[f"rolled_back_{name}"] = float(np.mean(rolled_back))
    return figures


def _is_rolled_back(promised_rate: float, true_rate: float, random: np.random.Generator) -> bool:
    """Watch a policy for 60 days of 3,000 impressions, whose promise was estimated from 20,000."""
    seen = (random.random(20_000) < promised_rate).astype(np.float64)
    promised = estimators.ips(Logged(seen, np.ones_like(seen), np.ones_like(seen)))
    clicks_D = np.cumsum(random.binomial(3000, true_rate, size=60))
    days = enumerate(clicks_D.tolist(), 1)
    return any(watch(clicks, clicks, 3000 * day, promised, GateSettings()).rolls_back for day, clicks in days)


def _between(truth: Truth, logging: Policy, first_RH: Reals, share: float) -> Policy:
    """Rank by a geometric mean of given values and the true ones, with so much of the true ones.

    Candidates that the log never shows come last: no estimator can tell what they are worth.
    """
    cells = Cells.of(truth)
    logs = [np.log(np.maximum(each, 1e-9)) for each in (first_RH, cells.true_values(truth))]
    mixed_RH = np.exp((1 - share) * logs[0] + share * logs[1])
    return logging.ordered_by(mixed_RH * cells.is_shown_by(logging, truth))


def _with_gain(logging: Policy, gain: float, truth: Truth, table_XCK: Reals, random: np.random.Generator) -> Policy:
    """Take other orders for as many anchors as it needs to gain (or lose) this share of the incumbent's clicks."""
    cells = Cells.of(truth)
    believed_RH, true_RH = logging.values.mean_RH, cells.true_values(truth)
    other_RH = true_RH if gain > 0 else 1 / np.maximum(believed_RH, 1e-9)
    other_RH = other_RH * cells.is_shown_by(logging, truth)
    worth_X, other_X = (
        (table_XCK * cells.plan(logging.ordered_by(each)).propensities()).sum(axis=(1, 2))
        for each in (believed_RH, other_RH)
    )
    anchor_X = truth.anchor_of_R[cells.pages.arms_NC[:, 0]]
    gained_A = np.bincount(anchor_X, other_X - worth_X) / worth_X.sum()
    order_A = random.permutation(len(gained_A))
    enough = np.argmax(np.abs(np.cumsum(gained_A[order_A])) >= abs(gain)) + 1
    is_changed_R = np.isin(truth.anchor_of_R, order_A[:enough])
    return logging.ordered_by(np.where(is_changed_R[:, None], other_RH, believed_RH))


def _estimates_where_they_differ(
    truth: Truth, logging: Policy, policies: Sequence[Policy], page_count: int, random: np.random.Generator
) -> list[Estimate]:
    """Doubly robust, on the pages that two policies fill differently: all others tell nothing of their difference."""
    cells = Cells.of(truth)
    one, other = (cells.plan(policy).best_NK for policy in policies)
    differs_X = (one != other).any(axis=1)
    parts: list[list[Logged]] = []
    for _ in range(max(1, page_count // PART_PAGES)):
        pages = truth.draw(min(page_count, PART_PAGES), day=0, random=random)
        rows = np.flatnonzero(differs_X[cells.cell_of(pages, truth)])
        parts.append(list(log_of(truth, pages.take(rows), logging, policies, random)))
    return [estimators.doubly_robust(estimators.joined(logs)) for logs in zip(*parts, strict=True)]


def _spearman(one: Reals, other: Reals) -> float:
    ranks = [np.argsort(np.argsort(each, kind="stable"), kind="stable").astype(np.float64) for each in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


# Fraud


def fraud(truth: Truth, *, seed: int, sizes: Sizes, tell: Tell) -> Figures:
    """By how many points bots raise their targets: the share of people's pages that show one, against the same without
    bots; the mean over several draws of targets and of visits, without which one busy page decides.

    On every anchor's page bots click one bundle of the worse half, wherever they see it. Each of their visits is a new
    shopper's, so that nothing but known buyers and sales tells them from people.
    """
    random = np.random.default_rng([seed, 53])
    worth_R = Cells.of(truth).true_values(truth)[:, 0]
    late = slice(round(sizes.days * (1 - JUDGED_SHARE)), None)
    found: dict[str, list[float]] = {}
    for draw in range(sizes.fraud_draws):
        targets = _poor_arms(truth, worth_R, random)
        for name, is_defended in {"defended": True, "undefended": False}.items():
            exposure = {}
            for bot_ratio in (0.0, *MOST_POINTS):
                tell(f"fraud, {name}, {bot_ratio:.0%} bots, draw {draw + 1}")
                world = truth.attacked(bot_ratio, targets)
                played = trial.play(
                    world,
                    trial.Learner(world, BanditSettings(), is_defended=is_defended),
                    page_count=sizes.impressions // world.slot_count,
                    day_count=sizes.days,
                    seed=seed,
                    draw=draw,
                    watched=targets,
                )
                exposure[bot_ratio] = 100 * played.watched(late)
            found.setdefault(f"{name}_exposure", []).append(exposure[0.0])
            for ratio in MOST_POINTS:
                found.setdefault(f"{name}_points_at_{ratio:.0%}", []).append(exposure[ratio] - exposure[0.0])
    figures = {name: float(np.mean(values)) for name, values in found.items()}
    return figures | {
        f"defended_within_at_{ratio:.0%}": float(figures[f"defended_points_at_{ratio:.0%}"] <= most)
        for ratio, most in MOST_POINTS.items()
    }


def _poor_arms(truth: Truth, worth_R: Reals, random: np.random.Generator) -> Numbers:
    """One arm of each anchor, drawn from the worse half; (A,)."""
    targets = []
    for anchor in range(int(truth.anchor_of_R.max()) + 1):
        arms = np.flatnonzero(truth.anchor_of_R == anchor)
        worse = arms[np.argsort(worth_R[arms], kind="stable")[: max(1, len(arms) // 2)]]
        targets.append(random.choice(worse))
    return np.asarray(targets)


# Composing


def composing(truth: BundleTruth, *, seed: int, sizes: Sizes, tell: Tell) -> Figures:
    """True clicks on the bundles of the composer, taught by a log of the supervised model's, and on that model's.

    `practised` learned on as many bundles more, in the environment.
    """
    import torch

    from bundle_ml.clicks.composer import Composer, ComposerShape, compose
    from bundle_ml.clicks.reinforce import ReinforceSettings, held_out_apart, practise, roll_out, teach

    torch.set_num_threads(1)
    random = np.random.default_rng([seed, 54])
    shape = ComposerShape(item_count=truth.item_count, context_count=truth.context_count)
    composer, settings = Composer(shape, seed=seed), ReinforceSettings(epochs=sizes.composer_epochs, seed=seed)
    asked = truth.open(5000, random)

    def worth_now() -> float:
        return float(truth.expected_click_chances(asked, compose(composer, truth, asked)).mean())

    figures = {"supervised": worth_now()}
    tell("composing: logging")
    log = roll_out(composer, Composing(truth), sizes.composed_bundles, random)
    composer = teach(
        composer,
        truth,
        *held_out_apart(log, settings),
        settings,
        on_epoch=lambda epoch, _: tell(f"composing: epoch {epoch}"),
    )
    figures["taught"] = worth_now()
    tell("composing: practising")
    batches = max(1, sizes.composed_bundles // settings.batch_size)
    composer = practise(composer, Composing(truth), settings, batches=batches, random=random)
    return figures | {"practised": worth_now()}
