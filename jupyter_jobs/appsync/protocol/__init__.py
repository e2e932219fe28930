"""Both ends of the protocol as pure state machines: no socket, no clock, no task.

`tables` holds the rules, `events` what the machines tell, `client` and `server` the two ends, and `subscriptions` the
client's book of starts. Both ends live here so that each is tested against the other.
"""

from __future__ import annotations

from jupyter_jobs.appsync.messages import Start, Stop
from jupyter_jobs.appsync.protocol.client import ClientConnection
from jupyter_jobs.appsync.protocol.events import (
    ClientEvent,
    Closed,
    Full,
    Ignored,
    Lost,
    NeedsAuthorization,
    Opened,
    Received,
    Refused,
    Revived,
    ServerEvent,
    Stale,
    Started,
)
from jupyter_jobs.appsync.protocol.server import ServerConnection
from jupyter_jobs.appsync.protocol.tables import Consequence, State

__all__ = [
    "ClientConnection",
    "ClientEvent",
    "Closed",
    "Consequence",
    "Full",
    "Ignored",
    "Lost",
    "NeedsAuthorization",
    "Opened",
    "Received",
    "Refused",
    "Revived",
    "ServerConnection",
    "ServerEvent",
    "Stale",
    "Start",
    "Started",
    "State",
    "Stop",
]
