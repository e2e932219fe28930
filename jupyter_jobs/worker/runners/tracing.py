"""The span of a run, in the job's own process, and the context that the user's spans in it belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jupyter_jobs import _tracing
from jupyter_jobs.worker.runners import Work

__all__ = ["traced", "variables"]


def variables(work: Work) -> Mapping[str, str]:
    """Return `TRACEPARENT`, and `TRACESTATE` where there is one; nothing for a job that is not traced."""
    context = (work.payload.get("trace") or {}).get("context") or {}
    return {str(name).upper(): str(value) for name, value in context.items()}


@contextmanager
def traced(work: Work) -> Iterator[None]:
    """Run a block as the work of a job, if the job is traced and OpenTelemetry is installed here.

    Spans that the block makes are children of the run's, which there is where a provider is set by now; else of the
    submission's.
    """
    told: _tracing.Trace | None = work.payload.get("trace")
    if not told:
        yield
        return
    try:
        from opentelemetry import context
        from opentelemetry.trace import SpanKind, set_span_in_context
    except ImportError:
        yield
        return
    here = _tracing.parent(told["context"])
    span = None
    if told["runs"]:
        span = _tracing.tracer().start_span(
            f"jupyter_jobs run {told['name']}",
            here,
            SpanKind.CONSUMER,
            _tracing.attributes(id=work.id, name=told["name"], kind=work.kind, run=work.run),
        )
        here = set_span_in_context(span, here)
    token = context.attach(here)
    try:
        yield
    except BaseException as error:
        if span is not None and not (isinstance(error, SystemExit) and error.code in (None, 0)):
            _tracing.fail(span, type(error).__name__)
        raise
    finally:
        context.detach(token)
        if span is not None and span.is_recording():
            span.end()
            with open(work.folder / _tracing.MARK, "a", opener=_private) as file:
                file.write(f"{work.run}\n")


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
