"""What a client submits and finds: each as an exchange of calls, which its plain and its awaited face drive."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from jupyter_jobs.errors import InvalidCall, JobNotFound, JobsError, JobsRefused
from jupyter_jobs.jobs import bulk, calls
from jupyter_jobs.jobs.calls import Body, Call
from jupyter_jobs.jobs.embedded import data_folder
from jupyter_jobs.jobs.finding import EVERYWHERE, Filters, wanted
from jupyter_jobs.jobs.following import Following
from jupyter_jobs.jobs.handle import JobHandle
from jupyter_jobs.jobs.joblist import JobList
from jupyter_jobs.jobs.kinds import Command, Notebook, Request, article
from jupyter_jobs.jobs.options import AUTO, Options, split
from jupyter_jobs.jobs.origin import origin
from jupyter_jobs.jobs.reader import Reader
from jupyter_jobs.jobs.requests import Submission, numbered
from jupyter_jobs.jobs.tracing import Submits, Traces

__all__ = ["Submitting"]

Exchange = Generator[Call[Any], Any, Any]


class Submitting(Following):
    """Submits jobs of one group, and finds them; see `JobClient`, which is what people use of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._attached: dict[str, Body] = {}
        is_embedded = self.target.revive is not None
        self._traces = Traces(self.store, data_folder if is_embedded else None)

    @property
    def attached(self) -> Mapping[str, Body]:
        """Id of a job -> the newest `SubmitJobInput` that got this job in place of a new one, for the sake of its key."""
        return MappingProxyType(self._attached)

    def again(self, id_: str) -> Call[Body]:
        """Return the call that submits what was attached to a job as a job of its own; the key then means that one.

        Raises:
            JobNotFound: Nothing was attached to that job.
        """
        self.check_open()
        if (asked := self._attached.get(id_)) is None:
            raise JobNotFound(
                f"nothing was submitted here in whose place the job {id_!r} was found", job_id=id_
            )
        call = calls.submit({**asked, "id": str(uuid.uuid4()), "again": True})

        def read(told: Any, reader: Reader) -> Body:
            body = call.read(told, reader)
            self._attached.pop(id_, None)
            return body

        return replace(call, read=read)

    def prepare(self, request: Request, args: Any, kwargs: Any, **options: Any) -> Body:
        """Check a request and return its `SubmitJobInput` for this target; says where in the caller's code it is made."""
        self.check_open()
        said: Any = options
        return self._submission(request, said, origin()).input(args, kwargs)

    def submitting(
        self, request: Request, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Generator[Call[Any], Any, JobHandle[Any]]:
        """Submit one job; `keywords` are options and the function's own."""
        options, kwargs = split(keywords)
        self.check_open()
        with self._traces.submits() as spans:
            asked = self._submission(request, options, origin(), spans=spans).input(args, kwargs)
            told = yield calls.submit(asked)
            spans.answered(asked, told)
            return self._taken(asked, told)

    def mapping(
        self,
        function: str | Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        options: Options,
    ) -> Generator[Call[Any], Any, JobList[Any]]:
        """Submit a job for each item of the iterables, as the builtin `map` goes through them."""
        self.check_open()
        _check_map(function, iterables, options)
        if isinstance(function, str):
            each = [(function, Options(**{**options, "params": value})) for value in iterables[0]]
            return (yield from self._each(each))
        with self._traces.submits() as spans:
            batch = str(uuid.uuid4())
            submission = self._submission(function, options, origin(), batch, spans)
            asked = submission.inputs((args, {}) for args in zip(*iterables, strict=False))
            return (yield from self._many(asked, spans))

    def submitting_all(
        self, requests: Iterable[Request], options: Options
    ) -> Generator[Call[Any], Any, JobList[Any]]:
        """Submit a job for each of several requests."""
        self.check_open()
        _check_options_of_many(options)
        each = [(request, options) for request in _several(requests)]
        return (yield from self._each(each))

    def finding(self, filters: Filters) -> Generator[Call[Any], Any, JobList[Any]]:
        """Ask for jobs, newest first."""
        self.check_open()
        what = wanted(filters, lambda: datetime.now(UTC))
        group = filters.get("group") or self.group
        bodies = yield from calls.found(None if group == EVERYWHERE else group, what)
        return JobList(self.adopt(body) for body in bodies)

    def _each(
        self, each: Iterable[tuple[Request, Options]]
    ) -> Generator[Call[Any], Any, JobList[Any]]:
        submitted_from, batch = origin(), str(uuid.uuid4())
        with self._traces.submits() as spans:
            with numbered() as number:
                asked = [
                    self._submission(request, options, submitted_from, batch, spans).input()
                    for request, options in number(each)
                ]
            return (yield from self._many(asked, spans))

    def _submission(
        self,
        request: Request,
        options: Options,
        submitted_from: str | None,
        batch: str | None = None,
        spans: Submits | None = None,
    ) -> Submission:
        return Submission(
            request,
            options,
            submitted_from=submitted_from,
            group=self.group,
            batch=batch,
            runs_here=self.target.endpoint.is_loopback and self.target.profile.runs_work,
            **({} if spans is None else {"trace": spans.begin}),
        )

    def _many(
        self, asked: Sequence[Body], spans: Submits
    ) -> Generator[Call[Any], Any, JobList[Any]]:
        outcomes = yield from bulk.submit_many(
            asked, self.target.profile, is_here=self.target.endpoint.is_loopback
        )
        refused: dict[int, JobsError] = {}
        jobs = []
        for n, (body, outcome) in enumerate(zip(asked, outcomes, strict=True)):
            spans.answered(body, outcome)
            if isinstance(outcome, JobsError):
                refused[n] = outcome
            else:
                jobs.append(self._taken(body, outcome))
        if refused and not jobs and len({str(error) for error in refused.values()}) == 1:
            raise refused[0]
        if refused:
            raise JobsRefused(JobList(jobs), refused, len(asked), "submitted")
        return JobList(jobs)

    def _taken(self, asked: Body, told: Body) -> JobHandle[Any]:
        """Return the handle of the job that a submission made, or found by its key."""
        handle = self.adopt(told)
        if "key" in asked and self.target.profile.client_ids:
            attached = told["id"] != asked["id"]
            handle.attached = _already(told, datetime.now(UTC)) if attached else ""
            if attached:
                self._attached[told["id"]] = asked
        return handle


def _check_map(function: Any, iterables: Sequence[Iterable[Any]], options: Options) -> None:
    _check_options_of_many(options)
    if not isinstance(function, str) and not callable(function):
        raise InvalidCall(
            f"map takes a function, or a request by name, and values for it, not {article(function)}; "
            "for several requests that are ready write submit_all([…])"
        )
    if not iterables or (isinstance(function, str) and len(iterables) > 1):
        raise InvalidCall(
            'map takes a request with one iterable, of the params of each job: map("Process data", [{"day": 1}, …])'
            if isinstance(function, str)
            else "map takes a function and what to call it with: map(train, [0.1, 0.01])"
        )
    for values in iterables:
        if not isinstance(values, Iterable):
            raise InvalidCall(
                f"map takes lists of what to call it with, and {values!r} is none: write [{values!r}], "
                "or bind what all calls share by functools.partial"
            )
    if isinstance(function, str) and options.get("params") is not None:
        raise InvalidCall("map gives each job its own params; leave params= out")


def _several(requests: Any) -> Iterable[Request]:
    if isinstance(requests, (str, Command, Notebook)) or not isinstance(requests, Iterable):
        raise InvalidCall(
            f"submit_all takes a list of requests: write submit_all([…]), or submit(…) for {article(requests)} alone"
        )
    return requests


def _check_options_of_many(options: Options) -> None:
    key = options.get("key")
    if key is not None and key != AUTO:
        raise InvalidCall(
            f'key={key!r} would be the same for all of these jobs: write key="auto", which makes one for each of them'
        )


def _already(told: Body, now: datetime) -> str:
    """Return how long ago a job was submitted: "already submitted 2 min ago"."""
    try:
        seconds = (now - datetime.fromisoformat(told["createdAt"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return "already submitted"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"already submitted {int(seconds // length)} {unit} ago"
    return "already submitted just now"
