"""Pictures of numbers, drawn on the server as SVG: pure functions from numbers to markup.

A strict content security policy lets no inline style through, so everything is drawn with presentation attributes and
carries a class for the static style sheet (`bundle_app/admin.css`), which themes it. Each picture has a title that
says what it shows; the numbers themselves belong into a table beside it, which is the caller's business.

Coordinates are SVG user units, y downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import floor, isfinite, log10
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

Point = tuple[float, float]

PANEL_WIDTH, PANEL_HEIGHT, PANEL_GAP = 340, 210, 28
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 30, 34
"""Margins of a panel, around the area in which lines are drawn."""

BAR_WIDTH, BAR_HEIGHT = 200, 14
BAND_CUT = 1.8
DAY_MARGIN = 20
"""Left and right of days, whose names are wider than numbers."""

SHARE_COLOURS = {
    # Okabe and Ito's palette, which colour-blind people can tell apart.
    "transformer": "#0072b2",
    "ease": "#e69f00",
    "co_purchase": "#009e73",
    "category": "#56b4e9",
    "popularity": "#8a8a8a",
    "clicks": "#d55e00",
}
OTHER_COLOUR = "#cc79a7"


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps numbers to coordinates, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """
        >>> Scale(0, 10, 100, 0)(2.5)
        75.0
        """
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)


def ticks(low: float, high: float, *, count: int = 4) -> list[float]:
    """Round numbers that span a range: about `count` steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0.061, 0.0893)
    [0.06, 0.07, 0.08, 0.09]
    >>> ticks(3, 3)
    [2.0, 2.5, 3.0, 3.5, 4.0]
    """
    if high <= low:
        low, high = low - (abs(low) / 3 or 1), high + (abs(high) / 3 or 1)
    raw = (high - low) / count
    magnitude = 10 ** floor(log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * 0.999)
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """Ticks in words, all with as many decimals as the one that needs most.

    >>> tick_labels([0.08, 0.09, 0.1]), tick_labels([5.0, 10.0])
    (['0.08', '0.09', '0.10'], ['5', '10'])
    """
    decimals = max(len(f"{value:.10f}".rstrip("0").partition(".")[2]) for value in values)
    return [f"{value:.{decimals}f}" for value in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One line, in its own axes."""

    name: str
    title: str
    colour: str
    points: Sequence[Point]
    best: Point | None = None


def training_curve(history: Sequence[Mapping[str, Any]]) -> SafeString:
    """The loss and the validation NDCG of each epoch, side by side; the best epoch is marked.

    `history` is what the model's manifest holds: one mapping an epoch with `epoch`, `loss` and `validation_ndcg`, where
    a number may be missing. An empty history gives an empty string.
    """
    panels = [panel for panel in _panels(history) if panel.points]
    if not panels:
        return SafeString("")
    width = len(panels) * PANEL_WIDTH + (len(panels) - 1) * PANEL_GAP
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-chart" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}" font-size="11" font-family="sans-serif"><title>{}</title>{}</svg>',
        width,
        PANEL_HEIGHT,
        width,
        PANEL_HEIGHT,
        " ".join(_summary(panel) for panel in panels),
        format_html_join(
            "",
            '<g transform="translate({} 0)">{}</g>',
            ((index * (PANEL_WIDTH + PANEL_GAP), _drawn(panel)) for index, panel in enumerate(panels)),
        ),
    )


