from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.storage.selection import select_page
from jupyter_jobs.backend.storage.tables import create_tables

ASKED = {
    "group": "g",
    "status": "FAILED",
    "name": "train",
    "tag": "x",
    "since": "2026-11-23T05:00:00Z",
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(tmp_path / "jobs.sqlite")
    opened.row_factory = sqlite3.Row
    create_tables(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "names",
    [names for count in range(6) for names in itertools.combinations(ASKED, count)],
    ids="-".join,
)
def test_a_page_is_looked_up_in_its_order(db: sqlite3.Connection, names: tuple[str, ...]) -> None:
    asked: dict[str, Any] = dict.fromkeys(ASKED) | {name: ASKED[name] for name in names}
    query, values = select_page(None, **asked)

    plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", [*values, 10])]

    assert [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step] == []


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (("tag", "name", "group", "status"), "PRIMARY KEY (tag=?"),
        (("name", "group", "status"), "jobs_name"),
        (("group", "status"), "jobs_group_status"),
        (("group",), "jobs_group ("),
        (("status",), "jobs_status"),
    ],
)
def test_the_narrowest_condition_is_looked_up(
    db: sqlite3.Connection, names: tuple[str, ...], index: str
) -> None:
    asked: dict[str, Any] = dict.fromkeys(ASKED) | {name: ASKED[name] for name in names}
    query, values = select_page(None, **asked)

    plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", [*values, 10])]

    assert any(index in step for step in plan), plan
