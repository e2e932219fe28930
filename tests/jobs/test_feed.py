import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jupyter_jobs._loop import Tasks
from jupyter_jobs.errors import ConnectionLost, SubscriptionRefused
from jupyter_jobs.jobs import feed
from jupyter_jobs.jobs.api import JobApi
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.config import JobConfig
from jupyter_jobs.jobs.feed import JobFeed
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.reconciler import Reconciler
from jupyter_jobs.jobs.store import JobStore
from tests.support.backend import RunningBackend
from tests.support.following import all_jobs, following, submit, target, until
from tests.support.interrupts import interrupt, run_through_interrupts
from tests.support.proxy import proxied
from tests.support.wire import Wire, job


async def test_a_job_is_followed_from_its_submission_to_its_end(
    external_backend: RunningBackend,
) -> None:
    async with following(external_backend, "followed") as client:
        statuses: list[str] = []
        client.store.observe(lambda _, status: statuses.append(status.value))

        id_ = submit(external_backend, "followed")
        await until(client, lambda: id_ in client.store)
        external_backend.update(id_, status="RUNNING", progress=0.5, message="half")
        await until(client, lambda: client.store.get(id_).status == "RUNNING")
        assert (client.store.get(id_).progress, client.store.get(id_).message) == (0.5, "half")
        external_backend.update(id_, status="SUCCEEDED", result='{"rows": 7}')
        await until(client, lambda: client.store.get(id_).status.is_terminal)

        assert client.store.get(id_).result == {"rows": 7}
        assert statuses == ["QUEUED", "RUNNING", "SUCCEEDED"]


async def test_what_was_there_before_is_known_once_it_is_ready(
    external_backend: RunningBackend,
) -> None:
    ended, waiting = submit(external_backend, "before"), submit(external_backend, "before")
    submit(external_backend, "another group")
    external_backend.update(ended, status="FAILED", error='{"type": "E", "message": "m"}')

    async with following(external_backend, "before") as client:
        assert {job.id: job.status.value for job in client.store} == {
            ended: "FAILED",
            waiting: "QUEUED",
        }


async def test_jobs_of_other_groups_are_not_heard_of(external_backend: RunningBackend) -> None:
    async with following(external_backend, "mine") as client:
        other = submit(external_backend, "theirs")
        mine = submit(external_backend, "mine")
        await until(client, lambda: mine in client.store)

        assert other not in client.store


async def test_after_a_reset_all_jobs_are_what_the_backend_has(
    external_backend: RunningBackend,
) -> None:
    group = "reset"
    with proxied(external_backend.http) as proxy:
        async with following(external_backend, group, http=proxy.http) as client:
            ids = [submit(external_backend, group) for _ in range(50)]
            external_backend.update(ids[0], status="RUNNING", progress=0.1)
            await until(client, lambda: len(client.store) == 50)

            with proxy.down():
                await until(client, lambda: client.connection.state == "reconnecting")
                for number, id_ in enumerate(ids):
                    external_backend.update(id_, status="RUNNING", progress=number / 50)
                for number, id_ in enumerate(ids[:40]):
                    ending = ("SUCCEEDED", "FAILED", "CANCELLED", "LOST")[number % 4]
                    external_backend.update(id_, status=ending, result=f'{{"n": {number}}}')
                late = [submit(external_backend, group) for _ in range(5)]
            client.reconnect()
            await until(client, lambda: client.connection.state == "connected")
            await until(
                client,
                lambda: all(
                    client.store.version(id_) == job["version"]
                    for id_, job in all_jobs(external_backend, group).items()
                ),
            )

            truth = all_jobs(external_backend, group)
            assert set(truth) == {*ids, *late}
            assert {job.id: (job.status, job.version, job.progress) for job in client.store} == {
                id_: (job["status"], job["version"], job["progress"]) for id_, job in truth.items()
            }
            assert [client.store.get(id_).result for id_ in ids[:40]] == [
                {"n": number} for number in range(40)
            ]
            external_backend.update(late[0], status="RUNNING", message="heard again")
            await until(client, lambda: client.store.get(late[0]).message == "heard again")


