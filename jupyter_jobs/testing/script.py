"""What jobs come to, by name. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, TypedDict, Unpack

from jupyter_jobs.testing.submitted import Submitted

__all__ = ["Answer", "Outcome", "Rule", "Said", "Script"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run of a job comes to. It succeeds, unless it is said to raise or to be lost.

    Attributes:
        returns: The result. Of a command it is the exit code, and another one than 0 fails.
        raises: What the work raises: an exception, or a class of them.
        lost: Whether its process vanishes.
        takes: Seconds, or a timedelta, until then, of the time that `advance` passes; infinity for work that hangs.
        prints: Lines on stdout, the first at the start, the others evenly over that time.
        progress: Shares from 0 to 1 that it reports, each when that share of the time is over.
    """

    returns: Any = None
    raises: BaseException | type[BaseException] | None = None
    lost: bool = False
    takes: float | timedelta = 0.0
    prints: Sequence[str] = ()
    progress: Sequence[float] = ()

    def __post_init__(self) -> None:
        if (self.returns is not None) + (self.raises is not None) + self.lost > 1:
            raise ValueError("a job comes to one end: say one of returns=, raises= and lost=")
        if not self.seconds >= 0:
            raise ValueError(f"takes= is a number of seconds from 0, not {self.takes!r}")
        if isinstance(self.prints, str):
            raise ValueError(f"prints= takes a list of lines: prints=[{self.prints!r}]")
        if list(self.progress) != sorted(self.progress) or not all(
            0 <= share <= 1 for share in self.progress
        ):
            raise ValueError(
                f"progress= goes up and from 0 to 1, as [0.1, 0.5], not {list(self.progress)!r}"
            )

    @property
    def seconds(self) -> float:
        """`takes`, in seconds."""
        return (
            self.takes.total_seconds() if isinstance(self.takes, timedelta) else float(self.takes)
        )

    @property
    def error(self) -> BaseException | None:
        """The exception that it raises, or None."""
        return self.raises() if isinstance(self.raises, type) else self.raises

    def steps(self) -> list[tuple[float, str, Any]]:
        """Return what happens before the end: seconds after the start, `prints` or `progress`, the line or the share."""
        length = self.seconds
        lines = [(n / len(self.prints), "prints", line) for n, line in enumerate(self.prints)]
        steps = sorted(
            [*lines, *((share, "progress", share) for share in self.progress)],
            key=lambda step: step[0],
        )
        timed = [(share * length if share else 0.0, what, value) for share, what, value in steps]
        return [step for step in timed if math.isfinite(step[0])]


class Said(TypedDict, total=False):
    """What an `Outcome` is said to be; see there."""

    returns: Any
    raises: BaseException | type[BaseException] | None
    lost: bool
    takes: float | timedelta
    prints: Sequence[str]
    progress: Sequence[float]


Answer = Outcome | Callable[[Submitted], Any]
"""An outcome, or what makes one: is called with what was submitted, and returns the result or an `Outcome`, or raises."""


class Rule:
    """What jobs of a name come to, one run after the other; the last outcome goes on for all further runs.

    Args:
        pattern: Of the name, as `fnmatch` reads it.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._answers: list[Answer] = []
        self._taken = 0

    def then(self, answer: Answer | None = None, /, **said: Unpack[Said]) -> Rule:
        """Say what the next run comes to; as `ScriptedJobs.on`.

            jobs.on("fetch", raises=ConnectionError("reset")).then(returns=[1, 2])

        Raises:
            ValueError: It can be no outcome.
            TypeError: There is no such word, or `answer` is no function.
        """
        if answer is not None and said:
            raise TypeError("say either a function, or what the job comes to")
        if answer is not None and not isinstance(answer, Outcome) and not callable(answer):
            raise TypeError(f"write returns={answer!r}: alone stands a function or an Outcome")
        self._answers.append(Outcome(**said) if answer is None else answer)
        return self

    def matches(self, submitted: Submitted) -> bool:
        """Whether it speaks of a job."""
        return any(
            name == self.pattern or fnmatchcase(name, self.pattern) for name in submitted.names
        )

    def take(self) -> Answer:
        """Return what the next run comes to."""
        if not self._answers:
            return Outcome()
        answer = self._answers[min(self._taken, len(self._answers) - 1)]
        self._taken += 1
        return answer


class Script:
    """All rules; of those that speak of a job the newest counts."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, pattern: str) -> Rule:
        """Add a rule that says nothing yet."""
        rule = Rule(pattern)
        self._rules.append(rule)
        return rule

    def find(self, submitted: Submitted) -> Rule | None:
        """Return the rule for a job, or None."""
        return next((rule for rule in reversed(self._rules) if rule.matches(submitted)), None)

    def describe_missing(self, submitted: Submitted) -> str:
        """Say that nothing is scripted for a job, and how to."""
        name = submitted.names[0]
        patterns = dict.fromkeys(f'"{rule.pattern}"' for rule in self._rules)
        there = f"; scripted are {', '.join(patterns)}" if patterns else ""
        return f'Nothing is scripted for "{name}": write scripted_jobs.on("{name}", returns=…) before it is submitted{there}.'
