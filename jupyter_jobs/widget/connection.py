"""What the panel says of the connection."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.jobs.client import JobClient

__all__ = ["connection_row"]


def connection_row(client: JobClient) -> dict[str, Any]:
    """Return the state of the connection as the page wants it; times in epoch milliseconds."""
    status = client.connection
    problem = client.feed.problem if client.feed else ""
    return {
        "state": status.state.value,
        "detail": status.error or problem,
        "retryAt": None if status.retry_at is None else round(status.retry_at * 1000),
        "attempt": status.attempt,
        "asOf": None if client.current_at is None else round(client.current_at * 1000),
    }