async def test_a_backend_that_is_away_at_the_start_is_asked_again(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "RETRY_CAP", 0.05)
    id_ = submit(external_backend, "away")
    with proxied(external_backend.http) as proxy:
        config = JobConfig(retry_delay=0.01)
        through = target(external_backend, proxy.http)
        async with JobClient(through, group="away", config=config) as client:
            with proxy.down():
                client.start()
                await client.ready()
                problem = client.feed.problem
            await until(client, lambda: id_ in client.store)
            await until(client, lambda: client.feed.problem == "")

            assert "127.0.0.1" in problem


# From here on the other side says what a correct server never does.


@asynccontextmanager
async def fed(wire: Wire, **options: Any) -> AsyncIterator[JobFeed]:
    """A feed over that wire that has asked once."""
    tasks = Tasks(asyncio.get_running_loop())
    fed = JobFeed(JobApi(wire), Reconciler(JobStore(), "g"), "g", tasks, **options)
    fed.start()
    try:
        await fed.ready()
        yield fed
    finally:
        fed.close()
        await tasks.cancel()


def event(body: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"data": {"onJobUpdate": body}, **more}


async def test_a_whole_event_needs_no_question() -> None:
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        wire.say(event(job("j1", 2, progress=0.5)))

        assert feed_._store.get("j1").progress == 0.5
        assert wire.asked == ["ListJobs"]
        assert feed_._due == []


@pytest.mark.parametrize(
    "payload",
    [
        event(None),
        {"data": None},
        {},
        event({"id": "j1", "version": 2, "status": None, "createdAt": None}),
        event(job("j1", 2, createdAt=None)),
        event(job("j1", 2, status="PENDING")),
        event(job("j1", 2), errors=[{"message": "no"}]),
    ],
)
async def test_an_event_without_a_usable_body_makes_it_ask(payload: dict[str, Any]) -> None:
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        wire.jobs["j1"] = job("j1", 2, "SUCCEEDED")
        wire.say(payload)
        assert feed_._store.version("j1") == 1

        await wire.until_asked(2)
        await asyncio.sleep(0)
        assert feed_._store.get("j1").status == "SUCCEEDED"


async def test_many_unusable_events_make_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        feed, "AFTER_POKE", 0.5
    )  # all of them come sooner, however busy the machine
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        for _ in range(200):
            wire.say(event(None))
            await asyncio.sleep(0)
        await wire.until_asked(2)
        await asyncio.sleep(0)

        assert feed_._due == []
        assert wire.asked == ["ListJobs", "ListJobs"]


async def test_events_that_can_never_be_used_make_no_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "AFTER_POKE", 0.001)
    monkeypatch.setattr(feed, "SLOWEST_PACE", 3600.0)
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        for asked in range(2, 8):
            wire.say(event(None))
            await wire.until_asked(asked)
            await asyncio.sleep(0)

        assert feed_._paced_until - feed_._asked_at > 0.001 * 2**5


def test_an_interrupt_does_not_end_the_questions() -> None:
    async def story() -> None:
        wire = Wire(job("j1"))
        async with fed(wire):
            interrupt("jupyter-jobs feed")
            await asyncio.sleep(0.01)
            wire.say(event(None))
            await wire.until_asked(2)

    run_through_interrupts(story())


def test_a_question_that_was_interrupted_is_asked_again() -> None:
    async def story() -> None:
        wire = Wire(job("j1", status="SUCCEEDED"))
        async with fed(wire) as feed_:
            wire.jobs["j2"] = job("j2")
            wire.fails = [KeyboardInterrupt()]
            wire.say(event(None))
            await wire.until_asked(3)
            await asyncio.sleep(0)

            assert "j2" in feed_._store

    run_through_interrupts(story())


async def test_each_start_of_the_subscription_asks_at_once_and_twice_later() -> None:
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        wire.started()
        await wire.until_asked(2)
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()

        assert len(feed_._due) == 2
        assert 0 < feed_._due[0] - now <= 1.0
        assert 4.0 < feed_._due[1] - now <= 5.0