def reliability_plot(bins: Sequence[Mapping[str, float]]) -> SafeString:
    """Predicted shares against observed ones, with their intervals, beside the line on which both are equal.

    Each bin has `predicted`, `observed`, `observed_low`, `observed_high`. Without bins the string is empty.
    """
    if not bins:
        return SafeString("")
    axis = ticks(0, max(max(each["predicted"], each["observed_high"]) for each in bins))
    x_scale = Scale(axis[0], axis[-1], LEFT, PANEL_WIDTH - RIGHT)
    y_scale = Scale(axis[0], axis[-1], PANEL_HEIGHT - BOTTOM, TOP)
    first, last = bins[0], bins[-1]
    summary = _("Predicted %(low).3f to %(high).3f, observed %(first).3f to %(last).3f.") % {
        "low": first["predicted"],
        "high": last["predicted"],
        "first": first["observed"],
        "last": last["observed"],
    }
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-chart" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}" font-size="11" font-family="sans-serif"><title>{}</title>'
        '<text class="bundle-chart-title" x="{}" y="14" font-weight="bold" fill="#333333">{}</text>{}{}'
        '<line class="bundle-diagonal" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#8a8a8a"'
        ' stroke-dasharray="4 3"/>{}</svg>',
        PANEL_WIDTH,
        PANEL_HEIGHT,
        PANEL_WIDTH,
        PANEL_HEIGHT,
        summary,
        LEFT,
        _("Observed share bought"),
        _y_axis(axis, y_scale),
        _x_axis(zip(axis, tick_labels(axis), strict=True), x_scale, name=_("Predicted share bought")),
        x_scale(axis[0]),
        y_scale(axis[0]),
        x_scale(axis[-1]),
        y_scale(axis[-1]),
        format_html_join(
            "",
            '<line class="bundle-interval-line" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#0072b2" stroke-width="1.5"/>'
            '<circle class="bundle-point bundle-point-ndcg" cx="{}" cy="{}" r="3.5" fill="#0072b2">'
            "<title>{}</title></circle>",
            (_reliability_mark(each, x_scale, y_scale) for each in bins),
        ),
    )


def _reliability_mark(each: Mapping[str, float], x_scale: Scale, y_scale: Scale) -> tuple[object, ...]:
    x = x_scale(each["predicted"])
    told = _("Predicted %(predicted).4f, observed %(observed).4f") % {
        "predicted": each["predicted"],
        "observed": each["observed"],
    }
    return x, y_scale(each["observed_low"]), x, y_scale(each["observed_high"]), x, y_scale(each["observed"]), told


def interval_band(
    points: Sequence[tuple[date, float, float, float]], *, name: str, day_label: Callable[[date], str]
) -> SafeString:
    """An estimate from day to day between its bounds, over a line at zero. Without points the string is empty.

    Each point is (day, low, estimate, high); `name` says what is measured, and `day_label` how a day is written. Early
    bounds are wide: beyond a few times the last ones the band is cut off, so that the last can be read.
    """
    if not points:
        return SafeString("")
    edge = BAND_CUT * max(map(abs, points[-1][1:]))
    cut = [[min(max(value, -edge), edge) for value in values] for _day, *values in points]
    axis = ticks(min(0.0, *(low for low, _estimate, _high in cut)), max(0.0, *(high for _low, _estimate, high in cut)))
    y_scale = Scale(axis[0], axis[-1], PANEL_HEIGHT - BOTTOM, TOP)
    first, last = points[0][0], points[-1][0]
    x_scale = Scale(0, max((last - first).days, 1), LEFT + DAY_MARGIN, PANEL_WIDTH - RIGHT - DAY_MARGIN)
    placed = [
        (x_scale((point[0] - first).days), *map(y_scale, values)) for point, values in zip(points, cut, strict=True)
    ]
    summary = _("On %(day)s: %(estimate).2f, between %(low).2f and %(high).2f.") % {
        "day": day_label(last),
        "low": points[-1][1],
        "estimate": points[-1][2],
        "high": points[-1][3],
    }
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-chart" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}" font-size="11" font-family="sans-serif"><title>{}</title>'
        '<text class="bundle-chart-title" x="{}" y="14" font-weight="bold" fill="#333333">{}</text>{}{}'
        '<polygon class="bundle-band" fill="#0072b2" fill-opacity="0.18" points="{}"/>'
        '<line class="bundle-zero" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#8a8a8a" stroke-dasharray="4 3"/>'
        '<polyline class="bundle-line" fill="none" stroke="#0072b2" stroke-width="2" points="{}"/>{}</svg>',
        PANEL_WIDTH,
        PANEL_HEIGHT,
        PANEL_WIDTH,
        PANEL_HEIGHT,
        summary,
        LEFT,
        name,
        _y_axis(axis, y_scale),
        _x_axis(_day_ticks(points, x_scale, day_label), lambda x: x, name=_("Day")),
        " ".join([f"{x},{low}" for x, low, _e, _h in placed] + [f"{x},{high}" for x, _l, _e, high in placed[::-1]]),
        LEFT,
        y_scale(0),
        PANEL_WIDTH - RIGHT,
        y_scale(0),
        " ".join(f"{x},{estimate}" for x, _low, estimate, _high in placed),
        format_html(
            '<circle class="bundle-point" cx="{}" cy="{}" r="3.5" fill="#0072b2"/>', placed[-1][0], placed[-1][2]
        ),
    )


