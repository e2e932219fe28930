from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_jobs.worker.terminal import LINE_LIMIT, Screen, fold, plain

PRINTED: dict[str, str] = json.loads((Path(__file__).parent / "printed.json").read_text())


def shown(*chunks: bytes, times: tuple[int, ...] = ()) -> list[bytes]:
    """The lines of a stream that is read in these chunks."""
    screen, lines = Screen(), list[bytes]()
    for chunk, now in itertools.zip_longest(chunks, times, fillvalue=0):
        finished = screen.feed(chunk, now)  # type: ignore[arg-type]  # a chunk for each time
        lines += [] if finished is None else finished.split(b"\n")
    left = screen.finish()
    return lines + ([] if left is None else left.split(b"\n"))


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("plain \ttext", "plain \ttext"),
        ("  0%\r 50%\r100%", "100%"),
        ("a longer line\rshort", "shortger line"),
        ("text\r", "text"),
        ("50%\b\b\b100%", "100%"),
        ("ab\b", "ab"),
        ("\b\bx", "x"),
        ("old text\r\x1b[Knew", "new"),
        ("old text\x1b[2K\rnew", "new"),
        ("old text\r\x1b[3C\x1b[1Knew", "   newxt"),
        ("abc\x1b[2DX", "aXc"),
        ("abc\x1b[1GX", "Xbc"),
        ("a\x1b[3Cb", "a   b"),
        ("\x1b[31mred\x1b[0m text", "\x1b[31mred\x1b[0m text"),
        ("\x1b[1;38;5;12mx\x1b[m", "\x1b[1;38;5;12mx\x1b[m"),
        ("\x1b[31mone\r\x1b[0;32mt", "\x1b[0;32mt\x1b[0m\x1b[31mne\x1b[0m"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
        ("bell\x07 and null\0", "bell and null"),
        ("\x1b(Btext\x1b[5;3H", "text"),
        ("é😀\r日本", "日本"),
        ("cut off \x1b[3", "cut off 3"),
    ],
    ids=ascii,
)
def test_a_line_is_what_a_terminal_shows_in_the_end(row: str, line: str) -> None:
    assert fold(row.encode()).decode() == line


def test_plain_text_has_no_control_at_all() -> None:
    assert plain("\x1b[1;31mred\x1b[0m\x07 \x1b]0;t\x07text\t.") == "red text\t."


@pytest.mark.parametrize(
    ("name", "lines"),
    [("tqdm_desc", 1), ("tqdm_nested_noleave", 2), ("rich_track", 1), ("rich_two", 3)],
)
def test_a_bar_that_was_drawn_a_hundred_times_is_a_line(name: str, lines: int) -> None:
    seen = shown(PRINTED[name].encode())

    assert len(seen) == lines
    assert "100%" in plain(seen[-1].decode())


def test_lines_that_are_drawn_over_are_held_back_until_they_are_left() -> None:
    screen = Screen()
    screen.feed(b"outer 0\ninner 0\x1b[A", 0)

    assert screen.feed(b"\router 1\n\rinner 1\x1b[A", 10) is None
    assert screen.rows == [b"outer 1", b"inner 1"]
    assert screen.feed(b"\n\n", 20) == b"outer 1"


def test_a_stream_that_draws_no_more_is_not_held_back() -> None:
    screen = Screen()
    screen.feed(b"a\nb\x1b[A", 0)
    screen.feed(b"\n\n", 100)

    assert screen.feed(b"c\n", 5000) == b"b\nc"
    assert screen.feed(b"d\n", 5001) == b"d"


def test_a_line_without_an_end_is_cut_between_characters() -> None:
    text = "é" * LINE_LIMIT

    seen = shown(*(text.encode()[start : start + 999] for start in range(0, 2 * LINE_LIMIT, 999)))

    assert "".join(line.decode() for line in seen) == text
    assert max(map(len, seen)) <= LINE_LIMIT + 1000


def test_a_line_that_is_drawn_over_for_ever_takes_no_room() -> None:
    screen = Screen()
    for number in range(10_000):
        assert screen.feed(b"\r\x1b[32m%5d\x1b[0m steps" % number, 0) is None

    assert [plain(row.decode()) for row in screen.rows] == [" 9999 steps"]
    assert sum(len(row or b"") for row in screen._rows) < LINE_LIMIT


PIECES = [
    "a", "b ", "é", "😀", "\n", "\r\n", "\r", "\b", "\x1b[31m", "\x1b[0m", "\x1b[K", "\x1b[2K", "\x1b[A", "\x1b[2A",
    "\x1b[B", "\x1b]0;t\x07", "\x07", "\t", "12%",
]  # fmt: skip


@settings(max_examples=300)
@example(pieces=["\b", "\n", "b ", "\r\n"], cuts=[2])
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=40),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_however_output_is_cut_the_same_is_shown(pieces: list[str], cuts: list[int]) -> None:
    data = "".join(pieces).encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    assert shown(*(data[start:end] for start, end in itertools.pairwise(places))) == shown(data)
