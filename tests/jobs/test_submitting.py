import asyncio
import functools
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_jobs.errors import (
    ConnectionLost,
    InvalidJob,
    JobConflict,
    JobNotFound,
    JobsError,
    JobsRefused,
    MonitorClosed,
    NotSupported,
    UnknownRequest,
)
from jupyter_jobs.jobs import submitting
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.kinds import Command
from tests.support.backend import RunningBackend
from tests.support.following import following
from tests.support.seed import SeedBackend


@pytest.fixture
async def client(external_backend: RunningBackend) -> AsyncIterator[JobClient]:
    async with following(external_backend, "submitting") as client:
        yield client


def add(a: int, b: int = 0) -> int:
    return a + b


async def test_a_map_goes_through_its_iterables_as_the_builtin_does(client: JobClient) -> None:
    jobs = await client.map(add, itertools.count(), [10, 20], tags=["sweep"])

    records = [job.record for job in jobs]
    assert [record.request for record in records] == ["add(0, 10)", "add(1, 20)"]
    assert {(record.name, *record.tags) for record in records} == {("add", "sweep")}
    assert len({record.batch for record in records}) == 1
    assert records[0].batch
    assert all("test_submitting.py" in (record.submitted_from or "") for record in records)
    assert (await client.submit("work")).record.batch is None


async def test_a_map_of_a_request_gives_each_job_its_params(client: JobClient) -> None:
    jobs = await client.map("work", [{"day": 1}, {"day": 2}], name="days")

    assert [job.record.params for job in jobs] == [{"day": 1}, {"day": 2}]
    assert len({job.record.batch for job in jobs}) == 1


async def test_requests_that_are_ready_are_submitted_together(client: JobClient) -> None:
    ready = [Command(["ls"]), functools.partial(add, 1), "work"]
    jobs = await client.submit_all(ready, priority="low")

    assert [job.record.kind for job in jobs] == ["COMMAND", "FUNCTION", "REQUEST"]
    assert {job.record.priority for job in jobs} == {"LOW"}


async def test_of_nothing_there_are_no_jobs(client: JobClient) -> None:
    assert len(await client.map(add, [])) == 0
    assert len(await client.submit_all([])) == 0


async def test_an_item_that_cannot_be_sent_is_named_and_nothing_was(client: JobClient) -> None:
    before = len(client.store)

    with pytest.raises(
        InvalidJob, match=r"item 1: the argument a of add cannot be sent.*nothing was submitted"
    ):
        await client.map(add, [1, (n for n in "a")])
    with pytest.raises(InvalidJob, match=r"item 1: there is no program"):
        await client.submit_all([Command(["ls"]), Command(["no-such-program-here"])])
    with pytest.raises(InvalidJob, match=r"item 0: params must be JSON"):
        await client.map("work", [{1, 2}])
    assert len(client.store) == before


