import json

from jupyter_jobs.cli.show import facts
from jupyter_jobs.jobs.model import Job, JobStatus
from tests.cli.conftest import Run
from tests.support.backend import RunningBackend
from tests.support.following import submit

NASTY = "a\x1b[2J\x1b]0;title\x07b\u202ec\x9b31m"


def test_show_tells_all_of_a_job(waits: Run, external_backend: RunningBackend) -> None:
    id_ = submit(external_backend, "shown", name="mine", params='{"day": 1}')
    error = {"type": "ValueError", "message": "bad day", "traceback": "Traceback: line 7"}
    external_backend.update(id_, status="RUNNING", progress=0.25, message="reading")
    external_backend.update(id_, status="FAILED", error=json.dumps(error))

    code, out, _ = waits("show", id_[:13])
    told = dict(line.split(maxsplit=1) for line in out.splitlines() if line)

    assert code == 0
    assert {name: told[name] for name in ("id", "name", "status", "progress", "params")} == {
        "id": id_,
        "name": "mine",
        "status": "failed",
        "progress": "25%",
        "params": '{"day": 1}',
    }
    assert told["error"] == "ValueError: bad day"
    assert out.endswith("\nTraceback: line 7\n")
    as_json = json.loads(waits("show", id_, "--json")[1])
    assert (as_json["id"], as_json["error"]) == (id_, error)


def test_facts_are_those_that_there_are() -> None:
    plain = dict(facts(Job(id="j", status=JobStatus.QUEUED)))
    job = Job(
        id="j",
        status=JobStatus.RUNNING,
        tags=("night", "lr=0.1"),
        submitted_from="command line",
        attempt=2,
        retry_of="i",
        after=("a", "b"),
        rules={"timeout": 90, "retries": 2},
        done=3,
        total=4,
        history=({"error": "ValueError: bad day"},),
        metrics={"loss": {"last": 0.2}},
        usual={"median": 50, "p90": 70.5},
        result_size=12345,
    )

    assert set(plain) == {"id", "status"}
    assert list(facts(job)) == [
        ("id", "j"),
        ("status", "running"),
        ("tags", "night, lr=0.1"),
        ("from", "command line"),
        ("attempt", "2, a retry of i"),
        ("after", "a, b"),
        ("rules", "timeout 1m30s, retries 2"),
        ("progress", "75% 3/4"),
        ("size", "12,345 bytes of result"),
        ("usually", "50s, 9 of 10 within 1m10s"),
        ("metric", "loss 0.2"),
        ("earlier", "run 1: ValueError: bad day"),
    ]


def test_nothing_that_a_job_says_steers_the_terminal(
    waits: Run, external_backend: RunningBackend
) -> None:
    error = {"type": NASTY, "message": NASTY, "traceback": NASTY}
    id_ = submit(external_backend, "nasty", name=NASTY, params=json.dumps(NASTY))
    external_backend.update(id_, status="RUNNING", message=NASTY)
    external_backend.update(id_, status="FAILED", error=json.dumps(error))

    for words in (["show", id_], ["list", "--group", "nasty"], ["wait", id_]):
        for text in (waits(*words)[1], waits(*words, "--json")[1]):
            assert text
            assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)
    assert "abc" in waits("show", id_)[1]
