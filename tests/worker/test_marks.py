from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_jobs.worker.job import ID_VARIABLE
from jupyter_jobs.worker.marks import OUTSIDE_VARIABLE, hold_mark, is_of, is_outside, programs_of


@contextmanager
def forked(begin: Callable[[], object]) -> Iterator[int]:
    """A fork of this process, which does something and then waits to be killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        begin()
        os.write(writer, b".")
        signal.pause()
    try:
        assert os.read(reader, 1)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


@contextmanager
def program(**environ: str) -> Iterator[int]:
    """A program in a session of its own; while one is about to begin, the system tells no environment of it."""
    with subprocess.Popen(
        ["sh", "-c", "echo; read _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environ},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def folder_of(job: str, tmp_path: Path) -> Path:
    folder = tmp_path / job
    folder.mkdir()
    (folder / "job.json").touch()
    return folder


def test_a_fork_is_told_by_what_it_holds(tmp_path: Path) -> None:
    folder = folder_of("one", tmp_path)

    with forked(lambda: hold_mark(folder)) as pid:
        assert is_of("one", pid)
        assert not is_of("other", pid)
        assert programs_of("one") == set()


def test_a_mark_that_cannot_be_held_is_no_error(tmp_path: Path) -> None:
    with forked(lambda: hold_mark(tmp_path / "gone")) as pid:
        assert not is_of("gone", pid)


def test_a_program_is_told_by_its_environment_in_whatever_session() -> None:
    with program(**{ID_VARIABLE: "one"}) as pid, program() as stranger:
        assert is_of("one", pid)
        assert programs_of("one") == {pid}
        assert not is_of("one", stranger)
        assert programs_of("two") == set()


def test_who_was_started_by_the_work_itself_tells_no_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ID_VARIABLE, "one")

    with program():
        assert programs_of("one") == set()


def test_a_program_may_be_marked_as_none_of_the_jobs_that_it_descends_from() -> None:
    with program(**{OUTSIDE_VARIABLE: "one two"}) as pid:
        assert is_outside("one", pid)
        assert is_outside("two", pid)
        assert not is_outside("three", pid)


def test_what_has_ended_is_nobodys() -> None:
    with program(**{ID_VARIABLE: "one"}) as pid:
        pass

    assert not is_of("one", pid)
    assert not is_outside("one", pid)
