"""The story of one seed: what is submitted, cancelled and retried when, and what is killed when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from tests.crash.work import Ending, Errand

__all__ = ["KILLS", "Kill", "Plan", "Step", "plan", "random_errand"]

ERRANDS = 24
LOAD_S = 2.5  # over which the steps are spread
MAP = 6  # errands of one document
CHILDREN = ("sleep", "fork", "daemon")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that the client does.

    Attributes:
        at: Seconds from the beginning.
        act: `submit`, `map`, `cancel` or `retry`.
        numbers: The errands that it is about.
        kill_after: Whether the backend is killed as soon as this is acknowledged.
        kill_during: Seconds after this was sent, not waiting for the answer, that the backend is killed; None for not.
    """

    at: float
    act: str
    numbers: tuple[int, ...]
    kill_after: bool = False
    kill_during: float | None = None


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Something that is done to the processes.

    Attributes:
        at: Seconds from the beginning.
        kind: A key of `KILLS`.
        delay: Seconds that the kind makes use of.
    """

    at: float
    kind: str
    delay: float = 0.0


KILLS: Mapping[str, tuple[float, float]] = {
    "backend": (0.0, 0.0),
    "backend and the next one as it starts": (0.0, 1.0),
    "backend and the next one as it adopts": (0.0, 0.02),
    "backend and the next one when it is ready": (0.0, 0.05),
    "backend, asked to end": (0.0, 0.0),
    "backend, frozen": (0.05, 0.5),
    "nursery": (0.0, 0.0),
    "nursery and backend": (0.0, 0.01),
    "shim": (0.0, 0.0),
    "shim and backend": (0.0, 0.01),
    "backend and shim": (0.0, 0.2),
    "work": (0.0, 0.0),
    "work and backend": (0.0, 0.01),
    "work, frozen": (0.05, 0.6),
    "shim, frozen": (0.05, 0.6),
}
"""Everything that is done to processes, and the range of its delay: between two kills, or that one is frozen."""

_OFTEN = ("backend", "shim", "work", "nursery", "work, frozen")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The story of one seed."""

    seed: int
    errands: tuple[Errand, ...]
    steps: tuple[Step, ...]
    kills: tuple[Kill, ...]


def plan(seed: int) -> Plan:
    """Return the story of a seed; equal for equal seeds."""
    random = Random(seed)
    errands = [random_errand(random, number) for number in range(ERRANDS)]
    awaited = {errand.after for errand in errands}
    alone = [errand.number for errand in errands if errand.number not in awaited]
    steps = _submits(random)
    submitted = {number: step.at for step in steps for number in step.numbers}
    cancelled = random.sample(range(ERRANDS), 5)
    steps += [
        Step(
            at=submitted[number] + random.choice([0.0, 0.1, 0.5, 1.5]) * random.random(),
            act="cancel",
            numbers=(number,),
        )
        for number in cancelled
    ]
    steps += [
        Step(at=submitted[number], act="retry", numbers=(number,))
        for number in random.sample(sorted(set(alone) - set(cancelled)), 3)
    ]
    steps = [_with_kill(random, step) for step in sorted(steps, key=lambda step: step.at)]
    kinds = [random.choice(_OFTEN) for _ in range(4)] + random.sample(sorted(KILLS), 3)
    kills = [
        Kill(
            at=round(random.uniform(0.2, 1.6 * LOAD_S), 3),
            kind=kind,
            delay=round(random.uniform(*KILLS[kind]), 4),
        )
        for kind in kinds
    ]
    kills.sort(key=lambda kill: kill.at)
    return Plan(seed=seed, errands=tuple(errands), steps=tuple(steps), kills=tuple(kills))


def random_errand(random: Random, number: int, *, alone: bool = False) -> Errand:
    """Return some errand; it may wait for an earlier one.

    Args:
        random: Chooses.
        number: Its number; what it may wait for has a lower one.
        alone: Whether it waits for no other.
    """
    blocks, lines, pause = random.choices(
        [(1, 1, 0.0), (4, 3, 0.03), (6, 2, 0.12), (5, 2000, 0.02), (6, 1, 0.3)],
        weights=[6, 6, 4, 2, 1],
    )[0]
    ending = random.choices(
        [Ending.OK, Ending.RAISE, Ending.KILL, Ending.CRASH], weights=[14, 3, 1, 1]
    )[0]
    retries = random.choice([0, 0, 0, 1, 2])
    return Errand(
        number=number,
        kind=random.choice(["function", "command"]),
        blocks=blocks,
        lines=lines,
        pause=pause,
        ending=ending,
        bad_runs=random.randint(0, retries),
        retries=retries,
        timeout=random.choice([0.1, 0.6, 30.0]) if random.random() < 0.12 else None,
        child=random.choice(CHILDREN) if random.random() < 0.2 else "",
        after=None if alone or not number or random.random() > 0.15 else random.randrange(number),
    )


def _submits(random: Random) -> list[Step]:
    """Return what submits every errand once, an errand never before the one that it waits for."""
    steps = []
    numbers = list(range(ERRANDS))
    while numbers:
        many = MAP if len(numbers) >= MAP and random.random() < 0.12 else 1
        taken, numbers = tuple(numbers[:many]), numbers[many:]
        at = round(LOAD_S * (taken[0] + random.random()) / ERRANDS, 3)
        steps.append(Step(at=at, act="map" if many > 1 else "submit", numbers=taken))
    return steps


def _with_kill(random: Random, step: Step) -> Step:
    """Let the backend be killed with some of the steps: most often as it acknowledges a submit, or cancels."""
    chance = random.random()
    if step.act != "cancel" and chance < 0.04:
        return replace(step, kill_after=True)
    if chance < (0.2 if step.act == "cancel" else 0.08):
        return replace(step, kill_during=round(random.uniform(0.0, 0.02), 4))
    return step
