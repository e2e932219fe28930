"""Where jobs go, and who decides it: the arguments, the environment, the notebook's configuration, a file, or nobody."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jupyter_jobs.appsync import tls
from jupyter_jobs.appsync.auth import AUTH_MODES, ApiKeyAuth, Auth, AuthMode, TokenAuth, find_mode
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, MissingCredentials
from jupyter_jobs.jobs.amplify import read_amplify
from jupyter_jobs.jobs.embedded import data_folder, ensure_backend
from jupyter_jobs.jobs.own import OwnKeyAuth
from jupyter_jobs.jobs.profiles import PROFILES, Profile, find_profile
from jupyter_jobs.jobs.settings import SETTINGS, Rank, Settings, Stated, resolve

__all__ = ["Target", "find_target", "read_settings"]


@dataclass(frozen=True)
class Target:
    """Where jobs go: an endpoint and the means to be let in.

    Attributes:
        endpoint: The API.
        auth: Shows who asks.
        revive: Starts the embedded backend again, at the same address, when it is gone; None for an API elsewhere.
        profile: What the API calls things.
        sources: Each setting, and where it was found: "argument", a variable, `c.JobMonitor.…`, a file's name, or
            "default".
    """

    endpoint: Endpoint
    auth: Auth
    revive: Callable[[], object] | None = None
    profile: Profile = PROFILES["jupyter_jobs"]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What readers see: `this machine`, or the host."""
        return "this machine" if self.endpoint.is_loopback else self.endpoint.host


