"""A peer that speaks AppSync's wire and has many jobs: `python -m tests.bench.feeder JOBS`.

Prints its URLs, then obeys: one JSON object a line, each answered by one.

    {"changes": 500, "hz": 20}     from now on so many jobs change so often; 0 ends it
    {"create": 90000}              so many more jobs appear, by events
    {"stamps": true}               when the probe changed since this was last asked: `time.time()` of each

The newest jobs are live and change in turn. The oldest is the probe: it is live, too, so it stands on top of the panel,
it changes with every change of others, and its message is the moment of that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from jupyter_jobs.jobs.model import WIRE_NAMES
from tests.support.server import Answer, FakeAppSync, Posted

GROUP = "bench"
LIVE = 2_000
NAMES = 40  # of sweeps, which are groups in the panel
PROBE = 0
CREATED_PER_WRITE = 1_000
ROOM = 16 * 2**20  # bytes that wait for the kernel, above which nothing more is sent

BEGAN = datetime.now(UTC) - timedelta(hours=3)
SPACING = timedelta(seconds=0.1)  # between two jobs


class Jobs:
    """Jobs by number, the oldest first."""

    def __init__(self, count: int) -> None:
        self.versions = [1] * count
        self.live = range(max(1, count - LIVE), count)
        self.stamp = time.time()

    def __len__(self) -> int:
        return len(self.versions)

    def is_live(self, number: int) -> bool:
        return number == PROBE or number in self.live

    def change(self, number: int) -> None:
        self.versions[number] += 1

    def body(self, number: int) -> dict[str, Any]:
        """One job, as the backend publishes it."""
        version, is_live, is_probe = self.versions[number], self.is_live(number), number == PROBE
        created = BEGAN + number * SPACING
        body: dict[str, Any] = dict.fromkeys(WIRE_NAMES.values())
        return body | {
            "id": f"6f1c0000-0000-4000-8000-{number:012d}",
            "group": GROUP,
            "name": "probe" if is_probe else f"sweep {number % NAMES:02d}",
            "kind": "REQUEST",
            "request": "Process data",
            "params": '{"rows": 1000}',
            "priority": "MEDIUM",
            "status": "RUNNING" if is_live else "SUCCEEDED",
            "progress": version % 1000 / 1000 if is_live else 1.0,
            "done": float(version % 1000 if is_live else 1000),
            "total": 1000.0,
            "message": f"@{self.stamp:.3f}" if is_probe else f"row {version}",
            "version": version,
            "createdAt": iso(created),
            "startedAt": iso(created),
            "finishedAt": None if is_live else iso(created + 600 * SPACING),
            "updatedAt": iso(created + version * SPACING),
        }


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Feeder(FakeAppSync):
    """The API of those jobs."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.jobs = Jobs(count)
        self.stamps: list[float] = []
        self.changes, self.hz = 0, 20.0
        self._next = 0

    def respond(self, posted: Posted) -> Answer:
        self.posts.clear()  # it has served millions when it ends
        query, variables = posted.body["query"], posted.body["variables"]
        if "listJobs" in query:
            return Answer({"data": {"listJobs": self._page(variables)}})
        bodies = {name: self._found(id_) for name, id_ in variables.items()}
        return Answer(
            {"data": {"getJob" if name == "id" else name: bodies[name] for name in bodies}}
        )

    def _page(self, variables: dict[str, Any]) -> dict[str, Any]:
        start, limit = int(variables.get("nextToken") or 0), int(variables.get("limit") or 100)
        newest_first = range(len(self.jobs) - 1, -1, -1)
        items = [self.jobs.body(number) for number in newest_first[start : start + limit]]
        more = start + limit < len(self.jobs)
        return {"items": items, "nextToken": str(start + limit) if more else None}

    def _found(self, id_: str) -> dict[str, Any] | None:
        number = int(id_.rpartition("-")[2])
        return self.jobs.body(number) if number < len(self.jobs) else None

    async def feed(self) -> None:
        """Change jobs in the rhythm that is set, for ever."""
        due = time.monotonic()
        while True:
            if self.changes and self._has_room:
                self._publish(self._change())
            due = max(due + 1 / self.hz, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def create(self, count: int) -> None:
        """Add jobs that have ended, by events."""
        old = len(self.jobs)
        for start in range(old, old + count, CREATED_PER_WRITE):
            numbers = range(start, min(start + CREATED_PER_WRITE, old + count))
            self.jobs.versions += [1] * len(numbers)
            self._publish([self.jobs.body(number) for number in numbers])
            while not self._has_room:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.01)

    def _change(self) -> list[dict[str, Any]]:
        live = self.jobs.live
        numbers = [live[(self._next + n) % len(live)] for n in range(self.changes - 1)] + [PROBE]
        self._next += self.changes - 1
        for number in numbers:
            self.jobs.change(number)
        self.jobs.stamp = round(time.time(), 3)
        self.stamps.append(self.jobs.stamp)
        return [self.jobs.body(number) for number in numbers]

    @property
    def _has_room(self) -> bool:
        return all(
            peer.websocket.transport.get_write_buffer_size() < ROOM
            for peer in self.peers
            if peer.websocket.state is State.OPEN
        )

    def _publish(self, bodies: list[dict[str, Any]]) -> None:
        """Write ready-made frames in one go: what this costs is not the panel's."""
        texts = [json.dumps(body, separators=(",", ":")) for body in bodies]
        for peer in self.peers:
            if peer.websocket.state is not State.OPEN:
                continue
            for id_ in peer.machine.subscriptions:
                head = f'{{"id":"{id_}","type":"data","payload":{{"data":{{"onJobUpdate":'
                frames = (
                    Frame(Opcode.TEXT, f"{head}{text}}}}}}}".encode()).serialize(mask=False)
                    for text in texts
                )
                peer.websocket.transport.write(b"".join(frames))


async def main() -> None:
    async with Feeder(int(sys.argv[1])) as feeder:
        print(json.dumps([feeder.endpoint.http, feeder.endpoint.realtime]), flush=True)
        feeding = asyncio.create_task(feeder.feed())
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            answer: Any = True
            if "create" in order:
                await feeder.create(order["create"])
            elif "stamps" in order:
                answer, feeder.stamps = feeder.stamps, []
            else:
                feeder.changes, feeder.hz = order["changes"], order.get("hz", feeder.hz)
            print(json.dumps(answer), flush=True)
        feeding.cancel()


if __name__ == "__main__":
    asyncio.run(main())
