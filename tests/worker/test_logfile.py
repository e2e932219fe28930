from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_jobs.worker.logfile import LogReader, LogWriter
from jupyter_jobs.worker.segments import RING


def texts(reader: LogReader, **options: int) -> list[str]:
    return [line.text for line in reader.page(**options).lines]


def test_lines_are_numbered_and_know_their_stream_and_time(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)

    writer.feed("o", b"one\n", 1000)
    writer.feed("e", b"two\n", 2000)
    writer.close(3000)

    lines = LogReader(tmp_path / "log").page().lines
    assert [(line.seq, line.time_ms, line.stream, line.text) for line in lines] == [
        (1, 1000, "stdout", "one"),
        (2, 2000, "stderr", "two"),
    ]


def test_a_read_goes_on_after_the_line_it_names(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    reader = LogReader(tmp_path / "log")
    writer.feed("o", b"1\n2\n3\n", 0)
    first = reader.page(limit=2)
    writer.feed("o", b"4\n", 0)

    rest = reader.page(after=first.lines[-1].seq)
    writer.close(0)

    assert not first.at_end
    assert [line.text for line in rest.lines] == ["3", "4"]
    assert rest.at_end


def test_a_place_in_the_middle_is_found_without_having_read_up_to_it(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"1\n2\n3\n", 0)
    writer.close(0)
    reader = LogReader(tmp_path / "log")
    texts(reader)

    assert texts(reader, after=1) == ["2", "3"]
    assert texts(LogReader(tmp_path / "log"), after=2) == ["3"]
    assert texts(reader, after=3) == []


def test_a_log_over_its_limit_keeps_the_head_and_the_newest_and_counts_the_rest(
    tmp_path: Path,
) -> None:
    limit = 10_000
    writer = LogWriter(tmp_path / "log", limit)
    for number in range(1, 5001):
        writer.feed("o", b"line %d\n" % number, 0)
    writer.close(0)
    reader = LogReader(tmp_path / "log")

    head = reader.page()
    newest = reader.page(after=head.lines[-1].seq, limit=5000)

    assert head.lines[0].text == "line 1"
    assert not head.at_end
    assert newest.dropped == newest.lines[0].seq - head.lines[-1].seq - 1 > 0
    assert all(line.text == f"line {line.seq}" for line in [*head.lines, *newest.lines])
    assert newest.lines[-1].seq == 5000
    assert sum(path.stat().st_size for path in (tmp_path / "log").iterdir()) <= limit
    assert len(list((tmp_path / "log").iterdir())) == RING + 1


def test_the_tail_is_the_last_lines_and_never_spans_the_gap(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    for number in range(1, 5001):
        writer.feed("o", b"line %d\n" % number, 0)
    writer.close(0)
    reader = LogReader(tmp_path / "log")

    assert [line.seq for line in reader.tail(3).lines] == [4998, 4999, 5000]
    everything = reader.tail(5000)
    assert everything.lines[-1].seq == 5000
    assert everything.dropped > 0
    assert everything.lines[0].seq - everything.dropped > 1


def test_a_tail_of_none_is_empty(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"1\n2\n", 0)
    writer.close(0)

    assert LogReader(tmp_path / "log").tail(0).lines == []


def test_a_log_that_nobody_has_begun_is_empty(tmp_path: Path) -> None:
    reader = LogReader(tmp_path / "log")

    assert reader.page().lines == []
    assert reader.tail(5).lines == []


def test_a_carriage_return_starts_the_line_again(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("e", b" 10%\r 20%", 0)
    seen = writer.news()
    writer.feed("e", b"\r100%\n", 0)
    writer.feed("e", b"windows\r", 0)
    writer.feed("e", b"\nnext\r\n", 0)
    writer.close(0)

    assert [line.strip() for line in seen] == ["20%"]
    assert texts(LogReader(tmp_path / "log")) == ["100%", "windows", "next"]


def test_a_last_line_without_an_end_is_kept(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"done.", 0)
    writer.close(0)

    assert texts(LogReader(tmp_path / "log")) == ["done."]
    assert writer.tail == ["done."]


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"whole\n", 0)
    with next((tmp_path / "log").iterdir()).open("ab") as file:
        file.write(b"o0 ha")

    page = LogReader(tmp_path / "log").page()
    writer.close(0)

    assert [line.text for line in page.lines] == ["whole"]


def test_output_without_any_line_end_does_not_grow_in_memory(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 1_000_000)
    for _ in range(40):
        writer.feed("o", b"x" * 10_000, 0)
    writer.close(0)

    lines = texts(LogReader(tmp_path / "log"))
    assert "".join(lines) == "x" * 400_000
    assert max(map(len, lines)) < 100_000


def test_what_is_not_utf_8_is_shown_all_the_same(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"caf\xe9\n", 0)
    writer.close(0)

    assert texts(LogReader(tmp_path / "log")) == ["caf\N{REPLACEMENT CHARACTER}"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(st.sampled_from("ab \n"), max_size=200), cuts=st.lists(st.integers(0, 200)))
def test_however_output_is_cut_the_lines_are_the_same(
    tmp_path_factory: object, text: str, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]  # pytest's own
    data, places = text.encode(), sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    writer = LogWriter(folder, 100_000)
    for start, end in itertools.pairwise(places):
        writer.feed("o", data[start:end], 0)
    writer.close(0)

    expected = text.split("\n")[:-1] + ([text.split("\n")[-1]] if text.split("\n")[-1] else [])
    assert texts(LogReader(folder)) == expected


def test_a_read_may_begin_at_a_time(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 500)
    for number in range(1, 1001):
        writer.feed("o", b"line %d\n" % number, number * 10)
    writer.close(0)
    reader = LogReader(tmp_path / "log")

    assert reader.page(since=9985).lines[0].seq == 999
    assert [line.seq for line in reader.page(since=9980, after=998).lines] == [999, 1000]
    assert reader.page(since=10_001).lines == []
    assert reader.page(since=0).lines[0].seq == 1
    assert [line.seq for line in reader.tail(5, since=9990).lines] == [999, 1000]
    assert [line.seq for line in reader.tail(2, since=0).lines] == [999, 1000]


def test_a_time_in_the_gap_leads_to_the_newest_and_counts_what_is_missing(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 500)
    for number in range(1, 1001):
        writer.feed("o", b"line %d\n" % number, number * 10)
    writer.close(0)
    reader = LogReader(tmp_path / "log")
    head = reader.page()

    page = reader.page(since=5000)

    assert page.dropped == page.lines[0].seq - head.lines[-1].seq - 1 > 0


def test_what_a_program_says_to_the_shim_is_not_kept(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def take(said: bytes) -> bool:
        heard.append(said)
        return said.startswith(b"{")

    writer = LogWriter(tmp_path / "log", 10_000, take)
    writer.feed("o", b'one\n::job {"done": 1}\n::job oops\n::jo', 0)
    writer.feed("o", b'b {"done": 2}\n', 0)
    writer.feed("e", b"::job {}\nnot ::job {}\n", 0)
    writer.close(0)

    assert heard == [b'{"done": 1}', b"oops", b'{"done": 2}']
    assert texts(LogReader(tmp_path / "log")) == ["one", "::job oops", "::job {}", "not ::job {}"]


def test_the_news_are_what_was_not_seen_yet_without_colours(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log", 10_000)
    writer.feed("o", b"one\n\x1b[31mtwo\x1b[0m\nthr", 0)
    first = writer.news()
    writer.feed("o", b"ee\n::job {", 0)
    second = writer.news()
    writer.close(0)

    assert (first, second) == (["one", "two", "thr"], ["three"])
    assert writer.tail[1] == "two"
    assert texts(LogReader(tmp_path / "log"))[1] == "\x1b[31mtwo\x1b[0m"


def test_a_later_run_goes_on_in_the_same_log(tmp_path: Path) -> None:
    for text in (b"one\n", b"two\n"):
        writer = LogWriter(tmp_path / "log", 10_000)
        writer.feed("o", text, 0)
        writer.close(0)

    assert [(line.seq, line.text) for line in LogReader(tmp_path / "log").page().lines] == [
        (1, "one"),
        (2, "two"),
    ]


def test_the_log_tells_how_much_a_full_disk_has_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter(tmp_path / "log", 100_000)
    writer.feed("o", b"before\n", 1000)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        writer.feed("o", b"lost\n" * 1000, 2000)
    writer.feed("o", b"after\n", 3000)
    writer.close(4000)

    reader = LogReader(tmp_path / "log")
    first = reader.page()
    rest = reader.page(after=first.lines[-1].seq)
    assert [line.text for line in first.lines] == ["before"]
    assert rest.dropped == 1000
    assert [(line.stream, line.text) for line in rest.lines] == [
        ("stderr", "--- 5,000 bytes of output could not be written here: the disk was full ---"),
        ("stdout", "after"),
    ]
