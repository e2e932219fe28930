from __future__ import annotations

import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode

from jupyter_jobs import _tracing


def span_of_a_provider() -> trace.Span:
    return TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("work")


def test_it_is_used_where_the_api_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _tracing.is_used()
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")

    assert before
    assert not _tracing.is_used()


def test_a_span_is_carried_to_another_process() -> None:
    span = span_of_a_provider()

    carrier = _tracing.carried(span)
    arrived = trace.get_current_span(_tracing.parent(carrier)).get_span_context()

    assert list(carrier) == ["traceparent"]
    assert arrived.trace_id == span.get_span_context().trace_id
    assert arrived.span_id == span.get_span_context().span_id
    assert arrived.is_remote


def test_without_a_provider_there_is_nothing_to_carry() -> None:
    assert _tracing.carried(_tracing.tracer().start_span("work")) == {}


def test_facts_that_are_not_known_are_no_attributes() -> None:
    assert _tracing.attributes(id="a", group=None) == {"jupyter_jobs.job.id": "a"}


def test_a_failure_is_told_by_its_type_alone() -> None:
    span = span_of_a_provider()

    _tracing.fail(span, "ValueError")

    assert span.status.status_code is StatusCode.ERROR  # type: ignore[attr-defined]  # the SDK's span
    assert span.status.description is None  # type: ignore[attr-defined]  # the SDK's span
    assert span.attributes == {"error.type": "ValueError"}  # type: ignore[attr-defined]  # the SDK's span
