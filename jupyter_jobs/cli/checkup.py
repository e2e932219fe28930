"""What the doctor finds without asking anybody: versions, settings, and whether a schema is one that a profile knows."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.profiles import OPERATIONS, PROFILES, Profile
from jupyter_jobs.jobs.settings import SETTINGS, Rank, Settings, Stated

__all__ = [
    "PACKAGES",
    "Finding",
    "Mark",
    "file",
    "notebook_config",
    "package",
    "proxy",
    "schema",
    "settings",
    "versions",
]

PACKAGES = ("jupyter_jobs", "ipykernel", "anywidget", "websockets", "httpx")
_EXTRAS = {"botocore": "'jupyter_jobs[aws]'"}
_PREFIX = "JUPYTER_JOBS_"
_VARIABLES = (
    *(setting.variable for setting in SETTINGS.values()),
    *(
        f"{_PREFIX}{name}"
        for name in ("DATA_DIR", "HANDLERS", "KEEP_DAYS", "KEEP_JOBS", "KEEP_GB", "CULL")
    ),
)


class Mark(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    NOTE = "note"
    ODD = "odd"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        mark: How it is to be taken; one that is wrong makes the exit code 1.
        about: What was looked at, in a word.
        text: What was found and, unless it is good, what to do. No secret is in it.
    """

    mark: Mark
    about: str
    text: str


def versions(*packages: str) -> Iterator[Finding]:
    """Tell the versions of what is installed."""
    for name in packages:
        try:
            yield package(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield package(name, None)


def package(name: str, version: str | None) -> Finding:
    """Tell of one package; None is not there."""
    if version is None:
        return Finding(Mark.WRONG, name, f"not installed: pip install {_EXTRAS.get(name, name)}")
    if name == "ipykernel" and version.startswith("7.0."):
        text = f"{version} cannot send from threads, so panels stand still: pip install 'ipykernel>=7.1'"
        return Finding(Mark.WRONG, name, text)
    if name == "ipykernel" and version.startswith("6."):
        text = f"{version}: clicks in the panel wait until the running cell ends; from 7.1 on they do not"
        return Finding(Mark.NOTE, name, text)
    return Finding(Mark.GOOD, name, version)


def notebook_config() -> Mapping[str, Any]:
    """Return what `ipython_config.py` of IPython's default profile says under `c.JobMonitor`.

    Raises:
        ConfigurationError: The file cannot be run.
    """
    from IPython.paths import get_ipython_dir
    from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

    folder = Path(get_ipython_dir(), "profile_default")
    try:
        found = PyFileConfigLoader("ipython_config.py", str(folder)).load_config()
    except ConfigFileNotFound:
        return {}
    except Exception as error:  # whatever the user's code raises
        raise ConfigurationError(
            f"{folder / 'ipython_config.py'} raises {type(error).__name__}: {redact(str(error))}"
        ) from error
    section: Mapping[str, Any] = found.get("JobMonitor", {})
    return section


def settings(found: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Tell each setting, where it comes from, and what looks like one and is none."""
    for name in SETTINGS:
        text = _told(name, found.stated[name]) if name in found.stated else "not set"
        yield Finding(Mark.NOTE, name, text)
    endpoint, amplify = found.stated.get("endpoint"), found.stated.get("amplify")
    if endpoint is not None and amplify is not None:
        text = (
            f"the file is not read, for {endpoint.place} names an endpoint: leave one of them out"
        )
        yield Finding(Mark.ODD, "amplify", text)
    waiting = sorted(set(found.stated) - {"ca"})
    if waiting and endpoint is None and amplify is None:
        places = ", ".join(found.stated[name].place for name in waiting)
        text = f"nothing names one, so {places} has no effect: set JUPYTER_JOBS_ENDPOINT to the GraphQL URL"
        yield Finding(Mark.ODD, "endpoint", text)
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in _VARIABLES:
            words = [known.removeprefix(_PREFIX) for known in _VARIABLES]
            if near := get_close_matches(name.removeprefix(_PREFIX), words, n=1):
                text = f"{name} has no effect; did you mean {_PREFIX}{near[0]}?"
                yield Finding(Mark.ODD, "environment", text)


def file(found: Settings) -> Iterator[Finding]:
    """Tell what comes from the Amplify file."""
    for name, stated in found.stated.items():
        if stated.rank is Rank.FILE:
            yield Finding(Mark.NOTE, name, _told(name, stated))


def proxy(endpoint: Endpoint, proxies: Mapping[str, str] | None = None) -> str:
    """Return which proxy requests go through, in words; empty for none.

    Args:
        endpoint: The API.
        proxies: Scheme -> proxy; default those of the environment.
    """
    address = urlsplit(endpoint.http)
    if endpoint.is_loopback or proxy_bypass(address.hostname or ""):
        return ""
    known = getproxies() if proxies is None else proxies
    found = known.get(address.scheme) or known.get("all")
    return f" through the proxy {_without_user(found)}" if found else ""


def schema(introspection: Mapping[str, Any], profile: Profile) -> Iterator[Finding]:
    """Tell whether an API's schema is the one that the profile speaks of, and if not, whose it is.

    Args:
        introspection: The answer to GraphQL's introspection query.
        profile: The one that is used.
    """
    misfits = _misfits(introspection, profile)
    needed = {"submitJob", *profile.updates}
    if not needed & set(misfits):
        missing = [f"{name}: {OPERATIONS[name]}" for name in misfits]
        missing += [
            f"{name}: {why}" for name, why in OPERATIONS.items() if name not in profile.documents
        ]
        text = f"is what the profile {profile.name!r} speaks of"
        yield Finding(Mark.GOOD, "schema", text)
        for line in missing:
            yield Finding(Mark.NOTE, "schema", f"without {line}")
        return
    others = [
        other.name
        for other in PROFILES.values()
        if not {"submitJob", *other.updates} & set(_misfits(introspection, other))
    ]
    reason = next(misfits[name] for name in misfits if name in needed)
    advice = (
        f'pass profile="{others[0]}" or set JUPYTER_JOBS_PROFILE={others[0]}'
        if others
        else "write a Profile for it (see jupyter_jobs.jobs.profiles)"
    )
    yield Finding(
        Mark.WRONG,
        "schema",
        f"is not what the profile {profile.name!r} speaks of: {reason} {advice}",
    )


def _misfits(introspection: Mapping[str, Any], profile: Profile) -> dict[str, str]:
    """Return each operation whose document is not for this schema, and why."""
    from graphql import build_client_schema, parse, validate

    known = build_client_schema(introspection)  # type: ignore[arg-type]  # its TypedDict of the same thing
    documents = {**profile.documents, **profile.updates}
    wrong = {name: validate(known, parse(document)) for name, document in documents.items()}
    return {name: f"{errors[0].message}" for name, errors in wrong.items() if errors}


def _told(name: str, stated: Stated) -> str:
    shown = "set" if SETTINGS[name].is_secret else _shown(name, stated.value)
    return f"{shown}, from {stated.source}"


def _shown(name: str, value: Any) -> str:
    if isinstance(value, Profile):
        return value.name
    if isinstance(value, Auth):
        return type(value).__name__
    if name in ("ca", "amplify"):
        path = Path(value).expanduser().absolute()
        return f"{path}" if path.exists() else f"{path} (there is no such file)"
    return redact(_without_user(str(value)))


def _without_user(url: str) -> str:
    return re.sub("[^/]*@", "", url)
