import asyncio

import pytest

from jupyter_jobs.appsync.auth import ApiKeyAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.cli.follow import News, follow_group, follow_jobs
from jupyter_jobs.errors import Unauthorized
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.target import Target
from tests.support.backend import PATIENCE_S, RunningBackend
from tests.support.following import submit, target


async def until_live(news: News, backend: RunningBackend) -> None:
    """Wait until events arrive."""
    while not (await asyncio.to_thread(backend.stats))["subscriptions"]:
        await news.wait(0.05)


async def until_forever(news: News) -> None:
    while True:
        await news.wait()


async def test_a_group_is_followed_and_no_other(external_backend: RunningBackend) -> None:
    known = await asyncio.to_thread(submit, external_backend, "mine")
    other = await asyncio.to_thread(submit, external_backend, "theirs")

    async with follow_group(target(external_backend), "mine") as client:
        assert known in client.store
        assert other not in client.store
        news = News(client)
        new = await asyncio.to_thread(submit, external_backend, "mine")
        async with asyncio.timeout(PATIENCE_S):
            while new not in news.changed:
                await news.wait()

        assert new in news.take()
        assert news.take() == []
        assert not await news.wait(0.01) or not news.changed


async def test_all_groups_are_followed_also_those_that_come_later(
    external_backend: RunningBackend,
) -> None:
    known = await asyncio.to_thread(submit, external_backend, "one of many")

    async with follow_group(target(external_backend), None) as client:
        assert known in client.store
        news = News(client)
        await until_live(news, external_backend)
        new = await asyncio.to_thread(submit, external_backend, "a group that was not there")
        async with asyncio.timeout(PATIENCE_S):
            while new not in client.store:
                await news.wait()


async def test_jobs_are_followed_by_themselves(external_backend: RunningBackend) -> None:
    ids = [await asyncio.to_thread(submit, external_backend, group) for group in ("a", "b", "b")]
    query = '{ getJob(id: "%s") { id status version createdAt } }'
    bodies = [
        (await asyncio.to_thread(external_backend.execute, query % id_))["data"]["getJob"]
        for id_ in ids[:2]
    ]

    async with follow_jobs(target(external_backend), bodies) as client:
        news = News(client)
        await asyncio.to_thread(external_backend.update, ids[1], status="SUCCEEDED")
        async with asyncio.timeout(PATIENCE_S):
            while client.handle(ids[1]).status is not JobStatus.SUCCEEDED:
                await news.wait()

        assert client.handle(ids[0]).status is JobStatus.QUEUED
        assert ids[2] not in client.store


async def test_refused_credentials_are_told_at_once(external_backend: RunningBackend) -> None:
    wrong = Target(Endpoint.parse(external_backend.http), ApiKeyAuth("da2-" + "x" * 26))

    with pytest.raises(Unauthorized):
        async with follow_group(wrong, None):
            raise AssertionError("it was let in")


async def test_credentials_that_are_refused_later_end_the_wait(
    external_backend: RunningBackend,
) -> None:
    wrong = Target(Endpoint.parse(external_backend.http), ApiKeyAuth("da2-" + "x" * 26))
    body = {"id": "x", "status": "QUEUED", "version": 1, "createdAt": "2026-11-22T10:00:00Z"}

    async with follow_jobs(wrong, [body]) as client:
        news = News(client)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Unauthorized):
                await until_forever(news)