def _day_ticks(
    points: Sequence[tuple[date, float, float, float]], x_scale: Scale, day_label: Callable[[date], str]
) -> list[tuple[float, str]]:
    """The first day, the last and one between, as far as they are days apart."""
    first, last = points[0][0], points[-1][0]
    days = sorted({first, first + (last - first) // 2, last})
    return [(x_scale((day - first).days), day_label(day)) for day in days]


def share_bar(shares: Mapping[str, float], *, labels: Mapping[str, Any] | None = None) -> SafeString:
    """A horizontal bar, stacked of the shares (0..1) by which parts of the model contributed to a score.

    Shares are scaled to fill the bar; those that are not positive are left out. Without any the string is empty.
    """
    positive = {name: share for name, share in shares.items() if isfinite(share) and share > 0}
    total = sum(positive.values())
    if not total:
        return SafeString("")
    names = labels or {}
    pieces, left = [], 0.0
    for name, share in positive.items():
        width = round(share / total * BAR_WIDTH, 2)
        label = f"{names.get(name, name)} {share / total:.0%}"
        pieces.append((name, round(left, 2), width, BAR_HEIGHT, SHARE_COLOURS.get(name, OTHER_COLOUR), label))
        left += width
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-shares" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}"><title>{}</title>{}</svg>',
        BAR_WIDTH,
        BAR_HEIGHT,
        BAR_WIDTH,
        BAR_HEIGHT,
        ", ".join(piece[-1] for piece in pieces),
        format_html_join(
            "",
            '<rect class="bundle-share bundle-share-{}" x="{}" y="0" width="{}" height="{}" fill="{}">'
            "<title>{}</title></rect>",
            pieces,
        ),
    )


def ratio_bar(ratio: float, *, label: str) -> SafeString:
    """One share (0..1) of a whole, as a bar in a frame; the number is told in its title."""
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-shares" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}"><title>{} {}</title><rect class="bundle-ratio-whole" width="{}" height="{}" fill="#eeeeee"/>'
        '<rect class="bundle-ratio" width="{}" height="{}" fill="{}"/></svg>',
        BAR_WIDTH,
        BAR_HEIGHT,
        BAR_WIDTH,
        BAR_HEIGHT,
        label,
        f"{ratio:.0%}",
        BAR_WIDTH,
        BAR_HEIGHT,
        round(min(max(ratio, 0.0), 1.0) * BAR_WIDTH, 2),
        BAR_HEIGHT,
        SHARE_COLOURS["transformer"],
    )


def share_swatch(name: str) -> SafeString:
    """A small square in the colour of a share, for the legend."""
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-swatch" width="10" height="10" aria-hidden="true">'
        '<rect class="bundle-share bundle-share-{}" width="10" height="10" fill="{}"/></svg>',
        name,
        SHARE_COLOURS.get(name, OTHER_COLOUR),
    )


