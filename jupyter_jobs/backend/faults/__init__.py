"""Faults on purpose, for tests of clients: drops, resets, throttles, refusals, lost answers.

A backend has this mode only if it was started with `--faults FILE`. Then `FaultyApp` stands between its guard and its
own application, which knows nothing of it; without it nothing of this room is imported. `FAULTS` is the door: a kind of
fault is one entry there and the few lines that do it, in `frames` for what happens on a WebSocket and in `app` for
what happens to a request.
"""

from jupyter_jobs.backend.faults.app import ExpiringVerifier, FaultyApp
from jupyter_jobs.backend.faults.frames import FaultyFrames
from jupyter_jobs.backend.faults.rules import FAULTS, Chosen, Fault, Faults, read_plan

__all__ = [
    "FAULTS",
    "Chosen",
    "ExpiringVerifier",
    "Fault",
    "Faults",
    "FaultyApp",
    "FaultyFrames",
    "read_plan",
]
