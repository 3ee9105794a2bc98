"""What is told of figures: each measure with its name, its meaning, and its numbers in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin.presentation import grouped, rounded
from bundle_app.admin.result_charts import Mark
from bundle_app.explain import money
from bundle_app.figures.adding import Figures, Line
from bundle_app.figures.rates import Rate, difference, growth

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

DASH = "—"
Form = Literal["count", "share", "rate", "amount"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """`read` finds it in figures: a number, a `Rate`, or None. `good` is 1 where more is better, -1 where less is."""

    name: str
    label: StrPromise | str
    about: StrPromise | str
    form: Form
    read: Callable[[Figures], Any]
    good: int = 1
    currency: str = ""

    def words(self, value: Any) -> str:
        if value is None:
            return DASH
        match self.form:
            case "count":
                return grouped(value)
            case "share":
                return rounded(float(value), decimal_count=0 if value == int(value) else 1)
            case "rate":
                return percent(value.value)
            case "amount":
                return money(value, self.currency)

    def mark(self, line: Line, *, label: str) -> Mark:
        """As a picture needs it: rates in percent."""
        now, before = self.read(line.now), self.read(line.before)
        if self.form != "rate":
            value, earlier = _float(now), _float(before) if line.before.impressions else None
            return Mark(label=label, value=value, before=earlier, told=self.words(now))
        value, low, high = (None, None, None) if now is None else (now.value, now.low, now.high)
        return Mark(
            label=label,
            value=_percents(value),
            low=_percents(low),
            high=_percents(high),
            before=None if before is None else _percents(before.value),
            told=self.words(now),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A number in words with its interval, and how it has changed since the period before.

    `tone` says whether that is better or worse: of rates alone, and only where it is beyond chance.
    """

    value: str
    interval: str = ""
    before: str = DASH
    change: str = ""
    change_interval: str = ""
    tone: Literal["good", "bad", "quiet"] = "quiet"


MEASURES: Sequence[Measure] = (
    Measure(
        name="impressions",
        label=gettext_lazy("Seen"),
        about=gettext_lazy("Showings of which at least half was on the visitor's screen, or that were clicked."),
        form="count",
        read=lambda figures: figures.impressions,
    ),
    Measure(
        name="ctr",
        label=gettext_lazy("Click rate"),
        about=gettext_lazy("Of the showings that were seen, those that were clicked."),
        form="rate",
        read=lambda figures: figures.ctr,
    ),
    Measure(
        name="add_rate",
        label=gettext_lazy("Add rate"),
        about=gettext_lazy("Of the showings that were seen, those whose bundle was put into the cart."),
        form="rate",
        read=lambda figures: figures.add_rate,
    ),
    Measure(
        name="conversion",
        label=gettext_lazy("Conversion"),
        about=gettext_lazy("Sales credited to showings, per showing that was seen."),
        form="rate",
        read=lambda figures: figures.conversion,
    ),
    Measure(
        name="attach_rate",
        label=gettext_lazy("Attach rate"),
        about=gettext_lazy("Sales credited to showings, per order of the shop."),
        form="rate",
        read=lambda figures: figures.attach_rate,
    ),
    Measure(
        name="purchases",
        label=gettext_lazy("Sales"),
        about=gettext_lazy("Orders that showings are credited with; where credit is shared, parts of them."),
        form="share",
        read=lambda figures: figures.purchases,
    ),
    Measure(
        name="explored",
        label=gettext_lazy("Tried out"),
        about=gettext_lazy("Of the showings that were seen, those where something else was more likely to be shown."),
        form="rate",
        read=lambda figures: figures.explored_ratio,
        good=0,
    ),
)
AMOUNTS: Sequence[tuple[str, StrPromise, StrPromise, int]] = (
    (
        "revenue",
        gettext_lazy("Revenue"),
        gettext_lazy("What credited sales brought in, after discounts and refunds."),
        1,
    ),
    (
        "margin",
        gettext_lazy("Margin"),
        gettext_lazy("Revenue less what the goods cost, of the sales whose costs are known."),
        1,
    ),
    ("discount", gettext_lazy("Discounts"), gettext_lazy("What bundles took off the prices of credited sales."), 0),
)


def measures(currencies: Sequence[str]) -> list[Measure]:
    """All of them; those of money once a currency, and named by it where there are several."""
    several = len(currencies) > 1
    return [
        *MEASURES,
        *(
            Measure(
                name=f"{name}_{currency}",
                label=f"{label} ({currency})" if several else label,
                about=about,
                form="amount",
                read=_amount(name, currency),
                good=good,
                currency=currency,
            )
            for currency in currencies
            for name, label, about, good in AMOUNTS
        ),
    ]


def told(measure: Measure, line: Line) -> Told:
    """What a line has of a measure. How much more or less was seen or sold may have any reason, so it is not judged."""
    now, before = measure.read(line.now), measure.read(line.before)
    words = Told(value=measure.words(now), before=measure.words(before))
    if isinstance(now, Rate):
        interval = "" if now.low is None or now.high is None else f"{percent(now.low)} – {percent(now.high)}"
        gained = difference(now, before)
        if gained is None:
            return replace(words, interval=interval)
        sign = measure.good * (1 if gained.value > 0 else -1) if gained.is_beyond_chance else 0
        return replace(
            words,
            interval=interval,
            change=_("%(points)s points") % {"points": signed(100 * gained.value)},
            change_interval=between(signed(100 * gained.low), signed(100 * gained.high)),
            tone=_tone(sign),
        )
    grown = None if now is None or not before else growth(float(now), float(before))
    if grown is None or before < 0:
        return words
    return replace(words, change=f"{signed(100 * grown, decimal_count=0)}%")


def percent(ratio: float) -> str:
    """
    >>> percent(0.0412), percent(0.412), percent(1.0)
    ('4.12%', '41.2%', '100.0%')
    """
    return f"{rounded(100 * ratio, decimal_count=2 if ratio < 0.1 else 1)}%"


def between(low: str, high: str) -> str:
    """An interval whose ends may be negative, in words: a dash would be read as a sign."""
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def signed(number: float, *, decimal_count: int = 2) -> str:
    """
    >>> signed(0.5), signed(-0.25), signed(0.001)
    ('+0.50', '−0.25', '0.00')
    """
    words = rounded(abs(number), decimal_count=decimal_count)
    if not any(letter in "123456789" for letter in words):
        return words
    return f"{'+' if number > 0 else '−'}{words}"


def _amount(name: str, currency: str) -> Callable[[Figures], Any]:
    def read(figures: Figures) -> Decimal | None:
        amounts = figures.amounts.get(currency)
        found: Decimal | None = getattr(amounts, name) if amounts else None
        return found

    return read


def _tone(sign: int) -> Literal["good", "bad", "quiet"]:
    return "good" if sign > 0 else "bad" if sign < 0 else "quiet"


def _percents(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio


def _float(number: Any) -> float | None:
    return None if number is None else float(number)
