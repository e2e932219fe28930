import asyncio
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget import panel as panel_module
from jupyter_jobs.widget.panel import BEAT, PAGE_GONE, Panel


class Client:
    """What a panel needs of a `JobClient`, with jobs that a test merges by hand."""

    def __init__(self) -> None:
        self.target = SimpleNamespace(name="this machine")
        self.store = JobStore(threading.RLock())
        self.loop = asyncio.get_running_loop()
        self.changed: list[Any] = []
        self.watch = self.changed.append


class Page:
    """A panel, and what it sent, as a page that patches its rows sees it."""

    def __init__(self) -> None:
        self.client = Client()
        self.connection: dict[str, Any] = {"state": "connected", "asOf": 1}
        self.messages: list[Mapping[str, Any]] = []
        self.acted: list[tuple[str, str]] = []
        self.told = asyncio.Event()
        self.panel = Panel(
            self.client, connection=lambda: dict(self.connection), send=self._send, act=self._act
        )

    def _send(self, message: Mapping[str, Any]) -> None:
        self.messages.append(message)
        self.client.loop.call_soon_threadsafe(self.told.set)

    def _act(self, name: str, job: str, reply: Any) -> None:
        self.acted.append((name, job))
        reply({"ok": True, "data": {"done": name}})

    def hello(self, page: str = "p1") -> None:
        self.panel.receive({"type": "hello", "page": page})

    def merge(self, id_: str, version: int, status: str = "RUNNING", **more: Any) -> None:
        self.client.store.merge({"id": id_, "version": version, "status": status, **more})

    async def until_sent(self, count: int) -> None:
        while len(self.messages) < count:
            self.told.clear()
            await self.told.wait()

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows after all messages, as the page has them; a gap fails."""
        rows: dict[str, dict[str, Any]] = {}
        seq = None
        for message in self.messages:
            if message["type"] == "snapshot":
                rows = {row["id"]: dict(row) for row in message["jobs"]}
            elif message["type"] == "patch":
                assert message["seq"] == seq + 1
                for id_, fields in message["jobs"].items():
                    rows.setdefault(id_, {}).update(fields)
            if "seq" in message:
                seq = message["seq"]
        return rows


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock that beats go by, set by hand."""
    now = [1000.0]
    hands = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr(panel_module, "time", hands)
    return now


async def test_a_page_gets_all_jobs_first_and_then_what_changes() -> None:
    page = Page()
    page.merge("a", 1, progress=0.1)
    page.hello()
    assert page.types == ["snapshot"]
    assert page.messages[0]["backend"] == "this machine"
    assert page.messages[0]["connection"] == page.connection

    page.merge("a", 2, progress=0.2)
    page.merge("b", 1, "QUEUED", name="new")
    await page.until_sent(2)
    patch = page.messages[1]
    assert patch["type"] == "patch"
    assert patch["jobs"]["a"] == {"progress": 0.2}
    assert patch["jobs"]["b"]["name"] == "new"
    assert patch["seq"] == page.messages[0]["seq"] + 1
    assert "connection" not in patch


async def test_nothing_is_sent_while_nobody_looks() -> None:
    page = Page()
    for version in range(1, 50):
        page.merge("a", version)
    page.panel.flush()
    page.panel.on_tick(1.0)
    assert page.messages == []

    page.hello()
    page.panel.receive({"type": "bye", "page": "p1"})
    page.merge("a", 99)
    page.panel.flush()
    page.panel.on_tick(1.0)
    assert not page.panel.has_pages
    assert page.types == ["snapshot"]


async def test_nothing_is_sent_when_nothing_that_shows_has_changed() -> None:
    page = Page()
    page.merge("a", 1, progress=0.5)
    page.hello()

    page.merge("a", 2, progress=0.5, updatedAt="2026-11-22T10:00:00Z")
    page.connection["asOf"] = 2
    page.panel.flush()
    page.panel.flush()
    assert page.types == ["snapshot"]


async def test_a_burst_is_a_few_messages_and_ends_with_the_last_state() -> None:
    page = Page()
    page.hello()
    loop = asyncio.get_running_loop()

    started = loop.time()
    for version in range(1, 501):
        page.merge(f"j{version % 10}", version, progress=version / 500)
        await asyncio.sleep(0)
    while len(page.rows) < 10 or page.rows["j0"]["progress"] != 1.0:
        await page.until_sent(len(page.messages) + 1)
    elapsed = loop.time() - started
    assert len(page.messages) <= 2 + elapsed / panel_module.FLUSH
    assert len(page.messages) < 50
    assert page.rows == {
        job.id: {**page.rows[job.id], "progress": job.progress, "status": job.status}
        for job in page.client.store
    }


async def test_messages_are_at_least_a_flush_apart(clock: list[float]) -> None:
    page = Page()
    page.hello()
    waits: list[float] = []
    page.client.loop = type(  # a loop that only notes how long it is asked to wait
        "Loop",
        (),
        {
            "call_soon_threadsafe": lambda self, f, *a, **_: f(*a),
            "call_later": lambda self, wait, f, context: waits.append(wait),
        },
    )()

    clock[0] += 0.02
    page.merge("a", 1)
    page.merge("a", 2)
    page.merge("b", 1)
    assert waits == [pytest.approx(panel_module.FLUSH - 0.02)]
    page.panel.flush()
    clock[0] += 10
    page.merge("a", 3, progress=1.0)
    assert waits[1:] == [0.0]


