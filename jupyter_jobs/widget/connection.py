"""What the panel says of the connection."""

from __future__ import annotations

from typing import Any

from jupyter_jobs.jobs.client import JobClient

__all__ = ["connection_row"]


def connection_row(client: JobClient) -> dict[str, Any]:
    """Return the state of the connection as the page wants it; times in epoch milliseconds. From any thread."""
    status, feed, current_at = client.connection, client.feed, client.current_at
    return {
        "state": status.state.value,
        "detail": status.error or (feed.problem if feed is not None else ""),
        "retryAt": None if status.retry_at is None else round(status.retry_at * 1000),
        "attempt": status.attempt,
        "asOf": None if current_at is None else round(current_at * 1000),
    }
