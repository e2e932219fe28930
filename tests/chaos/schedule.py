"""The faults of one seed: every kind that there is, each with chances of its own; in some no events are dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from jupyter_jobs.backend.faults import FAULTS

__all__ = ["drops_events", "schedule"]

Rule = dict[str, Any]
OF_CLIENTS = {"operation": ["submitJob", "cancelJob", "getJob", "listJobs"]}


def schedule(seed: int) -> dict[str, Any]:
    """Return the plan of a seed; equal for equal seeds."""
    random = Random(seed)
    rules = [
        {"fault": name, "share": round(random.uniform(*share), 3), **make(random)}
        for name in FAULTS
        if name != "drop" or drops_events(seed)
        for share, make in CHANCES[name]
    ]
    random.shuffle(rules)
    return {"seed": seed, "rules": rules}


def drops_events(seed: int) -> bool:
    """Whether events get lost at any time and without any sign; not so in every third storm."""
    return seed % 3 != 0


def _plain(random: Random) -> Rule:
    return {}


def _ms(low: int, high: int) -> Callable[[Random], Rule]:
    return lambda random: {"ms": [low, high]}


def _request(**parameters: Any) -> Callable[[Random], Rule]:
    return lambda random: {"where": OF_CLIENTS, **parameters}


_BOTH = ("before", "after")

CHANCES: Mapping[str, list[tuple[tuple[float, float], Callable[[Random], Rule]]]] = {
    "drop": [((0.02, 0.3), _plain)],
    "duplicate": [((0.02, 0.2), _plain)],
    "reorder": [((0.02, 0.2), lambda random: {"later": [1, 8], "ms": [50, 400]})],
    "delay": [((0.02, 0.2), _ms(5, 300))],
    "lose": [((0.3, 1.0), _ms(30, 300))],
    "blank": [((0.01, 0.1), _plain)],
    "refuse_upgrade": [
        ((0.1, 0.4), lambda random: {"status": random.choice([403, 429, 500, 503])})
    ],
    "close": [
        (
            (0.2, 0.5),
            lambda random: {"ms": [20, 500], "code": random.choice([1000, 1001, 1011, 4000])},
        )
    ],
    "reset": [((0.2, 0.5), _ms(20, 500))],
    "stall": [((0.1, 0.4), lambda random: {"ms": [20, 500], "for_ms": 2_000})],
    "withhold_ack": [((0.05, 0.2), _plain)],
    "withhold_ka": [((0.1, 0.6), _plain)],
    "withhold_start_ack": [((0.1, 0.3), _plain)],
    "throttle": [((0.1, 0.3), _plain)],
    "refuse_start": [((0.02, 0.1), _plain)],
    "too_many": [((0.02, 0.1), _plain)],
    "complete": [((0.05, 0.3), _ms(0, 400))],
    "expire": [
        (
            (0.005, 0.05),
            lambda random: {"ms": [20, 300], "where": {"shown": "authorization"}},
        )
    ],
    "status": [
        ((0.02, 0.06), _request(status=status, when=when))
        for status in (403, 429, 500, 503)
        for when in _BOTH
    ]
    + [((0.02, 0.06), _request(status=429, retry_after=0.1))],
    "hang": [((0.005, 0.02), _request(when=when)) for when in _BOTH],
    "cut": [((0.02, 0.06), _request(when=when)) for when in _BOTH],
    "truncate": [((0.02, 0.06), _request(when=when)) for when in _BOTH],
}
"""For each kind of fault its rules: the range that the share is drawn from, and what makes the rest."""
