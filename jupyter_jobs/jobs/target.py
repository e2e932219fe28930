"""Where jobs go, and who decides it: the arguments, the environment, the notebook's configuration, a file, or nobody."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_jobs.appsync.auth import ApiKeyAuth, Auth, TokenAuth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.amplify import read_amplify
from jupyter_jobs.jobs.embedded import ensure_backend
from jupyter_jobs.jobs.settings import SETTINGS, Rank, Settings, resolve

__all__ = ["Target", "find_target", "read_settings"]


@dataclass(frozen=True)
class Target:
    """Where jobs go: an endpoint and the means to be let in.

    Attributes:
        endpoint: The API.
        auth: Shows who asks.
        revive: Starts the embedded backend again, at the same address, when it is gone; None for an API elsewhere.
        sources: Each setting, and where it was found: "argument", a variable, `c.JobMonitor.…`, a file's name, or
            "default".
    """

    endpoint: Endpoint
    auth: Auth
    revive: Callable[[], object] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What readers see: `this machine`, or the host."""
        return "this machine" if self.endpoint.is_loopback else self.endpoint.host


def find_target(
    endpoint: str | None = None,
    auth: Auth | str | None = None,
    *,
    realtime_url: str | None = None,
    region: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    amplify: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Target:
    """Return where jobs go; the embedded backend, started if need be, where nobody names an endpoint.

    What is not given is taken from the environment, then from `settings`, then from the Amplify file that one of them
    points at; `settings.SETTINGS` is the table of it.

    Args:
        endpoint: HTTPS URL of an AppSync API.
        auth: `ApiKeyAuth`, `TokenAuth`, `IamAuth`, or the word for a mode, whose key or token is then taken from
            `JUPYTER_JOBS_API_KEY` or `JUPYTER_JOBS_TOKEN`.
        realtime_url: See `Endpoint.parse`.
        region: AWS region of an API with a domain of its own, for IAM.
        ca: PEM file of a private certificate authority.
        amplify: `amplify_outputs.json`, `amplifyconfiguration.json` or `aws-exports.js`.
        settings: The notebook's configuration of `JobMonitor`.

    Raises:
        ConfigurationError: The settings cannot work together, or one cannot work at all; the message says whose it
            is. `MissingCredentials` if nothing says how to be let in.
        BackendUnavailable: The embedded backend does not start.
    """
    arguments = {
        "endpoint": endpoint,
        "auth": auth,
        "realtime_url": realtime_url,
        "region": region,
        "ca": ca,
        "amplify": amplify,
    }
    found = read_settings(arguments, settings or {})
    url = found.value("endpoint")
    return _embedded(found) if url is None else _remote(url, found)


def read_settings(arguments: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Return what counts of arguments, environment, configuration and the Amplify file, if they point at one.

    The file is read, as a whole, where nobody before it names an endpoint: its credentials are that API's.

    Raises:
        ConfigurationError: See `resolve` and `read_amplify`; also if `amplify=` would lose against an endpoint.
    """
    found = resolve(arguments, os.environ, config)
    pointer, endpoint = found.stated.get("amplify"), found.stated.get("endpoint")
    if pointer is None:
        return found
    if endpoint is None:
        path = Path(pointer.value).expanduser()
        return found.with_file(read_amplify(path), path.name)
    if pointer.rank is Rank.ARGUMENT:
        raise ConfigurationError(
            f"{endpoint.place} names an endpoint, and so does the file that amplify= points at: leave one of them out"
        )
    return found


def _embedded(found: Settings) -> Target:
    for name in ("auth", "realtime_url"):
        stated = found.stated.get(name)
        if stated is not None and stated.rank is Rank.ARGUMENT:
            raise ConfigurationError(
                f"{name}= needs an endpoint; the embedded backend brings its own"
            )
    backend = ensure_backend()
    return Target(
        Endpoint.parse(backend.http, realtime_url=backend.realtime),
        ApiKeyAuth(backend.key),
        revive=ensure_backend,
        sources=dict.fromkeys(SETTINGS, "default"),
    )


def _remote(url: str, found: Settings) -> Target:
    endpoint = Endpoint.parse(url, realtime_url=found.value("realtime_url"))
    return Target(endpoint, _auth(found), sources=found.sources)


def _auth(found: Settings) -> Auth:
    auth = found.value("auth")
    if isinstance(auth, Auth):
        return auth
    if found.value("api_key"):
        return ApiKeyAuth(found.value("api_key"))
    if found.value("token"):
        return TokenAuth(found.value("token"))
    raise ConfigurationError(
        "this endpoint needs a key or token: pass auth=ApiKeyAuth(…) or auth=TokenAuth(…), "
        "or set JUPYTER_JOBS_API_KEY"
    )
