import json

import pytest

from tests.cli.conftest import Run, Shell
from tests.support.backend import RunningBackend
from tests.support.following import submit


def test_cancel_tells_the_state_that_came_of_it(
    waits: Run, external_backend: RunningBackend
) -> None:
    waiting, running = (submit(external_backend, "cancelled") for _ in range(2))
    external_backend.update(running, status="RUNNING")

    code, out, err = waits("cancel", waiting, running[:13])
    assert (code, err) == (0, "")
    assert out == f"{waiting}  ⊘ cancelled\n{running}  ⊖ cancelling\n"
    code, out, _ = waits("cancel", running, "--json")
    assert (code, [job["status"] for job in json.loads(out)]) == (0, ["CANCELLING"])


def test_jobs_are_cancelled_by_what_they_are(waits: Run, external_backend: RunningBackend) -> None:
    one, two, over = (submit(external_backend, "many", tags=["t"]) for _ in range(3))
    other = submit(external_backend, "many")
    external_backend.update(over, status="SUCCEEDED")

    code, out, err = waits("cancel", "--group", "many", "--tag", "t", "--yes")

    assert (code, err) == (0, "")
    assert out == f"{two}  ⊘ cancelled\n{one}  ⊘ cancelled\n"
    assert json.loads(waits("show", other, "--json")[1])["status"] == "QUEUED"
    assert waits("cancel", "--group", "many", "--tag", "t", "--yes") == (
        *(0, ""),
        "jupyter-jobs: no job to cancel\n",
    )


@pytest.mark.parametrize(
    ("typed", "code", "status"), [("y\n", 0, "CANCELLED"), ("\n", 2, "QUEUED")]
)
def test_whoever_looks_is_asked_first(
    waiting_shell: Shell, external_backend: RunningBackend, typed: str, code: int, status: str
) -> None:
    group = f"asked-{code}"
    id_ = submit(external_backend, group, name="precious")

    with waiting_shell.on_terminal("cancel", "--group", group) as terminal:
        terminal.until("Cancel 1 job (precious)? [y/N]")
        terminal.type(typed)
        assert terminal.exit_code() == code

    assert external_backend.execute(f'{{ getJob(id: "{id_}") {{ status }} }}')["data"] == {
        "getJob": {"status": status}
    }


def test_where_nobody_looks_it_must_be_said(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    submit(external_backend, "unattended", name="precious")

    code, out, err = waiting_shell("cancel", "--group", "unattended")

    assert (code, out) == (2, "")
    assert err == (
        "jupyter-jobs: this would cancel 1 job (precious): say --yes, for nobody is here to be asked\n"
    )


def test_retry_prints_the_new_ids_and_what_could_not_be_done(
    waits: Run, external_backend: RunningBackend
) -> None:
    ids = [submit(external_backend, "retried", id=f"retried-{n}") for n in range(3)]
    for id_ in ids[:2]:
        external_backend.update(id_, status="LOST")

    code, out, err = waits("retry", "retried-0", ids[2], "retried-1")

    assert code == 1
    jobs = [json.loads(waits("show", id_, "--json")[1]) for id_ in out.split()]
    assert [(job["retryOf"], job["attempt"]) for job in jobs] == [(id_, 2) for id_ in ids[:2]]
    assert err.startswith(f"jupyter-jobs: {ids[2][:8]}: Job {ids[2]} is queued; only a job that ")
    assert waits("retry", *ids[:2]) == (0, out, "")


def test_jobs_are_retried_by_what_they_are_if_they_did_not_succeed(
    waits: Run, external_backend: RunningBackend
) -> None:
    failed, done, _ = (submit(external_backend, "again") for _ in range(3))
    external_backend.update(failed, status="FAILED")
    external_backend.update(done, status="SUCCEEDED")

    code, out, err = waits("retry", "--group", "again", "--yes", "--json")

    assert (code, err) == (0, "")
    assert [job["retryOf"] for job in json.loads(out)] == [failed]
