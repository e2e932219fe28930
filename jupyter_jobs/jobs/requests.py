"""How a request with its options is put into a `SubmitJobInput`."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, Unpack

from jupyter_jobs.errors import JobError, NotSupported
from jupyter_jobs.jobs.kinds import Command, Notebook, Request, article
from jupyter_jobs.jobs.limits import PARAMS_LIMIT, PAYLOAD_LIMIT, check_event, json_text
from jupyter_jobs.jobs.model import JobKind
from jupyter_jobs.jobs.once import Fingerprints, work_key
from jupyter_jobs.jobs.options import AUTO, DEFAULTS, Options, check
from jupyter_jobs.jobs.work import Work, kind_of

__all__ = ["Command", "Notebook", "Request", "Submission", "numbered", "submit_input"]

T = TypeVar("T")

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


def submit_input(
    request: Request,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    submitted_from: str | None = None,
    group: str | None = None,
    runs_here: bool = True,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Check a request and return it as `SubmitJobInput`, with an id of its own; see `Submission`."""
    submission = Submission(
        request, options, submitted_from=submitted_from, group=group, runs_here=runs_here
    )
    return submission.input(args, kwargs)


class Submission:
    """One request with its options, checked once, for one call or many.

    Args:
        request: A known request's name, a callable, a `Command` or a `Notebook`.
        options: See `Options`.
        submitted_from: Where it is submitted, for people.
        group: Whose panel shows it.
        batch: What the jobs of one `map` have in common.
        runs_here: Whether the backend runs work on this machine; else only named requests can be sent.
        trace: Is called with the fields of each input, and returns what its payload carries for tracing.

    Raises:
        InvalidJob: The request or an option cannot be.
        NotSupported: The backend runs named requests only.
    """

    def __init__(
        self,
        request: Request,
        options: Options,
        *,
        submitted_from: str | None = None,
        group: str | None = None,
        batch: str | None = None,
        runs_here: bool = True,
        trace: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda _: None,
    ) -> None:
        self._trace = trace
        self._checked = check(options)
        self._kind = kind_of(self._placed(request))
        self._given = {name for name, value in options.items() if value is not DEFAULTS.get(name)}
        self._runs_here = runs_here
        if not runs_here:
            self._check_elsewhere(request)
        self._same = {"submittedFrom": submitted_from, "group": group, "batch": batch}
        self._place = {"python": sys.executable, "cwd": os.getcwd()}
        self._code: str | None = (
            None  # the fingerprint of a function, the same for all of its calls
        )

    def input(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        many: bool = False,
    ) -> dict[str, Any]:
        """Return the `SubmitJobInput` of one call, with an id of its own.

        Args:
            args: The callable's arguments.
            kwargs: Its keyword arguments.
            many: Whether there are other calls, so that the function is pickled once for all.

        Raises:
            InvalidJob: It cannot be run or sent as it is, or its events would be too large to be delivered.
            InvalidCall: Arguments that do not go with this kind of request.
        """
        work = self._kind.work(args, kwargs or {}, self._given, many)
        fields: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "request": work.words,
            "name": self._kind.default_name(work.words),
            "kind": self._kind.kind.value,
            "params": json_text(work.shown, "params", PARAMS_LIMIT),
            **self._same,
            **self._checked.fields,
        }
        payload = {**self._place, **self._checked.place, **work.payload}
        if "key" in fields:
            payload["fingerprint"] = self._fingerprint(work, fields["params"])
            if fields["key"] == AUTO:
                fields["key"] = work_key(fields["name"], payload["fingerprint"])
        if (trace := self._trace(fields)) is not None:
            payload["trace"] = trace
        fields["payload"] = json_text(payload, "payload", PAYLOAD_LIMIT)
        if not self._runs_here:  # a schema of somebody else's may know neither
            del fields["kind"], fields["payload"]
        check_event(fields)
        return {name: value for name, value in fields.items() if value is not None}

    def inputs(self, calls: Iterable[Arguments]) -> list[dict[str, Any]]:
        """Return an input for each call; the function is pickled once for all.

        Raises:
            InvalidJob: As `input`; says which call it is.
            InvalidCall: As `input`; says which call it is.
        """
        with numbered() as number:
            return [self.input(args, kwargs, many=True) for args, kwargs in number(calls)]

    def _placed(self, request: Request) -> Request:
        """Return a request with the folder and the variables that the options say: theirs is the last word."""
        place = self._checked.place
        if isinstance(request, Command):
            env = {**(request.env or {}), **place.get("env", {})}
            return replace(request, cwd=place.get("cwd", request.cwd), env=env or None)
        if isinstance(request, Notebook):
            return replace(request, cwd=place.get("cwd", request.cwd))
        return request

    def _fingerprint(self, work: Work, params: str | None) -> str:
        """Return what the work is: not by which interpreter, nor, unless it was said, in which folder."""
        fingerprints = Fingerprints(lenient=self._checked.fields["key"] != AUTO)
        found = [
            self._kind.kind.value,
            params,
            fingerprints.of(self._checked.place, "env= or cwd="),
        ]
        for what, value in work.parts:
            if value is not self._kind.request:
                found.append(fingerprints.of(value, what))
            else:
                self._code = self._code or fingerprints.of(value, what)
                found.append(self._code)
        return fingerprints.of(found, "the work")

    def _check_elsewhere(self, request: Request) -> None:
        if self._kind.kind is not JobKind.REQUEST:
            raise NotSupported(
                f"this endpoint runs requests that it knows by name, it cannot run {article(request)}; "
                'submit a name (monitor.submit("Process data")), or use JobMonitor() without an endpoint'
            )
        if self._checked.place:
            raise NotSupported(
                "env= and cwd= are for work on this machine, and this endpoint is elsewhere; "
                "say in params= what the request needs"
            )


@contextmanager
def numbered() -> Iterator[Callable[[Iterable[T]], Iterator[T]]]:
    """Go through items by what this yields: an error says at which of them it was, and that none was submitted.

    Raises:
        JobError: Of the kind that was raised.
    """
    position = -1

    def number(items: Iterable[T]) -> Iterator[T]:
        nonlocal position
        for item in items:
            position += 1
            yield item

    try:
        yield number
    except JobError as error:
        raise type(error)(f"item {position}: {error} (nothing was submitted)") from error
