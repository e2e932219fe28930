"""A kernel that a test drives as a front end would: cells, interrupts, comm messages, all seen in one order.

What the kernel publishes goes to the journal as it comes. Every wait is for something in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

__all__ = ["PATIENCE_S", "Cell", "Kernel", "Published", "running_kernel"]

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0 * float(os.environ.get("JUPYTER_JOBS_TEST_PATIENCE", "1"))


@dataclass(frozen=True)
class Published:
    """One message of the kernel on its public channel, and when it came (`time.monotonic()`)."""

    at: float
    kind: str
    parent: str
    content: Mapping[str, Any]


@dataclass
class Cell:
    """One run of a cell.

    Attributes:
        begun: Where in the journal it began; None before.
        ended: Where in the journal it ended; None while it runs.
        replied: Whether the kernel has also replied to who sent it. Until then nothing more should be sent: up to
            ipykernel 7.3, a request that comes while a reply goes out may wait unread until the next connection
            (ipython/ipykernel#1554).
        error: The name of what it raised, or None.
        text: What it printed.
    """

    begun: int | None = None
    ended: int | None = None
    replied: bool = False
    error: str | None = None
    error_text: str = ""
    text: str = ""


@dataclass
class Kernel:
    """A running kernel and the one client that it has.

    Attributes:
        journal: All that it has published, oldest first.
        listeners: Called with each message as it comes.
        subshell: Where comm messages are sent to; None for the main shell.
    """

    manager: AsyncKernelManager
    client: AsyncKernelClient
    journal: list[Published] = field(default_factory=list)
    listeners: list[Callable[[Published], object]] = field(default_factory=list)
    subshell: str | None = None
    _cells: dict[str, Cell] = field(default_factory=dict)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    def start(self, source: str) -> Cell:
        """Send a cell and return at once."""
        cell = Cell()
        self._cells[self.client.execute(source, allow_stdin=False)] = cell
        return cell

    async def run(self, source: str) -> str:
        """Run a cell to its end; what it printed.

        Raises:
            AssertionError: The cell raised something.
        """
        cell = self.start(source)
        await self.until_done(cell)
        assert cell.error is None, cell.error_text
        return cell.text

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something that was published makes the condition true."""
        try:
            async with self._heard, asyncio.timeout(PATIENCE_S):
                await self._heard.wait_for(lambda: bool(condition()))
        except TimeoutError:
            last = [f"{each.kind} {each.content}"[:200] for each in self.journal[-5:]]
            raise AssertionError(
                "\n".join([f"in {PATIENCE_S:g} s not seen: {what}; last heard:", *last])
            ) from None

    async def until_done(self, cell: Cell) -> None:
        """Wait until a cell has ended and been replied to."""
        await self.until(lambda: cell.ended is not None and cell.replied, "the cell ends")

    def during(self, cell: Cell) -> Iterator[Published]:
        """Yield what was published while a cell ran, so far."""
        if cell.begun is not None:
            yield from self.journal[cell.begun : cell.ended]

    async def interrupt(self) -> None:
        """Interrupt it as its specification says."""
        await self.manager.interrupt_kernel()

    async def use_subshell(self) -> None:
        """Ask for a subshell, and send comm messages to it from now on."""
        self.client.control_channel.send(self.client.session.msg("create_subshell_request"))
        reply = await self.client.get_control_msg(timeout=PATIENCE_S)
        assert reply["content"]["status"] == "ok", reply["content"]
        self.subshell = reply["content"]["subshell_id"]

    def send_to_comm(self, comm_id: str, data: Mapping[str, Any]) -> None:
        """Send a message to a comm, on the shell that is chosen for them."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    async def take_replies(self) -> None:
        """Read what it replies until cancelled."""
        while True:
            message = await self.client.get_shell_msg()
            async with self._heard:
                if (cell := self._cells.get(message["parent_header"]["msg_id"])) is not None:
                    cell.replied = True
                self._heard.notify_all()

    async def take_published(self) -> None:
        """Read what it publishes until cancelled."""
        while True:
            message = await self.client.get_iopub_msg()
            published = Published(
                time.monotonic(),
                message["msg_type"],
                message["parent_header"].get("msg_id", ""),
                message["content"],
            )
            async with self._heard:
                self._take(published)
                self._heard.notify_all()

    def _take(self, published: Published) -> None:
        self.journal.append(published)
        if (cell := self._cells.get(published.parent)) is not None:
            note(cell, published, len(self.journal))
        for listener in self.listeners:
            listener(published)


def note(cell: Cell, published: Published, number: int) -> None:
    """Write down what a message tells of a cell."""
    content = published.content
    match published.kind:
        case "execute_input":
            cell.begun = number
        case "stream":
            cell.text += content["text"]
        case "error":
            cell.error = content["ename"]
            cell.error_text = f"{content['ename']}: {content['evalue']}"
        case "status" if content["execution_state"] == "idle":
            cell.ended = number


@asynccontextmanager
async def running_kernel(
    python: Path, folder: Path, environ: Mapping[str, str], *, interrupt_mode: str = "signal"
) -> AsyncIterator[Kernel]:
    """Run a kernel for a block.

    Args:
        python: Its interpreter.
        folder: The folder it works in, made by this.
        environ: Its environment, beside the running one.
        interrupt_mode: `signal`, or `message` for a request on the control channel.
    """
    specification = folder / "kernels" / "own"
    specification.mkdir(parents=True)
    specification.joinpath("kernel.json").write_text(
        json.dumps(
            {
                "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "own",
                "language": "python",
                "interrupt_mode": interrupt_mode,
            }
        )
    )
    manager = AsyncKernelManager(
        kernel_name="own",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder / "kernels")]),
        connection_file=str(folder / "connection.json"),
    )
    log = (folder / "kernel.log").open("wb")
    await manager.start_kernel(
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environ},
        stdout=log,
        stderr=log,
    )
    client = manager.client()
    client.start_channels(stdin=False, hb=False)
    kernel = Kernel(manager, client)
    listening: list[asyncio.Task[None]] = []
    try:
        await client.wait_for_ready(timeout=PATIENCE_S)
        listening += map(asyncio.create_task, (kernel.take_published(), kernel.take_replies()))
        yield kernel
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        log.close()
