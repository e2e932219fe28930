"""Which fault happens when: the table of all kinds, and the rules that choose among them.

A plan is a JSON object, `{}` for none:

    {"seed": 7, "rules": [
      {"fault": "drop", "share": 0.1},
      {"fault": "close", "code": 1011, "ms": [50, 400], "count": 2},
      {"fault": "status", "status": 429, "when": "after", "where": {"operation": "submitJob"}}
    ]}

Each kind of fault has its occasion: an event, a start, a request, … At each occasion the rules are asked in their order,
and the first that wants it does it. Every rule may say

    share   how likely it takes an occasion, from 0 to 1 (default 1)
    after   how many occasions it lets pass first (default 0)
    count   how many it takes at most (default: any number)
    where   facts that must be so; a list stands for any of its values

and sets the parameters of its fault, as `FAULTS` has them. A number may be a pair `[low, high]`: one between them is
drawn each time. Each rule draws from a sequence of its own, made from the seed and its place in the plan, so a plan
makes the same choices for the same occasions. Pure: no clock, no sockets.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from jupyter_jobs.errors import ConfigurationError

__all__ = ["FAULTS", "Chosen", "Fault", "Faults", "read_plan"]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        occasion: When it may happen: the type of a frame, or `upgrade`, `connection`, `credentials`, `request`.
        does: What it does.
        parameters: What a rule may set, with defaults.
    """

    occasion: str
    does: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


_ENDING = {"frames": None, "ms": None}
_WHEN = {"when": "before"}

FAULTS: Mapping[str, Fault] = {
    # Facts of an event: field, id and status of the job, connection (they are numbered from 1).
    "drop": Fault("data", "an event is not sent"),
    "duplicate": Fault("data", "an event is sent twice"),
    "reorder": Fault(
        "data", "an event is sent after so many later ones, or after ms", {"later": 3, "ms": 500}
    ),
    "delay": Fault("data", "an event is sent after ms; later ones overtake it", {"ms": 100}),
    "lose": Fault("data", "events in the first ms after start_ack are not sent", {"ms": 300}),
    "blank": Fault("data", "an event has null for a body, and errors that say why"),
    # Facts of all that follows on a WebSocket: connection.
    "refuse_upgrade": Fault("upgrade", "HTTP refuses the WebSocket", {"status": 503}),
    "close": Fault(
        "connection",
        "a connection is closed after so many frames, after ms, or at once",
        {"code": 1011, **_ENDING},
    ),
    "reset": Fault("connection", "TCP resets a connection; when as for close", _ENDING),
    "stall": Fault(
        "connection",
        "nothing is read or sent any more, pongs neither; reset after for_ms; when as for close",
        {"for_ms": 10_000, **_ENDING},
    ),
    "withhold_ack": Fault("connection_ack", "connection_ack is not sent"),
    "withhold_ka": Fault("ka", "a keep-alive is not sent"),
    "withhold_start_ack": Fault("start_ack", "start_ack is not sent, the subscription is live"),
    "throttle": Fault("start", "a start is refused with LimitExceededError, without its id"),
    "refuse_start": Fault(
        "start",
        "a start is refused",
        {"errorType": "Unauthorized", "message": "Not Authorized to access onJobUpdate"},
    ),
    "too_many": Fault("start", "a start is refused with MaxSubscriptionsReachedError"),
    "complete": Fault("start", "the server ends the subscription ms after its start", {"ms": 0}),
    # Facts: purpose (connect, start, request), shown (x-api-key, authorization).
    "expire": Fault(
        "credentials",
        "the credentials shown are refused as expired from now on, for ms if given; others are not",
        {"ms": None},
    ),
    # Facts of a request: operation, the fields at its root. `when`: before or after it took effect.
    "status": Fault(
        "request",
        "an HTTP status and a page of HTML",
        {"status": 500, "retry_after": None, **_WHEN},
    ),
    "hang": Fault("request", "no answer at all", _WHEN),
    "cut": Fault("request", "TCP resets the connection instead of an answer", _WHEN),
    "truncate": Fault("request", "the connection ends in the middle of the answer", _WHEN),
}
"""Every kind of fault, by the name that rules use."""

_COMMON: Mapping[str, Any] = {"share": 1.0, "after": 0, "count": None, "where": {}}


@dataclass(frozen=True, eq=False)
class Chosen:
    """A fault that is to happen now, its parameters drawn."""

    fault: str
    parameters: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    @property
    def counted_as(self) -> str:
        """The kind; before and after are two, for a request."""
        return f"{self.fault} {self['when']}" if "when" in self.parameters else self.fault


