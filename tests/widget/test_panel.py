import asyncio
import contextvars
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_jobs.jobs import tail
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget import panel as panel_module
from jupyter_jobs.widget import panel_state
from jupyter_jobs.widget.columns import decode
from jupyter_jobs.widget.pages import GONE
from jupyter_jobs.widget.panel import BEAT, Panel
from jupyter_jobs.widget.panel_state import ROW_FIELDS


class Client:
    """What a panel needs of a `JobClient`, with jobs that a test merges by hand."""

    def __init__(self) -> None:
        self.target = SimpleNamespace(name="this machine", profile=PROFILES["jupyter_jobs"])
        self.store = JobStore(threading.RLock())
        self.loop = asyncio.get_running_loop()
        self.thread_id = None  # of no thread: logs are asked for at once
        self.api = SimpleNamespace(run_sync=self.asked)
        self.log: list[dict[str, Any]] = []
        self.questions: list[Mapping[str, Any]] = []
        self.changed: list[Any] = []
        self.watch = self.changed.append
        self.attached: dict[str, Any] = {}

    def asked(self, call: Call[Any]) -> Mapping[str, Any]:
        self.questions.append(call.variables)
        after = call.variables.get("after", 0)
        return {"lines": [line for line in self.log if line["seq"] > after], "ended": False}


class Page:
    """A panel, and what it sent, as a page that patches its rows sees it."""

    def __init__(self) -> None:
        self.client = Client()
        self.connection: dict[str, Any] = {"state": "connected", "asOf": 1}
        self.messages: list[Mapping[str, Any]] = []
        self.acted: list[tuple[str, Sequence[str]]] = []
        self.waiting: list[Any] | None = None  # replies that a test gives by hand
        self.told = asyncio.Event()
        self.panel = Panel(
            self.client, connection=lambda: dict(self.connection), send=self._send, act=self._act
        )

    def _send(self, message: Mapping[str, Any]) -> None:
        self.messages.append(json.loads(json.dumps(message)))
        self.client.loop.call_soon_threadsafe(self.told.set)

    def _act(self, name: str, jobs: Sequence[str], reply: Any) -> None:
        self.acted.append((name, jobs))
        if self.waiting is None:
            reply({"ok": True, "data": {"done": name}})
        else:
            self.waiting.append(reply)

    def say(self, type: str, page: str = "p1", **more: Any) -> None:
        self.panel.receive({"type": type, "page": page, **more})

    def hello(self, page: str = "p1") -> None:
        self.say("hello", page)

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
                rows = {}
            elif message["type"] == "patch":
                assert message["seq"] == seq + 1
            for row in decode(ROW_FIELDS, message.get("rows", {"n": 0})):
                rows[row["id"]] = row
            for id_, fields in message.get("jobs", {}).items():
                rows[id_].update(fields)
            for id_ in message.get("gone", ()):
                del rows[id_]
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
    assert patch["jobs"] == {"a": {"progress": 0.2}}
    assert patch["rows"]["name"] == ["new"]
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
    page.panel.catch_up()
    page.panel.catch_up()
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
    page.panel._flush_now()  # a timer that came too early
    assert (len(page.messages), len(waits)) == (1, 2)

    clock[0] += 0.031
    page.panel._flush_now()
    clock[0] += 10
    page.merge("a", 3, progress=1.0)
    assert page.types == ["snapshot", "patch"]
    assert waits[2:] == [0.0]


async def test_a_second_page_is_told_everything_too() -> None:
    page = Page()
    page.merge("a", 1)
    page.hello("p1")
    page.hello("p2")
    await page.until_sent(2)
    page.say("bye", "p1")
    page.merge("a", 2, progress=0.5)
    await page.until_sent(3)

    assert page.types == ["snapshot", "snapshot", "patch"]
    assert page.rows["a"]["progress"] == 0.5


async def test_a_page_that_missed_something_asks_for_everything() -> None:
    page = Page()
    page.hello()
    page.say("resync", have=0)
    await page.until_sent(2)

    assert page.types == ["snapshot", "snapshot"]
    assert page.messages[1]["seq"] == page.messages[0]["seq"] + 1


