"""Training epoch by epoch, for the peers that are networks.

In tuning: until the validation score no longer rises or the budget is spent, then back to the best epoch. In the last
fit: as many epochs as tuning found best.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from protocol import Fitted, Top, Trial, say

MAX_EPOCHS = 200
PATIENCE = 5
"""Epochs without a better validation score until training ends."""


def train(
    train_epoch: Callable[[], torch.nn.Module],
    answering: Callable[[], Top],
    trial: Trial | None,
    *,
    epochs: int,
    patience: int = PATIENCE,
) -> Fitted:
    """Train with `train_epoch`, which returns the network; `answering` makes a model of its present weights.

    Seconds to the best epoch are those of training alone, without looking at the validation cases.
    """
    if trial is None:
        for number in range(epochs):
            say(f"epoch {number + 1} of {epochs}")
            train_epoch()
        return Fitted(answering())
    best, best_epoch, weights, seconds, seconds_to_best = -1.0, 0, {}, 0.0, 0.0
    scores = []
    for epoch in range(1, MAX_EPOCHS + 1):
        started = time.process_time()
        network = train_epoch()
        seconds += time.process_time() - started
        score = trial.ndcg(answering())
        scores.append(score)
        say(f"epoch {epoch}: {score:.4f}, best {max(best, score):.4f}")
        if score > best:
            best, best_epoch, seconds_to_best = score, epoch, seconds
            weights = copy.deepcopy(network.state_dict())
        if trial.is_over() or epoch - best_epoch >= patience:
            break
    network.load_state_dict(weights)
    return Fitted(answering(), {"epochs": best_epoch}, seconds_to_best, scores)