def _panels(history: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    yield Panel(name="loss", title=_("Training loss"), colour="#d55e00", points=_series(history, "loss"))
    ndcgs = _series(history, "validation_ndcg")
    best = max(ndcgs, key=lambda point: point[1], default=None)
    yield Panel(name="ndcg", title=_("NDCG@10 on held-out orders"), colour="#0072b2", points=ndcgs, best=best)


def _series(history: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    return [(float(row["epoch"]), float(row[name])) for row in history if _is_number(row.get(name))]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _summary(panel: Panel) -> str:
    if panel.best:
        return _("Best NDCG@10 %(best).4f in epoch %(epoch)d.") % {"best": panel.best[1], "epoch": panel.best[0]}
    return _("Loss %(first).3f → %(last).3f.") % {"first": panel.points[0][1], "last": panel.points[-1][1]}


def _drawn(panel: Panel) -> SafeString:
    xs, ys = [x for x, _y in panel.points], [y for _x, y in panel.points]
    y_ticks = ticks(min(ys), max(ys))
    x_scale = Scale(xs[0], xs[-1] if xs[-1] > xs[0] else xs[0] + 1, LEFT, PANEL_WIDTH - RIGHT)
    y_scale = Scale(y_ticks[0], y_ticks[-1], PANEL_HEIGHT - BOTTOM, TOP)
    return format_html(
        '<text class="bundle-chart-title" x="{}" y="14" font-weight="bold" fill="#333333">{}</text>{}{}{}{}',
        LEFT,
        panel.title,
        _y_axis(y_ticks, y_scale),
        _x_axis(_epoch_ticks(xs), x_scale, name=_("Epoch")),
        format_html(
            '<polyline class="bundle-line bundle-line-{}" fill="none" stroke="{}" stroke-width="2"'
            ' stroke-linejoin="round" points="{}"/>',
            panel.name,
            panel.colour,
            " ".join(f"{x_scale(x)},{y_scale(y)}" for x, y in panel.points),
        ),
        format_html_join(
            "",
            '<circle class="bundle-point bundle-point-{}{}" cx="{}" cy="{}" r="{}" fill="{}">'
            "<title>{}</title></circle>",
            _dots(panel, x_scale, y_scale),
        ),
    )


def _dots(panel: Panel, x_scale: Scale, y_scale: Scale) -> Iterator[tuple[object, ...]]:
    for x, y in panel.points:
        marked, radius = (" bundle-point-best", 5) if (x, y) == panel.best else ("", 2.5)
        text = _("Epoch %(epoch)d: %(value).4f") % {"epoch": x, "value": y}
        yield panel.name, marked, x_scale(x), y_scale(y), radius, panel.colour, text


def _y_axis(y_ticks: Sequence[float], y_scale: Scale) -> SafeString:
    return format_html_join(
        "",
        '<line class="bundle-grid" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#cccccc" stroke-width="1"/>'
        '<text class="bundle-tick" x="{}" y="{}" text-anchor="end" fill="#666666">{}</text>',
        (
            (LEFT, y_scale(tick), PANEL_WIDTH - RIGHT, y_scale(tick), LEFT - 6, y_scale(tick) + 4, text)
            for tick, text in zip(y_ticks, tick_labels(y_ticks), strict=True)
        ),
    )


def _epoch_ticks(epochs: Sequence[float]) -> list[tuple[float, str]]:
    inner = [tick for tick in ticks(epochs[0], epochs[-1]) if tick == int(tick) and epochs[0] <= tick <= epochs[-1]]
    return [(epoch, f"{epoch:g}") for epoch in inner or [epochs[0]]]


def _x_axis(x_ticks: Iterable[tuple[float, str]], x_scale: Callable[[float], float], *, name: str) -> SafeString:
    bottom = PANEL_HEIGHT - BOTTOM
    tick_texts = format_html_join(
        "",
        '<text class="bundle-tick" x="{}" y="{}" text-anchor="middle" fill="#666666">{}</text>',
        ((x_scale(tick), bottom + 15, label) for tick, label in x_ticks),
    )
    return format_html(
        '{}<text class="bundle-axis" x="{}" y="{}" text-anchor="middle" fill="#666666">{}</text>',
        tick_texts,
        (LEFT + PANEL_WIDTH - RIGHT) / 2,
        PANEL_HEIGHT - 4,
        name,
    )
