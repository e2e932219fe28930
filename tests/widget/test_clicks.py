"""Clicks while a cell runs: a real kernel, and a page that has a subshell as JupyterLab's has."""

from __future__ import annotations

import ast
import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from tests.support.backend import KEY, PATIENCE_S, RunningBackend
from tests.support.following import all_jobs

ONCE_MORE_S = 10.0

WAIT = "import concurrent.futures\nconcurrent.futures.wait([job])"

MONITOR = """
from jupyter_jobs import JobMonitor
monitor = JobMonitor(group=%r)
monitor.comm.comm_id
"""


class Lab:
    """A front end of a kernel.

    Attributes:
        told: What was published on the widget's comm, oldest first, each with the header of its parent.
        idle: Ids of the requests that are done with.
    """

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient, group: str) -> None:
        self.group = group
        self._manager = manager
        self._client = client
        self._told = asyncio.Event()
        self._comm = ""
        self._subshell: str | None = None
        self.told: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        self.idle: set[str] = set()
        self.printed: set[str] = set()
        self.errors: dict[str, str] = {}
        self.values: dict[str, str] = {}

    async def read(self) -> None:
        while True:
            message = await self._client.get_iopub_msg()
            content, parent = message["content"], message["parent_header"]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                self.idle.add(parent["msg_id"])
            elif message["msg_type"] == "execute_result":
                self.values[parent["msg_id"]] = content["data"]["text/plain"]
            elif message["msg_type"] == "stream":
                self.printed.add(parent["msg_id"])
            elif message["msg_type"] == "error":
                self.errors[parent["msg_id"]] = content["ename"]
            elif message["msg_type"] == "comm_msg" and content["comm_id"] == self._comm:
                self.told.append((content["data"], parent))
            self._told.set()

    async def until(self, condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while not (seen := condition()):
                self._told.clear()
                await self._told.wait()
        return seen

    async def start(self) -> None:
        """Make a monitor and a page that shows it."""
        self._comm = ast.literal_eval(await self.run(MONITOR % self.group))
        request = self._client.session.msg("create_subshell_request")
        self._client.control_channel.send(request)
        reply = await self._client.get_control_msg(timeout=PATIENCE_S)
        self._subshell = reply["content"]["subshell_id"]
        self.say(type="hello")
        await self.until(lambda: self.of_type("snapshot"))

    def begin(self, code: str) -> str:
        return self._client.execute(code)

    async def interrupt(self) -> None:
        await self._manager.interrupt_kernel()

    async def run(self, code: str) -> str:
        cell = self.begin(code)
        await self.until(lambda: cell in self.idle)
        assert cell not in self.errors, self.errors[cell]
        return self.values.get(cell, "")

    def say(self, **message: Any) -> None:
        data = {"method": "custom", "content": {"page": "p", **message}}
        told = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        told["header"]["subshell_id"] = self._subshell
        self._client.shell_channel.send(told)

    def of_type(self, name: str) -> list[Mapping[str, Any]]:
        messages = [data["content"] for data, _ in self.told if data.get("method") == "custom"]
        return [message for message in messages if message["type"] == name]

    async def begin_sleep(self, seconds: float) -> str:
        """Begin a cell that holds the main thread, and wait until it does."""
        cell = self.begin(f"import time\nprint('asleep', flush=True)\ntime.sleep({seconds})")
        await self.until(lambda: cell in self.printed)
        return cell

    def has_summary(self, counts: Mapping[str, int]) -> bool:
        """Whether a summary was told that counts so many jobs."""
        states = [data.get("state", {}) for data, _ in self.told]
        return any(state.get("summary", {}).get("counts") == counts for state in states)

    async def interrupted(self, code: str) -> str:
        """Run a cell and interrupt it in the middle; the name of the error that it ends with.

        A signal that comes between Python's last look for one and its going to sleep in a lock wakes nobody, so this
        does as a reader does, and presses once more.
        """
        cell = self.begin(f"print('begun', flush=True)\n{code}")
        await self.until(lambda: cell in self.printed)
        ended = asyncio.create_task(self.until(lambda: cell in self.idle))
        while not ended.done():
            await self.interrupt()
            await asyncio.wait([ended], timeout=ONCE_MORE_S)
        await ended
        return self.errors[cell]

    def patched(self, job: str) -> bool:
        return any(job in patch.get("jobs", {}) for patch in self.of_type("patch"))

    def is_shown(self, job: str) -> bool:
        told = [*self.of_type("snapshot"), *self.of_type("patch")]
        return any(job in message.get("rows", {}).get("id", ()) for message in told)

    def reply(self, action_id: int) -> Mapping[str, Any] | None:
        replies = [reply for reply in self.of_type("reply") if reply["actionId"] == action_id]
        return replies[0] if replies else None


@asynccontextmanager
async def lab(backend: RunningBackend, group: str) -> AsyncIterator[Lab]:
    manager = AsyncKernelManager(kernel_name="python3")
    settings = {"JUPYTER_JOBS_ENDPOINT": backend.http, "JUPYTER_JOBS_API_KEY": KEY}
    await manager.start_kernel(env={**os.environ, **settings})
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=PATIENCE_S)
    page = Lab(manager, client, group)
    reading = asyncio.create_task(page.read())
    try:
        yield page
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def test_a_click_is_acted_on_while_a_cell_holds_the_main_thread(
    external_backend: RunningBackend,
) -> None:
    async with lab(external_backend, "clicks") as page:
        await page.start()
        await page.run("jobs = [monitor.submit('work') for _ in range(2)]")
        first, second = all_jobs(external_backend, page.group)
        await page.until(lambda: page.is_shown(first) and page.is_shown(second))
        external_backend.update(first, status="RUNNING", progress=0.5)
        await page.until(
            lambda: page.has_summary({"RUNNING": 1, "QUEUED": 1})
        )  # published by the event loop, on the main thread

        cell = await page.begin_sleep(PATIENCE_S)
        page.say(type="action", action="cancel", actionId=1, jobs=[first])
        reply = await page.until(lambda: page.reply(1))
        assert reply["data"] == {"done": [first], "refused": {}}

        external_backend.update(second, status="RUNNING", progress=0.5)
        await page.until(lambda: page.patched(second))  # published by the stand-in
        page.say(type="action", action="cancel", actionId=2, jobs=[second])
        await page.until(lambda: page.reply(2))
        page.say(type="follow", job=second, after=0)
        await page.until(lambda: page.of_type("log"))
        assert cell not in page.idle
        await page.interrupt()
        await page.until(lambda: cell in page.idle)


async def test_an_interrupted_await_ends_at_once_and_its_job_goes_on(
    external_backend: RunningBackend,
) -> None:
    async with lab(external_backend, "interrupts") as page:
        await page.start()
        await page.run("job = monitor.submit('work')")
        [job] = all_jobs(external_backend, page.group)
        await page.until(lambda: page.is_shown(job))
        external_backend.update(job, status="RUNNING", progress=0.5)
        await page.until(lambda: page.patched(job))

        assert await page.interrupted("await job") in ("KeyboardInterrupt", "CancelledError")
        assert await page.interrupted("job.result()") == "KeyboardInterrupt"
        assert await page.interrupted(WAIT) == "KeyboardInterrupt"
        assert all_jobs(external_backend, page.group)[job]["status"] == "RUNNING"

        external_backend.update(job, progress=0.75)
        await page.until(
            lambda: any(
                p["jobs"].get(job, {}).get("progress") == 0.75
                for p in page.of_type("patch")
                if "jobs" in p
            )
        )
        external_backend.update(job, status="SUCCEEDED", result="42")
        assert await page.run("job.result()") == "42"
