from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_jobs.backend.executors import Submission, request
from jupyter_jobs.backend.refusal import Refusal


def module(folder: Path, *names: str) -> None:
    (folder / "my_handlers.py").write_text(
        "from jupyter_jobs.worker import handler\nprint('noise')\n"
        + "".join(
            f"@handler({name!r})\ndef run_{number}(params): ...\n"
            for number, name in enumerate(names)
        )
    )


def submission(name: str, folder: Path, handlers: str = "my_handlers") -> Submission:
    return Submission(name, {"handlers": handlers, "sysPath": [str(folder)]}, sys.executable)


async def ask(asked: Submission) -> None:
    waiting = request.check(asked)
    assert waiting is not None
    await waiting


async def test_a_name_that_a_module_handles_is_accepted_and_the_module_is_not_imported_here(
    tmp_path: Path,
) -> None:
    module(tmp_path, "Mine")

    await ask(submission("Mine", tmp_path))

    assert "my_handlers" not in sys.modules


async def test_a_name_that_is_known_already_is_not_asked_for(tmp_path: Path) -> None:
    module(tmp_path, "Mine")
    await ask(submission("Mine", tmp_path))

    assert request.check(submission("Mine", tmp_path)) is None
    assert request.check(submission("Process data", tmp_path)) is None


async def test_a_name_that_was_added_since_is_found(tmp_path: Path) -> None:
    module(tmp_path, "First")
    await ask(submission("First", tmp_path))

    module(tmp_path, "First", "Second")

    await ask(submission("Second", tmp_path))


async def test_an_unknown_name_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    module(tmp_path, "Mine")

    with pytest.raises(Refusal) as caught:
        await ask(submission("Yours", tmp_path))

    assert caught.value.error_type == "UnknownRequest"
    assert caught.value.info == {"known": ["Mine", "Process data"]}
    assert '"Yours"' in str(caught.value)
    assert '"Mine", "Process data"' in str(caught.value)
    assert "@handler" in str(caught.value)


@pytest.mark.parametrize("request_", ["train.py", "python train.py --fast", "Report.ipynb"])
async def test_what_looks_like_a_file_is_told_how_it_is_submitted(
    request_: str, tmp_path: Path
) -> None:
    module(tmp_path, "Mine")

    with pytest.raises(Refusal) as caught:
        await ask(submission(request_, tmp_path))

    assert 'as Command(["python", "train.py"])' in str(caught.value)
    assert 'as Notebook("report.ipynb")' in str(caught.value)


async def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="missing_handlers cannot be imported: ModuleNotFoundError"):
        await ask(submission("X", tmp_path, "missing_handlers"))


async def test_an_interpreter_that_knows_nothing_of_jobs_is_named() -> None:
    with pytest.raises(Refusal, match="/bin/true cannot list its handlers"):
        await ask(Submission("X", {}, "/bin/true"))
