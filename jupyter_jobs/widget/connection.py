"""What the panel says of the connection, and of what to do about it."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.jobs.client import JobClient

__all__ = ["WAY_BACK", "connection_row"]

WAY_BACK = (
    "Jobs go on. With a fresh key or token, run monitor.reconnect(auth=…); monitor.reconnect() looks again where the "
    "present one was found."
)
"""What to do when credentials were refused for good."""


def connection_row(client: JobClient) -> dict[str, Any]:
    """Return the state of the connection as the page wants it; times in epoch milliseconds."""
    status = client.connection
    problem = client.feed.problem if client.feed else ""
    detail = status.error or problem
    if status.state is ConnectionState.AUTH_FAILED:
        detail = f"{_sentence(detail)}{WAY_BACK}"
    return {
        "state": status.state.value,
        "detail": detail,
        "retryAt": None if status.retry_at is None else round(status.retry_at * 1000),
        "attempt": status.attempt,
        "asOf": None if client.current_at is None else round(client.current_at * 1000),
    }


def _sentence(text: str) -> str:
    return f"{text.rstrip(' .')}. " if text else ""
