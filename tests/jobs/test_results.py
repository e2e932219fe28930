import base64
import json
import os
import pickle
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_jobs.errors import ConnectionLost, JobFailed, ResultUnavailable
from jupyter_jobs.jobs.calls import Call
from jupyter_jobs.jobs.embedded import EmbeddedBackend, process_started_at, runtime_file
from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.results import raised_by, value_of

DONE = Job(id="j", name="work", status=JobStatus.SUCCEEDED, result_size=9_000_000)
LOADABLE = Job(id="j", name="work", status=JobStatus.FAILED, error={"type": "E", "loadable": True})


HTTP = "http://127.0.0.1:1/graphql"


def tells_of(http: str, **said: Any) -> Path:
    """The file of a backend that is this very process."""
    started = process_started_at(os.getpid())
    assert started is not None
    told = {"pid": os.getpid(), "started": started, "key": "da2-k", **said}
    path = runtime_file(Path("folder"))
    EmbeddedBackend(http, "ws://x", **told).write(path)
    return path


@pytest.fixture(autouse=True)
def _own_backend() -> None:
    tells_of(HTTP)


class Answers:
    """A server that answers the one question about a result."""

    def __init__(self, told: Any, *, is_loopback: bool = True, http: str = HTTP) -> None:
        self.told = told
        endpoint = SimpleNamespace(is_loopback=is_loopback, host="api.example.org", http=http)
        self.wire = SimpleNamespace(endpoint=endpoint)
        self.asked = 0

    def drive_sync(self, exchange: Generator[Call[Any], Any, Any]) -> Any:
        call = next(exchange)
        assert (call.operation, call.job_id) == ("jobResult", "j")
        self.asked += 1
        try:
            if isinstance(self.told, Exception):
                exchange.throw(self.told)
            exchange.send(self.told)
        except StopIteration as end:
            return end.value
        raise AssertionError("it asked for more")


def sent(value: Any, encoding: str = "pickle", **where: Any) -> Any:
    data = json.dumps(value).encode() if encoding == "json" else pickle.dumps(value)
    told = {"encoding": encoding, "data": base64.b64encode(data).decode(), "path": None}
    return Answers(told, **where)


def put(folder: Path, value: Any = None) -> Path:
    path = folder / "j" / "result.pickle"
    path.parent.mkdir()
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        pickle.dump({1, 2} if value is None else value, file)
    return path


def lying(path: str | Path, encoding: str = "pickle") -> Any:
    return Answers({"encoding": encoding, "data": None, "path": str(path)})


@pytest.mark.parametrize("encoding", ["json", "pickle"])
def test_a_value_is_loaded_from_what_was_sent(encoding: str) -> None:
    assert value_of(DONE, sent({"rows": [1, 2]}, encoding)) == {"rows": [1, 2]}


def test_a_large_value_is_read_from_its_file(tmp_path: Path) -> None:
    assert value_of(DONE, lying(put(tmp_path))) == {1, 2}


def test_a_value_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    path = tmp_path / "j" / "result.pickle"

    with pytest.raises(ResultUnavailable, match=r"work is gone: its files were pruned") as raised:
        value_of(DONE, lying(path))
    assert raised.value.job_id == "j"


def test_a_file_elsewhere_is_not_read(tmp_path: Path) -> None:
    path = put(tmp_path)
    other = path.rename(tmp_path / "result.pickle")

    for where in (other, "j/result.pickle"):
        with pytest.raises(ResultUnavailable, match="outside the folder of the job"):
            value_of(DONE, lying(where))


