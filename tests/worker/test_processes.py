from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jupyter_jobs.worker import processes
from jupyter_jobs.worker.processes import (
    job_processes,
    kill_all,
    present_boot,
    present_process,
)

# A leader, its child, and a grandchild in a session of its own, marked as none of the job `other`; each says its number
# when it is there.
TREE = """
import os, subprocess, sys, time
print(os.getpid(), flush=True)
if sys.argv[1:]:
    own = sys.argv[1] == "1"
    if own:
        os.environ["JUPYTER_JOBS_OUTSIDE"] = "another other"
    subprocess.Popen([sys.executable, "-c", sys.argv[2], *(["1", sys.argv[2]] if not own else [])], start_new_session=own)
time.sleep(600)
"""


@pytest.fixture
def tree() -> Iterator[list[int]]:
    leader = subprocess.Popen(
        [sys.executable, "-c", TREE, "0", TREE], stdout=subprocess.PIPE, start_new_session=True
    )
    assert leader.stdout is not None
    with leader.stdout:
        pids = [int(leader.stdout.readline()) for _ in range(3)]
        yield pids
        kill_all(pids)
        leader.wait()


def test_all_descendants_are_found_in_whatever_session(tree: list[int]) -> None:
    leader, *descendants = tree

    assert job_processes("one", leader) == set(descendants)


def test_what_is_marked_as_none_of_the_job_is_not_one_of_its_processes(tree: list[int]) -> None:
    leader, child, marked = tree

    found = job_processes("other", leader), job_processes("other", child)

    assert marked not in found[0]
    assert found == ({child}, set())


def test_ps_finds_the_same_where_there_is_no_proc(
    tree: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_proc(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(processes.os, "listdir", no_proc)

    assert set(tree[1:]) <= job_processes("one", tree[0], tree[0])


def test_killing_what_has_ended_does_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    kill_all([ended.pid], signal.SIGTERM)


def test_the_one_who_asks_is_never_among_them() -> None:
    assert os.getpid() not in job_processes("one", os.getsid(0))


def test_this_process_can_be_told_from_all_others() -> None:
    process = present_process()

    assert process.pid == os.getpid()
    assert process.boot == present_boot()
    assert process.started > 0


def test_a_boot_is_told_with_the_name_of_the_machine() -> None:
    boot, _, machine = present_boot().partition(" ")

    assert len(boot) == 36
    assert machine == os.uname().nodename
