import asyncio
import base64
import concurrent.futures
import dataclasses
import json
import pickle
import threading
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from jupyter_jobs.errors import (
    DependencyFailed,
    InvalidCall,
    InvalidJob,
    InvalidTransition,
    JobCancelled,
    JobFailed,
    JobLost,
    JobTimedOut,
    JobUnsuccessful,
    LocalProtocolError,
    MonitorClosed,
    NotEnded,
    ResultUnavailable,
)
from jupyter_jobs.jobs import calls, handle
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.estimates import Queue
from jupyter_jobs.jobs.handle import JobHandle, in_slices
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.requests import Command
from jupyter_jobs.worker import current_job
from tests.support.backend import RunningBackend
from tests.support.following import following, submit, until

ENDINGS = [
    ("FAILED", JobFailed, "work failed: ValueError: bad day"),
    ("TIMED_OUT", JobTimedOut, "work ran out of time: ValueError: bad day"),
    ("LOST", JobLost, "work was lost: ValueError: bad day"),
]
ERROR = (
    '{"type": "ValueError", "message": "bad day", "traceback": "Traceback: line 7\\n", '
    '"log": ["reading", "parsing"]}'
)

Work = Callable[..., dict[str, Any]]


@pytest.fixture
def group() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def update(external_backend: RunningBackend) -> Work:
    return external_backend.update


async def one_job(client: JobClient, backend: RunningBackend) -> JobHandle[Any]:
    return await client.get(submit(backend, client.group))


def caught(function: Callable[[], object]) -> BaseException | None:
    """What a call raises; asyncio would take a job's cancellation for the thread's."""
    try:
        function()
    except Exception as error:
        return error
    return None


