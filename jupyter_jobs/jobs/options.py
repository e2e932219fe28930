"""What may be said of a job besides the work itself: the options of `submit`, checked and put into `SubmitJobInput`."""

from __future__ import annotations

import difflib
import inspect
import numbers
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ForwardRef, Protocol, TypedDict, TypeVar

from jupyter_jobs.errors import InvalidCall, InvalidJob
from jupyter_jobs.jobs.limits import (
    PARAMS_LIMIT,
    check_after,
    check_key,
    check_rules,
    check_tags,
    json_text,
)
from jupyter_jobs.jobs.model import Priority

__all__ = [
    "AUTO",
    "DEFAULTS",
    "Checked",
    "HasId",
    "Options",
    "check",
    "check_env",
    "check_folder",
    "explained",
    "similar",
    "split",
]

AUTO = "auto"
"""The key that is made of the work."""

F = TypeVar("F", bound=Callable[..., Any])

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class HasId(Protocol):
    """A job's handle, as far as it matters here."""

    @property
    def id(self) -> str:
        """The job's id."""


class Options(TypedDict, total=False):
    """The options of `submit`, `map` and `submit_all`.

    Attributes:
        priority: "HIGH", "MEDIUM" or "LOW": which of the waiting jobs starts first.
        name: What the panel calls it; default from the request.
        params: JSON value for a named request.
        tags: Words to find and group jobs by, as ["sweep", "lr=0.1"]: at most 20, of 1 to 50 characters each.
        key: Submits once. While the group has a job of that key that lives or succeeded, submitting the same work
            gives that job, also after a restart of the kernel; other work under the key is refused. "auto" makes the
            key of the name, the code and the arguments.
        again: With a key, submits a new job all the same; from then on the key means that one.
        timeout: Seconds, or a timedelta, that a run may take; then it ends as timed out. Default: no limit.
        queue_timeout: Seconds, or a timedelta, that it may wait for a free place.
        retries: How many more runs there are after one that failed or timed out.
        backoff: Seconds, or a timedelta, before the second run; doubled before each further one. Default 1 s.
        cpus: How many of the machine's places it takes; a whole number, default 1.
        after: Jobs, or their ids, that must succeed before it starts. When one of them cannot any more, it is cancelled.
        env: Environment variables to set besides those that the backend has.
        cwd: Folder to run in.
    """

    priority: Priority | str
    name: str | None
    params: Any
    tags: Iterable[str]
    key: str | None
    again: bool
    timeout: float | timedelta | None
    queue_timeout: float | timedelta | None
    retries: int
    backoff: float | timedelta | None
    cpus: int | None
    after: HasId | str | Iterable[HasId | str] | None
    env: Mapping[str, str | float | os.PathLike[str]] | None
    cwd: str | os.PathLike[str] | None


DEFAULTS: Mapping[str, Any] = {
    "priority": "MEDIUM",
    "name": None,
    "params": None,
    "tags": (),
    "key": None,
    "again": False,
    "timeout": None,
    "queue_timeout": None,
    "retries": 0,
    "backoff": None,
    "cpus": None,
    "after": None,
    "env": None,
    "cwd": None,
}
"""Option -> what it is where nothing is said. All other keywords of `submit` are the function's."""


@dataclass(frozen=True)
class Checked:
    """Options that can be.

    Attributes:
        fields: Those of `SubmitJobInput` that they say; the key may still be `AUTO`.
        place: What the payload has of them: `env` and `cwd`, where they were said.
    """

    fields: Mapping[str, Any]
    place: Mapping[str, Any]


def check(options: Options) -> Checked:
    """Check options and return what they say.

    Raises:
        InvalidJob: One that cannot be; says which, and what to write.
        InvalidCall: There is no such option.
    """
    said: dict[str, Any] = {**DEFAULTS, **options}
    if unknown := next((name for name in options if name not in DEFAULTS), None):
        raise InvalidCall(f"there is no option {unknown!r}{similar(unknown)}")
    if options.get("backoff") is not None and not options.get("retries"):
        raise InvalidJob("backoff= is the wait before another run: say retries= too")
    rules = {wire: _rule(name, said[name]) for name, wire in _RULES.items()}
    rules = {wire: value for wire, value in rules.items() if value is not None}
    fields = {
        "name": _name(said["name"]),
        "priority": _priority(said["priority"]).value,
        "params": json_text(said["params"], "params", PARAMS_LIMIT),
        "tags": check_tags(said["tags"]) or None,
        "key": _key(said["key"], said["again"]),
        "again": True if said["again"] else None,
        "after": _after(said["after"]) or None,
        "rules": json_text(rules or None, "rules", PARAMS_LIMIT),
    }
    place = {
        "env": dict(check_env(said["env"])) or None,
        "cwd": None if said["cwd"] is None else str(check_folder(said["cwd"])),
    }
    return Checked(
        {name: value for name, value in fields.items() if value is not None},
        {name: value for name, value in place.items() if value is not None},
    )


