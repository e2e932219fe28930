import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.life.vitals import DOOR, Process, Vitals, operation_of
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.jobs.operations import GET_JOB, LIST_JOBS, SUBMIT_JOB
from tests.support.backend import KEY, RunningBackend

KNOWN = frozenset({"submitJob", "updateJob", "cancelJob", "retryJob", "getJob", "listJobs"})


def scraped(backend: RunningBackend, key: str = KEY) -> dict[tuple[str, str], float]:
    """Name and first label -> value, as Prometheus' own parser reads it."""
    url = backend.http.removesuffix("/graphql") + "/metrics"
    request = urllib.request.Request(url, headers={"x-api-key": key})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = response.read().decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_jobs_are_counted_as_they_come_and_end(external_backend: RunningBackend) -> None:
    for id_ in ("a", "b", "c"):
        external_backend.execute(SUBMIT_JOB, {"input": {"id": id_, "request": "r"}})
        external_backend.execute(SUBMIT_JOB, {"input": {"id": id_, "request": "r"}})  # once more
    external_backend.update("a", status="RUNNING")
    external_backend.update("b", status="RUNNING")
    external_backend.update("b", status="SUCCEEDED")

    found = scraped(external_backend)

    assert found["jupyter_jobs_submitted_total", ""] == 3
    assert found["jupyter_jobs_jobs", "QUEUED"] == found["jupyter_jobs_queue_length", ""] == 1
    assert found["jupyter_jobs_jobs", "RUNNING"] == found["jupyter_jobs_running", ""] == 1
    assert found["jupyter_jobs_ended_total", "SUCCEEDED"] == 1
    assert found["jupyter_jobs_ended_total", "FAILED"] == 0
    assert found["jupyter_jobs_operation_duration_seconds_count", "submitJob"] == 6
    assert found["jupyter_jobs_operation_duration_seconds_sum", "submitJob"] > 0
    assert {f"jupyter_jobs_{name}" for name in DOOR} <= {name for name, _ in found}
    assert found["jupyter_jobs_info", "0.1.0"] == 1


def test_who_has_not_asked_for_anything_yet_is_counted(external_backend: RunningBackend) -> None:
    port = urlsplit(external_backend.http).port
    with socket.create_connection(("127.0.0.1", port or 0)) as silent:
        silent.sendall(b"GET /metrics")
        found = scraped(external_backend)

    assert found["jupyter_jobs_newcomers", ""] == 1


def test_the_process_is_measured_as_others_do(external_backend: RunningBackend) -> None:
    external_backend.execute(LIST_JOBS)
    other = psutil.Process(external_backend.pid)

    found = scraped(external_backend)

    assert found["process_resident_memory_bytes", ""] == pytest.approx(
        other.memory_info().rss, rel=0.5
    )
    assert found["process_open_fds", ""] == pytest.approx(other.num_fds(), abs=5)
    assert found["process_start_time_seconds", ""] == pytest.approx(other.create_time(), abs=60)
    assert 0 < found["process_cpu_seconds_total", ""] <= sum(other.cpu_times()[:2])
    assert found["jupyter_jobs_database_bytes", ""] > 0


def test_nobody_reads_it_without_a_key(external_backend: RunningBackend) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as raised:
        scraped(external_backend, "da2-wrongwrongwrongwrongwrong1")

    assert json.loads(raised.value.read())["errors"][0]["errorType"] == "UnauthorizedException"


def test_stats_tell_the_same_for_programs(external_backend: RunningBackend) -> None:
    external_backend.execute("{ nonsense }")

    stats = external_backend.stats()

    assert (stats["version"], stats["contract"], stats["draining"]) == ("0.1.0", 1, False)
    assert sum(stats["requests"]["counts"]) > 0
    assert len(stats["requests"]["counts"]) == len(stats["requests"]["bounds"]) + 1
    assert stats["memory"] > 1_000_000
    assert stats["tasks"] > 0


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (SUBMIT_JOB, "submitJob"),
        (GET_JOB, "getJob"),
        (LIST_JOBS, "listJobs"),
        ("mutation { first: updateJob(input: {id: 1}) { id } }", "updateJob"),
        ("{ __typename }", "other"),
        ("{ somethingElse }", "other"),
        ("nonsense", "other"),
        ("", "other"),
    ],
)
def test_an_operation_is_named_by_its_first_field_if_the_schema_has_it(
    query: str, name: str
) -> None:
    assert operation_of(query, KNOWN) == name


def test_each_document_of_the_package_is_named() -> None:
    schema = build()
    roots = [root for root in (schema.query_type, schema.mutation_type) if root is not None]
    known = frozenset(name for root in roots for name in root.fields)
    documents = [text for text in vars(operations).values() if isinstance(text, str)]
    asked = [text for text in documents if text.lstrip().startswith(("query", "mutation"))]

    assert len(asked) > 5
    assert {operation_of(text, known) for text in asked} <= known


def test_what_was_there_before_is_not_counted_again(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "jobs.sqlite")
    repository.insert({"id": "old", "name": "x", "request": "x", "kind": "REQUEST"}, None)
    vitals = Vitals(repository, tmp_path / "jobs.sqlite")
    repository.update("old", {"status": JobStatus.CANCELLED.value})
    stats = vitals.stats()
    repository.close()

    assert (stats["submitted"], stats["ended"], stats["tasks"]) == (0, {"CANCELLED": 1}, 0)
    assert stats["database"] > 0
    assert Process.handles() > 0
