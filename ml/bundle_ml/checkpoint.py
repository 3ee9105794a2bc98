"""Where a training run was when the power went.

One safetensors file, replaced atomically: weights, optimiser state, the best weights so far, and in its header the
progress as JSON. A checkpoint carries the fingerprint of the data and settings that it belongs to; one of another
run, or a damaged one, is not used.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from bundle_ml.durable import replace_file

logger = logging.getLogger(__name__)
FILE = "checkpoint.safetensors"


@dataclass(slots=True, kw_only=True)
class Progress:
    """Everything besides tensors that decides how training goes on."""

    epoch: int = 0
    step: int = 0
    """Steps done in this epoch."""
    loss_sum: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_ndcg: float = -1.0
    best_epoch: int = 0
    cools_from: int | None = None
    """The epoch after which the best weights began to cool down; None before that."""
    cools_until: int = 0
    cooling_rate: float = 0.0
    """The rate from which it falls to nothing."""
    finished: bool = False


def save(
    directory: Path,
    *,
    belongs_to: str,
    progress: Progress,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: dict[str, Tensor],
) -> None:
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
    header = {"belongs_to": belongs_to, "progress": json.dumps(asdict(progress))}
    contiguous = {name: value.detach().contiguous().clone() for name, value in tensors.items()}
    replace_file(directory / FILE, safetensors.torch.save(contiguous, header))


def load(
    directory: Path, *, belongs_to: str, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Put model and optimiser where they were; None when there is nothing to go on from."""
    file = directory / FILE
    if not file.is_file():
        return None
    try:
        with safetensors.safe_open(file, framework="pt") as stored:
            header = stored.metadata() or {}
            if header.get("belongs_to") != belongs_to:
                logger.info("The checkpoint in %s belongs to other data or settings; starting anew.", directory)
                return None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    except safetensors.SafetensorError:
        logger.warning("The checkpoint in %s is damaged; starting anew.", directory)
        return None
    model.load_state_dict(_below("model/", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimiser/", tensors).items():
        number, _, entry = name.partition("/")
        state.setdefault(int(number), {})[entry] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return Progress(**json.loads(header["progress"])), _below("best/", tensors)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
