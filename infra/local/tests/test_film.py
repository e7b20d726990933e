"""A screen as people have it, and what is filmed of it."""

import xml.etree.ElementTree as ElementTree

import pyte
import pytest
from segue_local import film
from segue_local.terminal import Screen

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("wraps", "rows"), [(True, ["abcd", "efgh", "ij", "$"]), (False, ["abcd", "$", "", ""])])
def test_a_line_that_is_too_long_now_wraps_or_is_cut(wraps: bool, rows: list[str]) -> None:
    screen = Screen(10, 4, wraps)
    pyte.Stream(screen).feed("abcdefghij\r\n$ ")
    assert not screen.wrapped, "it fits exactly"
    screen.resize(4, 4)
    assert [line.rstrip() for line in screen.display] == rows
    assert (screen.cursor.y, screen.cursor.x) == (rows.index("$"), 2)
    pyte.Stream(screen).feed("\r\nabcde")
    assert screen.wrapped == 1


def test_a_film_is_one_file_whose_last_frame_is_seen_without_motion() -> None:
    screen = Screen(20, 3, wraps=True)
    stream = pyte.Stream(screen)
    frames = []
    for text in ("$ a <b> & c", "\r\n\x1b[36mgoing\x1b[0m  on", "\r\x1b[32mdone \x1b[0m  it is"):
        stream.feed(text)
        frames.append(film.Frame(film.seen(screen), 0.5))
    drawn = ElementTree.fromstring(film.drawn(frames, 20, "a <film>"))
    assert drawn.get("aria-label") == "a <film>"
    groups = drawn.findall(f"{_SVG}g")
    assert [group.get("opacity") for group in groups] == ["0", "0", None]
    lines = ["".join(text.itertext()).replace("\u00a0", " ") for text in groups[2].findall(f"{_SVG}text")]
    assert lines == ["$ a <b> & c", "done   it is"]
    colours = [span.get("fill") for span in groups[2].iter(f"{_SVG}tspan")]
    assert colours[1] == "#56d364" and colours[0] is None
