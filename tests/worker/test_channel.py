from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.worker.channel import Channel


class Ear:
    """Who reads the FIFO."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.partial = b""

    def heard(self) -> list[dict[str, Any]]:
        """What is there by now."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.file, 1 << 20):
                self.partial += chunk
        *lines, self.partial = self.partial.split(b"\n")
        return [json.loads(line) for line in lines]

    def wait_for(self, **wanted: Any) -> list[dict[str, Any]]:
        """Wait until that is said; everything that was said till then."""
        heard: list[dict[str, Any]] = []
        while not any(wanted.items() <= report.items() for report in heard):
            assert select.select([self.file], [], [], 20)[0], heard
            heard += self.heard()
        return heard


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(tmp_path / "said")
    yield ear
    os.close(ear.file)


def say(channel: Channel, done: float, total: float | None = None) -> None:
    channel.numbers = (done, total, None)
    if not channel.waiting:
        channel.nudge()


def test_the_first_report_goes_out_at_once(ear: Ear) -> None:
    say(Channel(ear.path), 1, 4)

    assert ear.heard() == [{"done": 1, "total": 4}]


def test_of_many_reports_few_are_sent_and_the_last_one_comes_by_itself(ear: Ear) -> None:
    channel = Channel(ear.path)

    for step in range(1, 100_001):
        say(channel, step)

    assert len(ear.wait_for(done=100_000)) < 1000


def test_only_what_is_new_is_said(ear: Ear) -> None:
    channel = Channel(ear.path)
    channel.message = "reading"
    say(channel, 1)
    say(channel, 2)

    assert ear.heard() == [{"done": 1, "message": "reading"}, {"done": 2}]


def test_a_full_pipe_stops_nobody_and_the_last_report_arrives_when_there_is_room(ear: Ear) -> None:
    channel = Channel(ear.path)
    fcntl.fcntl(ear.file, fcntl.F_SETPIPE_SZ, 4096)
    os.write(ear.file, b'"' + b"x" * 4093 + b'"\n')

    for step in range(1, 1001):
        say(channel, step)

    assert ear.heard()[0] == "x" * 4093
    ear.wait_for(done=1000)


def test_every_point_is_sent_when_they_are_not_too_many(ear: Ear) -> None:
    channel = Channel(ear.path)
    for step in range(200):
        channel.measured(float(step), {"loss": 0.5})
    say(channel, 200)

    points = [point for report in ear.wait_for(done=200) for point in report.get("points", [])]
    assert [step for _, step, _ in points] == list(range(200))


def test_of_a_flood_of_points_an_even_choice_is_sent(ear: Ear) -> None:
    channel = Channel(ear.path)
    channel.waiting = True  # as if all came within an interval
    for step in range(100_000):
        channel.measured(float(step), {"loss": 0.5})
    channel.waiting = False
    channel.flush()

    steps = [step for report in ear.heard() for _, step, _ in report["points"]]
    assert 100 <= len(steps) <= 201
    assert steps[0] == 0
    assert steps[-1] > 98_000
    gaps = [after - before for before, after in itertools.pairwise(steps)]
    assert max(gaps) <= 1024


def test_a_point_of_many_values_is_split_until_its_lines_fit(ear: Ear) -> None:
    values: dict[str, float | None] = {"é" * 60 + str(number): 0.125 for number in range(100)}
    channel = Channel(ear.path)

    channel.measured(1.0, values)

    told: dict[str, float] = {}
    for report in ear.heard():
        assert len(json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()) < 4096
        for _, step, part in report["points"]:
            told |= part
            assert step == 1.0
    assert told == values


def test_an_outline_says_that_it_is_one(ear: Ear) -> None:
    say(Channel(ear.path, outline=True), 1, 3)

    assert ear.heard() == [{"done": 1, "total": 3, "outline": True}]


def test_nobody_who_listens_is_no_error(tmp_path: Path) -> None:
    channel = Channel(tmp_path / "said")

    say(channel, 1)
    channel.flush()


def test_a_listener_who_has_gone_is_no_error(tmp_path: Path) -> None:
    ear = Ear(tmp_path / "said")
    channel = Channel(ear.path)
    os.close(ear.file)

    say(channel, 1)
    say(channel, 2)


def test_a_forked_process_says_its_own_and_nothing_twice(ear: Ear) -> None:
    channel = Channel(ear.path)
    channel.waiting = True
    say(channel, 1)  # the parent has this to say yet
    pid = os.fork()
    if pid == 0:
        channel.message = "from the child"
        channel.nudge()
        channel.flush()
        os._exit(0)
    os.waitpid(pid, 0)

    assert ear.heard() == [{"message": "from the child"}]
    channel.waiting = False
    channel.flush()
    assert ear.heard() == [{"done": 1}]


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_the_last_words_of_a_process_of_a_pool_arrive(ear: Ear, way: str, tmp_path: Path) -> None:
    (tmp_path / "pooled.py").write_text(
        "from jupyter_jobs.worker import current_job\n"
        "def work():\n"
        "    for step in range(20_000):\n"
        "        current_job().progress(step, 20_000)\n"
        "    current_job().message('the last word')\n"
    )
    code = (
        "import multiprocessing, pooled\n"
        f"process = multiprocessing.get_context({way!r}).Process(target=pooled.work)\n"
        "if __name__ == '__main__': process.start(); process.join()"
    )
    (tmp_path / "main.py").write_text(code)
    environment = {
        **os.environ,
        "JUPYTER_JOBS_ID": "job-1",
        "JUPYTER_JOBS_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }

    subprocess.run([sys.executable, str(tmp_path / "main.py")], env=environment, check=True)

    heard = ear.heard()
    assert heard[-1]["message"] == "the last word"
    assert max(report.get("done", 0) for report in heard) == 19_999


def test_the_handler_of_a_signal_may_report_in_the_middle_of_a_report(ear: Ear) -> None:
    channel = Channel(ear.path)

    def report(number: int, frame: object) -> None:
        channel.message = "from the handler"
        channel.nudge()

    before = signal.signal(signal.SIGUSR1, report)
    try:
        with channel._lock:
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert ear.heard() == [{"message": "from the handler"}]
