"""All errors of the package, in one tree.

    JobsError
    ├── ConfigurationError (ValueError)      an endpoint, key or setting that cannot work
    │   └── MissingCredentials               nothing says how to be let in
    ├── MonitorClosed (RuntimeError)         used after close()
    ├── BackendUnavailable                   the embedded backend could not be started or reached
    │   └── Draining                         it is about to end, and takes no new jobs
    ├── WireError                            something between this process and AppSync
    │   ├── ConnectionLost                   no connection, or it broke                     (retryable)
    │   ├── RequestTimedOut (TimeoutError)   no answer in time                              (retryable)
    │   ├── Throttled                        too many requests                              (retryable)
    │   ├── ServerFault                      the service answered 5xx                       (retryable)
    │   │   └── UnusableAnswer               its answer is not GraphQL                      (retryable)
    │   ├── Unauthorized                     the key or token was refused
    │   ├── RequestRefused                   GraphQL errors in the answer
    │   ├── SubscriptionRefused              the server will not serve this subscription
    │   ├── LocalProtocolError               this side used the protocol wrongly
    │   └── RemoteProtocolError              the other side did
    └── JobError                             something about one job
        ├── InvalidJob (ValueError)          it cannot be submitted as it is
        ├── UnknownRequest (InvalidJob)      nobody handles a request of that name
        ├── InvalidCall (TypeError)          arguments or options that do not go together
        ├── JobConflict                      its key belongs to a job with other work
        ├── JobNotFound (LookupError)        no job has that id
        ├── InvalidTransition                a status that cannot follow the present one
        ├── NotSupported                     this endpoint has no such operation
        ├── JobsRefused                      of many jobs some were not accepted
        ├── ResultUnavailable                the job succeeded, its value cannot be had here
        ├── NotEnded (TimeoutError)          a wait was over before the job, which goes on
        ├── JobCancelled (CancelledError)    it was cancelled; the one of concurrent.futures
        └── JobUnsuccessful                  it ended, and not well
            ├── JobFailed                    the work's own fault: exception, exit code
            ├── JobTimedOut (TimeoutError)   it ran into its time limit
            ├── DependencyFailed             a job that had to succeed before it did not
            └── JobLost                      the platform's fault: the process or machine went away

Each has a `code`, one of four, for programs that branch on what the caller can do:

    AUTH_REQUIRED        Unauthorized, MissingCredentials                        show who asks, or do it anew
    INVALID_INPUT        ConfigurationError, LocalProtocolError, MonitorClosed, InvalidJob, UnknownRequest,
                         InvalidCall, InvalidTransition, JobConflict, JobNotFound, NotSupported   ask for something else
    INVALID_RESPONSE     UnusableAnswer, RemoteProtocolError                     look at what stands at the endpoint
    SUBMISSION_FAILED    all others                                              try again later, or look at the job

Facts are attributes; `str()` builds
the sentence: what happened, to which job or host, and what to try. No message holds a key or a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, ClassVar, Literal

from jupyter_jobs.errors import several, shown

__all__ = [
    "BackendUnavailable",
    "ConfigurationError",
    "ConnectionLost",
    "DependencyFailed",
    "Draining",
    "InvalidCall",
    "InvalidJob",
    "InvalidTransition",
    "JobCancelled",
    "JobConflict",
    "JobError",
    "JobFailed",
    "JobLost",
    "JobNotFound",
    "JobTimedOut",
    "JobUnsuccessful",
    "JobsError",
    "JobsRefused",
    "LocalProtocolError",
    "MissingCredentials",
    "MonitorClosed",
    "NotEnded",
    "NotSupported",
    "RemoteProtocolError",
    "RequestRefused",
    "RequestTimedOut",
    "ResultUnavailable",
    "ServerFault",
    "SubscriptionRefused",
    "Throttled",
    "Unauthorized",
    "UnknownRequest",
    "UnusableAnswer",
    "WireError",
]

ErrorCode = Literal["AUTH_REQUIRED", "INVALID_INPUT", "INVALID_RESPONSE", "SUBMISSION_FAILED"]


class JobsError(Exception):
    """Root of all errors of this package.

    Attributes:
        code: What kind of failure it is, in one of four words; see the table at the top of this module.
    """

    code: ClassVar[ErrorCode] = "SUBMISSION_FAILED"

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows of it."""
        return shown.readers_view(self)


class ConfigurationError(JobsError, ValueError):
    """An endpoint, key or setting that cannot work."""

    code: ClassVar[ErrorCode] = "INVALID_INPUT"


class MissingCredentials(ConfigurationError):
    """Nothing says how to be let in: no key, no token."""

    code = "AUTH_REQUIRED"


class MonitorClosed(JobsError, RuntimeError):
    """The monitor or client was used after `close()`."""

    code = "INVALID_INPUT"


class BackendUnavailable(JobsError):
    """The embedded backend could not be started or reached."""


class Draining(BackendUnavailable):
    """The embedded backend waits for the jobs that are live, then ends; it takes no new ones, and nothing was submitted."""


