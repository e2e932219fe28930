"""What can be set about the target of jobs, by whom, and whose word counts.

`SETTINGS` is the one table of it. Arguments go before the environment, that before the notebook's configuration, that
before a file of Amplify's; what nobody says has its default. Pure: what was said comes in as mappings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import IntEnum
from typing import Any

from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.errors import ConfigurationError
from jupyter_jobs.jobs.profiles import Profile

__all__ = ["SETTINGS", "Rank", "Setting", "Settings", "Stated", "resolve"]


class Rank(IntEnum):
    """Who has said something; the word of a lower one counts."""

    ARGUMENT = 0
    ENVIRONMENT = 1
    CONFIG = 2
    FILE = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set.

    Attributes:
        variable: The environment variable that sets it.
        accepts: Whether a value is of the right type.
        what: A right value, in words.
        is_secret: Whether it may be shown as set or not set only.
    """

    variable: str
    accepts: Callable[[object], bool]
    what: str
    is_secret: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_profile(value: object) -> bool:
    return isinstance(value, str | Profile)


def _is_auth(value: object) -> bool:
    return isinstance(value, str | Auth) and not isinstance(
        value, type
    )  # the class has the same methods


def _is_token(value: object) -> bool:
    return isinstance(value, str) or callable(value)


SETTINGS: Mapping[str, Setting] = {
    "endpoint": Setting("JUPYTER_JOBS_ENDPOINT", _is_text, "the GraphQL URL of an API"),
    "realtime_url": Setting("JUPYTER_JOBS_REALTIME_URL", _is_text, "a wss:// URL"),
    "auth": Setting(
        "JUPYTER_JOBS_AUTH",
        _is_auth,
        'ApiKeyAuth("…"), TokenAuth(…), IamAuth(…) or the word for a mode, such as "iam"',
    ),
    "api_key": Setting("JUPYTER_JOBS_API_KEY", _is_text, "a string", is_secret=True),
    "token": Setting(
        "JUPYTER_JOBS_TOKEN", _is_token, "a string, or a function that returns one", is_secret=True
    ),
    "region": Setting("JUPYTER_JOBS_REGION", _is_text, 'an AWS region such as "eu-west-1"'),
    "profile": Setting("JUPYTER_JOBS_PROFILE", _is_profile, "a Profile or the name of one"),
    "ca": Setting("JUPYTER_JOBS_CA_BUNDLE", _is_path, "the path of a PEM file"),
    "amplify": Setting("JUPYTER_JOBS_AMPLIFY", _is_path, "the path of a file that Amplify wrote"),
}
"""Name -> what it is. As an argument it has this name, in the configuration it is `c.JobMonitor.<name>`."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What somebody has said about one setting.

    Attributes:
        value: What it is to be.
        rank: Who said so.
        source: Where it was found: "argument", a variable, `c.JobMonitor.…`, or a file's name.
        place: The same as one would write it: `endpoint=` rather than "argument".
    """

    value: Any = field(repr=False)
    rank: Rank
    source: str
    place: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that was said, one word for each setting that anybody spoke of."""

    stated: Mapping[str, Stated]

    def value(self, name: str) -> Any:
        """Return a setting's value; None if nobody set it."""
        found = self.stated.get(name)
        return None if found is None else found.value

    @property
    def sources(self) -> dict[str, str]:
        """Each setting, and where it was found; "default" if nobody set it."""
        return {
            name: self.stated[name].source if name in self.stated else "default"
            for name in SETTINGS
        }

    def with_file(self, values: Mapping[str, str], name: str) -> Settings:
        """Return these settings, and behind them those of the file that `amplify` points at."""
        said = {key: Stated(value, Rank.FILE, name, name) for key, value in values.items()}
        return Settings({**said, **self.stated})


def resolve(
    arguments: Mapping[str, Any], environ: Mapping[str, str], config: Mapping[str, Any]
) -> Settings:
    """Return what counts of all that was said.

    Args:
        arguments: By setting; None is not said.
        environ: Environment variables; one that is blank is not said.
        config: The notebook's configuration of `JobMonitor`, by setting.

    Raises:
        ConfigurationError: A value of the wrong type, an empty one, or a name in the configuration that is no setting.
    """
    for name in config:
        if name not in SETTINGS:
            raise ConfigurationError(
                f"c.JobMonitor.{name} is no setting{_nearest(name, SETTINGS)}; there are {', '.join(SETTINGS)}"
            )
    stated: dict[str, Stated] = {}
    for name, setting in SETTINGS.items():
        for found in (
            Stated(arguments.get(name), Rank.ARGUMENT, "argument", f"{name}="),
            Stated(
                environ.get(setting.variable, "").strip() or None,
                Rank.ENVIRONMENT,
                setting.variable,
                setting.variable,
            ),
            Stated(config.get(name), Rank.CONFIG, f"c.JobMonitor.{name}", f"c.JobMonitor.{name}"),
        ):
            if found.value is not None:
                stated[name] = _checked(found, setting)
                break
    return Settings(stated)


def _checked(found: Stated, setting: Setting) -> Stated:
    if not setting.accepts(found.value):
        raise ConfigurationError(f"{found.place} takes {setting.what}, not {_kind(found.value)}")
    if isinstance(found.value, str) and not found.value.strip():
        raise ConfigurationError(f"{found.place} is empty: it takes {setting.what}")
    return found


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _nearest(word: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
