from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_jobs.worker.nursery import FORK, READY
from tests.support.shim import PATIENCE_S

SERVES = """
import site, sys
site.getsitepackages = lambda: [sys.argv[1]]
from jupyter_jobs.worker.nursery import serve
folder = serve()
if folder is not None:
    print(folder, sys.argv[1:], flush=True)
"""


@contextmanager
def nursery(packages: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """A nursery whose packages are in a folder; its forks say where they are instead of doing a job."""
    packages.mkdir()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVES, str(packages)], stdin=theirs.fileno()
            )
        try:
            ours.settimeout(PATIENCE_S)
            assert ours.recv(len(READY)) == READY
            yield process, ours
        finally:
            process.kill()
            process.wait()


def ask(connection: socket.socket, folder: Path) -> int:
    """Ask for a fork in a folder; returns where it reports to."""
    folder.mkdir()
    reader, writer = os.pipe()
    line = FORK + json.dumps(str(folder)).encode() + b"\n"
    # In two parts, as the system may deliver it.
    socket.send_fds(connection, [line[:7]], [writer])
    connection.sendall(line[7:])
    os.close(writer)
    return reader


def test_a_fork_is_in_its_folder_and_reports_through_its_descriptor(tmp_path: Path) -> None:
    with nursery(tmp_path / "packages") as (_, connection):
        reader = ask(connection, tmp_path / "a job")
        pid = int(connection.recv(32))
        with open(reader) as reports:
            said = reports.read()

    assert pid > 0
    assert said == f"{tmp_path / 'a job'} ['{tmp_path / 'a job'}']\n"


def test_a_nursery_ends_when_nobody_is_left_to_ask_it(tmp_path: Path) -> None:
    with nursery(tmp_path / "packages") as (process, connection):
        connection.close()

        assert process.wait(PATIENCE_S) == 0


def test_a_nursery_that_is_older_than_a_package_forks_no_more(tmp_path: Path) -> None:
    with nursery(tmp_path / "packages") as (process, connection):
        os.utime(tmp_path / "packages", (1, 1))
        reader = ask(connection, tmp_path / "job")
        with open(reader) as reports:
            said = reports.read()

        assert connection.recv(32) == b""
        assert process.wait(PATIENCE_S) == 0
    assert said == ""
