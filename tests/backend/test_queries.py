from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.jobs.operations import (
    GET_JOB,
    JOB_LOGS,
    JOB_PAYLOAD,
    JOB_RESULT,
    LIST_JOBS,
    RETRY_JOB,
    UPDATE_JOB,
)
from tests.support.bare_api import BareApi


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (UPDATE_JOB, {"input": {"id": "x"}}),
        (JOB_LOGS, {"id": "x"}),
        (JOB_RESULT, {"id": "x"}),
        (JOB_PAYLOAD, {"id": "x"}),
        (RETRY_JOB, {"id": "x"}),
    ],
)
async def test_nothing_can_be_done_with_an_unknown_job(
    backend: BareApi, query: str, variables: dict[str, Any]
) -> None:
    assert (await backend.refused(query, **variables))["errorType"] == "JobNotFound"


async def test_an_unknown_job_is_null(backend: BareApi) -> None:
    assert await backend.ask(GET_JOB, id="none") is None


async def test_jobs_are_listed_in_pages(backend: BareApi) -> None:
    for number in range(3):
        await backend.submit(id=f"j{number}", group="g")
    await backend.submit(id="other")

    first = await backend.ask(LIST_JOBS, group="g", limit=2)
    rest = await backend.ask(LIST_JOBS, group="g", limit=2, nextToken=first["nextToken"])

    assert [job["id"] for job in first["items"] + rest["items"]] == ["j2", "j1", "j0"]
    assert rest["nextToken"] is None


@pytest.mark.parametrize("variables", [{"limit": 0}, {"limit": 1001}, {"nextToken": "x"}])
async def test_a_page_that_cannot_be_is_refused(
    backend: BareApi, variables: dict[str, Any]
) -> None:
    assert (await backend.refused(LIST_JOBS, **variables))["errorType"] == "BadRequest"
