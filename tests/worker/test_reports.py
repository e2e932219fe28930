from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.metrics import MetricsReader, MetricsWriter
from jupyter_jobs.worker.reports import Reports, read_report


class Told(Reports):
    """Reports, what is printed, and what the backend reads."""

    def __init__(self, folder: Path, lines: Callable[[], list[str]] | None = None) -> None:
        self.reader, self.writer = os.pipe()
        for file in (self.reader, self.writer):
            os.set_blocking(file, False)
        self.metrics = MetricsWriter(folder / "metrics")
        self.lines: list[str] = []
        super().__init__(self.metrics, lines or self._new_lines, self.writer)

    def _new_lines(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def say(self, **said: Any) -> None:
        self.feed(json.dumps(said).encode() + b"\n")

    def prints(self, *lines: str) -> None:
        self.lines += lines
        self.printed()

    def told(self, now: float = math.inf) -> list[dict[str, Any]]:
        self.send(now)
        return [json.loads(line) for line in self.drain().splitlines()]

    def fill(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writer, b"x" * 4095 + b"\n")

    def drain(self) -> bytes:
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.reader, 1 << 20):
                data += chunk
        return data

    def end(self) -> None:
        self.metrics.close()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[Told]:
    told = Told(tmp_path)
    yield told
    told.end()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"not json", {}),
        (b"[" * 100_000, {}),
        (b"[1]", {}),
        (b'{"progress": "0.5", "done": true, "message": 3}', {}),
        (b'{"progress": NaN, "done": Infinity, "total": 1%s}' % (b"0" * 400), {}),
        (b'{"progress": 7}', {"numbers": {"progress": 1.0}}),
        (b'{"done": 2, "total": 4}', {"numbers": {"done": 2.0, "total": 4.0}}),
        (b'{"message": "\\ud800!", "unknown": 1}', {"message": "?!"}),
        (b'{"points": [[1, 2, {"a": 3}], [1], 5]}', {"points": [(1, 2.0, {"a": 3.0})]}),
        (b'{"outline": true}', {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_only_what_can_be_used_of_a_report_is_passed_on(line: bytes, kept: dict[str, Any]) -> None:
    assert read_report(line) == kept


def test_metrics_without_a_time_are_of_now() -> None:
    ((time_ms, step, values),) = read_report(b'{"metrics": {"loss": 1}, "step": 5}')["points"]

    assert time_ms > 1_700_000_000_000
    assert (step, values) == (5.0, {"loss": 1.0})


def test_a_report_in_two_pieces_is_one(reports: Told) -> None:
    reports.feed(b'{"done": 1, "tot')
    reports.feed(b'al": 4}\n')

    assert reports.told() == [{"done": 1.0, "total": 4.0, "progress": 0.25}]


def test_the_share_follows_from_the_steps(reports: Told) -> None:
    reports.say(done=1, total=4)
    reports.say(done=5)

    assert reports.told() == [{"done": 5.0, "total": 4.0, "progress": 1.0}]


def test_the_first_report_is_told_at_once_and_the_next_after_a_while(reports: Told) -> None:
    reports.say(done=1)
    first = reports.told(now=10.0)
    reports.say(done=2)

    assert first == [{"done": 1.0}]
    assert reports.told(now=10.05) == []
    assert reports.due == pytest.approx(10.1)
    assert reports.told(now=10.11) == [{"done": 2.0}]
    assert reports.due == math.inf


def test_what_is_known_is_not_told_again(reports: Told) -> None:
    reports.say(done=1, message="x")
    reports.told(now=10.0)
    reports.say(done=1, message="x")

    assert reports.due == math.inf


def test_metrics_are_kept_as_a_series_and_told_in_short_less_often(
    reports: Told, tmp_path: Path
) -> None:
    reports.say(points=[[1000, None, {"loss": 0.5}]])
    first = reports.told(now=10.0)
    reports.say(points=[[2000, None, {"loss": 0.25}]])
    reports.say(done=1)

    assert first == [{"metrics": {"loss": {"last": 0.5, "spark": [0.5]}}}]
    assert reports.told(now=10.2) == [{"done": 1.0}]
    assert reports.told(now=10.6) == [
        {"done": 1.0, "metrics": {"loss": {"last": 0.25, "spark": [0.5, 0.25]}}}
    ]
    assert len(MetricsReader(tmp_path / "metrics").page().points) == 2


def test_a_line_that_is_printed_is_the_message_until_the_work_has_one(reports: Told) -> None:
    reports.prints("loading", "training ")
    first = reports.told(now=10.0)
    reports.say(message="mine")
    reports.prints("more")

    assert first == [{"message": "training"}]
    assert reports.told(now=11.0) == [{"message": "mine"}]


def test_a_bar_is_told_until_the_work_tells_it_itself(reports: Told) -> None:
    reports.prints("train:  25%|##5       | 1/4 [00:00<00:01,  1.00it/s, loss=0.5]")
    first = reports.told(now=10.0)
    reports.say(done=3, total=30)
    second = reports.told(now=10.6)
    reports.prints("train:  50%|#####     | 2/4 [00:00<00:01,  1.00it/s]")

    assert first == [{"done": 1.0, "total": 4.0, "progress": 0.25, "message": "train, loss=0.5"}]
    assert second[0]["progress"] == 0.1
    assert reports.told(now=12.0) == [
        {"done": 3.0, "total": 30.0, "progress": 0.1, "message": "train"}
    ]


def test_the_steps_of_one_bar_are_not_told_with_the_share_of_the_next(reports: Told) -> None:
    reports.prints("load: 100%|##########| 4/4 [00:00<00:00,  1.00it/s]")
    reports.told(now=10.0)
    reports.prints("Copying: 25%")
    second = reports.told(now=11.0)
    reports.prints("rows: 12it [00:00, 30.18it/s]")

    assert second == [{"done": 25.0, "total": 100.0, "progress": 0.25, "message": "Copying: 25%"}]
    assert reports.told(now=12.0)[0]["done"] == 25


def test_a_bar_below_the_heading_of_an_epoch_moves_all_epochs_on(reports: Told) -> None:
    reports.prints("Epoch 1/4", " 50%|#####     | 1/2 [00:00<00:01,  1.00it/s]")

    assert reports.told(now=10.0) == [
        {"done": 0.0, "total": 4.0, "progress": 0.125, "message": "Epoch 1/4"}
    ]


def test_an_outline_is_refined_by_a_bar_and_a_line(reports: Told) -> None:
    reports.say(done=1, total=4, message="cell 2 of 4", outline=True)
    first = reports.told(now=10.0)
    reports.prints("fit:  50%|#####     | 1/2 [00:00<00:01,  1.00it/s]")
    second = reports.told(now=11.0)
    reports.say(done=2, total=4, outline=True)

    assert first == [{"done": 1.0, "total": 4.0, "progress": 0.25, "message": "cell 2 of 4"}]
    assert second == [{"done": 1.0, "total": 4.0, "progress": 0.375, "message": "cell 2 of 4: fit"}]
    assert reports.told(now=12.0)[0]["progress"] == 0.5


def test_nothing_is_due_for_lines_when_the_work_says_all_itself(reports: Told) -> None:
    reports.say(done=1, message="mine")
    reports.told(now=10.0)
    reports.prints("line")

    assert reports.due == math.inf


def test_a_report_that_finds_no_room_is_told_later_and_newer(reports: Told) -> None:
    reports.fill()
    reports.say(done=1)
    reports.send(10.0)
    reports.say(done=2)
    reports.drain()

    assert reports.told(now=10.2) == [{"done": 2.0}]


def test_half_a_report_is_finished_before_the_next(reports: Told) -> None:
    reports.fill()
    os.read(reports.reader, 4096)  # room for that much
    names = [f"m{number}" * 20 for number in range(16)]
    for step in range(23):
        reports.say(points=[[step, None, dict.fromkeys(names, step / 7e6)]])
    reports.send(10.0)
    begun = reports.drain().rpartition(b"x\n")[2]
    reports.say(done=1)
    reports.close()

    assert len(begun) == 4096
    long, short = (json.loads(line) for line in (begun + reports.drain()).splitlines())
    assert list(long["metrics"]) == names
    assert short == {"done": 1.0}