async def test_a_refused_subscription_is_replaced_by_questions(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feed, "WITHOUT_EVENTS", 0.01)
    wire = Wire(job("j1"))
    async with fed(wire) as feed_:
        with caplog.at_level(logging.WARNING):
            wire.end(SubscriptionRefused("no such subscription"))
        await wire.until_asked(5)

        assert "no such subscription" in caplog.text
        assert "no such subscription" in feed_.problem
        wire.jobs["j1"] = job("j1", 2, "SUCCEEDED")
        await wire.until_asked(len(wire.asked) + 1)
        await asyncio.sleep(0)
        assert feed_._store.get("j1").status == "SUCCEEDED"
        wire.started()
        await wire.until_asked(len(wire.asked) + 1)
        await asyncio.sleep(0)
        assert feed_.problem == ""


async def test_new_jobs_are_heard_of_without_events_though_no_job_is_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "WITHOUT_EVENTS", 0.01)
    wire = Wire(job("j1", status="SUCCEEDED"))
    async with fed(wire) as feed_:
        wire.end(SubscriptionRefused("no such subscription"))
        await wire.until_asked(4)
        wire.jobs["j2"] = job("j2")
        await wire.until_asked(len(wire.asked) + 2)

        assert "j2" in feed_._store


async def test_silence_about_all_jobs_is_not_believed_for_ever() -> None:
    wire = Wire(job("j1", status="SUCCEEDED"))
    async with fed(wire, subscription_timeout=0.05) as feed_:
        wire.jobs["j2"] = job("j2")  # and all events about it are lost
        await wire.until_asked(2)
        await asyncio.sleep(0)

        assert "j2" in feed_._store


async def test_without_events_and_live_jobs_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "WITHOUT_EVENTS", 0.001)
    monkeypatch.setattr(feed, "WHILE_LIVE", 0.001)
    wire = Wire(job("j1", status="SUCCEEDED"))
    rests: list[float | None] = []
    rested = asyncio.Event()

    class Watched(JobFeed):
        async def _rest(self, until_due: float | None) -> None:
            await super()._rest(until_due)
            rests.append(until_due)
            if len(rests) > 5:
                rested.set()

    tasks = Tasks(asyncio.get_running_loop())
    watched = Watched(JobApi(wire), Reconciler(JobStore(), "g"), "g", tasks)
    watched.start()
    await rested.wait()
    await tasks.cancel()

    assert wire.asked == ["ListJobs"]


async def test_live_jobs_are_asked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "WHILE_LIVE", 0.01)
    wire = Wire(job("j1"))
    async with fed(wire):
        await wire.until_asked(4)

        assert set(wire.asked) == {"ListJobs"}


async def test_a_failed_question_is_told_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "RETRY_CAP", 0.01)
    wire = Wire(job("j1"))
    wire.fails = [ConnectionLost("the network is down"), ConnectionLost("the network is down")]
    async with fed(wire) as feed_:
        assert feed_.problem == "the network is down"

        await wire.until_asked(3)
        await asyncio.sleep(0)
        assert feed_.problem == ""
        assert "j1" in feed_._store


async def test_an_answer_of_another_shape_does_not_end_the_feed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "RETRY_CAP", 0.01)
    wire = Wire(job("j1"))
    wire.answers = lambda operation: {"listJobs": None}
    async with fed(wire) as feed_:
        assert "cannot be used" in feed_.problem

        wire.answers = None
        await wire.until_asked(len(wire.asked) + 1)
        await asyncio.sleep(0)
        assert "j1" in feed_._store


async def test_a_job_of_its_own_subscription_is_asked_for_by_id() -> None:
    own = PROFILES["jupyter_jobs"]
    profile = dataclasses.replace(
        own,
        documents={name: own.documents[name] for name in ("submitJob", "getJob")},
        wider={},
        updates={"id": own.updates["id"]},
    )
    wire, tasks = Wire(job("j1")), Tasks(asyncio.get_running_loop())
    api, store = JobApi(wire, profile=profile), JobStore()
    feed_ = JobFeed(api, Reconciler(store, "g", profile), "g", tasks)
    feed_.start()
    await feed_.ready()
    assert wire.asked == []

    store.merge(job("j1"))
    wire.jobs["j1"] = job("j1", 2, "SUCCEEDED")
    wire.say(event(None))
    await wire.until_asked(1)
    await asyncio.sleep(0)
    assert store.get("j1").status == "SUCCEEDED"
    assert wire.asked == ["GetJobs"]
    assert feed_.problem == ""
    feed_.close()
    await tasks.cancel()
