"""OpenTelemetry, for those who use it: what submitting and running have in common.

Nothing here imports it unless it is imported already, or a job comes from a process where it was. Only its API is
needed; without a provider all of it does nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

__all__ = ["MARK", "Trace", "attributes", "carried", "fail", "is_used", "parent", "tracer"]

MARK = "traced"
"""A file of the job's folder: the number of each run that has a span of its own, a line each."""


class Trace(TypedDict):
    """What the payload of a traced job has of it.

    Attributes:
        name: What the job is called.
        context: `traceparent`, and `tracestate` where there is one.
        runs: Whether the job's process makes the spans of its runs, if it can.
    """

    name: str
    context: Mapping[str, str]
    runs: bool


def is_used() -> bool:
    """Whether somebody in this process has imported the API."""
    return "opentelemetry.trace" in sys.modules


def tracer() -> Tracer:
    """Return the package's tracer. Call it only where the API is installed and wanted."""
    from opentelemetry import trace

    return trace.get_tracer("jupyter_jobs")


def carried(span: Span) -> dict[str, str]:
    """Return what tells another process of a span; empty if nothing is to be told."""
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
    return carrier


def parent(carrier: Mapping[str, str]) -> Context:
    """Return the context that was carried."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(carrier, Context())


def attributes(**facts: Any) -> dict[str, Any]:
    """Return facts of a job as attributes of a span, those that are known."""
    return {f"jupyter_jobs.job.{name}": fact for name, fact in facts.items() if fact is not None}


def fail(span: Span, error_type: str) -> None:
    """Let a span say that it failed, and by what type of error; its message may have what is nobody's business."""
    from opentelemetry.trace import StatusCode

    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
