"""What the process trees of jobs take of this machine. Reads `/proc`; where there is none, nothing is known."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Load", "Row", "loads", "read_row", "sum_up", "table"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Row:
    """A process.

    Attributes:
        pid: Its number.
        parent: Its parent's.
        session: Its session's.
        cpu: Seconds of processor time, with those of its children that have ended and were waited for.
        memory: Bytes in memory; what it shares with others counts with each.
    """

    pid: int
    parent: int
    session: int
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a job's processes take together.

    Attributes:
        cpu: Seconds of processor time so far.
        memory: Bytes in memory.
        processes: How many they are, without the one that watches over them.
    """

    cpu: float = 0.0
    memory: int = 0
    processes: int = 0


def loads(shims: Mapping[str, int]) -> dict[str, Load]:
    """Return what each job takes now.

    Args:
        shims: The process that watches over each job, by the job's id.
    """
    return sum_up(shims, table()) if shims else {}


def table() -> list[Row]:
    """Return the processes of this machine."""
    rows = []
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return []
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                rows.append(read_row(file.read()))
        except OSError:  # it has ended meanwhile
            continue
    return rows


def read_row(stat: bytes) -> Row:
    """Return what a line of `/proc/<pid>/stat` tells (proc_pid_stat(5))."""
    pid, _, rest = stat.partition(b" ")
    # The second field is the program's name in brackets; it may hold blanks and brackets.
    fields = rest.rpartition(b")")[2].split()
    cpu = sum(map(int, fields[11:15])) / _TICKS
    return Row(int(pid), int(fields[1]), int(fields[3]), cpu, int(fields[21]) * _PAGE)


def sum_up(shims: Mapping[str, int], rows: Iterable[Row]) -> dict[str, Load]:
    """Return what each job takes: the session of its shim, and all that descends from it. Pure."""
    jobs = {pid: id_ for id_, pid in shims.items()}
    known = {row.pid: row for row in rows}
    total: defaultdict[str, list[Row]] = defaultdict(list)
    for row in known.values():
        if (id_ := _job_of(row, known, jobs)) is not None:
            total[id_].append(row)
    return {
        id_: Load(
            sum(row.cpu for row in total[id_]),
            sum(row.memory for row in total[id_]),
            sum(row.pid != pid for row in total[id_]),
        )
        for id_, pid in shims.items()
        if id_ in total
    }


def _job_of(row: Row, known: Mapping[int, Row], jobs: Mapping[int, str]) -> str | None:
    seen = set()
    while row.pid not in seen:  # a number may have been given anew while the table was read
        seen.add(row.pid)
        for pid in (row.pid, row.session):
            if pid in jobs:
                return jobs[pid]
        if (parent := known.get(row.parent)) is None:
            return None
        row = parent
    return None