def find_target(
    endpoint: str | None = None,
    auth: Auth | str | None = None,
    *,
    profile: Profile | str | None = None,
    realtime_url: str | None = None,
    region: str | None = None,
    ca: str | os.PathLike[str] | None = None,
    amplify: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Target:
    """Return where jobs go; the embedded backend, started if need be, where nobody names an endpoint.

    What is not given is taken from the environment, then from `settings`, then from the Amplify file that one of them
    points at; `settings.SETTINGS` is the table of it.

    Args:
        endpoint: HTTPS URL of an AppSync API.
        auth: `ApiKeyAuth`, `TokenAuth`, `IamAuth`, or the word for a mode, whose key or token is then taken from
            `JUPYTER_JOBS_API_KEY` or `JUPYTER_JOBS_TOKEN`.
        profile: What the API calls things: a `Profile` or the name of one; default this package's own schema.
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
        "profile": profile,
        "realtime_url": realtime_url,
        "region": region,
        "ca": ca,
        "amplify": amplify,
    }
    found = read_settings(arguments, settings)
    url = found.stated.get("endpoint")
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
    for name in ("auth", "realtime_url", "region", "profile"):
        stated = found.stated.get(name)
        if stated is not None and stated.rank is Rank.ARGUMENT:
            raise ConfigurationError(
                f"{name}= needs an endpoint: pass one, or set JUPYTER_JOBS_ENDPOINT; "
                "the backend on this machine brings its own settings"
            )
    backend = ensure_backend()
    return Target(
        Endpoint.parse(backend.http, realtime_url=backend.realtime),
        OwnKeyAuth(data_folder()) if backend.renews else ApiKeyAuth(backend.key),
        revive=ensure_backend,
        sources=dict.fromkeys(SETTINGS, "default"),
    )


def _remote(url: Stated, found: Settings) -> Target:
    endpoint = _endpoint(url, found.stated.get("realtime_url"), found.stated.get("ca"))
    return Target(
        endpoint,
        _auth(found, endpoint),
        profile=_profile(found),
        sources=found.sources,
    )


def _endpoint(url: Stated, realtime: Stated | None, ca: Stated | None) -> Endpoint:
    with _blamed(url):
        endpoint = Endpoint.parse(url.value)
    if realtime is not None:
        with _blamed(realtime):
            endpoint = Endpoint.parse(url.value, realtime.value)
    if ca is not None:
        endpoint = replace(endpoint, ca=str(Path(ca.value).expanduser()))
        with _blamed(ca):
            tls.context(endpoint)  # a file that is not there must not show as a lost connection
    return endpoint


def _profile(found: Settings) -> Profile:
    stated = found.stated.get("profile")
    with _blamed(stated):
        return find_profile(found.value("profile"))


def _auth(found: Settings, endpoint: Endpoint) -> Auth:
    """Return the credentials that whoever stands highest speaks of; of one who names a mode too, that mode's."""
    auth = found.stated.get("auth")
    secrets = [found.stated[name] for name in ("api_key", "token") if name in found.stated]
    highest = min((stated.rank for stated in secrets), default=None)
    if auth is not None and (highest is None or auth.rank <= highest):
        return _said(auth, found)
    spoken = [stated for stated in secrets if stated.rank == highest]
    if not spoken:
        raise MissingCredentials(
            f'nothing says who asks {endpoint.host}: pass auth=ApiKeyAuth("…"), auth=TokenAuth(get_token) or '
            'auth="iam", or set JUPYTER_JOBS_API_KEY, JUPYTER_JOBS_TOKEN or JUPYTER_JOBS_AUTH=iam'
        )
    if len(spoken) > 1:
        raise ConfigurationError(
            f'{" and ".join(stated.place for stated in spoken)} are both set: say which one counts, by auth="api_key" '
            "or the word for the token's mode, as in JUPYTER_JOBS_AUTH=cognito"
        )
    with _blamed(spoken[0]):
        kind = ApiKeyAuth if spoken[0] is found.stated.get("api_key") else TokenAuth
        return kind(spoken[0].value)


def _said(auth: Stated, found: Settings) -> Auth:
    """Return the credentials of an `Auth`, or of a mode by its word."""
    region = found.stated.get("region")
    if isinstance(auth.value, Auth):
        if region is not None and region.rank is Rank.ARGUMENT:
            raise ConfigurationError(
                'region= goes with auth="iam"; an object has its own: auth=IamAuth("eu-west-1")'
            )
        return auth.value
    mode = _mode(auth)
    secret = None if mode.setting is None else found.stated.get(mode.setting.lower())
    if mode.setting is not None and secret is None:
        raise MissingCredentials(_no_secret(auth, mode.setting, found))
    with _blamed(secret or auth):
        return mode.make(
            None if secret is None else secret.value, None if region is None else region.value
        )


def _mode(auth: Stated) -> AuthMode:
    try:
        return find_mode(auth.value)
    except ConfigurationError:  # it shows the word, which may be a key in the wrong place
        words = [alias for mode in AUTH_MODES.values() for alias in mode.aliases]
        near = get_close_matches(auth.value.lower(), words, n=1)
        meant = f"; did you mean {near[0]!r}? There" if near else "; there"
        raise ConfigurationError(
            f"{auth.place} holds no word for a mode{meant} are {', '.join(words)}. "
            'A key or token itself goes into ApiKeyAuth("…") or TokenAuth("…")'
        ) from None


def _no_secret(auth: Stated, wanted: str, found: Settings) -> str:
    what, example = {
        "API_KEY": ("API key", 'ApiKeyAuth("…")'),
        "TOKEN": ("token", "TokenAuth(get_token)"),
    }[wanted]
    other = ""
    if auth.rank is Rank.FILE and "api_key" in found.stated:
        other = f'; or take the API key of {auth.source}: auth="api_key"'
    verb = {Rank.ARGUMENT: "", Rank.FILE: " says "}.get(auth.rank, " is ")
    return (
        f"{auth.place}{verb}{auth.value!r}, but there is no {what}: set {SETTINGS[wanted.lower()].variable} "
        f"or pass auth={example}{other}"
    )


@contextmanager
def _blamed(stated: Stated | None) -> Iterator[None]:
    """Say in an error where the value came from, unless it is an argument, which the reader has before their eyes."""
    try:
        yield
    except ConfigurationError as error:
        if stated is None or stated.rank is Rank.ARGUMENT:
            raise
        raise type(error)(f"{stated.place}: {error}") from None
