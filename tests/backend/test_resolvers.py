from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.jobs.operations import CANCEL_JOB, GET_JOB
from tests.support.bare_api import BareApi


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()


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
