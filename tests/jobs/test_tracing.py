from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jupyter_jobs import Command, JobClient, JobsError, _tracing
from jupyter_jobs.errors import InvalidJob
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.jobs.tracing import Traces
from jupyter_jobs.testing import ScriptedJobs

OF_THE_USER = """
import json, os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

if "JUPYTER_JOBS_ID" in os.environ:
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\\n")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

def train(secret):
    with trace.get_tracer("user").start_as_current_span("load"):
        return os.environ["TRACEPARENT"]
"""


class Spans(InMemorySpanExporter):
    """The spans that this process has made."""

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """As if a provider were set; the real one can be set but once in a process."""
    exporter = Spans()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_tracing, "tracer", lambda: provider.get_tracer("jupyter_jobs"))
    yield exporter
    provider.shutdown()


@pytest.fixture
def jobs() -> Iterator[ScriptedJobs]:
    with ScriptedJobs() as scripted:
        yield scripted


def train(rate: float) -> float:
    return rate


def ids(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


async def test_a_submit_is_a_span_that_tells_no_arguments(spans: Spans, jobs: ScriptedJobs) -> None:
    jobs.on("train", returns=0.9)
    async with await JobClient.connect() as client:
        job = await client.submit(train, 0.123)

    span = spans.one("jupyter_jobs submit train")
    assert span.kind is SpanKind.PRODUCER
    assert span.attributes == {
        "jupyter_jobs.job.id": job.id,
        "jupyter_jobs.job.name": "train",
        "jupyter_jobs.job.kind": "FUNCTION",
        "jupyter_jobs.job.group": "default",
    }
    assert "0.123" not in span.to_json()
    (submitted,) = jobs.submitted
    traceparent = submitted.payload["trace"]["context"]["traceparent"]
    assert traceparent.startswith("00-{:032x}-{:016x}-".format(*ids(span)))


async def test_the_runs_that_the_job_has_no_spans_of_are_made_from_its_record(
    spans: Spans, jobs: ScriptedJobs
) -> None:
    jobs.on("train", raises=ValueError("bad day"), takes=60).then(returns=1, takes=30)
    async with await JobClient.connect() as client:
        job = await client.submit(train, 1, retries=1)
        jobs.run_all()
        assert await job == 1

    submit = spans.one("jupyter_jobs submit train")
    first, second = spans.named("jupyter_jobs run train")
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes is not None
    assert first.attributes["error.type"] == "ValueError"
    assert "bad day" not in first.to_json()
    assert second.status.status_code is StatusCode.UNSET
    assert second.attributes is not None
    assert second.attributes["jupyter_jobs.job.run"] == 2
    assert second.start_time is not None
    assert second.end_time is not None
    assert second.end_time - second.start_time == 30_000_000_000
    assert first.parent is not None
    assert (first.parent.trace_id, first.parent.span_id) == ids(submit)


async def test_a_map_has_a_span_for_each_job(spans: Spans, jobs: ScriptedJobs) -> None:
    jobs.on("train")
    async with await JobClient.connect() as client:
        found = await client.map(train, [1, 2, 3])
        await found

    submits = spans.named("jupyter_jobs submit train")
    assert [(span.attributes or {})["jupyter_jobs.job.id"] for span in submits] == [
        job.id for job in found
    ]


async def test_a_refused_submit_ends_its_span_with_the_type_of_the_error(
    spans: Spans, jobs: ScriptedJobs
) -> None:
    async with await JobClient.connect() as client:
        with pytest.raises(InvalidJob, match="Nothing is scripted"):
            await client.submit(train, 1)
        with pytest.raises(JobsError):
            await client.map(train, [1, 2])

    failed = spans.named("jupyter_jobs submit train")
    assert [(span.attributes or {})["error.type"] for span in failed] == ["InvalidJob"] * 3
    assert not spans.named("jupyter_jobs run train")


async def test_a_submit_that_found_an_older_job_has_no_run(
    spans: Spans, jobs: ScriptedJobs
) -> None:
    jobs.on("train")
    async with await JobClient.connect() as client:
        first = await client.submit(train, 1, key="once")
        await first
        await client.submit(train, 1, key="once")

    attached = spans.named("jupyter_jobs submit train")[1]
    assert (attached.attributes or {})["jupyter_jobs.job.attached"] == first.id
    assert len(spans.named("jupyter_jobs run train")) == 1


def test_a_job_that_ended_before_it_is_followed_has_its_run(spans: Spans) -> None:
    store = JobStore()
    times = {"startedAt": "2026-11-23T06:00:00.000Z", "finishedAt": "2026-11-23T06:00:01.500Z"}
    store.merge({"id": "a", "name": "train", "status": "LOST", "version": 3, **times})
    traces = Traces(store, None)

    traces.follow("a", {"traceparent": f"00-{1:032x}-{2:016x}-01"})

    run = spans.one("jupyter_jobs run train")
    assert ids(run)[0] == 1
    assert (run.attributes or {})["error.type"] == "LOST"
    assert isinstance(store.get("a"), Job)


def test_runs_that_the_job_made_spans_of_are_left_out(spans: Spans, tmp_path: Path) -> None:
    run = {"startedAt": "2026-11-23T06:00:00.000Z", "finishedAt": "2026-11-23T06:00:01.500Z"}
    history = json.dumps([{**run, "error": "ValueError: bad day"}])
    store = JobStore()
    traces = Traces(store, lambda: tmp_path)
    traces.follow("a", {"traceparent": f"00-{1:032x}-{2:016x}-01"})
    (tmp_path / "jobs" / "a").mkdir(parents=True)
    (tmp_path / "jobs" / "a" / _tracing.MARK).write_text("1\n")

    told = {"id": "a", "kind": "FUNCTION", "status": "TIMED_OUT", "version": 9, **run}
    store.merge({**told, "history": history})

    (made,) = spans.get_finished_spans()
    assert (made.attributes or {})["jupyter_jobs.job.run"] == 2
    assert type((made.attributes or {})["jupyter_jobs.job.kind"]) is str


def test_a_job_that_never_started_has_no_run(spans: Spans) -> None:
    store = JobStore()
    traces = Traces(store, None)
    traces.follow("a", {"traceparent": f"00-{1:032x}-{2:016x}-01"})

    store.merge({"id": "a", "status": "CANCELLED", "version": 2})

    assert spans.get_finished_spans() == ()


@pytest.mark.usefixtures("started_backends_end")
async def test_spans_of_the_user_in_a_job_are_children_of_its_run(
    spans: Spans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "traced_work.py").write_text(OF_THE_USER)
    monkeypatch.syspath_prepend(tmp_path)
    from traced_work import train  # type: ignore[import-not-found]  # just written

    async with await JobClient.connect() as client:
        job = await client.submit(train, "hunter2")
        traceparent = await job
        printed = [json.loads(line.text) for line in job.logs() if line.text.startswith("{")]

    submit = spans.one("jupyter_jobs submit train")
    by_name = {span["name"]: span for span in printed}
    run, load = by_name["jupyter_jobs run train"], by_name["load"]
    assert load["parent_id"] == run["context"]["span_id"]
    assert run["parent_id"] == f"0x{ids(submit)[1]:016x}"
    assert load["context"]["trace_id"] == f"0x{ids(submit)[0]:032x}"
    assert traceparent.startswith("00-{:032x}-{:016x}-".format(*ids(submit)))
    assert "hunter2" not in json.dumps(printed)
    assert not spans.named("jupyter_jobs run train")


@pytest.mark.usefixtures("started_backends_end")
async def test_a_program_has_the_context_in_its_environment_and_its_run_made_here(
    spans: Spans,
) -> None:
    async with await JobClient.connect() as client:
        job = await client.submit(Command.shell("echo $TRACEPARENT; exit 3", env={"OTEL_X": "1"}))
        with pytest.raises(JobsError):
            await job
        (line,) = job.logs()

    submit = next(span for span in spans.get_finished_spans() if "submit" in span.name)
    run = next(span for span in spans.get_finished_spans() if "run" in span.name)
    assert line.text.startswith("00-{:032x}-{:016x}-".format(*ids(submit)))
    assert (run.attributes or {})["error.type"] == "ExitCode"
    assert run.parent is not None
    assert run.parent.span_id == ids(submit)[1]


def test_without_opentelemetry_nothing_of_it_is_imported_or_sent() -> None:
    program = """
import sys
from jupyter_jobs import JobMonitor
from jupyter_jobs.testing import ScriptedJobs

with ScriptedJobs() as jobs:
    jobs.on("f")
    JobMonitor().submit(lambda: 1, name="f").result(60)
    print(jobs.submitted[0].payload.keys() & {"trace"}, [name for name in sys.modules if "telemetry" in name])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == "set() []\n", done.stderr
