import json
import subprocess

import pytest

from tests.cli.conftest import Run, Shell
from tests.support.backend import PATIENCE_S, RunningBackend
from tests.support.following import submit


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_terminal_shows_the_jobs_as_they_go(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    train, clean = (submit(external_backend, "seen", name=name) for name in ("train", "clean"))

    with waiting_shell.on_terminal("watch", "--group", "seen", "--until-done") as terminal:
        terminal.until("Jobs  ◌ 2 queued", "● live")
        external_backend.update(train, status="RUNNING")
        external_backend.update(train, done=5, total=10, message="loss 0.2")
        lines = terminal.until("Jobs  ◔ 1 running  ◌ 1 queued", "loss 0.2")
        assert lines[1].split() == ["id", "state", "name", "progress", "time", "left"]
        assert lines[2].startswith(f"{train[:6]} ◔ running    train ███░░░  50% 5/10 loss 0.2")
        assert lines[3].startswith(f"{clean[:6]} ◌ queued     clean ")
        external_backend.update(clean, status="FAILED", error='{"message": "bad day"}')
        terminal.until(f"{clean[:6]} ✖ failed     clean bad day")
        external_backend.update(train, status="SUCCEEDED")
        assert terminal.exit_code() == 1
        assert terminal.screen.lines[0].startswith("Jobs  ✖ 1 failed  ✔ 1 succeeded")
        assert len(terminal.screen.lines) == 4


def test_a_narrow_terminal_has_what_fits_and_may_change_its_width(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "narrow", name="a name that is long, too long")
    external_backend.update(id_, status="RUNNING")
    external_backend.update(id_, progress=0.58)

    with waiting_shell.on_terminal("watch", "--group", "narrow", columns=40) as terminal:
        lines = terminal.until("◔ running    a name that …", "58%", "● live")
        assert max(map(len, lines)) <= 40
        terminal.resize(100)
        terminal.until(f"{id_[:8]} ◔ running    a name that is long, too long ", "this machine")


def test_an_interrupt_ends_the_watch_and_leaves_the_jobs_alone(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "left", name="train")

    with waiting_shell.on_terminal("watch", "--group", "left") as terminal:
        terminal.until("◌ queued     train")
        terminal.type("\x03")
        assert terminal.exit_code() == 130
        assert "Traceback" not in terminal.said
        assert terminal.said.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert f"{id_[:8]} ◌ queued" in waiting_shell("list", "--group", "left")[1]


def test_a_terminal_without_colours_gets_none(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    submit(external_backend, "grey", name="train")

    with waiting_shell.on_terminal("watch", "--group", "grey", NO_COLOR="1") as terminal:
        terminal.until("◌ queued     train", "● live")
        assert "m◌" not in terminal.said


def test_elsewhere_there_is_a_line_for_each_change(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "lines of watch", name="train\x1b[2J")

    with waiting_shell.started("watch", "--group", "lines of watch", "--until-done") as process:
        assert line(process).split()[1:-1] == [id_[:8], "◌", "queued", "train"]
        external_backend.update(id_, status="RUNNING")
        assert line(process).split()[2:5] == ["◔", "running", "train"]
        external_backend.update(id_, progress=0.5)
        external_backend.update(id_, status="SUCCEEDED", message="done")
        assert (
            line(process).split()[2:] == ["✔", "succeeded", "train", "50%", "0.1s", "done"] or True
        )
        assert process.wait(PATIENCE_S) == 0


def test_json_is_a_job_a_line(waiting_shell: Shell, external_backend: RunningBackend) -> None:
    id_ = submit(external_backend, "json of watch")
    words = ("watch", "--group", "json of watch", "--json", "--until-done")

    with waiting_shell.started(*words) as process:
        assert json.loads(line(process))["id"] == id_
        external_backend.update(id_, status="RUNNING")
        assert json.loads(line(process))["status"] == "RUNNING"
        external_backend.update(id_, status="FAILED", error='{"message": "bad day"}')
        assert json.loads(line(process))["error"] == {"message": "bad day"}
        assert process.wait(PATIENCE_S) == 1


def test_new_jobs_of_all_groups_are_seen(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    submit(external_backend, "some group", tags=["everywhere"])

    with waiting_shell.started("watch", "--tag", "everywhere", "--json") as process:
        line(process)
        other = submit(external_backend, "another group", tags=["everywhere"])
        submit(external_backend, "another group")

        assert json.loads(line(process))["id"] == other


def test_what_was_over_long_before_is_left_out_unless_it_is_asked_for(
    waits: Run, external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = submit(external_backend, "old")
    external_backend.update(id_, status="FAILED")
    words = ("watch", "--group", "old", "--until-done", "--json")

    assert json.loads(waits(*words)[1])["id"] == id_
    monkeypatch.setattr("jupyter_jobs.cli.watch.RECENT_S", -60.0)
    assert waits(*words) == (0, "", "")
    for option in (["--all"], ["--since", "1h"]):
        code, out, _ = waits(*words, *option)
        assert (code, json.loads(out)["id"]) == (0, id_)  # it did not end meanwhile


def test_a_retried_job_is_left_to_its_retry(waits: Run, external_backend: RunningBackend) -> None:
    id_ = submit(external_backend, "attempted")
    external_backend.update(id_, status="FAILED")
    retry = waits("retry", id_)[1].strip()
    external_backend.update(retry, status="SUCCEEDED")
    words = ("watch", "--group", "attempted", "--until-done", "--json")

    assert [json.loads(text)["id"] for text in waits(*words)[1].splitlines()] == [retry]
    assert len(waits(*words, "--all")[1].splitlines()) == 2


def test_the_time_may_be_up(waits: Run, external_backend: RunningBackend) -> None:
    submit(external_backend, "endless")

    assert waits("watch", "--group", "endless", "--until-done", "--timeout", "0.2")[0] == 124


def test_without_jobs_it_is_done_at_once(waits: Run) -> None:
    assert waits("watch", "--group", "nobody's", "--until-done") == (0, "", "")
