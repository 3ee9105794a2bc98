"""Tell a person, or another program, how far a run is.

Stages weigh differently; `Reporter` turns progress within a stage into progress within the whole run, and measures how
long each stage took.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

STAGES = {"read": 3, "statistics": 7, "train": 65, "blend": 6, "evaluate": 7, "generate": 11, "write": 1}
"""Stage → percent of a long run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    stage: str
    progress: float
    message: str
    epoch: int | None = None
    loss: float | None = None
    validation_ndcg: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def silent(_event: Event) -> None:
    """Listen and say nothing."""


@dataclass(slots=True)
class Reporter:
    """Where the run is, for its listener."""

    listener: Callable[[Event], None] = silent
    clock: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _started: float = 0.0

    def enter(self, stage: str, message: str) -> None:
        self.close()
        self._stage, self._started = stage, self.clock()
        self.at(0.0, message)

    def at(self, share: float, message: str, **details: Any) -> None:
        """Report a share (0..1) of the current stage."""
        names = list(STAGES)
        before = sum(STAGES[name] for name in names[: names.index(self._stage)])
        progress = (before + STAGES[self._stage] * min(max(share, 0.0), 1.0)) / sum(STAGES.values())
        self.listener(Event(stage=self._stage, progress=round(progress, 4), message=message, **details))

    def close(self) -> None:
        if self._stage:
            passed = self.clock() - self._started
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + passed, 3)
            self._stage = ""


@dataclass(slots=True)
class JsonLines:
    """One JSON object a line; at most so many a second, but every change of stage or epoch."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    least_seconds: float = 0.5
    clock: Callable[[], float] = time.monotonic
    _last: tuple[float, str, int | None] = (float("-inf"), "", None)

    def __call__(self, event: Event) -> None:
        now = self.clock()
        told_at, stage, epoch = self._last
        if now - told_at < self.least_seconds and (stage, epoch) == (event.stage, event.epoch):
            return
        self._last = (now, event.stage, event.epoch)
        self.write(event.to_json())

    def write(self, value: dict[str, Any]) -> None:
        self.stream.write(json.dumps(value, ensure_ascii=False) + "\n")
        self.stream.flush()


class Bar:
    """A progress bar on stderr."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=100, bar_format="{l_bar}{bar}| {elapsed}<{remaining} {postfix}", file=sys.stderr)

    def __call__(self, event: Event) -> None:
        self._bar.set_description(f"{event.stage:<10}", refresh=False)
        self._bar.set_postfix_str(event.message, refresh=False)
        self._bar.update(100 * event.progress - self._bar.n)

    def close(self) -> None:
        self._bar.close()
