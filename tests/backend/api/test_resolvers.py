from __future__ import annotations

import pytest

from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB, SUBMIT_JOB, many
from tests.support.bare_api import BareApi


async def test_a_publication_holds_what_the_caller_selected_and_no_more(backend: BareApi) -> None:
    await backend.ask('mutation { submitJob(input: {request: "r", id: "a"}) { id status } }')

    assert backend.published == [("submitJob", {"id": "a", "status": "QUEUED"})]


async def test_each_mutation_of_a_document_is_published_in_fragments_and_under_aliases_too(
    backend: BareApi,
) -> None:
    await backend.api.execute(
        'mutation { one: submitJob(input: {request: "r", id: "a"}) { id } ...Second }'
        ' fragment Second on Mutation { submitJob(input: {request: "r", id: "b"}) { id } }'
    )

    assert backend.published == [("submitJob", {"id": "a"}), ("submitJob", {"id": "b"})]


async def test_a_refused_mutation_publishes_nothing(backend: BareApi) -> None:
    await backend.refused(CANCEL_JOB, id="none")

    assert backend.published == []


async def test_an_error_stands_as_appsync_writes_it(backend: BareApi) -> None:
    answer = await backend.api.execute('mutation {\n  cancelJob(id: "none") { id }\n}')

    assert answer == {
        "data": {"cancelJob": None},
        "errors": [
            {
                "path": ["cancelJob"],
                "data": None,
                "errorType": "JobNotFound",
                "errorInfo": None,
                "locations": [{"line": 2, "column": 3, "sourceName": None}],
                "message": "There is no job none.",
            }
        ],
    }


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ nothing }", "Cannot query field 'nothing'"),
        ("{", "Syntax Error"),
        ("query A { __typename } query B { __typename }", "No such operation"),
        ("subscription { onJobUpdate { id } }", "need a WebSocket"),
    ],
)
async def test_a_document_that_cannot_be_executed_has_no_data(
    backend: BareApi, query: str, words: str
) -> None:
    answer = await backend.api.execute(query)

    assert answer["data"] is None
    assert words in answer["errors"][0]["message"]


async def test_a_thousand_jobs_in_one_request_are_stored_and_published(backend: BareApi) -> None:
    fields = " ".join(
        f'j{number}: submitJob(input: {{request: "r", id: "j{number}"}}) {{ id version }}'
        for number in range(1000)
    )

    answer = await backend.api.execute(f"mutation {{ {fields} }}")

    assert len(answer["data"]) == 1000
    assert len(backend.published) == 1000
    assert backend.repository.counts() == {"QUEUED": 1000}


async def test_a_fault_of_ours_is_logged_and_not_told(
    backend: BareApi, caplog: pytest.LogCaptureFixture
) -> None:
    backend.repository.close()

    error = await backend.refused(GET_JOB, id="a")

    assert error["errorType"] == "InternalFailure"
    assert "closed" not in error["message"]
    assert "closed" in caplog.text


async def test_a_write_that_fails_is_told_as_a_fault_of_ours(
    backend: BareApi, caplog: pytest.LogCaptureFixture
) -> None:
    backend.repository.close()

    error = await backend.refused(SUBMIT_JOB, input={"request": "r"})

    assert error["errorType"] == "InternalFailure"
    assert backend.published == []
    assert "closed" in caplog.text


async def test_a_thousand_jobs_as_clients_send_them_are_stored_and_published(
    backend: BareApi,
) -> None:
    names = [f"job{number}" for number in range(1000)]
    document = many("mutation SubmitJobs", "submitJob", "input: SubmitJobInput!", names)
    inputs = {name: {"request": "r", "id": name} for name in names}

    answer = await backend.api.execute(document, {**inputs, "job7": {"request": " "}})

    assert [(body or {}).get("id") for body in answer["data"].values()] == [
        None if name == "job7" else name for name in names
    ]
    assert [error["path"] for error in answer["errors"]] == [["job7"]]
    assert [body["id"] for _, body in backend.published] == [n for n in names if n != "job7"]
    assert backend.repository.counts() == {"QUEUED": 999}
