"""Teach the composer by what became of bundles: REINFORCE, off-policy on a log and on-policy in the environment.

The gradient of the policy's expected reward is that of mean(w · (r − b) · log π(bundle)), where w = π/μ is the
importance weight of the whole sequence of actions under the policy that logged it, capped; b is a baseline, the mean
reward of the anchor shrunk to that of all. Two terms hold it back: entropy, so that it does not settle early, and the
KL divergence to the supervised model, so that it leaves what it knows only for a reason. Training stops when the
off-policy estimate on a held-out part of the log no longer rises, and the best epoch's weights are kept; the supervised
model is epoch 0 and may be the best.

Sources: Williams 1992 (REINFORCE); Chen et al. 2019, "Top-K off-policy correction for a REINFORCE recommender system"
(capped weights); Swaminathan & Joachims 2015 (the self-normalised estimate).

Shapes: B bundles, M items at most, T steps = M + 1, A actions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bundle_ml.clicks.composer import Composer, Situation
from bundle_ml.clicks.composing import Composing, Drafts, taken
from bundle_ml.clicks.truth import Menu, Numbers, Openings, Reals
from bundle_ml.errors import DataError

SEQUENCES_AT_ONCE = 512
BASELINE_BUNDLES = 50.0
"""An anchor's mean reward is shrunk as if so many more bundles had earned the mean of all."""

OnEpoch = Callable[[int, float], None]
"""Told the epoch and its held-out estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinforceSettings:
    epochs: int = 10
    patience: int = 3
    batch_size: int = 512
    learning_rate: float = 3e-3
    weight_cap: float = 5.0
    entropy_weight: float = 1e-4
    kl_weight: float = 2e-3
    held_out_ratio: float = 0.2
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Bundles that were composed by drawing, and what became of them."""

    openings: Openings
    actions_BT: Numbers
    """-1 after the stop."""
    log_propensity_B: Reals
    """Of the whole sequence, under the policy that drew it."""
    rewards_B: Reals
    """The mean, where a row stands for several bundles."""
    counts_B: Reals
    """How many alike bundles each row stands for."""

    def __len__(self) -> int:
        return len(self.rewards_B)

    def take(self, rows: Numbers) -> Log:
        return Log(
            taken(self.openings, rows),
            self.actions_BT[rows],
            self.log_propensity_B[rows],
            self.rewards_B[rows],
            self.counts_B[rows],
        )


def roll_out(composer: Composer, composing: Composing, count: int, random: np.random.Generator) -> Log:
    """Compose by drawing from the policy, and see what becomes of it."""
    composing.open(count, random)
    actions_BT = np.full((count, composing.most_items + 1), -1)
    log_propensity_B, rewards_B = np.zeros(count), np.zeros(count)
    with torch.inference_mode():
        for step in range(composing.most_items + 1):
            going_B = ~composing.is_done_B
            situation = Situation.of(composing)
            log_BA = composer(situation).double().numpy()
            # The largest of log-probabilities with Gumbel noise is a draw from them.
            drawn_B = (log_BA + random.gumbel(size=log_BA.shape)).argmax(axis=1)
            actions_B = np.where(going_B, situation.actions_A.numpy()[drawn_B], composing.stop)
            actions_BT[going_B, step] = actions_B[going_B]
            log_propensity_B += np.where(going_B, log_BA[np.arange(count), drawn_B], 0)
            rewards_B += composing.step(actions_B, random)
    return Log(composing.openings, actions_BT, log_propensity_B, rewards_B, np.ones(count))


def held_out_apart(log: Log, settings: ReinforceSettings) -> tuple[Log, Log]:
    """Draw what is held out of a log; returns what teaches and what stops the teaching.

    Raises:
        DataError: the log is too short to hold anything out.
    """
    order = np.random.default_rng([settings.seed, 39]).permutation(len(log))
    held_out_count = int(len(log) * settings.held_out_ratio)
    if held_out_count < 2 or len(log) - held_out_count < 2:
        raise DataError(f"The log holds {len(log)} bundles; expected enough to learn from some and hold two out.")
    return log.take(order[held_out_count:]), log.take(order[:held_out_count])


