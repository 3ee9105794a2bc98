"""The policy that composes bundles: the supervised model, and a small network that learns what to change about it.

Unusual about it: the logits are the supervised model's log p(item | set), sharpened, plus what the network adds; the
network's last layer starts at zero. So the policy *is* the supervised model before its first update, bundle for bundle,
and whatever it learns is a difference that can be looked at. The decision to stop starts as a constant chance.

Left out on purpose: a critic (a baseline by anchor does), recurrence (a bundle is a set: its mean vector is its state).

Shapes: B bundles, M items at most, A actions that any of the bundles may take (the last one stops), C = A - 1 items, D
width.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bundle_ml.clicks.composing import Drafts
from bundle_ml.clicks.truth import EMPTY, Menu, Numbers, Openings
from bundle_ml.durable import replace_file
from bundle_ml.errors import ArtefactError

IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposerShape:
    item_count: int
    context_count: int
    width: int = 32
    sharpness: float = 2.0
    """What the supervised log-scores are multiplied by: how much the best item is preferred in a draw."""
    stop_ratio: float = 0.5
    """The chance to stop, before anything is learned, wherever stopping is allowed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy is asked about."""

    sets_BM: Tensor
    """Anchor first; -1 where nothing is yet."""
    contexts_B: Tensor
    actions_A: Tensor
    """Numbers of the actions, ascending: in a large catalogue few items may follow any of some bundles."""
    allowed_BA: Tensor
    log_scores_BC: Tensor
    """Of the supervised model."""

    @classmethod
    def of(cls, drafts: Drafts) -> Situation:
        allowed_BA = drafts.allowed()
        is_asked_A = np.asarray(allowed_BA.any(axis=0))
        is_asked_A[drafts.stop] = True
        actions_A = np.flatnonzero(is_asked_A)
        log_scores_BC = drafts.menu.next_item_log_scores(drafts.sets_BM, actions_A[:-1])
        return cls(
            torch.from_numpy(drafts.sets_BM),
            torch.from_numpy(drafts.openings.contexts_B),
            torch.from_numpy(actions_A),
            torch.from_numpy(allowed_BA[:, actions_A]),
            torch.from_numpy(log_scores_BC).float(),
        )


class Composer(nn.Module):
    def __init__(
        self, shape: ComposerShape, *, seed: int = 0, vectors_VD: npt.NDArray[np.float32] | None = None
    ) -> None:
        """With vectors, items begin as these, be they anchors, members or what may be added."""
        super().__init__()
        self.shape = shape
        self.anchor = nn.Embedding(shape.item_count, shape.width)
        self.item = nn.Embedding(shape.item_count, shape.width)
        self.context = nn.Embedding(shape.context_count, shape.width)
        self.widen = nn.Linear(shape.width, 2 * shape.width)
        self.narrow = nn.Linear(2 * shape.width, shape.width, bias=False)
        self.of_action = nn.Embedding(shape.item_count + 1, shape.width)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if name == "narrow.weight":
                    weight.zero_()
                else:
                    weight.normal_(0, 0.0 if name.endswith("bias") else shape.width**-0.5, generator=generator)
            if vectors_VD is not None:
                for embedding in (self.anchor, self.item, self.of_action):
                    embedding.weight[: shape.item_count] = torch.from_numpy(vectors_VD)

    def supervised(self, situation: Situation) -> Tensor:
        """Log-probabilities of the supervised model as a policy; (B, A)."""
        allowed_BC = situation.allowed_BA[:, :-1]
        sharp_BC = (situation.log_scores_BC * self.shape.sharpness).masked_fill(~allowed_BC, IMPOSSIBLE)
        log_item_BC = F.log_softmax(sharp_BC, dim=1) + np.log1p(-self.shape.stop_ratio)
        log_stop_B1 = torch.full((len(log_item_BC), 1), np.log(self.shape.stop_ratio))
        log_BA = torch.cat([log_item_BC, log_stop_B1], dim=1)
        return F.log_softmax(log_BA.masked_fill(~situation.allowed_BA, IMPOSSIBLE), dim=1)

    def forward(self, situation: Situation) -> Tensor:
        """Log-probabilities of all actions; (B, A)."""
        return self.changed(situation, self.supervised(situation))

    def changed(self, situation: Situation, supervised_BA: Tensor) -> Tensor:
        """Add what was learned to the supervised model's log-probabilities; (B, A)."""
        learned_BA = self.query(situation.sets_BM, situation.contexts_B) @ self.of_action(situation.actions_A).T
        logits_BA = supervised_BA + learned_BA
        return F.log_softmax(logits_BA.masked_fill(~situation.allowed_BA, IMPOSSIBLE), dim=1)

    def query(self, sets_BM: Tensor, contexts_B: Tensor) -> Tensor:
        """What was learned about sets: its product with an action's vector is about that one, in logits; 0 before the
        first update; (B, D)."""
        anchors_B, added_BM = sets_BM[:, 0], sets_BM[:, 1:]
        is_item_BM1 = (added_BM != EMPTY)[..., None]
        added_BD = (self.item(added_BM.clamp(min=0)) * is_item_BM1).sum(1) / is_item_BM1.sum(1).clamp(min=1)
        state_BD = self.anchor(anchors_B) + added_BD + self.context(contexts_B)
        query_BD: Tensor = self.narrow(F.gelu(self.widen(state_BD)))
        return query_BD

    def save(self, path: Path) -> None:
        """Write weights and shape as safetensors, all or nothing."""
        shape = {name: str(value) for name, value in asdict(self.shape).items()}
        replace_file(path, safetensors.torch.save(self.state_dict(), metadata=shape))

    @classmethod
    def load(cls, path: Path) -> Composer:
        """
        Raises:
            ArtefactError: the file is damaged, or of another kind.
        """
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                held = file.metadata() or {}
                shape = ComposerShape(
                    item_count=int(held["item_count"]),
                    context_count=int(held["context_count"]),
                    width=int(held["width"]),
                    sharpness=float(held["sharpness"]),
                    stop_ratio=float(held["stop_ratio"]),
                )
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            composer = cls(shape)
            composer.load_state_dict(state)
        except (KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
            raise ArtefactError(f"{path.name} holds no composer: {error}. Train one and save it anew.") from error
        if not all(torch.isfinite(weight).all() for weight in composer.parameters()):
            raise ArtefactError(f"{path.name} holds weights that are no finite numbers. Train the composer anew.")
        return composer


def compose(composer: Composer, menu: Menu, openings: Openings, *, most_items: int = 3) -> Numbers:
    """Take the likeliest action at each step; returns bundles without their anchors, -1 after the last item; (B, M)."""
    drafts = Drafts(menu, most_items)
    drafts.begin(openings)
    with torch.inference_mode():
        for _ in range(most_items + 1):
            situation = Situation.of(drafts)
            drafts.advance(situation.actions_A[composer(situation).argmax(dim=1)].numpy())
    return drafts.bundles_BM
