"""What a guest may ask: named requests, anybody's, and nothing else that runs code or ends it.

The work of a function, a command or a notebook is any code at all, run with the rights of whom the backend belongs to.
What they come to may be looked at; a pickle of a guest's is never loaded, for it is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.jobs.model import JobKind

__all__ = ["check_job", "check_owner", "named_only"]


def named_only(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a guest's `SubmitJobInput` without its payload: it would choose interpreter, folder and modules.

    Raises:
        Refusal: It is no named request.
    """
    kind = given.get("kind") or JobKind.REQUEST.value
    if kind != JobKind.REQUEST.value:
        raise _refused(
            f"This backend runs named requests for its guests, and no {kind.lower()}: that is any code. "
            'Whom it shall trust with it needs the backend\'s own key, or "trusted": true in the file of --auth.'
        )
    return {name: value for name, value in given.items() if name != "payload"}


def check_job(body: Mapping[str, Any], what: str) -> None:
    """Check that a job is one that a guest may do something about.

    Raises:
        Refusal: It is the owner's: a function, a command or a notebook.
    """
    kind = body.get("kind")
    if kind != JobKind.REQUEST.value:
        raise _refused(
            f"Guests of this backend {what} named requests only, and job {body['id']} is a {str(kind).lower()} of its owner's."
        )


def check_owner(what: str) -> None:
    """Refuse a guest.

    Raises:
        Refusal: Always.
    """
    raise _refused(f"Guests of this backend do not {what}; its owner does.")


def _refused(message: str) -> Refusal:
    return Refusal("Unauthorized", message)