async def test_a_result_is_the_value(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        assert not job.done()
        update(job.id, status="SUCCEEDED", result='{"rows": [1, 2]}')

        assert await job == {"rows": [1, 2]}
        assert job.result() == {"rows": [1, 2]}
        assert job.exception() is None
        assert job.done()


async def test_it_tells_how_far_the_job_is(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        assert (job.name, job.status, job.running()) == ("work", "QUEUED", False)
        update(job.id, status="RUNNING", progress=0.25, message="reading")
        await until(client, job.running)

        assert (job.progress, job.message) == (0.25, "reading")
        assert repr(job) == "<Job 'work': running>"
        assert job.id not in repr(job)


async def test_it_tells_what_it_was_submitted_with(
    external_backend: RunningBackend, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await client.submit("work", tags=["sweep", "lr=0.1"])

        assert job.tags == ("sweep", "lr=0.1")
        assert job.attempt == 1
        assert job.submitted_from is not None
        assert job.submitted_from.startswith("test_handle.py, line ")


async def test_a_retry_is_a_new_job_and_the_old_one_stays_as_it_ended(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await client.submit("work", tags=["night"], name="mine")
        update(job.id, status="FAILED", error=ERROR)
        await until(client, job.done)

        retry = job.retry()
        update(retry.id, status="SUCCEEDED", result="42")

        assert await retry == 42
        assert (retry.attempt, retry.tags, retry.name) == (2, ("night",), "mine")
        assert retry.record.retry_of == job.id
        assert job.retry() is retry
        assert job.status == "FAILED"
        assert isinstance(job.exception(), JobFailed)
        assert client.store.attempts(job.id) == [job.id, retry.id]


async def test_a_job_that_lives_is_not_retried_and_the_error_says_what_to_do(
    external_backend: RunningBackend, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)

        with pytest.raises(InvalidTransition) as raised:
            job.retry()
        assert raised.value.job_id == job.id
        assert str(raised.value) == (
            f"Job {job.id} is queued; only a job that has ended can be retried. "
            "Wait for its end, or cancel it."
        )


async def test_the_end_of_a_retry_is_told(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    told: list[JobHandle[Any]] = []
    ended = asyncio.Event()
    async with following(external_backend, group) as client:
        client.on(on_job_complete=lambda job: (told.append(job), ended.set()))
        job = await one_job(client, external_backend)
        update(job.id, status="LOST")
        await until(client, job.done)

        retry = await asyncio.to_thread(job.retry)
        update(retry.id, status="SUCCEEDED", result="1")
        await ended.wait()

    assert told == [retry]


async def test_a_call_can_be_tried_here_with_what_it_was_submitted_with(
    backend: RunningBackend, group: str
) -> None:
    rows = [3, 4]

    def total(values: list[int], *, factor: int) -> int:
        return factor * sum(values)

    async with following(backend, group) as client:
        job = await client.submit(total, rows, factor=2)
        rows.append(1000)

        function, args, kwargs = job.call()

        assert (args, kwargs) == (([3, 4],), {"factor": 2})
        assert function(*args, **kwargs) == 14 == await job


async def test_what_is_no_function_cannot_be_called_here(
    backend: RunningBackend, external_backend: RunningBackend, group: str
) -> None:
    async with following(backend, group) as client:
        command = await client.submit(Command(["true"], env={"TOKEN": "hush"}))
        with pytest.raises(
            InvalidJob, match="true is no function that was submitted, but a command"
        ):
            command.call()
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        with pytest.raises(InvalidJob, match="but a request by name: there is nothing to call"):
            job.call()


async def test_a_call_that_cannot_be_loaded_here_says_why(
    external_backend: RunningBackend, group: str
) -> None:
    call = base64.b64encode(b"cmodule_that_is_gone\nfunction\n.").decode()
    payload = json.dumps({"function": call})
    async with following(external_backend, group) as client:
        id_ = submit(external_backend, group, kind="FUNCTION", payload=payload)
        job = await client.get(id_)

        with pytest.raises(InvalidJob, match="cannot be loaded in this kernel: No module named"):
            job.call()


@pytest.mark.parametrize(("status", "kind", "sentence"), ENDINGS)
async def test_a_bad_end_raises_with_all_that_is_known_of_it(
    external_backend: RunningBackend,
    update: Work,
    group: str,
    status: str,
    kind: type[JobFailed],
    sentence: str,
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status=status, error=ERROR)

        with pytest.raises(kind) as raised:
            await job
        error = raised.value
        assert type(error) is kind
        assert str(error) == sentence
        assert error.__notes__ == [
            "In the job:\nTraceback: line 7",
            "Last lines it printed:\nreading\nparsing",
        ]
        assert (error.job_id, error.error_type, error.error_message) == (
            job.id,
            "ValueError",
            "bad day",
        )
        assert job.exception() is error
        with pytest.raises(kind):
            job.result(timeout=0)


class BadDay(ValueError):
    """An error of the user's own."""


LOADABLE = json.dumps({**json.loads(ERROR), "loadable": True})


def leave(backend: RunningBackend, id_: str, error: BaseException) -> None:
    """Leave an exception behind as a job does that a backend of this machine runs."""
    path = backend.data_dir / "jobs" / id_ / "error.pickle"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(error))


async def test_what_a_function_raised_is_raised_here(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        leave(external_backend, job.id, BadDay("2026-13-01", 13))
        update(job.id, status="FAILED", error=LOADABLE)

        with pytest.raises(BadDay) as raised:
            await job
        error = raised.value
        assert error.args == ("2026-13-01", 13)
        assert isinstance(error.__cause__, JobFailed)
        assert error.__cause__.traceback == "Traceback: line 7\n"
        assert job.exception() is error
        calls_before = len(traceback.extract_tb(error.__traceback__))
        for _ in range(3):
            with pytest.raises(ValueError) as again:  # noqa: PT011  # what a user writes
                await job
        assert again.value is error
        assert len(traceback.extract_tb(error.__traceback__)) == calls_before


async def test_what_cannot_be_raised_here_is_a_failed_job_that_says_why(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="FAILED", error=LOADABLE)

        with pytest.raises(JobFailed) as raised:
            await job
        assert "Its exception cannot be raised here:" in raised.value.__notes__[-1]
        assert "pruned" in raised.value.__notes__[-1]


@pytest.mark.parametrize(
    ("said", "sentence", "tail"),
    [
        ('"disk is full"', "work failed: disk is full", ()),
        (None, "work failed: no reason was given", ()),
        ('{"type": "E", "log": "one\\ntwo"}', "work failed: E", ("one", "two")),
    ],
)
async def test_a_worker_may_say_little_of_what_went_wrong(
    external_backend: RunningBackend,
    update: Work,
    group: str,
    said: str | None,
    sentence: str,
    tail: tuple[str, ...],
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="FAILED", error=said)

        with pytest.raises(JobFailed) as raised:
            await job
        assert str(raised.value) == sentence
        assert raised.value.log_tail == tail


async def test_a_job_that_never_started_for_another_one_has_failed_for_all_who_wait(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    error = '{"type": "DependencyFailed", "message": "prepare failed: ValueError: bad day"}'
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="CANCELLED", error=error)

        with pytest.raises(DependencyFailed, match=r"^work never started: prepare failed: Value"):
            await job
        assert job.status == "CANCELLED"
        assert not job.cancelled()
        assert isinstance(job.exception(), DependencyFailed)


async def test_an_api_that_tells_no_turn_has_that_among_known_jobs(
    external_backend: RunningBackend, update: Work, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = PROFILES["jupyter_jobs"].documents
    fewer = {name: text for name, text in documents.items() if name != "jobQueue"}
    profile = dataclasses.replace(PROFILES["jupyter_jobs"], documents=fewer)
    async with following(external_backend, group) as client:
        first, second = [await one_job(client, external_backend) for _ in range(2)]
        monkeypatch.setattr(client.api, "profile", profile)

        assert second.queue() == Queue(1, None)
        update(first.id, status="RUNNING")
        await until(client, first.running)
        assert first.queue() is None


async def test_a_job_that_takes_longer_than_somebody_waits_goes_on(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)

        for wait in (job.result, job.exception):
            with pytest.raises(NotEnded, match=r"work is queued after 0\.01 s; it goes on") as over:
                await asyncio.to_thread(wait, 0.01)
            assert isinstance(over.value, TimeoutError)
        update(job.id, status="SUCCEEDED", result="1")
        assert await job == 1


async def test_how_long_to_wait_is_a_number(external_backend: RunningBackend, group: str) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        words: Any = "10m"

        with pytest.raises(InvalidCall, match=r"takes a number of seconds, or None .*, not '10m'"):
            await asyncio.to_thread(job.result, words)


async def test_a_cancelled_job_is_cancelled_for_all_who_wait(
    external_backend: RunningBackend, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        waiting = asyncio.create_task(asyncio.to_thread(caught, job.result))

        assert await asyncio.to_thread(job.cancel)
        assert isinstance(await waiting, concurrent.futures.CancelledError)
        with pytest.raises(JobCancelled, match="work was cancelled"):
            await job
        with pytest.raises(JobCancelled, match="work was cancelled"):
            await asyncio.to_thread(job.exception)
        assert job.cancelled()
        assert job.status == "CANCELLED"


async def test_a_running_job_is_cancelled_only_when_its_work_has_stopped(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="RUNNING")

        assert await asyncio.to_thread(job.cancel)
        assert job.status == "CANCELLING"
        assert (job.running(), job.done(), job.cancelled()) == (True, False, False)
        update(job.id, status="CANCELLED")
        with pytest.raises(concurrent.futures.CancelledError):
            await job


async def test_what_has_ended_cannot_be_cancelled(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="SUCCEEDED", result="7")

        assert not await asyncio.to_thread(job.cancel)
        assert await job == 7


async def test_giving_up_an_await_leaves_the_job_alone(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        update(job.id, status="RUNNING")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, timeout=0.01)
        waiting = asyncio.ensure_future(job)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError, match="work is running; it goes on"):
            await waiting
        assert job._awaiting == set()
        answer = external_backend.execute(f'{{ getJob(id: "{job.id}") {{ status }} }}')
        assert answer["data"]["getJob"]["status"] == "RUNNING"
        assert not job.done()
        update(job.id, status="SUCCEEDED", result='"well"')
        assert await job == "well"


async def test_the_standard_librarys_waits_take_jobs(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        first, second, third = [await one_job(client, external_backend) for _ in range(3)]
        update(second.id, status="SUCCEEDED", result="2")
        await second

        def wait_for_any() -> Any:
            return concurrent.futures.wait([first, second, third], return_when="FIRST_COMPLETED")

        done, _ = await asyncio.to_thread(wait_for_any)
        assert done == {second}

        update(third.id, status="FAILED", error=ERROR)
        with pytest.raises(JobFailed):
            await third
        ended: list[JobHandle[Any]] = []

        def collect() -> None:
            for job in concurrent.futures.as_completed([first, second, third]):
                ended.append(job)  # type: ignore[arg-type]  # they are the jobs that went in

        collecting = asyncio.create_task(asyncio.to_thread(collect))
        update(first.id, status="SUCCEEDED", result="1")
        await collecting
        assert set(ended) == {first, second, third}


async def test_a_callback_runs_on_the_loops_thread(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        called: asyncio.Future[tuple[object, int]] = asyncio.get_running_loop().create_future()
        body = update(job.id, status="SUCCEEDED", result="1")
        job.add_done_callback(lambda ended: called.set_result((ended, threading.get_ident())))

        await asyncio.to_thread(client.store.merge, body)
        assert await called == (job, threading.get_ident())


async def test_an_end_that_two_threads_hear_of_is_one_end(
    external_backend: RunningBackend, update: Work, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(external_backend, group) as client:
        id_ = submit(external_backend, group)
        update(id_, status="FAILED", error=ERROR)
        await until(client, lambda: id_ in client.store and client.store.get(id_).error)
        job = JobHandle[Any](id_, client)
        make = handle.unsuccessful
        others: list[threading.Thread] = []

        def meanwhile_on_another_thread(record: Job) -> JobUnsuccessful:
            if not others:
                others.append(threading.Thread(target=job.settle, args=(record,)))
                others[0].start()
                others[0].join(0.2)  # it has to wait for the first
            return make(record)

        monkeypatch.setattr(handle, "unsuccessful", meanwhile_on_another_thread)
        job.settle(job.record)
        others[0].join()

        assert isinstance(job.exception(), JobFailed)


async def test_closing_ends_every_wait_and_no_job(
    external_backend: RunningBackend, update: Work, group: str
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        ended = await one_job(client, external_backend)
        update(ended.id, status="SUCCEEDED", result="1")
        await ended
        waiting = asyncio.create_task(asyncio.to_thread(job.result))
    with pytest.raises(MonitorClosed, match="the job goes on"):
        await waiting

    assert ended.result() == 1
    assert external_backend.update(job.id, status="SUCCEEDED")["status"] == "SUCCEEDED"


# With a backend that runs jobs.


@pytest.fixture
async def client(backend: RunningBackend, group: str) -> AsyncIterator[JobClient]:
    async with following(backend, group) as client:
        yield client


class Opaque:
    """No JSON."""

    def __eq__(self, other: object) -> bool:
        return type(other).__name__ == "Opaque"


async def test_a_large_or_opaque_value_is_fetched_when_somebody_asks(client: JobClient) -> None:
    large = await client.submit(lambda: bytes(range(256)) * 4096)
    text = await client.submit(lambda: "ä" * 300_000)
    opaque = await client.submit(lambda: {1, 2})
    await asyncio.wait([asyncio.ensure_future(job) for job in (large, text, opaque)])

    assert large.record.result is None
    assert large.record.result_size > 2**20
    assert await large == bytes(range(256)) * 4096
    assert await asyncio.to_thread(large.result) == bytes(range(256)) * 4096
    assert await text == "ä" * 300_000
    assert await opaque == {1, 2}


async def test_a_value_that_cannot_be_loaded_here_says_so(client: JobClient) -> None:
    def work():
        class Odd:
            def __reduce__(self):  # the job's process knows no `Any`
                return (eval, ("1 / 0",))

        return Odd()

    job = await client.submit(work)

    with pytest.raises(ResultUnavailable, match="division by zero"):
        await job


async def test_a_value_of_a_remote_server_is_not_loaded(
    client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await client.submit(lambda: {1, 2})
    await job
    monkeypatch.setattr(type(client.api.wire.endpoint), "is_loopback", False)

    with pytest.raises(ResultUnavailable, match="loading runs code"):
        job.result()


async def test_a_failure_brings_the_jobs_traceback_and_last_lines(client: JobClient) -> None:
    def parse(day: str) -> None:
        print("reading", day)  # noqa: T201  # a job's output
        raise ValueError(f"bad day {day}")

    job = await client.submit(parse, "2026-13-01")

    with pytest.raises(ValueError, match=r"^bad day 2026-13-01$") as raised:
        await job
    failed = raised.value.__cause__
    assert isinstance(failed, JobFailed)
    assert str(failed) == "parse failed: ValueError: bad day 2026-13-01"
    calls, lines = failed.__notes__
    assert "in parse" in calls
    assert lines.endswith("reading 2026-13-01")


async def test_a_failure_that_travels_no_further_than_its_words_is_a_failed_job(
    client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await client.submit(lambda: 1 / 0)
    monkeypatch.setattr(type(client.api.wire.endpoint), "is_loopback", False)

    with pytest.raises(JobFailed, match="ZeroDivisionError: division by zero"):
        await job


async def test_a_large_value_comes_by_its_file(client: JobClient, backend: RunningBackend) -> None:
    job = await client.submit(lambda: bytes(9_000_000))

    assert await job == bytes(9_000_000)
    for file in backend.data_dir.rglob("result.pickle"):
        if job.id in str(file):
            file.unlink()
    with pytest.raises(ResultUnavailable):
        await job


async def test_what_a_job_measured_and_left_behind_is_at_hand(client: JobClient) -> None:
    def train() -> None:
        for step in range(3):
            current_job().metrics(loss=1 / (step + 1), step=10 * step)
        (current_job().dir / "model.txt").write_text("weights")

    job = await client.submit(train)
    await job

    loss = await asyncio.to_thread(job.metrics, "loss")
    assert (list(loss), loss.steps) == ([1, 1 / 2, 1 / 3], [0, 10, 20])
    assert (await asyncio.to_thread(job.metrics)).last == {"loss": 1 / 3}
    [file] = await asyncio.to_thread(job.files)
    assert (file.name, file.read_text()) == ("model.txt", "weights")


async def test_a_job_that_waits_tells_its_turn(client: JobClient) -> None:
    first = await client.submit(Command(["sleep", "60"]))
    second = await client.submit(Command(["true"]), after=[first])

    queue = await asyncio.to_thread(second.queue)
    assert isinstance(queue, Queue)
    await client.cancel(first.id)
    with pytest.raises(DependencyFailed, match="true never started: sleep was cancelled"):
        await second
    assert await asyncio.to_thread(second.queue) is None


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(calls, "LOG_PAGE", 10)
    return iter([None])


@pytest.mark.usefixtures("small_pages")
async def test_logs_come_whole_or_their_end(client: JobClient) -> None:
    job = await client.submit(Command(["python", "-c", "for n in range(25): print('line', n)"]))
    await job

    def read(tail: int | None = None) -> list[str]:
        return [str(line) for line in job.logs(tail=tail)]

    everything = [f"line {n}" for n in range(25)]
    assert await asyncio.to_thread(read) == everything
    assert await asyncio.to_thread(read, 3) == everything[-3:]
    assert await asyncio.to_thread(read, 10) == everything[-10:]
    assert await asyncio.to_thread(read, 12) == everything[-12:]
    assert [line.seq for line in await asyncio.to_thread(job.logs)] == list(range(1, 26))


async def test_logs_go_on_behind_what_the_size_limit_dropped(client: JobClient) -> None:
    job = await client.submit(Command.shell("seq -f '%0999.0f' 15000"))  # 15 MB
    await job
    lines = await asyncio.to_thread(job.logs)

    assert (lines[0].seq, lines[-1].seq) == (1, 15_000)
    assert int(lines[-1].text) == 15_000
    [gap] = [line for line in lines if line.dropped]
    assert len(lines) - 1 + gap.dropped == 15_000
    assert gap.text == f"[{gap.dropped:,} lines were dropped here: the log is over its size limit]"
    last = await asyncio.to_thread(lambda: job.logs(tail=7000))
    assert len([line for line in last if not line.dropped]) == 7000


async def test_a_log_line_tells_its_stream(client: JobClient) -> None:
    job = await client.submit(Command(["python", "-c", "import sys; print('oh', file=sys.stderr)"]))
    await job

    [line] = await asyncio.to_thread(job.logs)
    assert (line.text, line.stream, line.seq) == ("oh", "stderr", 1)
    assert time.strptime(line.time[:19], "%Y-%m-%dT%H:%M:%S")


async def test_an_interrupted_wait_leaves_the_job_alone(
    external_backend: RunningBackend, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)
        client.blocking = nullcontext
        with monkeypatch.context() as patch:
            patch.setattr(concurrent.futures, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt, match="work is queued; it goes on"):
                job.result()

        assert not job.done()
        assert job.status == "QUEUED"


def test_a_wait_is_in_slices_so_that_an_interrupt_is_seen() -> None:
    endless = in_slices(None)

    assert [next(endless) for _ in range(3)] == [0.0, 1.0, 1.0]
    assert list(in_slices(0)) == [0.0]
    assert [next(some) for some in [in_slices(0.5)] for _ in range(2)][1] <= 0.5


async def test_a_wait_that_would_hold_up_its_own_end_is_refused(
    external_backend: RunningBackend, group: str, update: Work
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)

        for wait in (job.result, job.exception):
            with pytest.raises(LocalProtocolError, match="use `await job`"):
                wait(timeout=60)
        update(job.id, status="SUCCEEDED", result="7")

        assert await job == 7
        assert job.result() == 7
        assert job.exception() is None


async def test_a_wait_on_another_thread_is_not_refused(
    external_backend: RunningBackend, group: str, update: Work
) -> None:
    async with following(external_backend, group) as client:
        job = await one_job(client, external_backend)

        waiting = asyncio.create_task(asyncio.to_thread(job.result, 60))
        update(job.id, status="SUCCEEDED", result="7")

        assert await waiting == 7
