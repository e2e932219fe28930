import os
import subprocess
import sys

import pytest

from jupyter_jobs.cli.loads import Load, Row, loads, read_row, sum_up, table


def row(pid: int, parent: int, session: int) -> Row:
    return Row(pid, parent, session, cpu=1.0, memory=100)


def test_a_line_is_read_whatever_the_program_is_called() -> None:
    fields = ["S", "10", "11", "12", *["0"] * 7, "100", "200", "300", "400", *["0"] * 5, "999", "3"]
    line = f"42 (a b) c) {' '.join(fields)} 0 0".encode()

    found = read_row(line)

    assert (found.pid, found.parent, found.session) == (42, 10, 12)
    assert found.cpu == pytest.approx(1000 / os.sysconf("SC_CLK_TCK"))
    assert found.memory == 3 * os.sysconf("SC_PAGE_SIZE")


def test_a_job_is_its_shims_session_and_all_that_descends_from_it() -> None:
    rows = [
        row(1, 0, 1),
        row(10, 1, 10),  # the shim of a
        row(11, 10, 10),
        row(12, 11, 12),  # in a session of its own, as a daemon
        row(13, 1, 10),  # whose parent has ended
        row(20, 1, 20),  # the shim of b
        row(30, 1, 30),  # somebody else's
    ]

    found = sum_up({"a": 10, "b": 20, "gone": 99}, rows)

    assert found == {"a": Load(4.0, 400, 3), "b": Load(1.0, 100, 0)}


def test_numbers_that_were_given_anew_meanwhile_do_no_harm() -> None:
    assert sum_up({"a": 10}, [row(1, 2, 1), row(2, 1, 2)]) == {}


def test_a_process_of_this_machine_is_measured() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        found = loads({"job": process.pid})
        process.kill()

    assert found["job"].processes == 0
    assert found["job"].memory > 0
    assert os.getpid() in {each.pid for each in table()}
    assert loads({}) == {}
