"""Covers for books, films and records, with their titles on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from zlib import crc32

from example_shop.pictures.palette import GROUNDS, pick

# paper, figure, second figure, ink
SCHEMES = (
    ("#1f3a4d", "#e8b04b", "#c65d3b", "#f6efe0"),
    ("#efe3cc", "#b5482f", "#2f4b4a", "#2a2725"),
    ("#2f4b3c", "#e6c17a", "#a9c2a2", "#f4eee0"),
    ("#d9623b", "#fbe3bd", "#5a2130", "#fff6e6"),
    ("#e9dfe6", "#5d3f66", "#d98f6c", "#3a2a40"),
    ("#20242e", "#7fa6b8", "#e4d3a8", "#f2efe7"),
    ("#f2d77e", "#2d5a6b", "#c2452f", "#26323a"),
    ("#7a2e3a", "#f0c9a6", "#d98b4a", "#fbeee0"),
)


def _lines(title: str, width: int) -> list[str]:
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _text(lines: list[str], *, x: int, y: int, size: int, colour: str, anchor: str = "start", family: str) -> str:
    return "".join(
        f'<text x="{x}" y="{y + row * round(size * 1.12)}" font-family="{family}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}" font-weight="600">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )


SERIF = "Fraunces, Iowan Old Style, Palatino, Georgia, Noto Serif, serif"
SANS = "Inter, Helvetica Neue, Arial, Noto Sans, sans-serif"


def _document(drawing: str, key: str) -> str:
    ground, floor, shadow = GROUNDS[pick(key, len(GROUNDS))]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<rect width="400" height="400" fill="{ground}"/><path d="M0 330 H400 V400 H0z" fill="{floor}"/>'
        f'<ellipse cx="206" cy="358" rx="130" ry="13" fill="{shadow}"/>{drawing}</svg>'
    )


def _series(maker: str) -> tuple[str, str, str, str]:
    """Works by one maker look alike."""
    return SCHEMES[pick(maker, len(SCHEMES))]


def _numbers(key: str) -> Callable[[int, int], int]:
    """Draws whole numbers from a key, each call the next one."""
    state = crc32(key.encode())

    def draw(low: int, high: int) -> int:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return low + (state >> 8) % (high - low + 1)

    return draw


def book(title: str, maker: str, key: str) -> str:
    paper, figure, second, ink = _series(maker)
    draw = _numbers(key)
    art = [_hills, _suns, _leaves, _waves][pick(maker, 4)](draw, figure, second)
    return _document(
        f'<rect x="108" y="46" width="206" height="312" rx="4" fill="#00000022"/>'
        f'<rect x="296" y="50" width="10" height="302" fill="#f4efe4"/>'
        f'<svg x="98" y="44" width="204" height="310" viewBox="0 0 204 310">'
        f'<rect width="204" height="310" rx="3" fill="{paper}"/>'
        f'{art}<rect width="12" height="310" fill="#00000026"/>'
        f"{_text(_lines(title, 12), x=26, y=74, size=28, colour=ink, family=SERIF)}"
        f"{_text([maker], x=26, y=38, size=12, colour=ink, family=SANS)}</svg>",
        maker,
    )


def film(title: str, maker: str, key: str) -> str:
    paper, figure, second, _ink = _series(maker)
    draw = _numbers(key)
    art = [_waves, _hills, _suns, _beams][pick(maker[::-1], 4)](draw, figure, second)
    return _document(
        f'<rect x="84" y="44" width="232" height="314" rx="8" fill="#24262b"/>'
        f'<rect x="92" y="44" width="6" height="314" fill="#3a3d44"/>'
        f'<svg x="104" y="54" width="202" height="294" viewBox="0 0 204 310" preserveAspectRatio="none">'
        f'<rect width="204" height="310" fill="{paper}"/>{art}</svg>'
        f'<rect x="104" y="268" width="202" height="80" fill="#00000066"/>'
        f"{_text(_lines(title.upper(), 16), x=205, y=292, size=19, colour='#fdf8ee', anchor='middle', family=SANS)}"
        f"{_text([maker], x=205, y=338, size=11, colour='#fdf8ee', anchor='middle', family=SANS)}",
        maker,
    )


def record(title: str, maker: str, key: str) -> str:
    paper, figure, second, ink = _series(maker)
    draw = _numbers(key)
    art = [_beams, _suns, _leaves, _hills][pick(maker, 4)](draw, figure, second)
    grooves = "".join(f'<circle cx="268" cy="208" r="{radius}"/>' for radius in range(58, 124, 9))
    return _document(
        f'<circle cx="268" cy="208" r="126" fill="#1f1f22"/>'
        f'<g fill="none" stroke="#3b3b40" stroke-width="1.500">{grooves}</g>'
        f'<circle cx="268" cy="208" r="44" fill="{second}"/><circle cx="268" cy="208" r="6" fill="#f4efe4"/>'
        f'<rect x="62" y="82" width="252" height="260" fill="#00000022"/>'
        f'<svg x="54" y="78" width="252" height="260" viewBox="0 0 204 210">'
        f'<rect width="204" height="210" fill="{paper}"/>'
        f'<g transform="translate(0 -60)">{art}</g>'
        f"{_text(_lines(title, 15), x=16, y=52, size=22, colour=ink, family=SERIF)}"
        f"{_text([maker], x=16, y=24, size=11, colour=ink, family=SANS)}</svg>",
        maker,
    )


def _hills(draw: Callable[[int, int], int], figure: str, second: str) -> str:
    peak, sun = draw(40, 120), draw(40, 160)
    return (
        f'<circle cx="{sun}" cy="{draw(140, 170)}" r="{draw(20, 32)}" fill="{figure}"/>'
        f'<path d="M0 260 L{peak} 176 L{peak + 50} 222 L{peak + 84} 190 L204 262 V310 H0z" fill="{second}"/>'
        f'<path d="M0 272 C60 {draw(226, 256)} 120 {draw(266, 284)} 204 248 V310 H0z" fill="{figure}" opacity=".55"/>'
    )


def _suns(draw: Callable[[int, int], int], figure: str, second: str) -> str:
    x, y = draw(60, 144), draw(176, 206)
    rings = "".join(
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}" opacity="{opacity}"/>'
        for radius, colour, opacity in ((78, second, ".35"), (56, second, ".7"), (34, figure, "1"))
    )
    return rings + f'<path d="M0 {draw(226, 250)} h204 v12 h-204z" fill="{figure}" opacity=".8"/>'


def _leaves(draw: Callable[[int, int], int], figure: str, second: str) -> str:
    stems = []
    for number in range(5):
        x, y, lean = 26 + number * 38, draw(130, 190), draw(-16, 16)
        colour = figure if number % 2 else second
        stems.append(
            f'<path d="M{x} 310 Q{x + lean} 250 {x + lean} {y}" stroke="{colour}" stroke-width="3.500" fill="none"/>'
            f'<ellipse cx="{x + lean}" cy="{y}" rx="12" ry="26" fill="{colour}"/>'
            f'<g fill="{colour}" transform="translate({x + lean // 2} {y})">'
            '<ellipse cx="-14" cy="58" rx="8" ry="19" transform="rotate(-40 -14 58)"/>'
            '<ellipse cx="14" cy="72" rx="8" ry="19" transform="rotate(40 14 72)"/></g>'
        )
    return "".join(stems)


def _waves(draw: Callable[[int, int], int], figure: str, second: str) -> str:
    rows = []
    for number in range(7):
        y, swell = 168 + number * 20, draw(6, 16)
        colour = figure if number % 2 else second
        rows.append(
            f'<path d="M0 {y} q25 -{swell} 51 0 t51 0 t51 0 t51 0 V310 H0z" fill="{colour}" '
            f'opacity="{0.4 + number * 0.08:.2f}"/>'
        )
    return f'<circle cx="{draw(50, 154)}" cy="150" r="{draw(16, 26)}" fill="{figure}"/>' + "".join(rows)


def _beams(draw: Callable[[int, int], int], figure: str, second: str) -> str:
    x, y, turn = draw(60, 144), draw(170, 200), draw(0, 30)
    beams = []
    for number in range(12):
        angle, width = math.radians(turn + number * 30), math.radians(7)
        left = (x + 190 * math.cos(angle - width), y + 190 * math.sin(angle - width))
        right = (x + 190 * math.cos(angle + width), y + 190 * math.sin(angle + width))
        beams.append(f'<path d="M{x} {y} L{left[0]:.0f} {left[1]:.0f} L{right[0]:.0f} {right[1]:.0f}z"/>')
    sun = f'<circle cx="{x}" cy="{y}" r="{draw(30, 44)}" fill="{figure}"/>'
    return f'<g fill="{second}" opacity=".6">{"".join(beams)}</g>{sun}'


COVERS: dict[str, Callable[[str, str, str], str]] = {"books": book, "films": film, "music": record}
