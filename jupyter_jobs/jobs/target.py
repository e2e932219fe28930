"""Where jobs go, and who decides it: the arguments, the environment, or nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_jobs.appsync.auth import ApiKeyAuth, Auth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.embedded import ensure_backend

__all__ = ["Target", "find_target"]


@dataclass(frozen=True)
class Target:
    """Where jobs go: an endpoint and the means to be let in.

    Attributes:
        endpoint: The API.
        auth: Shows who asks.
        revive: Starts the embedded backend again, at the same address, when it is gone; None for an API elsewhere.
    """

    endpoint: Endpoint
    auth: Auth
    revive: Callable[[], object] | None = None

    @property
    def name(self) -> str:
        """What readers see: `this machine`, or the host."""
        return "this machine" if self.endpoint.is_loopback else self.endpoint.host


def find_target(endpoint: str | None = None, auth: Auth | None = None) -> Target:
    """Return where jobs go: the arguments, else the environment, else the embedded backend, started if need be.

    Args:
        endpoint: HTTPS URL of an AppSync API; default `JUPYTER_JOBS_ENDPOINT`, else the embedded backend.
        auth: How to be let in; default the API key in `JUPYTER_JOBS_API_KEY`.

    Raises:
        ConfigurationError: The URL cannot be one of AppSync's, or nothing says how to be let in.
        BackendUnavailable: The embedded backend does not start.
    """
    endpoint = endpoint or os.environ.get("JUPYTER_JOBS_ENDPOINT") or None
    if auth is not None and not isinstance(auth, Auth):
        raise ConfigurationError(
            'auth= takes ApiKeyAuth("…") or TokenAuth(…), not a bare ' + type(auth).__name__
        )
    if endpoint is None:
        if auth is not None:
            raise ConfigurationError(
                "auth= needs an endpoint; the embedded backend brings its own key"
            )
        backend = ensure_backend()
        return Target(
            Endpoint.parse(backend.http, realtime_url=backend.realtime),
            ApiKeyAuth(backend.key),
            revive=ensure_backend,
        )
    if auth is None:
        key = os.environ.get("JUPYTER_JOBS_API_KEY")
        if not key:
            raise ConfigurationError(
                "this endpoint needs a key or token: pass auth=ApiKeyAuth(…) or auth=TokenAuth(…), "
                "or set JUPYTER_JOBS_API_KEY"
            )
        auth = ApiKeyAuth(key)
    return Target(Endpoint.parse(endpoint), auth)
