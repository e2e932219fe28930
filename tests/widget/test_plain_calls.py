import pytest

from jupyter_jobs.errors import InvalidJob, JobNotFound, UnknownRequest
from tests.support.backend import RunningBackend
from tests.support.monitor import of


async def test_a_job_that_is_nowhere_is_not_found(external_backend: RunningBackend) -> None:
    with pytest.raises(JobNotFound, match="nobody"):
        of(external_backend, "g").get("nobody")


async def test_cancel_takes_a_job_or_its_id(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "cancel")
    first, second = monitor.submit("work"), monitor.submit("work")

    assert monitor.cancel(first)
    assert monitor.cancel(second.id)
    assert {job.status for job in monitor.jobs} == {"CANCELLED"}


async def test_an_unknown_request_names_the_known_ones(backend: RunningBackend) -> None:
    with pytest.raises(UnknownRequest) as raised:
        of(backend, "unknown").submit("Train")

    assert "Process data" in raised.value.known


async def test_a_refused_job_takes_nothing_from_those_that_run(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "refused")
    job = monitor.submit("work")
    with pytest.raises(InvalidJob):
        monitor.submit("")
    external_backend.update(job.id, status="SUCCEEDED", result="1")

    assert await job == 1
    assert monitor.jobs == [job]
