"""Train the Transformer: the plan, the loop, early stopping, exact resume.

Early stopping comes at a time when the rate is still high, and weights at a high rate are worth less than the same
weights cooled down. So the best epoch's weights are trained on for some epochs more, while the rate falls to nothing.

Unusual: randomness has no state. Every epoch's batches and every step's dropout are drawn from generators seeded by
(seed, epoch, step), so a checkpoint is weights, optimiser and two integers, and a run that was killed and resumed
ends with the weights of the run that was not, bit for bit (on one machine's CPU with the same number of threads).

How much to train is a budget of floating-point operations, never of seconds: see `plan`.

Shapes: see `transformer`.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bundle_ml import checkpoint
from bundle_ml.baskets import Baskets
from bundle_ml.batches import epoch_batches
from bundle_ml.cases import Cases
from bundle_ml.errors import DataError
from bundle_ml.metrics import ndcg, ranks_of_targets
from bundle_ml.parallel import agreed, device, process_count, rank, share_of, sum_gradients, total
from bundle_ml.plan import Plan, plan
from bundle_ml.rungs import Popularity
from bundle_ml.sampling import draw_competitors
from bundle_ml.settings import Settings
from bundle_ml.spectrum import item_vectors, ppmi
from bundle_ml.transformer import BasketTransformer, Shape, TransformerRung
from bundle_ml.warm import Start, carry_over, shortened

WARM_UP_RATIO = 0.05
GRADIENT_NORM = 1.0
POPULARITY_MULTIPLES = (0.0, 0.25, 0.5, 1.0)
VALIDATION_CASES = 1000

OnStep = Callable[[float, int, float, float | None], None]
"""Told the share done (0..1), the epoch, the loss so far in it and the last validation NDCG."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    rung: TransformerRung
    history: list[dict[str, Any]]


