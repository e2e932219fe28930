from typing import Any

from jupyter_jobs.cli.dashboard import dashboard

TOLD: dict[str, Any] = {
    "backend": {
        "version": "0.1.0",
        "pid": 7,
        "since": 1000.0,
        "memory": 84_000_000,
        "handles": 23,
        "cpu": 0.012,
        "connections": 5,
        "subscriptions": 1,
        "draining": False,
        "notices": [],
    },
    "jobs": {"RUNNING": 3, "QUEUED": 1_200, "FAILED": 1},
    "rates": {"submitted": 2.13, "ended": 0.0, "requests": 140.2},
    "latency": {"p50": 0.0025, "p99": 1.0},
    "storage": {"database": 12_400_000, "wal": 0, "free": 120e9},
    "busiest": [
        {"id": "3fa85f64-aaaa", "name": "train", "cpu": 3.98, "memory": 1.2e9, "processes": 4},
        {"id": "9c1b22d0-bbbb", "name": "x" * 90, "cpu": 0.004, "memory": 9e6, "processes": 1},
    ],
}


def lines(told: dict[str, Any], width: int = 80) -> list[str]:
    return [line.plain.rstrip() for line in dashboard(told, width, now=8380.0)]


def test_a_picture_tells_backend_clients_jobs_and_the_busiest() -> None:
    assert lines(TOLD) == [
        "Backend   0.1.0, process 7, up 2h03m",
        "          CPU 1.2%   memory 84 MB   23 open files",
        "Clients   5 connections   1 subscription",
        "Requests  140/s   half below 2.5 ms   99% below 1 s",
        "Jobs      ◌ 1,200 queued   ◔ 3 running   ✖ 1 failed",
        "          submitted 2.1/s   ended 0.0/s",
        "Storage   database 12.4 MB   journal 0 B   120 GB free on the disk",
        "",
        "id       name                                       CPU    memory processes",
        "3fa85f64 train                                     398%    1.2 GB         4",
        "9c1b22d0 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…   0.4%      9 MB         1",
    ]


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 60, 80, 200):
        for line in dashboard(TOLD, width, now=8380.0):
            assert line.cell_len <= width


def test_what_is_odd_is_told() -> None:
    backend = TOLD["backend"] | {
        "draining": True,
        "notices": ["a damaged\x1b[2J file was set aside"],
    }
    told = TOLD | {"backend": backend, "busiest": [], "jobs": {}}
    told["latency"] = {"p50": None, "p99": None}
    told["storage"] = TOLD["storage"] | {"free": None}

    found = lines(told)

    assert found[0].endswith("draining: takes no new jobs")
    assert found[3:5] == ["Requests  140/s", "Jobs      none yet"]
    assert found[6] == "Storage   database 12.4 MB   journal 0 B"
    assert found[7:] == ["! a damaged file was set aside"]
