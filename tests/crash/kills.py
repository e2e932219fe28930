"""How each kind of kill is carried out. They block, and belong to a thread."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from threading import Thread

from tests.crash.plan import Kill
from tests.crash.processes import send
from tests.crash.world import World

__all__ = ["CARRIED_OUT", "carry_out"]

Choose = Callable[[list[str]], str]


def carry_out(world: World, kill: Kill, choose: Choose) -> None:
    """Do it; where the backend is gone afterwards, it is started again.

    Args:
        world: Where.
        kill: What.
        choose: Chooses one of several jobs.
    """
    CARRIED_OUT[kill.kind](world, choose, kill.delay)
    world.start_backend()


def _backend(world: World, choose: Choose, delay: float) -> None:
    world.kill_backend()


def _next_too(world: World, delay: float, word: str | None) -> None:
    """Kill the backend, and the next one: once its log has a word if one is given, and after the delay."""
    known, said = {backend.pid for backend in world.table().backends}, world.log_size()
    world.kill_backend()
    starter = Thread(target=world.start_backend, name="starter")
    starter.start()
    if (following := world.next_backend(known)) is not None:
        if word is not None:
            world.until_log_says(word, said)
        time.sleep(delay)
        if send(following, signal.SIGKILL):
            world.count("backend", f"SIGKILL to the backend {following.pid} that followed")
    starter.join()


def _as_it_starts(world: World, choose: Choose, delay: float) -> None:
    _next_too(world, delay, None)


def _as_it_adopts(world: World, choose: Choose, delay: float) -> None:
    _next_too(world, delay, "adopting job" if world.table().shims else "ready")


def _when_it_is_ready(world: World, choose: Choose, delay: float) -> None:
    _next_too(world, delay, "ready")


def _asked_to_end(world: World, choose: Choose, delay: float) -> None:
    world.kill_backend(signal.SIGTERM)


def _backend_frozen(world: World, choose: Choose, delay: float) -> None:
    world.freeze_backend(delay)


def _nursery(world: World, choose: Choose, delay: float) -> None:
    world.kill_nursery()


def _nursery_and_backend(world: World, choose: Choose, delay: float) -> None:
    world.kill_nursery()
    time.sleep(delay)
    world.kill_backend()


def _shim(world: World, choose: Choose, delay: float) -> None:
    world.kill_shim(choose)


def _shim_and_backend(world: World, choose: Choose, delay: float) -> None:
    world.kill_shim(choose)
    time.sleep(delay)
    world.kill_backend()


def _backend_and_shim(world: World, choose: Choose, delay: float) -> None:
    world.kill_backend()
    time.sleep(delay)
    world.kill_shim(choose)


def _work(world: World, choose: Choose, delay: float) -> None:
    world.kill_work(choose)


def _work_and_backend(world: World, choose: Choose, delay: float) -> None:
    world.kill_work(choose)
    time.sleep(delay)
    world.kill_backend()


def _work_frozen(world: World, choose: Choose, delay: float) -> None:
    world.freeze_work(choose, delay)


def _shim_frozen(world: World, choose: Choose, delay: float) -> None:
    world.freeze_shim(choose, delay)


CARRIED_OUT: Mapping[str, Callable[[World, Choose, float], None]] = {
    "backend": _backend,
    "backend and the next one as it starts": _as_it_starts,
    "backend and the next one as it adopts": _as_it_adopts,
    "backend and the next one when it is ready": _when_it_is_ready,
    "backend, asked to end": _asked_to_end,
    "backend, frozen": _backend_frozen,
    "nursery": _nursery,
    "nursery and backend": _nursery_and_backend,
    "shim": _shim,
    "shim and backend": _shim_and_backend,
    "backend and shim": _backend_and_shim,
    "work": _work,
    "work and backend": _work_and_backend,
    "work, frozen": _work_frozen,
    "shim, frozen": _shim_frozen,
}
"""The same keys as `plan.KILLS`."""
