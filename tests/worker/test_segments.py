from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_jobs.worker.segments import RING, SegmentReader, SegmentWriter


def numbers(folder: Path) -> list[int]:
    """The lines of a folder, across its gap."""
    reader, found = SegmentReader(folder), list[int]()
    while page := reader.page(found[-1] if found else 0, 100).lines:
        found += [seq for seq, line in page]
        assert all(line == b"%d" % seq for seq, line in page)
    return found


def write(writer: SegmentWriter, first: int, last: int) -> None:
    for number in range(first, last + 1):
        writer.append(b"%d\n" % number, 1)


def test_a_later_writer_goes_on_with_the_numbers(tmp_path: Path) -> None:
    for first in (1, 4, 7):
        writer = SegmentWriter(tmp_path, 1000)
        write(writer, first, first + 2)
        writer.close()

    assert numbers(tmp_path) == list(range(1, 10))


def test_a_later_writer_knows_what_the_ring_holds(tmp_path: Path) -> None:
    for first in range(1, 1000, 100):
        writer = SegmentWriter(tmp_path, 500)
        write(writer, first, first + 99)
        writer.close()

    kept = numbers(tmp_path)
    assert len(list(tmp_path.iterdir())) == RING + 1
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 500
    assert kept[:20] == list(range(1, 21))
    assert kept[-1] == 1000


def test_half_a_line_of_a_writer_that_was_killed_is_cut_off(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 1000)
    write(writer, 1, 2)
    writer.close()
    with next(tmp_path.iterdir()).open("ab") as file:
        file.write(b"ha")

    writer = SegmentWriter(tmp_path, 1000)
    write(writer, 3, 3)
    writer.close()

    assert numbers(tmp_path) == [1, 2, 3]


def test_a_full_disk_leaves_a_gap_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, 1000)
    write(writer, 1, 3)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        write(writer, 4, 6)
    write(writer, 7, 9)
    writer.close()

    assert numbers(tmp_path) == [1, 2, 3, 7, 8, 9]
    assert SegmentReader(tmp_path).page(3, 10).dropped == 3


def test_the_newest_segment_is_looked_at_first(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 50)
    write(writer, 1, 12)
    writer.close()

    firsts = [lines[0][0] for lines in SegmentReader(tmp_path).newest_first()]
    assert firsts == sorted(firsts, reverse=True)
    assert firsts[-1] == 1


def loss(size: int) -> bytes:
    return b"lost %d\n" % size


def lines(folder: Path) -> list[tuple[int, bytes]]:
    reader, found = SegmentReader(folder), list[tuple[int, bytes]]()
    while page := reader.page(found[-1][0] if found else 0, 100).lines:
        found += page
    return found


@pytest.mark.parametrize("when", ["before more", "at the end", "after the end"])
def test_what_a_full_disk_has_lost_is_told_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    writer = SegmentWriter(tmp_path, 1000, loss)
    write(writer, 1, 2)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        write(writer, 3, 6)
        if when == "after the end":
            writer.close()
    if when == "before more":
        write(writer, 8, 9)
    writer.close()
    writer.close()

    more = [(8, b"8"), (9, b"9")] if when == "before more" else []
    assert lines(tmp_path) == [(1, b"1"), (2, b"2"), (7, b"lost 8"), *more]


def test_a_folder_that_cannot_be_made_at_first_is_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "mkdir", full)
        writer = SegmentWriter(tmp_path / "log", 1000, loss)
        write(writer, 1, 3)
    write(writer, 5, 6)
    writer.close()

    assert lines(tmp_path / "log") == [(4, b"lost 6"), (5, b"5"), (6, b"6")]
