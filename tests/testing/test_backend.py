from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.running.runner import Runner
from jupyter_jobs.jobs.embedded import EmbeddedBackend, data_folder, find_backend, runtime_file
from jupyter_jobs.jobs.operations import SUBMIT_JOB
from jupyter_jobs.testing.backend import ScriptedBackend
from jupyter_jobs.testing.script import Script


@pytest.fixture
def backend() -> Iterator[ScriptedBackend]:
    folder = data_folder()
    folder.mkdir(parents=True)
    script = Script()
    script.add("Process data").then(returns=1)
    started = ScriptedBackend(folder, script)
    started.start()
    yield started
    started.stop()


def found() -> EmbeddedBackend:
    there = find_backend()
    assert there is not None
    return there


def submit(there: EmbeddedBackend) -> dict[str, object]:
    body = json.dumps({"query": SUBMIT_JOB, "variables": {"input": {"request": "Process data"}}})
    request = urllib.request.Request(there.http, body.encode(), {"x-api-key": there.key})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)  # type: ignore[no-any-return]  # an object


def test_clients_find_it_as_they_find_the_embedded_one(backend: ScriptedBackend) -> None:
    answer = submit(found())

    assert "errors" not in answer
    assert [job.name for job in backend.runner.submitted] == ["Process data"]


def test_it_speaks_by_http_and_not_by_processes(backend: ScriptedBackend) -> None:
    submit(found())
    backend.run(backend.runner.advance(0))

    assert isinstance(backend.runner, Runner)
    assert not list(data_folder().glob("jobs/*/shim.json"))


def test_a_key_that_has_expired_is_refused_and_the_new_one_is_found(
    backend: ScriptedBackend,
) -> None:
    before = found()

    backend.change_key()

    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        submit(before)
    with refused.value as answer:
        assert "Token has expired." in answer.read().decode()
    assert "errors" not in submit(found())


def test_it_does_wrong_until_it_is_told_to_stop(backend: ScriptedBackend) -> None:
    backend.do_wrong([{"fault": "status", "status": 503}])
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        submit(found())
    refused.value.close()

    backend.do_wrong([])

    assert "errors" not in submit(found())


def test_it_is_gone_when_it_was_stopped(backend: ScriptedBackend) -> None:
    backend.stop()

    assert not runtime_file(data_folder()).exists()
    backend.stop()


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    unusable = ScriptedBackend(tmp_path / "missing" / "folder", Script())

    with pytest.raises(Exception, match="folder"):
        unusable.start()

    unusable.stop()