def fit_transformer(
    baskets: Baskets,
    validation: Mapping[str, Cases],
    popularity: Popularity,
    settings: Settings,
    *,
    start: Start | None = None,
    work: Path | None = None,
    on_step: OnStep = lambda _done, _epoch, _loss, _ndcg: None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train on baskets of two or more items, stop early on the validation cases, return the best epoch's network.

    With a start, what an earlier run came to know is carried over, and a part of the epochs is enough. With a work
    directory, an interrupted run on the same data and settings goes on where its last checkpoint stands. Processes
    that were started by torchrun share the work; all need the same arguments and see the same work directory.
    """
    run = _Run.begin(baskets.of_several(), validation, popularity, settings, start=start, work=work, clock=clock)
    if start and not run.progress.history:
        run.progress.best_ndcg = agreed(validation_ndcg(run.rung, validation, popularity))
    while not run.progress.finished:
        run.train_epoch(on_step)
        run.close_epoch(agreed(validation_ndcg(run.rung, validation, popularity)))
    run.rung.model.load_state_dict(run.best)
    run.rung.model.to("cpu").eval()
    return Trained(run.rung, run.progress.history)


@dataclass(slots=True, kw_only=True, eq=False)
class _Run:
    """One training run: what is learned, what is left to do, and where its checkpoints go."""

    several: Baskets
    settings: Settings
    todo: Plan
    rung: TransformerRung
    optimiser: torch.optim.Optimizer
    rate: float
    work: Path | None
    belongs_to: str
    clock: Callable[[], float]
    progress: checkpoint.Progress = field(default_factory=checkpoint.Progress)
    best: dict[str, Tensor] = field(default_factory=dict)
    saved_at: float = 0.0

    @classmethod
    def begin(
        cls,
        several: Baskets,
        validation: Mapping[str, Cases],
        popularity: Popularity,
        settings: Settings,
        *,
        start: Start | None,
        work: Path | None,
        clock: Callable[[], float],
    ) -> _Run:
        """Build the network, then go back to the checkpoint if there is one."""
        todo = plan(several, settings)
        rate = settings.learning_rate
        if start:
            todo, rate = shortened(todo, start, settings), rate * settings.warm_start_rate_ratio
            model = carry_over(start, several, log_share(several))
        else:
            model = _first_weights(several, settings, width=todo.width)
        model.to(device())
        run = cls(
            several=several,
            settings=settings,
            todo=todo,
            rung=TransformerRung(model, settings.context_length),
            optimiser=new_optimiser(model),
            rate=rate,
            work=work,
            belongs_to=_identity(several, validation, popularity, settings, todo, start=start),
            clock=clock,
            best=_copy(model),
            saved_at=clock(),
        )
        if work and (found := checkpoint.load(work, belongs_to=run.belongs_to, model=model, optimiser=run.optimiser)):
            run.progress, run.best = found
        stands_at = run.progress.epoch + run.progress.step / 1e6
        if agreed(stands_at) != stands_at:
            raise DataError(
                "Found different checkpoints in two processes of one training; expected the same --work, on a disk "
                "that all share. Give one, or none."
            )
        return run

    def train_epoch(self, on_step: OnStep) -> None:
        """Take the steps of this epoch that are still to be taken."""
        self.rung.model.train()
        batches = list(
            epoch_batches(
                self.several,
                batch_baskets=self.todo.batch_baskets,
                length=self.settings.context_length,
                seed=self.settings.seed,
                epoch=self.progress.epoch,
            )
        )
        for items_BT in batches[self.progress.step :]:
            epochs_done = self.progress.epoch + self.progress.step / len(batches)
            self.progress.loss_sum += descend(
                self.rung.model,
                self.optimiser,
                items_BT,
                competitors=self.todo.competitors,
                rate=self._rate_after(epochs_done),
                seed=(self.settings.seed, self.progress.epoch, self.progress.step),
            )
            self.progress.step += 1
            history = self.progress.history
            last_ndcg = history[-1]["validation_ndcg"] if history else None
            share_done = epochs_done / (self.progress.cools_until or self.todo.epochs)
            on_step(share_done, self.progress.epoch + 1, self.progress.loss_sum / self.progress.step, last_ndcg)
            if self.clock() - self.saved_at > self.settings.checkpoint_seconds:
                self.save()

    def _rate_after(self, epochs_done: float) -> float:
        progress = self.progress
        if progress.cools_from is None:
            return self.rate * warmed_up(epochs_done / self.todo.epochs)
        return (
            progress.cooling_rate * (progress.cools_until - epochs_done) / (progress.cools_until - progress.cools_from)
        )

    def close_epoch(self, measured: float) -> None:
        """Remember the best weights, and decide whether to go on."""
        progress = self.progress
        loss = progress.loss_sum / max(progress.step, 1)
        progress.epoch, progress.step, progress.loss_sum = progress.epoch + 1, 0, 0.0
        if not math.isfinite(loss):  # It has diverged and will not come back; the best epoch so far stands.
            progress.finished = True
            self.save()
            return
        progress.history.append(
            {"epoch": progress.epoch, "loss": round(loss, 5), "validation_ndcg": round(measured, 5)}
        )
        if measured > progress.best_ndcg:
            progress.best_ndcg, progress.best_epoch = measured, progress.epoch
            self.best = _copy(self.rung.model)
        if progress.cools_from is not None:
            progress.finished = progress.epoch >= progress.cools_until
        elif progress.epoch >= self.todo.epochs:
            progress.finished = True
        elif progress.epoch - progress.best_epoch >= self.settings.patience_epochs:
            self._cool_down()
        self.save()

    def _cool_down(self) -> None:
        """Go back to the best weights and let the rate fall from theirs; where no epoch was any good, end."""
        progress = self.progress
        epochs = round(progress.best_epoch * self.settings.cool_down_ratio)
        if not epochs:
            progress.finished = True
            return
        progress.cools_from, progress.cools_until = progress.epoch, progress.epoch + epochs
        progress.cooling_rate = self.rate * warmed_up(progress.best_epoch / self.todo.epochs)
        self.rung.model.load_state_dict(self.best)
        self.optimiser = new_optimiser(self.rung.model)

    def save(self) -> None:
        if self.work and rank() == 0:
            checkpoint.save(
                self.work,
                belongs_to=self.belongs_to,
                progress=self.progress,
                model=self.rung.model,
                optimiser=self.optimiser,
                best=self.best,
            )
        self.saved_at = self.clock()


def new_optimiser(model: BasketTransformer) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.0)


def descend(
    model: BasketTransformer,
    optimiser: torch.optim.Optimizer,
    items_BT: Tensor,
    *,
    competitors: int | None,
    rate: float,
    seed: tuple[int, ...],
) -> float:
    """Take one step and return the loss; all its randomness comes from the seed.

    `competitors` is how many items beside those of the batch stand in the softmax; None: all.
    """
    items_BT = items_BT.to(model.item.weight.device)
    torch.manual_seed(_seed(*seed))
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    drawn = None if competitors is None else draw_competitors(items_BT, model.log_share_V, count=competitors)
    if process_count() > 1:
        torch.manual_seed(_seed(*seed, rank()))  # The same competitors for all, dropout of its own for each.
    losses_N = model.losses(share_of(items_BT), drawn)
    place_count = total(len(losses_N))
    loss = losses_N.sum() / place_count
    loss.backward()  # type: ignore[no-untyped-call]
    sum_gradients(model.parameters())
    torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimiser.step()
    return total(float(loss.detach()))


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def warmed_up(share_done: float) -> float:
    """Return the share of the full rate: it rises shortly, then falls in a straight line to nothing."""
    return min(1.0, (share_done + 1e-3) / WARM_UP_RATIO) * (1.0 - share_done)


def validation_ndcg(rung: TransformerRung, validation: Mapping[str, Cases], popularity: Popularity) -> float:
    """Average NDCG@10 over context sizes, each with its best multiple of popularity."""
    rung.model.eval()
    measured = []
    for cases in validation.values():
        if not len(cases):
            continue
        count = min(len(cases), VALIDATION_CASES)
        gains = np.zeros((len(POPULARITY_MULTIPLES), count))
        for rows, contexts in cases.contexts.between(0, count).in_batches(256):
            scores_BV = contexts.exclude_from(rung.scores(contexts))
            for number, multiple in enumerate(POPULARITY_MULTIPLES):
                ranked_BV = scores_BV + np.float32(multiple) * popularity.log_share_V
                gains[number, rows] = ndcg(ranks_of_targets(ranked_BV, cases.targets[rows]), 10)
        measured.append(gains.mean(axis=1).max())
    return float(np.mean(measured)) if measured else 0.0


def log_share(several: Baskets) -> Tensor:
    """Return log p(item) over the baskets that teach; whoever was not bought counts as a thousandth of an order."""
    counts = np.maximum(several.order_counts(), 1e-3)
    return torch.from_numpy(np.log(counts / counts.sum()).astype(np.float32))


def _first_weights(several: Baskets, settings: Settings, *, width: int) -> BasketTransformer:
    shape = Shape(
        item_count=several.item_count,
        width=width,
        layer_count=settings.layer_count,
        head_count=settings.head_count,
        dropout=settings.dropout,
    )
    vectors_VD, signs_D = item_vectors(ppmi(several), width, seed=settings.seed)
    model = BasketTransformer(shape)
    vectors, signs = torch.from_numpy(vectors_VD), torch.from_numpy(signs_D)
    model.start_from(vectors, signs, log_share(several), seed=settings.seed)
    return model


def _copy(model: BasketTransformer) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _identity(
    several: Baskets,
    validation: Mapping[str, Cases],
    popularity: Popularity,
    settings: Settings,
    todo: Plan,
    *,
    start: Start | None,
) -> str:
    """Name data, settings and plan; a checkpoint of anything else is not resumed."""
    decisive = replace(settings, checkpoint_seconds=0.0, threads=0).to_json()
    began = start.fingerprint if start else None
    facts = [several.fingerprint(), decisive, asdict(todo), began, torch.__version__]
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(popularity.log_share_V.tobytes())
    for cases in validation.values():  # They decide when to stop and which epoch is the best.
        digest.update(cases.contexts.offsets.tobytes() + cases.contexts.items.tobytes() + cases.targets.tobytes())
    return digest.hexdigest()
