"""Some days that are asked about, and as many before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

LONGEST_DAYS = 3 * 366


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def of_days(cls, count: int, *, last: date) -> Period:
        return cls(last - timedelta(days=count - 1), last)

    @property
    def day_count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """As many days, up to the first one.

        >>> Period(date(2026, 3, 8), date(2026, 3, 14)).before
        Period(first=datetime.date(2026, 3, 1), last=datetime.date(2026, 3, 7))
        """
        return Period.of_days(self.day_count, last=self.first - timedelta(days=1))

    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.day_count)]
