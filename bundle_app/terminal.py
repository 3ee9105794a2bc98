"""A training run's progress in a terminal. A pipe gets one line per stage instead of a moving bar."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

from bundle_app.models import TrainingRun

WIDTH = 28


class ProgressBar:
    """Shows a run each time it has moved on."""

    def __init__(self, output: OutputWrapper, *, quiet: bool = False) -> None:
        self.output = output
        self.quiet = quiet
        self.stage = ""
        self.moving = not quiet and output.isatty()

    def show(self, run: TrainingRun) -> None:
        if self.quiet:
            return
        label = str(TrainingRun.Stage(run.stage).label) if run.stage else str(run.get_status_display())
        if self.moving:
            filled = round(WIDTH * run.progress)
            bar = "█" * filled + "░" * (WIDTH - filled)
            self.output.write(f"\r\x1b[K{bar} {run.progress:4.0%}  {label}  {run.message}", ending="")
            self.output.flush()
        elif label != self.stage:
            self.output.write(f"{run.progress:4.0%}  {label}")
            self.output.flush()
        self.stage = label

    def close(self) -> None:
        if self.moving and self.stage:
            self.output.write("")