async def test_a_sign_of_life_is_not_answered_unless_the_page_is_unknown() -> None:
    page = Page()
    page.hello()
    page.say("alive")
    assert page.types == ["snapshot"]

    page.say("alive", "slept for an hour")
    await page.until_sent(2)
    assert page.types == ["snapshot", "snapshot"]


async def test_the_connection_is_told_when_it_changes() -> None:
    page = Page()
    page.hello()
    page.connection = {"state": "reconnecting", "asOf": 1}
    for changed in page.client.changed:
        changed()
    await page.until_sent(2)

    assert page.messages[1] == {
        "type": "patch",
        "seq": page.messages[0]["seq"] + 1,
        "connection": page.connection,
    }


async def test_a_page_is_gone_after_a_minute_of_running_loop_without_a_sign() -> None:
    page = Page()
    page.hello("old")
    page.panel.on_tick(GONE - 1)
    page.hello("new")
    page.panel.receive({"type": "alive", "page": "old"})
    page.panel.on_tick(GONE - 1)
    assert page.panel.has_pages

    page.panel.receive({"type": "alive", "page": "new"})
    page.panel.on_tick(2)
    page.panel.receive({"type": "bye", "page": "new"})
    assert not page.panel.has_pages


async def test_no_page_is_blamed_for_a_loop_that_did_not_run(clock: list[float]) -> None:
    page = Page()
    page.hello()
    clock[0] += 100 * GONE
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


async def test_a_page_that_hears_nothing_asks_and_is_answered_at_once() -> None:
    page = Page()
    page.hello()
    seq = page.messages[0]["seq"]
    page.say("poll", have=seq)
    assert page.messages[1:] == [{"type": "beat", "seq": seq}]

    page.merge("a", 1)
    page.say("poll", have=seq)
    assert page.types[2:] == ["patch"]
    page.say("poll", have=seq)
    assert page.types[3:] == ["snapshot"]
    assert list(page.rows) == ["a"]


async def test_a_poll_of_a_page_that_nobody_knows_brings_everything() -> None:
    page = Page()
    page.merge("a", 1)
    page.say("poll", have=0)

    assert page.types == ["snapshot"]


async def test_many_hellos_at_once_are_answered_together() -> None:
    page = Page()
    for n in range(20):
        page.hello(f"p{n}")
    await page.until_sent(2)
    page.merge("a", 1)
    await page.until_sent(3)

    assert page.types == ["snapshot", "snapshot", "patch"]


async def test_many_jobs_follow_the_snapshot_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_state, "READS", 10)
    monkeypatch.setattr(panel_state, "FIRST_READS", 5)
    page = Page()
    for n in range(35):
        page.merge(f"j{n}", 1)
    page.hello()
    await page.until_sent(4)

    assert page.types == ["snapshot", "patch", "patch", "patch"]
    assert len(page.rows) == page.messages[0]["total"] == 35


async def test_a_superseded_job_is_gone() -> None:
    page = Page()
    page.merge("a", 1, "FAILED")
    page.hello()
    page.merge("b", 1, retryOf="a", attempt=2)
    await page.until_sent(2)

    assert page.messages[1]["gone"] == ["a"]
    assert list(page.rows) == ["b"]


async def test_what_an_interrupt_tore_is_told_anew() -> None:
    page = Page()
    page.merge("a", 1)
    page.hello()
    send = page.panel._send

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    page.panel._send = interrupted
    page.merge("a", 2, progress=0.5)
    with pytest.raises(KeyboardInterrupt):
        page.panel.catch_up()
    page.panel._send = send
    page.panel.on_tick(0.25)
    await page.until_sent(2)

    assert page.types == ["snapshot", "snapshot"]
    assert page.rows["a"]["progress"] == 0.5


# Actions.


async def test_an_action_is_performed_and_its_reply_finds_its_way() -> None:
    page = Page()
    page.hello()
    page.say("action", action="cancel", actionId=7, jobs=["a", "b"])
    page.say("action", action="reconnect", actionId=8)

    assert page.acted == [("cancel", ["a", "b"]), ("reconnect", [])]
    assert page.messages[1] == {
        "type": "reply",
        "page": "p1",
        "actionId": 7,
        "ok": True,
        "data": {"done": "cancel"},
    }
    assert page.messages[2]["actionId"] == 8