def test_a_file_that_others_can_write_or_that_leads_elsewhere_is_not_read(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.chmod(0o666)
    with pytest.raises(ResultUnavailable, match="no file that you alone can write"):
        value_of(DONE, lying(path))

    moved = path.rename(path.with_name("moved"))
    moved.chmod(0o600)
    path.symlink_to(moved)
    with pytest.raises(ResultUnavailable, match="is not read from"):
        value_of(DONE, lying(path))


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()
    os.mkfifo(tmp_path / "j" / "result.pickle", 0o600)

    with pytest.raises(ResultUnavailable, match="no file that you alone can write"):
        value_of(DONE, lying(tmp_path / "j" / "result.pickle"))


def test_a_value_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.write_bytes(b"cmodule_that_is_gone\nname\n.")

    with pytest.raises(ResultUnavailable, match="cannot be loaded in this kernel: No module"):
        value_of(DONE, lying(path))
    with pytest.raises(ResultUnavailable, match="has no result of work"):
        value_of(DONE, Answers(None))  # type: ignore[arg-type]  # answers as an API does


def test_nothing_of_another_machine_is_loaded() -> None:
    far: Any = Answers(None, is_loopback=False)

    with pytest.raises(ResultUnavailable, match=r"9,000,000 bytes .* loading runs code"):
        value_of(DONE, far)
    assert raised_by(LOADABLE, JobFailed("no"), far) is None
    assert far.asked == 0


class Evil:
    """Leaves a file as it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def somebody_elses(path: Path) -> dict[str, Any]:
    return {"http": "http://127.0.0.1:2/graphql"}


def a_dead_one(path: Path) -> dict[str, Any]:
    tells_of(HTTP, started=1)
    return {}


def one_that_anybody_could_have_named(path: Path) -> dict[str, Any]:
    runtime_file(Path("folder")).chmod(0o666)
    return {}


@pytest.mark.parametrize("lie", [somebody_elses, a_dead_one, one_that_anybody_could_have_named])
def test_a_pickle_of_a_backend_that_is_not_known_as_ones_own_is_not_loaded(
    tmp_path: Path, lie: Callable[[Path], dict[str, Any]]
) -> None:
    evil = Evil(tmp_path / "pwned")
    where = lie(tmp_path)

    with pytest.raises(ResultUnavailable, match=r"is a pickle, and .* not known as a backend of"):
        value_of(DONE, sent(evil, **where))
    failed = JobFailed("no")
    raised = raised_by(LOADABLE, failed, sent(evil, "exception", **where))

    assert not evil.path.exists()
    assert raised is None
    assert value_of(DONE, sent([1], "json", **where)) == [1]


def test_what_a_job_raised_is_loaded() -> None:
    failed = JobFailed("no")
    error = raised_by(LOADABLE, failed, sent(KeyError("day"), "exception"))

    assert isinstance(error, KeyError)
    assert error.args == ("day",)
    assert error.__cause__ is failed
    assert vars(error)["_render_traceback_"].failed is failed


class Chained:
    """Pickles as an error with a cause."""

    def __reduce__(self) -> Any:
        return _caused, ()


def _caused() -> ValueError:
    error = ValueError("bad day")
    error.__cause__ = KeyError("day")
    return error


def test_what_caused_it_there_is_kept() -> None:
    failed = JobFailed("no")
    error = raised_by(LOADABLE, failed, sent(Chained(), "exception"))

    assert error is not None
    assert error.__cause__ is failed
    assert isinstance(failed.__cause__, KeyError)


def test_a_job_that_raised_nothing_that_can_be_loaded_is_not_asked_about() -> None:
    server = sent(KeyError("day"), "exception")
    bare = Job(id="j", status=JobStatus.FAILED, error={"type": "ExitCode"})

    assert raised_by(bare, JobFailed("no"), server) is None
    assert server.asked == 0


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (ConnectionLost("the network is down"), "the network is down"),
        (ResultUnavailable("its files were pruned after 30 days"), "pruned after 30 days"),
        (
            {"encoding": "exception", "data": base64.b64encode(b"cgone\nE\n.").decode()},
            "the exception of work cannot be loaded in this kernel: No module",
        ),
    ],
)
def test_one_that_cannot_be_had_leaves_a_word_why_once(told: Any, why: str) -> None:
    failed = JobFailed("no")
    server: Any = Answers(told)

    for _ in range(2):
        assert raised_by(LOADABLE, failed, server) is None
    [note] = failed.__notes__
    assert note.startswith("Its exception cannot be raised here: ")
    assert why in note


@pytest.mark.parametrize("value", [SystemExit(1), KeyboardInterrupt(), StopIteration(), "text"])
def test_what_would_end_the_kernel_is_not_raised(value: Any) -> None:
    assert raised_by(LOADABLE, JobFailed("no"), sent(value, "exception")) is None
