from __future__ import annotations

import contextlib
import sqlite3

from jupyter_jobs.backend.storage.tables import COLUMNS, IS_LIVE, NAMES, PRIVATE, create_tables
from jupyter_jobs.jobs.model import JobStatus


def test_a_row_has_what_everybody_sees_and_what_only_this_machine_knows() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        create_tables(db)
        columns = [row[1] for row in db.execute("PRAGMA table_info(jobs)")]

    assert columns == ["number", *COLUMNS, *PRIVATE]


def test_live_are_all_states_that_do_not_end_a_job() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        create_tables(db)
        for status in JobStatus:
            db.execute("INSERT INTO jobs (id, status) VALUES (?, ?)", [status.value] * 2)
        live = {row[0] for row in db.execute(f"SELECT id FROM jobs WHERE {IS_LIVE}")}
        named = db.execute(f"SELECT {NAMES} FROM jobs").fetchone()

    assert live == {status.value for status in JobStatus if not status.is_terminal}
    assert len(named) == len(COLUMNS)