async def test_an_action_that_is_asked_for_twice_is_performed_once_and_answered_twice() -> None:
    page = Page()
    page.waiting = []
    page.hello()
    for _ in range(2):
        page.say("action", action="retry", actionId=7, jobs=["a"])
    page.say("action", "p2", action="retry", actionId=7, jobs=["a"])
    assert page.types == ["snapshot"]

    for reply in page.waiting:
        reply({"ok": True, "data": {}})
    page.say("action", action="retry", actionId=7, jobs=["a"])
    replies = [(m["page"], m["actionId"]) for m in page.messages if m["type"] == "reply"]
    assert page.acted == [("retry", ["a"])] * 2
    assert replies == [("p1", 7), ("p1", 7), ("p2", 7), ("p1", 7)]


# Logs.


async def test_a_page_follows_a_log_until_it_looks_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "QUICK", 0.0)
    page = Page()
    page.merge("a", 1)
    page.hello()
    page.client.log = [{"seq": 1, "text": "one"}]
    page.say("follow", job="a", after=0)
    page.client.log.append({"seq": 2, "text": "two"})
    page.panel.on_tick(0.25)
    page.panel.catch_up()

    logs = [message for message in page.messages if message["type"] == "log"]
    assert [[line["text"] for line in message["lines"]] for message in logs] == [["one"], ["two"]]
    assert {(message["page"], message["job"], message["ended"]) for message in logs} == {
        ("p1", "a", False)
    }
    asked = len(page.client.questions)
    page.say("follow", job=None)
    page.panel.on_tick(0.25)
    assert len(page.client.questions) == asked == 3


@pytest.mark.parametrize("goes", ["bye", "silence"])
async def test_a_page_that_is_gone_follows_nothing(
    goes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "QUICK", 0.0)
    page = Page()
    page.merge("a", 1)
    page.say("follow", job="a", after=3)
    if goes == "bye":
        page.say("bye")
    else:
        page.panel.on_tick(GONE + 1)
    page.panel.on_tick(0.25)

    assert page.client.questions == [{"id": "a", "after": 3, "limit": tail.LINES}]


# In whose name.


async def test_all_is_published_in_the_context_of_the_page_that_spoke_last() -> None:
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")
    page = Page()
    seen: list[str] = []
    send = page.panel._send

    def note(message: Mapping[str, Any]) -> None:
        seen.append(cell.get("none"))
        send(message)

    page.panel._send = note
    cell.set("the cell that made the panel")
    message = contextvars.copy_context()
    message.run(cell.set, "the page's message")
    message.run(page.hello)
    page.merge("a", 1)
    await page.until_sent(2)
    page.panel.publish(lambda: seen.append(cell.get("none")))
    page.say("bye")
    page.panel.publish(lambda: seen.append(cell.get("none")))

    assert seen == ["the page's message"] * 3 + ["none"]


@pytest.mark.parametrize(
    "message",
    [
        *(None, [], "hello", 7, {}, {"type": 3}, {"page": ["p"]}, {"type": ["hello"]}),
        {"type": "poll", "have": {}},
        {"type": "follow", "job": 7, "after": "x"},
        {"type": "follow", "job": ["a"]},
    ],
)
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

    class AllPages(dict[str, Any]):
        def values(self) -> Any:
            for value in super().values():
                yield value
                if not byes:
                    bye = {"type": "bye", "page": "p1"}
                    byes.append(threading.Thread(target=page.panel.receive, args=(bye,)))
                    byes[0].start()
                    byes[0].join(0.2)  # it has to wait for the tick

    page.panel._pages._pages = AllPages()
    page.hello("p1")
    page.hello("p2")
    page.panel.on_tick(0.25)
    byes[0].join()

    assert list(page.panel._pages._pages) == ["p2"]


@pytest.mark.usefixtures("hasty_threads")
async def test_threads_that_merge_and_flush_leave_no_gap_and_lose_nothing() -> None:
    page = Page()
    page.hello()

    def work(job: str) -> None:
        for version in range(1, 201):
            page.merge(job, version, progress=version / 200)
            page.panel.catch_up()

    threads = [threading.Thread(target=work, args=(f"j{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page.panel.catch_up()

    assert {row["progress"] for row in page.rows.values()} == {1.0}
    assert len(page.rows) == 4
    assert all(row["status"] == JobStatus.RUNNING for row in page.rows.values())
