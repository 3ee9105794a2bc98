"""Several processes that train one network, on one machine or many: `torchrun -m bundle_ml train …`.

Each process takes its share of every batch; gradients are summed, so that all hold the same weights after each step,
and they are those of one process but for the order of summation and the dropout. The processes are joined while the
network is trained; all else is done by the first one, or by each for itself. Without torchrun there is one, and nothing
here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed
from torch import Tensor


def rank() -> int:
    """Number of this process; 0 is the one that measures, writes and reports."""
    return torch.distributed.get_rank() if _is_joined() else 0


def is_assistant() -> bool:
    """Say whether torchrun started this process to help the first one train."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("RANK", "0")) > 0


def process_count() -> int:
    return torch.distributed.get_world_size() if _is_joined() else 1


def processes_here() -> int:
    """How many of them share this machine's cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def device() -> torch.device:
    """This process's GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    return torch.device("cpu")


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes if torchrun started this one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or _is_joined():
        yield
        return
    torch.distributed.init_process_group("nccl" if device().type == "cuda" else "gloo")
    try:
        yield
        torch.distributed.barrier()  # Who hangs up while another still listens makes that one fail.
    finally:
        torch.distributed.destroy_process_group()


def share_of(rows_B_: Tensor) -> Tensor:
    """Every so many-th row, from this process's number on."""
    return rows_B_[rank() :: process_count()]


def total(value: float) -> float:
    """Sum a number over all processes."""
    if not _is_joined():
        return value
    summed = torch.tensor(value, dtype=torch.float64, device=device())
    torch.distributed.all_reduce(summed)
    return float(summed)


def agreed(value: float) -> float:
    """What the first process says: a decision must be the same in all, to the last bit."""
    if not _is_joined():
        return value
    told = torch.tensor(value, dtype=torch.float64, device=device())
    torch.distributed.broadcast(told, src=0)
    return float(told)


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the gradient of the whole batch."""
    if not _is_joined():
        return
    for parameter in parameters:
        if parameter.grad is None:  # This process had no row with anything to come.
            parameter.grad = torch.zeros_like(parameter)
        torch.distributed.all_reduce(parameter.grad)


def _is_joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