def check_env(env: Any) -> Mapping[str, str]:
    """Return environment variables as they are set: numbers and paths as text.

    Raises:
        InvalidJob: A name or value that cannot be one.
    """
    if env is not None and not isinstance(env, Mapping):
        raise InvalidJob(f'env= takes names and values: write env={{"NAME": "value"}}, not {env!r}')
    checked = {}
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise InvalidJob(
                f"{name!r} in env= cannot be the name of an environment variable: write a string without =, "
                'as in env={"NAME": "value"}'
            )
        if isinstance(value, bool) or not isinstance(value, (str, int, float, os.PathLike)):
            raise InvalidJob(
                f'the value of {name} in env= must be a string: write env={{"{name}": "…"}}, '
                f"not an object of type {type(value).__name__}"
            )
        checked[name] = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        if "\0" in checked[name]:
            raise InvalidJob(f"the value of {name} in env= has a null character; take it out")
    return checked


def check_folder(cwd: str | os.PathLike[str]) -> Path:
    """Return the folder to run in.

    Raises:
        InvalidJob: It is none.
    """
    if not isinstance(cwd, (str, os.PathLike)):
        raise InvalidJob(f"cwd= takes the path of a folder, not {cwd!r}")
    folder = Path(cwd).expanduser().absolute()
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InvalidJob(f"the folder to run in {what}: {folder}")
    return folder


def similar(word: str) -> str:
    """Return a question after the option that may have been meant by a word, or an empty string."""
    found = difflib.get_close_matches(word, DEFAULTS, n=1)
    return f"; did you mean {found[0]}=?" if found else ""


def split(keywords: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Return the options among keywords, and the rest, which is the function's."""
    options: Any = {name: value for name, value in keywords.items() if name in DEFAULTS}
    return options, {name: value for name, value in keywords.items() if name not in DEFAULTS}


def explained(method: F) -> F:
    """Give a method that takes `Options` among its keywords the signature and the help that say them one by one.

    In its docstring stands `{options}` where they are to be described.
    """
    signature = inspect.signature(method)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    rest = [
        p
        for p in signature.parameters.values()
        if p.kind is p.VAR_KEYWORD and p.name != "options"  # those of the function
    ]
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS[name], annotation=_words(kind)
        )
        for name, kind in Options.__annotations__.items()
    ]
    method.__signature__ = signature.replace(parameters=[*own, *options, *rest])  # type: ignore[attr-defined]  # for `help`
    if method.__doc__ and Options.__doc__:  # none of both under -OO
        described = inspect.cleandoc(Options.__doc__).partition("Attributes:\n")[2].rstrip()
        lines = "\n".join(f"        {line}".rstrip() for line in described.splitlines())
        method.__doc__ = method.__doc__.replace("{options}", lines.strip())
    return method


def _words(annotation: Any) -> str:
    return annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else str(annotation)


def _name(name: Any) -> str | None:
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise InvalidJob(f"name= must be a non-empty string, not {name!r}")
    return name


def _priority(priority: Any) -> Priority:
    try:
        return Priority(priority.upper())
    except (ValueError, AttributeError):
        raise InvalidJob(
            f"there is no priority {priority!r}; choose one of {', '.join(Priority)}"
        ) from None


def _key(key: Any, again: Any) -> str | None:
    if not isinstance(again, bool):
        raise InvalidJob(f"again= is True or False, not {again!r}")
    if key is None:
        if again:
            raise InvalidJob(
                "again=True goes with key=: without a key each submit is a new job anyway"
            )
        return None
    if not isinstance(key, str) or not key.strip():
        raise InvalidJob(
            f"key= takes a non-empty string, not {key!r}: write what the work is once by, as "
            'key="report-2026-11", or key="auto"'
        )
    return check_key(key)


_RULES: Mapping[str, str] = {
    "timeout": "timeout",
    "queue_timeout": "queueTimeout",
    "retries": "retries",
    "backoff": "backoff",
    "cpus": "cpus",
}
"""Option -> the rule that it sets."""


def _rule(name: str, value: Any) -> float | None:
    if value is DEFAULTS[name] or value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, numbers.Number) and not isinstance(value, (bool, int, float)):
        value = getattr(value, "item", lambda: value)()  # a number of NumPy's
    wire = _RULES[name]
    try:
        return check_rules({wire: value}).get(wire)
    except InvalidJob as error:
        spelled = isinstance(value, str) and name in ("timeout", "queue_timeout", "backoff")
        hint = "; longer ones are clear as timedelta(hours=2)" if spelled else ""
        raise InvalidJob(str(error).replace(wire, f"{name}=", 1) + hint) from None


def _after(after: Any) -> list[str]:
    if isinstance(after, str) and not _UUID.fullmatch(after):
        raise InvalidJob(
            f"after= takes jobs or their ids, and {after!r} is no id: write after=job, with what submit returned, "
            f"or after=monitor.find(name={after!r})"
        )
    if after is None:
        return []
    jobs = (
        [after] if isinstance(after, str) or isinstance(getattr(after, "id", None), str) else after
    )
    if not isinstance(jobs, Iterable):
        raise InvalidJob(f"after= takes jobs or their ids, as after=[job], not {after!r}")
    return check_after(job if isinstance(job, str) else getattr(job, "id", job) for job in jobs)