class _Rule:
    """One rule of a plan, and how often it was asked and took."""

    def __init__(self, number: int, rule: Any, seed: Any) -> None:
        self.settings = _checked(number, rule)
        self.name = self.settings["fault"]
        self.fault = FAULTS[self.name]
        self._random = Random(f"{seed}/{number}")
        self._passed = 0
        self._taken = 0

    def choose(self, facts: Mapping[str, Any]) -> Chosen | None:
        settings = self.settings
        if not all(_holds(facts.get(name), value) for name, value in settings["where"].items()):
            return None
        parameters = {name: self._draw(settings[name]) for name in self.fault.parameters}
        if self.name == "lose" and facts["age_ms"] >= parameters["ms"]:
            return None
        self._passed += 1
        if self._passed <= settings["after"]:
            return None
        if settings["count"] is not None and self._taken >= settings["count"]:
            return None
        if self._random.random() >= settings["share"]:
            return None
        self._taken += 1
        return Chosen(self.name, parameters)

    def _draw(self, value: Any) -> Any:
        return self._random.uniform(*value) if isinstance(value, list) else value


class Faults:
    """A plan at work.

    Args:
        plan: See the module.

    Attributes:
        generation: Counts the plans; what was begun under a former one is not to go on.

    Raises:
        ConfigurationError: The plan names something that there is not.
    """

    def __init__(self, plan: Any = None) -> None:
        self.generation = 0
        self._rules: list[_Rule] = []
        self._done: Counter[str] = Counter()
        self.replace({} if plan is None else plan)

    def replace(self, plan: Any) -> dict[str, int]:
        """Go over to another plan; returns what the former one did.

        Raises:
            ConfigurationError: The plan is wrong; the former one stays.
        """
        if not isinstance(plan, dict) or not plan.keys() <= {"seed", "rules"}:
            raise ConfigurationError('faults are an object with "rules", a list, and "seed"')
        rules = plan.get("rules", [])
        if not isinstance(rules, list):
            raise ConfigurationError(f'"rules" is a list, not {json.dumps(rules)}')
        seed = plan.get("seed", 0)
        self._rules = [_Rule(number, rule, seed) for number, rule in enumerate(rules, start=1)]
        self.generation += 1
        done, self._done = self.done, Counter()
        return done

    @property
    def done(self) -> dict[str, int]:
        """How many faults of each kind the present plan did; those to a request by kind and `when`."""
        return dict(sorted(self._done.items()))

    def choose(self, occasion: str, **facts: Any) -> Chosen | None:
        """Return the fault that happens at an occasion, or None; whoever does it notes it."""
        for rule in self._rules:
            if rule.fault.occasion == occasion and (chosen := rule.choose(facts)) is not None:
                return chosen
        return None

    def note(self, chosen: Chosen) -> None:
        """Count a fault that has happened."""
        self._done[chosen.counted_as] += 1


def read_plan(path: Path) -> Any:
    """Read a plan from a file.

    Raises:
        ConfigurationError: There is none, or it is no JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read faults from {path}: {error}") from error


def _holds(fact: Any, wanted: Any) -> bool:
    """Whether a fact, or one of several, is what is wanted, or one of several."""
    facts = fact if isinstance(fact, list) else [fact]
    return any(one in wanted if isinstance(wanted, list) else one == wanted for one in facts)


def _checked(number: int, rule: Any) -> dict[str, Any]:
    where = f"rule {number} of the faults, {json.dumps(rule)}"
    name = str(rule.get("fault")) if isinstance(rule, dict) else ""
    if name not in FAULTS:
        raise ConfigurationError(f'{where}: "fault" is one of {", ".join(FAULTS)}')
    defaults = {**_COMMON, **FAULTS[name].parameters}
    for word, value in rule.items():
        if word == "fault":
            continue
        if word not in defaults:
            raise ConfigurationError(
                f"{where}: there is no {word!r}; it takes {', '.join(defaults)}"
            )
        if (problem := _problem(word, value, defaults[word])) is not None:
            raise ConfigurationError(f"{where}: {word!r} must be {problem}")
    return {"fault": name, **defaults, **rule}


def _problem(word: str, value: Any, default: Any) -> str | None:
    """Return what a value should have been, or None if it is good."""
    if word == "where":
        return None if isinstance(value, dict) else "an object of facts"
    if word == "when":
        return None if value in ("before", "after") else "before or after"
    if isinstance(default, str):
        return None if isinstance(value, str) else "text"
    if word == "share":
        return None if _is_number(value) and value <= 1 else "a number from 0 to 1"
    if isinstance(value, list) and word not in _COMMON:
        good = len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]
        return None if good else "a number, or a pair [low, high]"
    return None if _is_number(value) or value is default is None else "a number from 0"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
