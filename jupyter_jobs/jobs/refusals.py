"""What an API's refusals mean, in errors about jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jupyter_jobs.errors import (
    BackendUnavailable,
    Draining,
    InvalidJob,
    InvalidTransition,
    JobConflict,
    JobError,
    JobNotFound,
    JobsError,
    NotSupported,
    RequestRefused,
    ResultUnavailable,
    UnknownRequest,
    WireError,
)
from jupyter_jobs.jobs.profiles import OPERATIONS, PROFILES, Profile

__all__ = ["job_error", "uncertain"]


def uncertain(error: WireError) -> WireError:
    """Return the error with what is special about a submission that must not be repeated."""
    return type(error)(
        f"{error}. It may have been submitted all the same: this API makes the ids of jobs, so it is not sent again; "
        "look there before you submit it once more",
        host=error.host,
        request_id=error.request_id,
    )


def job_error(error: RequestRefused, job_id: str | None, profile: Profile) -> JobsError | None:
    """Return what a refusal means for jobs, or None if it is about something else."""
    kind, text = error.error_type, str(error)
    if kind == "UnknownRequest":
        known = error.error_info.get("known", ()) if isinstance(error.error_info, Mapping) else ()
        return UnknownRequest(text, known=known)
    if kind == "Draining":
        return Draining(text)
    if kind in ("StorageFull", "StorageUnavailable"):
        return BackendUnavailable(text)
    if kind in _ERRORS:
        return _ERRORS[kind](text, job_id=job_id)
    if (lacks := _LACKS.search(text)) is not None and lacks[1] in _EXTRAS:
        return NotSupported(f"this API has no {lacks[1]}: {OPERATIONS[lacks[1]]}", job_id=job_id)
    if any(sign in text for sign in _OF_ANOTHER_SCHEMA):
        others = " or ".join(f'profile="{name}"' for name in PROFILES if name != profile.name)
        return NotSupported(
            f"the schema of this API is not the one that the profile {profile.name!r} describes: {text.rstrip('.')}. "
            f"Pass {others}, or write a Profile for it (see jupyter_jobs.jobs.profiles)",
            job_id=job_id,
        )
    return None


_LACKS = re.compile(r"(?:Field|Cannot query field) '(\w+)' (?:in|on) type '(?:Query|Mutation)'")
"""How AppSync, graphql-core and graphql-js refuse an operation that their schema has not."""

_EXTRAS = frozenset(OPERATIONS) - {"submitJob", "getJob", "listJobs"}
"""Operations without which an API is still of the kind that its profile describes."""

_OF_ANOTHER_SCHEMA = (
    "FieldUndefined",  # AppSync's words
    "UnknownType",
    "UnknownArgument",
    "is not defined for input object type",
    "contains a field not in",
    "Cannot query field",  # graphql-core's and graphql-js's
    "Unknown type",
    "Unknown argument",
    "is not defined by type",
)
"""Parts of messages that tell of a document for another schema."""

_ERRORS: Mapping[str, Callable[..., JobError]] = {
    "InvalidJob": InvalidJob,
    "InvalidTransition": InvalidTransition,
    "JobConflict": JobConflict,
    "JobNotFound": JobNotFound,
    "ResultExpired": ResultUnavailable,
}
"""`errorType` of the embedded backend's refusals -> what to raise."""
