import json

import pytest

from jupyter_jobs.cli import main
from tests.cli.conftest import Run
from tests.support.backend import RunningBackend
from tests.support.following import submit


def test_jobs_that_ended_before_are_forgotten(waits: Run, external_backend: RunningBackend) -> None:
    over, other, live = (submit(external_backend, group) for group in ("old", "new", "old"))
    for id_ in (over, other):
        external_backend.update(id_, status="SUCCEEDED")

    assert waits("prune", "--older-than", "1h", "--group", "old") == (0, "forgot 0 jobs\n", "")
    assert waits("prune", "--older-than", "2126-01-01", "--group", "old") == (
        *(0, "forgot 1 job\n"),
        "",
    )
    assert waits("show", over)[0] == 3
    assert [waits("show", id_)[0] for id_ in (other, live)] == [0, 0]


def test_their_files_may_go_alone(waits: Run, external_backend: RunningBackend) -> None:
    over = submit(external_backend, "files")
    external_backend.update(over, status="SUCCEEDED")

    words = ("prune", "--older-than", "2126-01-01", "--files-only", "--group", "files")
    code, out, err = waits(*words, "--json")

    assert (code, set(json.loads(out)), err) == (0, {"pruned"}, "")
    assert waits(*words)[1].startswith("deleted the files of ")
    assert waits("show", over)[0] == 0


def test_a_number_without_its_unit_forgets_nothing(
    waits: Run, external_backend: RunningBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    over = submit(external_backend, "units")
    external_backend.update(over, status="SUCCEEDED")

    with pytest.raises(SystemExit) as raised:
        main(["prune", "--older-than", "30"])

    assert raised.value.code == 2
    assert "30 of what? Nothing was forgotten; write 30d for days" in capsys.readouterr().err
    assert waits("show", over)[0] == 0


def test_how_old_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["prune"])

    assert raised.value.code == 2
    assert "--older-than" in capsys.readouterr().err