class Refusing:
    """Submits as `bulk` does, and answers for some in place of the server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refused: dict[int, JobsError]) -> None:
        self._refused = refused
        self._submit_many = submitting.bulk.submit_many
        monkeypatch.setattr(submitting.bulk, "submit_many", self)

    def __call__(self, bodies: Any, profile: Any, **room: Any) -> Any:
        sent = [body for n, body in enumerate(bodies) if n not in self._refused]
        outcomes = iter((yield from self._submit_many(sent, profile, **room)))
        return [self._refused.get(n) or next(outcomes) for n in range(len(bodies))]


async def test_jobs_that_are_refused_do_not_lose_the_others(
    client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Refusing(monkeypatch, {1: InvalidJob("too large"), 2: InvalidJob("bad"), 4: InvalidJob("bad")})

    with pytest.raises(JobsRefused) as raised:
        await client.map(add, range(5))

    assert str(raised.value) == (
        "3 of 5 jobs were not submitted; this error's `jobs` has the others, its `refused` why by position. "
        "item 1: too large; items 2, 4: bad"
    )
    assert [job.record.request for job in raised.value.jobs] == ["add(0)", "add(3)"]
    assert list(raised.value.refused) == [1, 2, 4]


async def test_the_one_reason_why_none_was_taken_is_raised_as_it_is(
    client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Refusing(monkeypatch, {n: ConnectionLost("no way there") for n in range(2)})

    with pytest.raises(ConnectionLost, match="no way there"):
        await client.map(add, range(2))


async def test_a_request_that_nobody_handles_is_told_of_all(backend: RunningBackend) -> None:
    async with following(backend, "unknown") as client:
        with pytest.raises(UnknownRequest, match="Train"):
            await client.map("Train", [1, 2])


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((add,), {}, r"what to call it with: map\(train"),
        ((add, 3), {}, r"3 is none: write \[3\], or bind what all calls share"),
        (("work",), {}, "one iterable, of the params of each job"),
        (("work", [1], [2]), {}, "one iterable"),
        (("work", [1]), {"params": 1}, "leave params= out"),
        (([Command(["ls"])],), {}, "not an object of type list; for several requests"),
        ((Command(["ls"]), [1]), {}, "not a Command; for several"),
        ((add, [1]), {"key": "mine"}, 'write key="auto"'),
        ((add, [1]), {"lr": 1}, "there is no option 'lr'"),
        ((add, [1]), {"timeot": 1}, r"did you mean timeout=\?"),
    ],
)
async def test_a_map_that_cannot_be_is_told_what_to_write(
    client: JobClient, arguments: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        await client.map(*arguments, **options)


@pytest.mark.parametrize("requests", ["work", Command(["ls"]), 3])
async def test_one_request_alone_is_told_to_be_submitted(client: JobClient, requests: Any) -> None:
    with pytest.raises(TypeError, match=r"submit_all\(\[…\]\), or submit\(…\)"):
        await client.submit_all(requests)
    with pytest.raises(TypeError, match='write key="auto"'):
        await client.submit_all(["work"], key="a")


async def test_the_same_work_under_a_key_is_the_job_that_is_there(client: JobClient) -> None:
    first = await client.submit(add, 1, key="sum")
    assert not first.attached

    again = await client.submit(add, 1, key="sum")

    assert again is first
    assert again.attached == "already submitted just now"
    assert client.attached[first.id]["key"] == "sum"
    assert client.attached[first.id]["id"] != first.id


async def test_other_work_under_a_key_is_refused(client: JobClient) -> None:
    await client.submit(add, 1, key="conflict")

    with pytest.raises(JobConflict, match="conflict"):
        await client.submit(add, 2, key="conflict")


async def test_what_was_attached_can_be_run_again(client: JobClient) -> None:
    first = await client.submit(add, 1, key="anew")
    await client.submit(add, 1, key="anew")

    second = client.adopt(await client.api.run(client.again(first.id)))

    assert (second.record.key, second.record.request) == ("anew", "add(1)")
    assert second is not first
    assert first.id not in client.attached
    assert await client.submit(add, 1, key="anew") is second
    with pytest.raises(JobNotFound, match="nothing was submitted here"):
        client.again(first.id)


async def test_again_makes_a_new_job_of_the_same_key(client: JobClient) -> None:
    first = await client.submit(add, 1, key="more")

    second = await client.submit(add, 1, key="more", again=True)

    assert second is not first
    assert not second.attached
    assert await client.submit(add, 1, key="more") is second


async def test_a_key_made_of_the_work_attaches_each_item_of_a_map(client: JobClient) -> None:
    first = await client.map(add, [1, 2, 1], key="auto")
    again = await client.map(add, [1, 2, 3], key="auto")

    assert first[0] is first[2]
    assert again[:2] == first[:2]
    assert [bool(job.attached) for job in again] == [True, True, False]


async def test_rules_and_dependencies_are_in_the_record(client: JobClient) -> None:
    first = await client.submit("work", timeout=timedelta(minutes=1), retries=2, backoff=0.5)
    jobs = await client.map("work", [1, 2], after=first)
    last = await client.submit("work", after=jobs, queue_timeout=60)

    assert first.record.rules == {"timeout": 60, "retries": 2, "backoff": 0.5}
    assert jobs[1].record.after == (first.id,)
    assert last.record.after == tuple(job.id for job in jobs)
    assert last.record.rules == {"queueTimeout": 60}
    with pytest.raises(InvalidJob, match="nobody"):
        await client.submit("work", after=["nobody"])


async def test_an_api_that_knows_no_such_rules_says_so() -> None:
    async with SeedBackend() as seed, JobClient(seed.target) as client:
        client.start()

        for options in ({"key": "a"}, {"after": ["a"]}, {"timeout": 3}):
            with pytest.raises(NotSupported, match="takes no"):
                await client.submit("work", **options)
        assert not (await client.submit("work")).attached


async def test_jobs_are_found_by_what_is_known_of_them(
    client: JobClient, external_backend: RunningBackend
) -> None:
    began = datetime.now(UTC)
    jobs = await client.map("work", range(3), name="found", tags=["a", "b"])
    other = await client.submit("work", name="found too", tags=["b"])
    external_backend.update(jobs[0].id, status="FAILED")
    external_backend.update(other.id, status="LOST")

    async def found(**filters: Any) -> list[str]:
        return [job.id for job in await client.find(since=began, **filters)]

    ids = [other.id, *(job.id for job in jobs[::-1])]
    assert await found() == ids
    assert await found(limit=2) == ids[:2]
    assert await found(name="found") == ids[1:]
    assert await found(tag="a", status="queued") == ids[1:3]
    assert await found(status=["failed", "lost"]) == [ids[0], ids[3]]
    assert await found(status="failed", limit=1) == [ids[3]]
    assert await found(group="elsewhere") == []
    assert len(await client.find(since=timedelta(days=-1))) == 0
    retry = await client.retry(jobs[0])
    assert await found(name="found") == [retry.id, *ids[1:3]]


async def test_jobs_of_other_groups_are_found_where_they_are_asked_for(
    client: JobClient, external_backend: RunningBackend
) -> None:
    async with following(external_backend, "elsewhere too") as other:
        job = await other.submit("work", name="far")

    assert [found.id for found in await client.find(name="far", group="elsewhere too")] == [job.id]
    assert job.id in [found.id for found in await client.find(name="far", group="*")]
    assert len(await client.find(name="far")) == 0


async def test_a_job_of_another_group_that_was_found_is_followed_to_its_end(
    client: JobClient, external_backend: RunningBackend
) -> None:
    async with following(external_backend, "followed") as other:
        job = await other.submit("work", name="followed")
        (found,) = await client.find(name="followed", group="*")
        external_backend.update(job.id, status="SUCCEEDED", result="7")
        assert client.feed is not None
        client.feed.poke()

        assert await found == 7


async def test_after_the_end_nothing_is_submitted(external_backend: RunningBackend) -> None:
    async with following(external_backend, "closed") as client:
        pass

    for use in (client.map(add, [1]), client.submit_all(["work"]), client.find()):
        with pytest.raises(MonitorClosed):
            await use
    with pytest.raises(MonitorClosed):
        client.again("a")


@pytest.mark.parametrize(
    ("created", "says"),
    [
        ("2026-11-22T20:00:00Z", "just now"),
        ("2026-11-22T19:58:00Z", "2 min ago"),
        ("2026-11-22T17:00:00Z", "3 h ago"),
        ("2026-11-20T19:00:00Z", "2 d ago"),
    ],
)
def test_how_long_ago_is_said_in_words(created: str, says: str) -> None:
    now = datetime(2026, 11, 22, 20, 0, 1, tzinfo=UTC)

    assert submitting._already({"createdAt": created}, now) == f"already submitted {says}"


def test_how_long_ago_may_be_unknown() -> None:
    assert submitting._already({"createdAt": None}, datetime.now(UTC)) == "already submitted"


async def test_what_runs_elsewhere_in_python_is_the_same_call(
    backend: RunningBackend,
) -> None:
    async with following(backend, "really") as client:
        jobs = await client.map(add, [1, 2], [10, 20])

        assert await asyncio.wait_for(jobs, 60) == [11, 22]
        assert json.dumps(await jobs[0]) == "11"
