from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from jupyter_jobs import _tracing
from jupyter_jobs.worker.runners import Work
from jupyter_jobs.worker.runners.tracing import traced, variables

CONTEXT = {"traceparent": f"00-{1:032x}-{2:016x}-01", "tracestate": "vendor=1"}


def work(folder: Path, *, runs: bool = True, payload: dict[str, Any] | None = None) -> Work:
    if payload is None:
        payload = {"trace": {"name": "train", "context": CONTEXT, "runs": runs}}
    return Work("a", "FUNCTION", "train(0.1)", None, payload, folder, run=2)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_tracing, "tracer", lambda: provider.get_tracer("jupyter_jobs"))
    return exporter


def test_a_job_that_is_not_traced_has_no_variables_and_no_context(tmp_path: Path) -> None:
    untraced = work(tmp_path, payload={})

    with traced(untraced):
        inside = trace.get_current_span().get_span_context()

    assert variables(untraced) == {}
    assert not inside.is_valid


def test_a_program_finds_the_context_in_its_variables(tmp_path: Path) -> None:
    assert variables(work(tmp_path)) == {
        "TRACEPARENT": CONTEXT["traceparent"],
        "TRACESTATE": "vendor=1",
    }


def test_where_a_provider_is_set_the_run_is_a_span_and_says_so(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    with traced(work(tmp_path)):
        inside = trace.get_current_span().get_span_context()

    (run,) = spans.get_finished_spans()
    assert run.name == "jupyter_jobs run train"
    assert inside.span_id == run.context.span_id
    assert run.parent is not None
    assert (run.parent.trace_id, run.parent.span_id) == (1, 2)
    assert (run.attributes or {})["jupyter_jobs.job.run"] == 2
    assert (tmp_path / "traced").read_text() == "2\n"
    assert not trace.get_current_span().get_span_context().is_valid


def test_where_no_provider_is_set_the_submission_is_the_parent_and_nothing_is_said(
    tmp_path: Path,
) -> None:
    with traced(work(tmp_path)):
        inside = trace.get_current_span().get_span_context()

    assert (inside.trace_id, inside.span_id) == (1, 2)
    assert not (tmp_path / "traced").exists()


def test_a_submitter_who_makes_the_runs_himself_gets_none(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    with traced(work(tmp_path, runs=False)):
        inside = trace.get_current_span().get_span_context()

    assert inside.span_id == 2
    assert spans.get_finished_spans() == ()


def test_an_error_passes_through_and_is_told_by_its_type(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError, match="bad day"), traced(work(tmp_path)):
        raise ValueError("bad day")

    (run,) = spans.get_finished_spans()
    assert run.status.status_code is StatusCode.ERROR
    assert (run.attributes or {})["error.type"] == "ValueError"
    assert "bad day" not in run.to_json()


def test_work_that_ends_itself_well_has_not_failed(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    with pytest.raises(SystemExit), traced(work(tmp_path)):
        raise SystemExit(0)

    (run,) = spans.get_finished_spans()
    assert run.status.status_code is StatusCode.UNSET


def test_where_opentelemetry_is_not_installed_the_work_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    done = []

    with traced(work(tmp_path)):
        done.append(True)

    assert done == [True]
