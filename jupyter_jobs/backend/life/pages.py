"""The pages of a backend besides GraphQL that are this process's own: `GET /metrics`, and the owner's `POST /stop`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse, PlainTextResponse, Response

from jupyter_jobs.backend.life.ending import Ending
from jupyter_jobs.backend.life.metrics import CONTENT_TYPE

__all__ = ["Page", "own_pages"]

_REASONS = {"finish": None, "cancel": "cancelled by jupyter-jobs stop --cancel"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page behind the key.

    Attributes:
        path: Where it is.
        method: How it is asked for.
        answer: Takes the body, returns the answer.
        is_owners: Whether guests are refused.
    """

    path: str
    method: str
    answer: Callable[[bytes], Response]
    is_owners: bool = False


def own_pages(metrics: Callable[[], str], ending: Ending) -> tuple[Page, ...]:
    """Return the pages of a backend.

    Args:
        metrics: Makes the text for Prometheus.
        ending: Is told to drain.
    """

    def show_metrics(_: bytes) -> Response:
        return PlainTextResponse(metrics(), media_type=CONTENT_TYPE)

    def stop(body: bytes) -> Response:
        try:
            reason = _REASONS[json.loads(body)["jobs"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return JSONResponse({"error": 'POST {"jobs": "finish"} or {"jobs": "cancel"}'}, 400)
        ending.drain(reason)
        return JSONResponse(ending.told())

    return (
        Page("/metrics", "GET", show_metrics),
        Page("/stop", "POST", stop, is_owners=True),
    )