async def test_a_second_page_is_told_everything_too() -> None:
    page = Page()
    page.merge("a", 1)
    page.hello("p1")
    page.hello("p2")
    page.panel.receive({"type": "bye", "page": "p1"})
    page.merge("a", 2, progress=0.5)
    await page.until_sent(3)

    assert page.types == ["snapshot", "snapshot", "patch"]
    assert page.rows["a"]["progress"] == 0.5


async def test_a_page_that_missed_something_asks_for_everything() -> None:
    page = Page()
    page.hello()
    page.panel.receive({"type": "resync", "page": "p1", "have": 0})

    assert page.types == ["snapshot", "snapshot"]
    assert page.messages[1]["seq"] == page.messages[0]["seq"] + 1


async def test_a_sign_of_life_is_not_answered_unless_the_page_is_unknown() -> None:
    page = Page()
    page.hello()
    page.panel.receive({"type": "alive", "page": "p1"})
    assert page.types == ["snapshot"]

    page.panel.receive({"type": "alive", "page": "slept for an hour"})
    assert page.types == ["snapshot", "snapshot"]


async def test_the_connection_is_told_when_it_changes() -> None:
    page = Page()
    page.hello()
    page.connection = {"state": "reconnecting", "asOf": 1}
    for changed in page.client.changed:
        changed()

    assert page.messages[1] == {
        "type": "patch",
        "seq": page.messages[0]["seq"] + 1,
        "jobs": {},
        "connection": page.connection,
    }


async def test_a_page_is_gone_after_a_minute_of_running_loop_without_a_sign() -> None:
    page = Page()
    page.hello("old")
    page.panel.on_tick(PAGE_GONE - 1)
    page.hello("new")
    page.panel.receive({"type": "alive", "page": "old"})
    page.panel.on_tick(PAGE_GONE - 1)
    assert page.panel.has_pages

    page.panel.receive({"type": "alive", "page": "new"})
    page.panel.on_tick(2)
    page.panel.receive({"type": "bye", "page": "new"})
    assert not page.panel.has_pages


async def test_no_page_is_blamed_for_a_loop_that_did_not_run(clock: list[float]) -> None:
    page = Page()
    page.hello()
    clock[0] += 100 * PAGE_GONE
    page.panel.on_tick(0.5)

    assert page.panel.has_pages


async def test_a_beat_follows_a_silence_and_has_no_number_of_its_own(clock: list[float]) -> None:
    page = Page()
    page.hello()
    clock[0] += BEAT - 0.1
    page.panel.on_tick(0.25)
    assert page.types == ["snapshot"]

    clock[0] += 0.2
    page.panel.on_tick(0.25)
    page.panel.beat()
    assert page.messages[1:] == [{"type": "beat", "seq": page.messages[0]["seq"]}]


async def test_an_action_is_performed_and_its_reply_finds_its_way() -> None:
    page = Page()
    page.hello()
    page.panel.receive(
        {"type": "action", "page": "p1", "action": "logs", "actionId": 7, "job": "a"}
    )
    page.panel.receive({"type": "action", "page": "p1", "action": "reconnect", "actionId": 8})

    assert page.acted == [("logs", "a"), ("reconnect", "")]
    assert page.messages[1] == {
        "type": "reply",
        "page": "p1",
        "actionId": 7,
        "ok": True,
        "data": {"done": "logs"},
    }
    assert page.messages[2]["actionId"] == 8


@pytest.mark.parametrize("message", [None, [], "hello", 7, {}, {"type": 3}, {"page": ["p"]}])
async def test_nothing_that_a_page_may_say_raises(message: object) -> None:
    page = Page()
    page.panel.receive(message)
    page.panel.receive({"type": "bye", "page": "never seen"})

    assert page.acted == []


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns as often as they can, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


async def test_a_page_may_go_on_another_thread_in_the_middle_of_a_tick() -> None:
    page = Page()
    byes: list[threading.Thread] = []

    class Pages(dict[str, float]):
        def items(self) -> Any:
            for item in super().items():
                yield item
                if not byes:
                    bye = {"type": "bye", "page": "p1"}
                    byes.append(threading.Thread(target=page.panel.receive, args=(bye,)))
                    byes[0].start()
                    byes[0].join(0.2)  # it has to wait for the tick

    page.panel._pages = Pages()
    page.hello("p1")
    page.hello("p2")
    page.panel.on_tick(0.25)
    byes[0].join()

    assert list(page.panel._pages) == ["p2"]


@pytest.mark.usefixtures("hasty_threads")
async def test_threads_that_merge_and_flush_leave_no_gap_and_lose_nothing() -> None:
    page = Page()
    page.hello()

    def work(job: str) -> None:
        for version in range(1, 201):
            page.merge(job, version, progress=version / 200)
            page.panel.flush()

    threads = [threading.Thread(target=work, args=(f"j{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page.panel.flush()

    assert {row["progress"] for row in page.rows.values()} == {1.0}
    assert len(page.rows) == 4
    assert all(row["status"] == JobStatus.RUNNING for row in page.rows.values())
