"""What was submitted, as a test reads it."""

from __future__ import annotations

import base64
import functools
import json
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_jobs.jobs.model import JobKind

__all__ = ["Submitted", "names_of"]

_RULES: Mapping[str, str] = {
    "timeout": "timeout",
    "queueTimeout": "queue_timeout",
    "retries": "retries",
    "backoff": "backoff",
    "cpus": "cpus",
}


@dataclass(frozen=True)
class Submitted:
    """A job as it was submitted.

    Attributes:
        id: The job's.
        kind: What the work is.
        name: What the panel calls it.
        names: What a pattern is held against: the function, the request, the program, the notebook; and `name`.
        request: The work in words, as the panel shows it.
        group: Whose panel shows it.
        params: Of a named request.
        options: The options of `submit` that were said: `priority`, `tags`, `key`, `timeout`, `retries`, `after`, `env`, …
        retry_of: Id of the job whose work it repeats, or None.
    """

    id: str
    kind: JobKind
    name: str
    names: tuple[str, ...]
    request: str
    group: str | None
    params: Any
    options: Mapping[str, Any]
    retry_of: str | None
    payload: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, body: Mapping[str, Any], payload: str | None) -> Self:
        """Read what the backend keeps of a job."""
        told = json.loads(payload or "{}")
        return cls(
            id=body["id"],
            kind=JobKind(body["kind"]),
            name=body["name"],
            names=names_of(body, told),
            request=body["request"],
            group=body["group"],
            params=json.loads(body["params"] or "null"),
            options=_options(body, told),
            retry_of=body.get("retryOf"),
            payload=told,
        )

    @property
    def function(self) -> Callable[..., Any] | None:
        """The function; None of another kind. One that is not of a module is a copy."""
        return None if self._call is None else self._call[0]

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments: a function's, or program and arguments of a command."""
        if self._call is not None:
            return self._call[1]
        return tuple(self.payload.get("args") or filter(None, [self.payload.get("shell")]))

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments: a function's, or the parameters of a notebook."""
        return self.payload.get("parameters") or {} if self._call is None else self._call[2]

    @functools.cached_property
    def _call(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
        pickled = self.payload.get("function")
        return None if pickled is None else pickle.loads(base64.b64decode(pickled))


def names_of(body: Mapping[str, Any], payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return by what names a script may speak of a job, the most telling first."""
    request: str = body["request"]
    match body["kind"]:
        case "FUNCTION":
            qualified = request.partition("(")[0]
            found = [qualified, qualified.rpartition(".")[2]]
        case "COMMAND":
            words = payload.get("args") or str(payload.get("shell", "")).split()
            found = [os.path.basename(word) for word in words[:1]]
        case "NOTEBOOK":
            found = [request, Path(request).stem]
        case _:
            found = [request]
    return tuple(dict.fromkeys([*found, body["name"]]))


def _options(body: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    rules = json.loads(body["rules"] or "{}")
    options = {_RULES[name]: value for name, value in rules.items() if name in _RULES}
    if body["priority"] != "MEDIUM":
        options["priority"] = body["priority"]
    options |= {name: body[name] for name in ("tags", "key", "after") if body[name]}
    if payload.get("env"):
        options["env"] = payload["env"]
    if payload.get("cwd") not in (None, os.getcwd()):
        options["cwd"] = payload["cwd"]
    return options
