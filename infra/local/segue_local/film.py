"""What a terminal showed, as an SVG that plays it: of text, so that it is small and sharp, and nothing but that file."""

import dataclasses
from collections.abc import Sequence
from html import escape

from segue_local.terminal import Screen

#: Of a cell, in pixels: what the usual fonts take at this size.
_FONT, _WIDTH, _HEIGHT, _EDGE = 14, 8.4, 20, 16
#: A dark terminal, which can be read on light pages and on dark ones.
_GROUND, _TEXT = "#161b22", "#e6edf3"
_COLOURS = {"cyan": "#56d4dd", "green": "#56d364", "brown": "#e3b341", "red": "#ff7b72"}


@dataclasses.dataclass(frozen=True)
class Frame:
    """What stood on a screen, and for how long.

    Args:
        rows: a row is pieces of text, each with its colour.
        seconds: how long it is shown.
    """

    rows: tuple[tuple[tuple[str, str], ...], ...]
    seconds: float


def seen(screen: Screen) -> tuple[tuple[tuple[str, str], ...], ...]:
    """What stands on a screen now."""
    return tuple(_pieces(screen, y) for y in range(screen.lines))


def _pieces(screen: Screen, y: int) -> tuple[tuple[str, str], ...]:
    pieces: list[list[str]] = []
    for x in range(screen.columns):
        cell = screen.buffer[y][x]
        if pieces and pieces[-1][1] == cell.fg:
            pieces[-1][0] += cell.data
        else:
            pieces.append([cell.data, cell.fg])
    while pieces and not pieces[-1][0].strip():
        pieces.pop()
    if pieces:
        pieces[-1][0] = pieces[-1][0].rstrip()
    return tuple((text, colour) for text, colour in pieces)


def _text(pieces: Sequence[tuple[str, str]], y: int) -> str:
    spans, x = [], 0
    for text, colour in pieces:
        if text.strip():
            fill = f' fill="{_COLOURS[colour]}"' if colour in _COLOURS else ""
            # Each piece has a place and a length of its own: bars stand below one another whatever the font is.
            # Blanks that no program that draws it puts together, as most do with those that they know.
            kept = escape(text).replace(" ", "\u00a0")
            left, length = round(_EDGE + x * _WIDTH, 1), round(len(text) * _WIDTH, 1)
            spans.append(f'<tspan x="{left}" textLength="{length}"{fill}>{kept}</tspan>')
        x += len(text)
    return f'<text y="{_EDGE + (y + 1) * _HEIGHT - 6}">{"".join(spans)}</text>' if spans else ""


def drawn(frames: Sequence[Frame], columns: int, title: str) -> str:
    """The SVG. It plays over and over; who wants no motion sees the last frame."""
    rows = max(y + 1 for frame in frames for y, row in enumerate(frame.rows) if row)
    width, height = round(2 * _EDGE + columns * _WIDTH), 2 * _EDGE + rows * _HEIGHT
    whole = sum(frame.seconds for frame in frames)
    styles, groups, at = [], [], 0.0
    for number, frame in enumerate(frames):
        begin, end = round(100 * at / whole, 2), round(100 * (at + frame.seconds) / whole, 2)
        at += frame.seconds
        last = number == len(frames) - 1
        before = "" if number == 0 else f"0%{{opacity:0}}{begin}%{{opacity:1}}"
        after = "" if last else f"{end}%{{opacity:0}}"
        styles.append(f"@keyframes f{number}{{{before or '0%{opacity:1}'}{after or ''}to{{opacity:{int(last)}}}}}")
        styles.append(f"#f{number}{{animation-name:f{number}}}")
        shown = "" if last else ' opacity="0"'
        text = "".join(_text(row, y) for y, row in enumerate(frame.rows))
        groups.append(f'<g id="f{number}"{shown}>{text}</g>')
    play = f"g{{animation:{whole:.1f}s step-end infinite}}"
    motion = f"@media (prefers-reduced-motion:no-preference){{{play}{''.join(styles)}}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">\n<title>{escape(title)}</title>\n<style>'
        f"text{{font:{_FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:{_TEXT}}}"
        f'{motion}</style>\n<rect width="100%" height="100%" rx="8" fill="{_GROUND}"/>\n'
        + "\n".join(groups)
        + "\n</svg>\n"
    )