class WireError(JobsError):
    """Something went wrong between this process and the AppSync endpoint.

    Attributes:
        retryable: Whether the same request may succeed later.
        host: The GraphQL host, or None where it does not matter.
        request_id: The service's `x-amzn-RequestId`, for its support.
    """

    retryable = False

    def __init__(
        self, message: str, *, host: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.host = host
        self.request_id = request_id


class ConnectionLost(WireError):
    """There is no connection, or it broke."""

    retryable = True


class RequestTimedOut(WireError, TimeoutError):
    """No answer came in time."""

    retryable = True


class Throttled(WireError):
    """The service asks for fewer requests.

    Attributes:
        retry_after: Seconds that the service asks to wait, or None.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        host: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, host=host, request_id=request_id)
        self.retry_after = retry_after


class ServerFault(WireError):
    """The service answered 5xx."""

    retryable = True


class UnusableAnswer(ServerFault):
    """The answer is not GraphQL: a page of a proxy, a truncated body, an endpoint that is something else."""

    code = "INVALID_RESPONSE"


class Unauthorized(WireError):
    """The key or token was refused, is missing, or has expired."""

    code = "AUTH_REQUIRED"


class RequestRefused(WireError):
    """The answer holds GraphQL errors.

    Attributes:
        errors: The `errors` of the answer, as AppSync shapes them: `errorType`, `errorInfo`, `message`, `path`.
        data: What came beside them, or None.
    """

    def __init__(
        self,
        errors: Sequence[Mapping[str, Any]],
        *,
        data: Mapping[str, Any] | None = None,
        host: str | None = None,
        request_id: str | None = None,
    ) -> None:
        messages = [str(error.get("message") or error.get("errorType")) for error in errors]
        super().__init__(
            "; ".join(messages) or "refused without a reason", host=host, request_id=request_id
        )
        self.errors = list(errors)
        self.data = data

    @property
    def error_type(self) -> str:
        """`errorType` of the first error, or an empty string."""
        return str(self.errors[0].get("errorType") or "") if self.errors else ""

    @property
    def error_info(self) -> Any:
        """`errorInfo` of the first error, or None."""
        return self.errors[0].get("errorInfo") if self.errors else None


class SubscriptionRefused(WireError):
    """The server will not serve this subscription; the connection and its other subscriptions go on."""


class LocalProtocolError(WireError):
    """This side used the protocol wrongly: a mistake in the calling code."""

    code = "INVALID_INPUT"


class RemoteProtocolError(WireError):
    """The other side broke the protocol."""

    code = "INVALID_RESPONSE"


class JobError(JobsError):
    """Something about one job.

    Attributes:
        job_id: Its id, or None where it has none yet.
    """

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id


class InvalidJob(JobError, ValueError):
    """The job cannot be submitted as it is; nothing was sent or stored."""

    code = "INVALID_INPUT"


class UnknownRequest(InvalidJob):
    """Nobody handles a request of that name.

    Attributes:
        known: Names of the requests that are handled.
    """

    def __init__(self, message: str, *, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.known = tuple(known)


class InvalidCall(JobError, TypeError):
    """Arguments or options that do not go together, or with this kind of request; nothing was sent or stored."""

    code = "INVALID_INPUT"


class JobNotFound(JobError, LookupError):
    """No job has that id, or it is not visible with this key."""

    code = "INVALID_INPUT"


class InvalidTransition(JobError):
    """A status that cannot follow the present one."""

    code = "INVALID_INPUT"


class JobConflict(JobError):
    """Its key belongs to a job of the group that has other work to do."""

    code = "INVALID_INPUT"


class NotSupported(JobError):
    """This endpoint has no such operation."""

    code = "INVALID_INPUT"


class JobsRefused(JobError):
    """Of many jobs that were asked for at once, some were not accepted; the others go on.

    Attributes:
        jobs: A `JobList` of those that were.
        refused: Why not, by the position of each in what was asked for.
    """

    def __init__(
        self, jobs: Sequence[Any], refused: Mapping[int, JobsError], total: int, done: str
    ) -> None:
        super().__init__(
            f"{len(refused):,} of {total:,} jobs were not {done}; this error's `jobs` has the others, "
            f"its `refused` why by position. {several.reasons_of(refused)}"
        )
        self.jobs = jobs
        self.refused = dict(refused)


class ResultUnavailable(JobError):
    """The job succeeded, but its value cannot be had here."""


class NotEnded(JobError, TimeoutError):
    """A wait was over before the job, or all of several; they go on."""


class JobCancelled(JobError, CancelledError):
    """The job was cancelled."""


class JobUnsuccessful(JobError):
    """The job ended, and not well.

    Attributes:
        name: The job's name.
        error_type: The exception's class name, `ExitCode`, `Signal`, or empty.
        error_message: What the work said.
        traceback: The traceback inside the job, as text, or an empty string.
        log_tail: The last lines the job printed.
        exit_code: Of its process, or None.
        signal: What killed it, `SIGKILL`, or an empty string.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str | None = None,
        name: str = "",
        error_type: str = "",
        error_message: str = "",
        traceback: str = "",
        log_tail: Sequence[str] = (),
        exit_code: int | None = None,
        signal: str = "",
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.name = name
        self.error_type = error_type
        self.error_message = error_message
        self.traceback = traceback
        self.log_tail = tuple(log_tail)
        self.exit_code = exit_code
        self.signal = signal


class JobFailed(JobUnsuccessful):
    """The work failed by its own fault: an exception, an exit code, a signal."""


class JobTimedOut(JobUnsuccessful, TimeoutError):
    """The job ran into its time limit."""


class DependencyFailed(JobUnsuccessful):
    """A job that had to succeed before this one did not, so this one never started."""


class JobLost(JobUnsuccessful):
    """The platform failed: the job's process or machine went away."""
