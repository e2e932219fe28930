"""The pages that show one monitor: who looks, and what each of them was answered."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answers", "Pages"]

GONE = 65.0  # seconds of a running loop without a sign of life; pages give one every 20 s
REMEMBERED = 200  # actions of a page


class Answers:
    """What a page was answered, so that what it asks for twice is done once.

    A page asks again when it did not hear an answer, as after its reload in the middle.
    """

    def __init__(self) -> None:
        self._replies: dict[Hashable, Mapping[str, Any] | None] = {}
        self._asked: dict[Hashable, int] = {}

    def ask(self, action_id: Hashable) -> Mapping[str, Any] | bool:
        """Return whether an action is to be performed; or its reply, if there is one."""
        if action_id in self._replies:
            reply = self._replies[action_id]
            if reply is not None:
                return reply
            self._asked[action_id] += 1
            return False
        self._replies[action_id], self._asked[action_id] = None, 1
        return True

    def answer(self, action_id: Hashable, reply: Mapping[str, Any]) -> int:
        """Keep the reply to an action; return how often it was asked for by now."""
        self._replies[action_id] = reply
        answered = [known for known, given in self._replies.items() if given is not None]
        for oldest in answered[:-REMEMBERED]:
            del self._replies[oldest]
        return self._asked.pop(action_id, 1)


@dataclass(slots=True)
class _Page:
    age: float = 0.0  # seconds of running loop since its last sign of life
    answers: Answers = field(default_factory=Answers)


class Pages:
    """Who looks. The caller holds a lock."""

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    def __bool__(self) -> bool:
        return bool(self._pages)

    def heard(self, page: str) -> bool:
        """Note a sign of life; return whether the page is new."""
        known = self._pages.get(page)
        if known is None:
            self._pages[page] = _Page()
            return True
        known.age = 0.0
        return False

    def left(self, page: str) -> None:
        """Forget a page that says goodbye."""
        self._pages.pop(page, None)

    def grow_older(self, elapsed: float) -> list[str]:
        """Let seconds of a running loop pass, in which pages could be heard; return those that are gone by now."""
        for page in self._pages.values():
            page.age += elapsed
        gone = [name for name, page in self._pages.items() if page.age > GONE]
        for name in gone:
            del self._pages[name]
        return gone

    def answers(self, page: str) -> Answers:
        """Return what a page was answered; of one that is gone, nothing."""
        return self._pages[page].answers if page in self._pages else Answers()