def teach(
    composer: Composer,
    menu: Menu,
    learned: Log,
    held_out: Log,
    settings: ReinforceSettings,
    *,
    on_epoch: OnEpoch = lambda _epoch, _estimate: None,
) -> Composer:
    """Learn from a log; returns the policy of the epoch that was best on what was held out, the given one if none was
    better than that."""
    random = np.random.default_rng([settings.seed, 40])
    baseline_V = baseline(learned, menu.item_count)
    optimizer = torch.optim.Adam(composer.parameters(), settings.learning_rate)
    best, best_estimate, best_epoch = copy.deepcopy(composer), held_out_estimate(composer, menu, held_out, settings), 0
    on_epoch(0, best_estimate)
    for epoch in range(1, settings.epochs + 1):
        for rows in np.array_split(random.permutation(len(learned)), max(1, len(learned) // settings.batch_size)):
            update(composer, optimizer, menu, learned.take(rows), baseline_V=baseline_V, settings=settings)
        estimate = held_out_estimate(composer, menu, held_out, settings)
        on_epoch(epoch, estimate)
        if estimate > best_estimate:
            best, best_estimate, best_epoch = copy.deepcopy(composer), estimate, epoch
        if epoch - best_epoch >= settings.patience:
            break
    return best


def practise(
    composer: Composer,
    composing: Composing,
    settings: ReinforceSettings,
    *,
    batches: int,
    random: np.random.Generator,
) -> Composer:
    """Learn on-policy: compose a batch, see what becomes of it, update, again. Changes and returns the composer."""
    optimizer = torch.optim.Adam(composer.parameters(), settings.learning_rate)
    sums_V, counts_V = np.zeros(composing.truth.item_count), np.zeros(composing.truth.item_count)
    for _ in range(batches):
        log = roll_out(composer, composing, settings.batch_size, random)
        np.add.at(sums_V, log.openings.anchors_B, log.rewards_B)
        np.add.at(counts_V, log.openings.anchors_B, 1)
        update(composer, optimizer, composing.truth, log, baseline_V=_shrunk(sums_V, counts_V), settings=settings)
    return composer


def update(
    composer: Composer,
    optimizer: torch.optim.Optimizer,
    menu: Menu,
    log: Log,
    *,
    baseline_V: Reals,
    settings: ReinforceSettings,
) -> None:
    """One step on some bundles."""
    optimizer.zero_grad()
    log_policy_B, entropy, divergence = _follow(composer, menu, log.openings, log.actions_BT)
    weight_B = (log_policy_B.detach() - torch.from_numpy(log.log_propensity_B)).exp().clamp(max=settings.weight_cap)
    advantage_B = torch.from_numpy(log.rewards_B - baseline_V[log.openings.anchors_B])
    counts_B = torch.from_numpy(log.counts_B / log.counts_B.sum())
    earned = (counts_B * weight_B * advantage_B * log_policy_B).sum()
    loss = settings.kl_weight * divergence - settings.entropy_weight * entropy - earned
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def held_out_estimate(composer: Composer, menu: Menu, log: Log, settings: ReinforceSettings) -> float:
    """The policy's mean reward by the self-normalised estimator, weights capped: Σ w r / Σ w."""
    log_policy_B = log_chances(composer, menu, log.openings, log.actions_BT)
    weight_B = log.counts_B * np.exp(log_policy_B - log.log_propensity_B).clip(max=settings.weight_cap)
    return float((weight_B * log.rewards_B).sum() / max(weight_B.sum(), 1e-300))


def log_chances(composer: Composer, menu: Menu, openings: Openings, actions_BT: Numbers) -> Reals:
    """The log-probability of each whole sequence of actions; (B,)."""
    chunks = np.array_split(np.arange(len(openings)), max(1, len(openings) // SEQUENCES_AT_ONCE))
    with torch.inference_mode():
        parts = [_follow(composer, menu, taken(openings, rows), actions_BT[rows])[0].numpy() for rows in chunks]
    return np.concatenate(parts)


def baseline(log: Log, item_count: int) -> Reals:
    """The mean reward of each anchor, shrunk to that of all."""
    sums_V, counts_V = (
        np.bincount(log.openings.anchors_B, weights_B, item_count).astype(np.float64)
        for weights_B in (log.rewards_B * log.counts_B, log.counts_B)
    )
    return _shrunk(sums_V, counts_V)


def _shrunk(sums_V: Reals, counts_V: Reals) -> Reals:
    usual = sums_V.sum() / max(counts_V.sum(), 1)
    return np.asarray((sums_V + BASELINE_BUNDLES * usual) / (counts_V + BASELINE_BUNDLES))


def _follow(composer: Composer, menu: Menu, openings: Openings, actions_BT: Numbers) -> tuple[Tensor, Tensor, Tensor]:
    """Go through logged sequences: the log-probability of each, the mean entropy, the KL to the supervised model."""
    drafts = Drafts(menu, actions_BT.shape[1] - 1)
    drafts.begin(openings)
    total_B = torch.zeros(len(openings), dtype=torch.float64)
    entropy, divergence = torch.zeros(()), torch.zeros(())
    for step in range(actions_BT.shape[1]):
        rows = np.flatnonzero(actions_BT[:, step] >= 0)
        if not len(rows):
            break
        asked = Drafts(menu, drafts.most_items)
        asked.begin(taken(openings, rows))
        asked.bundles_BM = drafts.bundles_BM[rows]
        situation = Situation.of(asked)
        supervised_BA = composer.supervised(situation)
        log_BA = composer.changed(situation, supervised_BA)
        actions_B = actions_BT[rows, step]
        taken_B = log_BA[torch.arange(len(rows)), torch.searchsorted(situation.actions_A, torch.from_numpy(actions_B))]
        total_B = total_B.index_add(0, torch.from_numpy(rows), taken_B.double())
        chance_BA = log_BA.exp()
        entropy = entropy - (chance_BA * log_BA).sum(1).mean()
        divergence = divergence + (chance_BA * (log_BA - supervised_BA)).sum(1).mean()
        adds = actions_B != drafts.stop
        if adds.any():
            drafts.bundles_BM[rows[adds], step] = actions_B[adds]
    return total_B, entropy, divergence
