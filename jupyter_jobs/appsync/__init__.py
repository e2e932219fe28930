"""Speaks AppSync: queries and mutations over HTTPS, subscriptions over one shared WebSocket. Knows nothing of jobs."""

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
