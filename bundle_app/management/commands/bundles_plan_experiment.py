"""How many visitors an experiment will take, simulated with what is expected of its arms."""

from __future__ import annotations

from math import ceil, inf
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bundle_app.experiments.planning import forecast


class Command(BaseCommand):
    help = (
        "Simulate an experiment about a rate, such as conversion: how many visitors until an arm is known to be better."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("control", type=float, help="the control's rate, 0.04 for 4 %%")
        parser.add_argument("treated", type=float, help="the other arm's; the same to see how often chance misleads")
        parser.add_argument("--planned", type=int, default=20_000, help="planned visitors of both arms")
        parser.add_argument("--a-day", type=int, default=150, help="visitors of each arm on a day")
        parser.add_argument("--days", type=int, help="days of looking; by default until all came twice")
        parser.add_argument("--runs", type=int, default=1000, help="simulated experiments")

    def handle(self, *args: Any, **options: Any) -> None:
        rates = options["control"], options["treated"]
        if not all(0 < rate < 1 for rate in rates):
            raise CommandError(
                f"The rates are {rates[0]} and {rates[1]}; expected two above 0 and below 1: 0.04 for 4 %."
            )
        if min(options["planned"], options["a_day"], options["runs"], options["days"] or 1) < 1:
            raise CommandError("Visitors, days and runs are whole numbers of at least 1.")
        a_day = options["a_day"]
        days = options["days"] or ceil(options["planned"] / a_day)
        found = forecast(*rates, planned_count=options["planned"], a_day=a_day, days=days, runs=options["runs"])
        if rates[0] == rates[1]:
            self.stdout.write(
                f"Nothing differs. Looked at on each of {days} days, {found.told_ratio:.1%} of the experiments say "
                f"that something does; by the interval of a textbook {found.told_by_textbook_ratio:.1%} would."
            )
            return
        self.stdout.write(
            f"Known after {_told(found.median_visitors)} visitors in half of the experiments, after "
            f"{_told(found.eight_of_ten_visitors)} in 8 of 10. One look, planned for it, needs "
            f"{_told(found.one_look_visitors)}."
        )


def _told(count: float) -> str:
    return "more than were simulated" if count == inf else f"{count:,.0f}"
