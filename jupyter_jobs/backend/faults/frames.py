"""What goes wrong on one WebSocket, as a pure machine between the backend and the socket.

It is handed what the client said and what the backend says, each with the time, and its two queues hold what is left
of that. `ending` says that the socket itself is to suffer. The backend beside it stays a correct server: a
subscription that the server ends, for one, is ended by a `stop` that the client never sent.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any

from jupyter_jobs.appsync.messages import Error, Errors, Stop, dumps, encode, encode_data, loads
from jupyter_jobs.backend.faults.rules import Chosen, Faults

__all__ = ["FaultyFrames"]


@dataclass
class _Held:
    """A frame that waits for its time, or for so many later ones."""

    text: str
    due_at: float
    later: int | None


class FaultyFrames:
    """The frames of one connection, from its upgrade to its end.

    Args:
        faults: Chooses.
        connection: Its number, a fact for rules.
        now: On the caller's clock, in seconds.

    Attributes:
        to_client: Frames to send, oldest first; the caller takes them out.
        to_backend: The same, for the backend.
        ending: How the connection is to end now: a fault of the occasion `connection`. The caller does that, and calls
            no more.
    """

    def __init__(self, faults: Faults, connection: int, now: float) -> None:
        self.to_client: deque[str] = deque()
        self.to_backend: deque[str] = deque()
        self.ending: Chosen | None = None
        self._faults = faults
        self._generation = faults.generation
        self._connection = connection
        self._sent = 0
        self._started: dict[str, float] = {}
        self._held: list[_Held] = []
        self._stops: list[tuple[float, int, str, Chosen]] = []
        self._numbers = itertools.count()
        self._plan = faults.choose("connection", connection=connection)
        self._end_at: float | None = None
        if self._plan is not None:
            frames, ms = self._plan["frames"], self._plan["ms"]
            self._end_at = None if ms is None and frames is not None else now + (ms or 0) / 1000

    def from_client(self, text: str, now: float) -> None:
        """Take what the client said."""
        frame = _parsed(text)
        chosen = self._choose("start") if frame.get("type") == "start" else None
        if chosen is None:
            self.to_backend.append(text)
        elif chosen.fault == "complete":
            self.to_backend.append(text)
            due_at = now + chosen["ms"] / 1000
            heapq.heappush(self._stops, (due_at, next(self._numbers), frame["id"], chosen))
        else:
            self._faults.note(chosen)
            self._send(encode(_REFUSALS[chosen.fault](frame["id"], chosen)))
        self.tick(now)

    def from_backend(self, text: str, now: float) -> None:
        """Take what the backend says."""
        frame = _parsed(text)
        if frame.get("type") == "data":
            self._event(text, frame, now)
        elif (chosen := self._choose(str(frame.get("type")))) is not None:
            self._faults.note(chosen)
        else:
            self._send(text)
        if frame.get("type") == "start_ack":
            self._started[frame["id"]] = now
        self.tick(now)

    def next_deadline(self) -> float | None:
        """Return when `tick` is to be called, or None."""
        deadlines = [held.due_at for held in self._held] + [stop[0] for stop in self._stops[:1]]
        if self._end_at is not None:
            deadlines.append(self._end_at)
        return min(deadlines, default=None)

    def tick(self, now: float) -> None:
        """Do what is due."""
        due = [held for held in self._held if held.due_at <= now or held.later == 0]
        self._held = [held for held in self._held if held not in due]
        for held in due:
            self._send(held.text)
        while self._stops and self._stops[0][0] <= now:
            _, _, id_, chosen = heapq.heappop(self._stops)
            self._faults.note(chosen)
            self.to_backend.append(encode(Stop(id_)))
        if self._plan is not None:
            self._end_if_due(self._plan, now)

    def _end_if_due(self, plan: Chosen, now: float) -> None:
        if self._generation != self._faults.generation:  # the faults are over, or others are on
            self._plan = self._end_at = None
        elif (self._end_at is not None and self._end_at <= now) or (
            plan["frames"] is not None and self._sent >= plan["frames"]
        ):
            self._faults.note(plan)
            self.ending, self._plan, self._end_at = plan, None, None

    def _choose(self, occasion: str, **facts: Any) -> Chosen | None:
        return self._faults.choose(occasion, connection=self._connection, **facts)

    def _event(self, text: str, frame: dict[str, Any], now: float) -> None:
        (field, body), *_ = frame["payload"]["data"].items()
        facts = {"field": field, **{name: (body or {}).get(name) for name in ("id", "status")}}
        age_ms = (now - self._started.get(frame["id"], now)) * 1000
        chosen = self._choose("data", age_ms=age_ms, **facts)
        for held in self._held:
            if held.later is not None:
                held.later -= 1
        if chosen is None:
            self._send(text)
            return
        self._faults.note(chosen)
        match chosen.fault:
            case "duplicate":
                self._send(text)
                self._send(text)
            case "reorder":
                self._held.append(_Held(text, now + chosen["ms"] / 1000, int(chosen["later"])))
            case "delay":
                self._held.append(_Held(text, now + chosen["ms"] / 1000, None))
            case "blank":
                self._send(encode_data(frame["id"], dumps(_blank(field))))

    def _send(self, text: str) -> None:
        self.to_client.append(text)
        self._sent += 1


def _parsed(text: str) -> dict[str, Any]:
    """Read a frame; what is none is the backend's to refuse."""
    try:
        frame = loads(text)
    except ValueError:
        return {}
    good = isinstance(frame, dict) and isinstance(frame.get("id", ""), str)
    return frame if good and ("id" in frame or frame.get("type") != "start") else {}


def _blank(field: str) -> dict[str, Any]:
    # AppSync's words for a field that the schema forbids to be null and that no mutation selected.
    where = f"/{field}/createdAt"
    message = (
        f"Cannot return null for non-nullable type: 'AWSDateTime' within parent 'Job' ({where})"
    )
    return {"data": {field: None}, "errors": [{"message": message, "path": [field, "createdAt"]}]}


def _error(error_type: str, message: str) -> Errors:
    return [{"errorType": error_type, "message": message}]


_REFUSALS = {
    "throttle": lambda id_, chosen: Error(
        None, _error("LimitExceededError", "Rate limit exceeded")
    ),
    "too_many": lambda id_, chosen: Error(
        id_, _error("MaxSubscriptionsReachedError", "Max number of 100 subscriptions reached")
    ),
    "refuse_start": lambda id_, chosen: Error(id_, _error(chosen["errorType"], chosen["message"])),
}
"""How a start is refused, by fault."""
