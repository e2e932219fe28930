from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.api.rights import check_job, check_owner, named_only
from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.jobs.operations import CANCEL_JOB, RETRY_JOB, SUBMIT_JOB, UPDATE_JOB
from tests.support.bare_api import BareApi


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[BareApi]:
    made = BareApi(tmp_path)
    yield made
    made.repository.close()


async def ask(bare: BareApi, query: str, **variables: Any) -> dict[str, Any]:
    """What a guest is answered."""
    return await bare.api.execute(query, variables, owner=False)


async def owners(bare: BareApi, status: str = "QUEUED") -> str:
    """A command of the owner's, in that state."""
    body = bare.repository.insert(
        {
            "id": "owners",
            "request": "ls",
            "name": "ls",
            "kind": "COMMAND",
            "priority": "MEDIUM",
            "group": None,
            "key": None,
            "rules": None,
            "after": None,
        },
        '{"args": ["ls"]}',
        None,
    )
    assert body is not None
    for step in ("RUNNING", "FAILED") if status == "FAILED" else ():
        bare.repository.update("owners", {"status": step})
    return "owners"


@pytest.mark.parametrize("kind", ["FUNCTION", "COMMAND", "NOTEBOOK"])
async def test_a_guest_may_have_no_code_run(bare: BareApi, kind: str) -> None:
    given = {"request": "work", "kind": kind, "payload": '{"args": ["id"]}'}

    answer = await ask(bare, SUBMIT_JOB, input=given)

    (error,) = answer["errors"]
    assert (answer["data"], error["errorType"]) == ({"submitJob": None}, "Unauthorized")
    assert "named requests for its guests" in error["message"]
    assert kind.lower() in error["message"]
    assert bare.repository.counts() == {}


async def test_a_guest_may_not_choose_what_runs_a_request(bare: BareApi) -> None:
    payload = '{"python": "/tmp/evil", "handlers": "evil", "sysPath": ["/tmp"], "cwd": "/tmp"}'

    answer = await ask(bare, SUBMIT_JOB, input={"request": "work", "payload": payload})

    assert "errors" not in answer
    assert bare.repository.payload(answer["data"]["submitJob"]["id"]) is None


async def test_a_guest_submits_and_works_off_named_requests(bare: BareApi) -> None:
    submitted = await ask(bare, SUBMIT_JOB, input={"request": "work", "id": "named"})
    started = await ask(bare, UPDATE_JOB, input={"id": "named", "status": "RUNNING"})
    cancelled = await ask(bare, CANCEL_JOB, id="named")

    assert not any("errors" in answer for answer in (submitted, started, cancelled))
    assert cancelled["data"]["cancelJob"]["status"] == "CANCELLING"


@pytest.mark.parametrize(
    ("query", "variables", "status"),
    [
        (CANCEL_JOB, {"id": "owners"}, "QUEUED"),
        (UPDATE_JOB, {"input": {"id": "owners", "status": "RUNNING"}}, "QUEUED"),
        (RETRY_JOB, {"id": "owners"}, "FAILED"),
        ("query P($id: ID!) { jobPayload(id: $id) }", {"id": "owners"}, "QUEUED"),
        ('mutation { pruneJobs(before: "2030-01-01T00:00:00Z") }', {}, "FAILED"),
    ],
)
async def test_a_guest_lets_the_owners_work_alone(
    bare: BareApi, query: str, variables: dict[str, Any], status: str
) -> None:
    before = bare.repository.get(await owners(bare, status))

    answer = await ask(bare, query, **variables)

    assert answer["errors"][0]["errorType"] == "Unauthorized"
    assert "uests of this backend" in answer["errors"][0]["message"]
    assert bare.repository.get("owners") == before


async def test_a_guest_sees_how_the_owners_work_is_doing(bare: BareApi) -> None:
    await owners(bare)

    answer = await ask(bare, 'query { getJob(id: "owners") { status request } }')

    assert answer["data"] == {"getJob": {"status": "QUEUED", "request": "ls"}}


def test_what_is_refused_says_what_to_do() -> None:
    with pytest.raises(Refusal, match='"trusted": true in the file of --auth'):
        named_only({"request": "f", "kind": "FUNCTION"})
    with pytest.raises(Refusal, match=r"cancel named requests only, and job j is a notebook"):
        check_job({"id": "j", "kind": "NOTEBOOK"}, "cancel")
    with pytest.raises(Refusal, match="do not forget jobs; its owner does"):
        check_owner("forget jobs")
