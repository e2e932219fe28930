from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.api import job_folder
from jupyter_jobs.jobs.operations import (
    FIND_JOBS,
    GET_JOB,
    JOB_FILES,
    JOB_LOGS,
    JOB_LOGS_SINCE,
    JOB_METRICS,
    JOB_PAYLOAD,
    JOB_QUEUE,
    JOB_RESULT,
    LIST_JOBS,
    RETRY_JOB,
    UPDATE_JOB,
)
from jupyter_jobs.worker.logfile import LogWriter
from tests.support.bare_api import BareApi


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (UPDATE_JOB, {"input": {"id": "x"}}),
        (JOB_LOGS, {"id": "x"}),
        (JOB_RESULT, {"id": "x"}),
        (JOB_METRICS, {"id": "x"}),
        (JOB_FILES, {"id": "x"}),
        (JOB_QUEUE, {"id": "x"}),
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


async def test_jobs_are_found_by_what_they_are_called_and_when_they_came(backend: BareApi) -> None:
    await backend.submit(id="a", name="train", tags=["night", "gpu"])
    await backend.submit(id="b", name="train", tags=["day"])
    job = await backend.submit(id="c", name="training", tags=["night"])

    async def found(**filters: Any) -> list[str]:
        return [job["id"] for job in (await backend.ask(FIND_JOBS, **filters))["items"]]

    assert await found(name="train") == ["b", "a"]
    assert await found(tag="night") == ["c", "a"]
    assert await found(name="train", tag="night") == ["a"]
    assert await found(since=job["createdAt"], name="training") == ["c"]
    assert await found(since="2999-01-01T00:00:00+01:00") == []


@pytest.mark.parametrize("query", [FIND_JOBS, JOB_LOGS_SINCE])
async def test_what_is_no_time_is_refused(backend: BareApi, query: str) -> None:
    await backend.submit(id="a")

    error = await backend.refused(query, since="soon", **({"id": "a"} if "$id" in query else {}))

    assert error["errorType"] == "BadRequest"
    assert "'soon'" in error["message"]


async def test_output_is_read_from_a_time_on(backend: BareApi, tmp_path: Path) -> None:
    await backend.submit(id="a")
    (tmp_path / "jobs/a").mkdir(parents=True)
    writer = LogWriter(tmp_path / "jobs/a/log", 1000)
    for second in range(3):
        writer.feed("o", b"line\n", 1_700_000_000_000 + second * 1000)
    writer.close(1_700_000_003_000)

    page = await backend.ask(JOB_LOGS_SINCE, id="a", since="2023-11-14T23:13:22+01:00")

    assert [line["seq"] for line in page["lines"]] == [3]


async def test_what_a_worker_elsewhere_measures_is_a_series(backend: BareApi) -> None:
    await backend.submit(id="a")
    for loss in (0.5, 0.25):
        await backend.ask(
            UPDATE_JOB,
            input={"id": "a", "status": "RUNNING", "metrics": json.dumps({"loss": loss})},
        )
    live = await backend.ask(JOB_METRICS, id="a", after=1)
    ended = await backend.ask(UPDATE_JOB, input={"id": "a", "status": "SUCCEEDED"})

    page = await backend.ask(JOB_METRICS, id="a")

    assert json.loads(ended["metrics"]) == {"loss": {"last": 0.25, "spark": [0.5, 0.25]}}
    assert [point["values"] for point in live["points"]] == ['{"loss": 0.25}']
    assert not live["ended"]
    assert [point["seq"] for point in page["points"]] == [1, 2]
    assert page["ended"]


async def test_files_that_a_job_keeps_are_told(backend: BareApi, tmp_path: Path) -> None:
    await backend.submit(id="a")
    (tmp_path / "jobs/a/files").mkdir(parents=True)
    (tmp_path / "jobs/a/files/table.csv").write_text("1,2")

    (file,) = await backend.ask(JOB_FILES, id="a")

    assert (file["name"], file["size"]) == ("table.csv", 3)
    assert file["path"] == str(tmp_path / "jobs/a/files/table.csv")


async def test_a_job_that_waits_for_no_turn_here_has_no_place(backend: BareApi) -> None:
    await backend.submit(id="a")

    assert await backend.ask(JOB_QUEUE, id="a") is None


async def test_a_large_result_is_told_by_its_place_to_those_who_ask_for_it(
    backend: BareApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_folder, "INLINE_LIMIT", 3)
    await backend.submit(id="a")
    (tmp_path / "jobs/a").mkdir(parents=True)
    (tmp_path / "jobs/a/result.pickle").write_bytes(b"1234")
    await backend.ask(UPDATE_JOB, input={"id": "a", "status": "SUCCEEDED"})

    asked = await backend.ask(JOB_RESULT, id="a")
    nested = await backend.ask(
        "query ($id: ID!) { jobResult(id: $id) { ...F } } fragment F on JobResult { path }", id="a"
    )
    elsewhere = await backend.ask('{ jobResult(id: "a") { encoding data } }')

    path = str(tmp_path / "jobs/a/result.pickle")
    assert asked == {"encoding": "pickle", "data": None, "path": path}
    assert nested == {"path": path}
    assert elsewhere == {"encoding": "pickle", "data": "MTIzNA=="}
