"""Speaks AppSync: queries and mutations over HTTPS, subscriptions over one shared WebSocket. Knows nothing of jobs.

From the top down, as imports go:

    client              `AppSyncClient`: one API, to run operations, to subscribe, to watch the connection
    shared              the connection that all clients of an API share: as few channels as hold their subscriptions
    channel             one connection for as long as it is wanted: a socket, and the next when that is lost or old
    link                one socket, from the credentials that open it to its end, and the starts that are made on it
    http | realtime     one POST, the only file with httpx | one WebSocket, pumped, the only file with websockets
    attempts            which attempts an operation takes, when, and what ends them
    answers | protocol  what an HTTP answer means | both ends of a connection as pure machines
    auth                who is let in: of each mode what signs and what verifies
    tls                 which certificates are trusted
    endpoint            where an API lives
    messages            the frames, and the protocol in prose
    timing              how patient a connection is
    backoff             how long to wait before the next attempt
    status              how the connection is doing
    subscription        what a caller wants to be told, across all sockets
    wakes               notices that the machine slept or the loop stood still

A *subscription* is what the caller wants, an *operation* one `start` of it on one socket. A *channel* outlives its
sockets, a *link* is one of them, and a `ClientConnection` is what the protocol knows of that one.
"""

from __future__ import annotations

from jupyter_jobs.appsync.auth import ApiKeyAuth, Auth, TokenAuth
from jupyter_jobs.appsync.client import AppSyncClient
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.appsync.status import ConnectionState, ConnectionStatus
from jupyter_jobs.appsync.subscription import Subscription
from jupyter_jobs.appsync.timing import Timing

__all__ = [
    "ApiKeyAuth",
    "AppSyncClient",
    "Auth",
    "ConnectionState",
    "ConnectionStatus",
    "Endpoint",
    "Subscription",
    "Timing",
    "TokenAuth",
]
