"""The page of a monitor, as far as the kernel can tell: it takes what the kernel sends, and says what pages say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.kernels.kernel import Kernel, Published

__all__ = ["Page", "rows_of"]

Row = dict[str, Any]


class Page:
    """One page that shows the monitor of a kernel.

    Attributes:
        rows: The jobs as it shows them, by id.
        replies: All answers to its actions, in the order of their arrival.
        faults: What no kernel may send: gaps, repetitions, answers to others.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.rows: dict[str, Row] = {}
        self.replies: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self._kernel = kernel
        self._comm = ""
        self._seq: int | None = None
        self._numbers = itertools.count(1)
        kernel.listeners.append(self._take)

    async def show(self) -> None:
        """Wait for the monitor's widget and say hello."""
        await self._kernel.until(lambda: self._comm, "a widget opens")
        self._say("hello")
        await self._kernel.until(lambda: self._seq is not None, "a snapshot comes")

    def stay(self) -> None:
        """Give a sign of life."""
        self._say("alive")

    def act(self, action: str, *jobs: str) -> int:
        """Click; the number of the action."""
        number = next(self._numbers)
        self._say("action", action=action, actionId=number, jobs=list(jobs))
        return number

    def told(self, published: Published) -> Mapping[str, Any]:
        """What a published message tells this page; nothing if it is for others."""
        content = published.content
        if published.kind != "comm_msg" or content["comm_id"] != self._comm:
            return {}
        data = content["data"]
        return data["content"] if data.get("method") == "custom" else {}

    def changes(self, published: Published) -> dict[str, Row]:
        """What a published message tells of jobs: their new values, by id."""
        told = self.told(published)
        return {**rows_of(told.get("rows")), **(told.get("jobs") or {})}

    def _say(self, kind: str, **more: Any) -> None:
        content = {"type": kind, "page": "page", **more}
        self._kernel.send_to_comm(self._comm, {"method": "custom", "content": content})

    def _take(self, published: Published) -> None:
        content = published.content
        if published.kind == "comm_open" and "_esm" in content["data"].get("state", {}):
            self._comm = content["comm_id"]
        told = self.told(published)
        if (kind := told.get("type")) is None:
            return
        if kind == "reply":
            self.replies.append(dict(told))
            return
        if kind == "snapshot":
            self.rows.clear()
        elif told["seq"] != (self._seq or 0) + (kind == "patch"):
            self.faults.append(f"{kind} {told['seq']} after {self._seq}")
        self._seq = told["seq"]
        for id_, changes in self.changes(published).items():
            known = self.rows.setdefault(id_, {})
            if known and all(known.get(name) == value for name, value in changes.items()):
                self.faults.append(f"told twice in {kind} {told['seq']}: {changes}")
            known |= changes


def rows_of(columns: Mapping[str, Any] | None) -> dict[str, Row]:
    """Compact rows as rows, by id."""
    if not columns:
        return {}
    count = columns["n"]
    lists = {name: list(_values(column, count)) for name, column in columns.items() if name != "n"}
    return {
        lists["id"][n]: {name: values[n] for name, values in lists.items()} for n in range(count)
    }


def _values(column: Any, count: int) -> Iterator[Any]:
    if isinstance(column, list):
        yield from column
    elif "all" in column:
        yield from itertools.repeat(column["all"], count)
    elif "words" in column:
        yield from (None if at is None else column["words"][at] for at in column["at"])
    else:
        yield from (None if plus is None else column["from"] + plus for plus in column["plus"])
