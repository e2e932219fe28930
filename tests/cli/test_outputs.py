import asyncio
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.cli import outputs
from jupyter_jobs.cli.outputs import spark
from jupyter_jobs.jobs.client import JobClient
from tests.cli.conftest import Run
from tests.support.backend import RunningBackend
from tests.support.following import submit, target


def done(backend: RunningBackend, function: Callable[..., Any], *args: Any) -> str:
    """Run a function as a job; its id."""

    async def run() -> str:
        async with JobClient(target(backend), group="outputs") as client:
            client.start()
            job = await client.submit(function, *args)
            await asyncio.wait([asyncio.ensure_future(ended(job))])
            return job.id

    async def ended(job: Any) -> None:
        await job

    return asyncio.run(run())


@pytest.fixture(scope="module")
def measured(backend: RunningBackend) -> str:
    def measure(count: int) -> dict[str, int]:
        from pathlib import Path

        from jupyter_jobs.worker import current_job

        job = current_job()
        folder = Path(job.dir)
        (folder / "model.txt").write_text("weights")
        (folder / "sub").mkdir()
        (folder / "sub" / "day.csv").write_text("1,2")
        for n in range(count):
            job.metrics(loss=float("nan") if n == 1 else 1 / (n + 1))
        return {"count": count}

    return done(backend, measure, 3)


@pytest.fixture(scope="module")
def pickled(backend: RunningBackend) -> str:
    return done(backend, lambda: {1, 2, 3})


def test_a_series_is_a_line_of_blocks() -> None:
    assert spark([]) == ""
    assert spark([math.nan]) == ""
    assert spark([1, 1]) == "▁▁"
    assert spark([0, 1, math.inf, 2, 7]) == "▁▂▃█"
    assert len(spark(list(range(1000)))) == 24


def test_what_a_job_measured_is_told_by_series(measured: str, works: Run) -> None:
    code, out, err = works("metrics", measured[:13])
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["name", "last", "least", "most", "points"],
        ["loss", "0.333333", "0.333333", "1", "3", "█▁"],
    ]

    told = json.loads(works("metrics", measured, "--json")[1])
    assert [point["values"] for point in told["points"]] == [
        *({"loss": 1}, {"loss": None}, {"loss": pytest.approx(1 / 3)}),
    ]
    assert told["dropped"] == 0


def test_a_job_without_any_leaves_nothing_to_tell(
    waits: Run, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "plain")

    assert waits("metrics", id_) == (0, "", "")
    assert waits("files", id_) == (0, "", "")
    assert json.loads(waits("files", id_, "--json")[1]) == []


def test_files_are_listed_and_copied(measured: str, works: Run, tmp_path: Path) -> None:
    code, out, err = works("files", measured, "--copy-to", str(tmp_path / "new"))

    assert (code, err) == (0, "")
    assert [(line.split()[0], line.split()[-1]) for line in out.splitlines()] == [
        *(("size", "name"), ("7", "model.txt"), ("3", "sub/day.csv")),
    ]
    assert (tmp_path / "new" / "model.txt").read_text() == "weights"
    assert (tmp_path / "new" / "sub" / "day.csv").read_text() == "1,2"
    told = json.loads(works("files", measured, "--json")[1])
    assert [(file["name"], file["size"]) for file in told] == [("model.txt", 7), ("sub/day.csv", 3)]


def test_no_file_is_copied_out_of_the_folder(
    waits: Run,
    external_backend: RunningBackend,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    id_ = submit(external_backend, "strange")
    file = {"name": "../evil", "size": 1.0, "modifiedAt": None, "path": __file__}
    call = outputs.asked.files(id_)
    monkeypatch.setattr(
        "jupyter_jobs.jobs.asked.files",
        lambda id_: outputs.calls.Call("jobFiles", call.variables, lambda told, _: [file]),
    )

    code, _, err = waits("files", id_, "--copy-to", str(tmp_path / "folder"))

    assert code == 1
    assert "'../evil' is no name of a file below" in err
    assert not (tmp_path / "evil").exists()


def test_a_value_is_printed_as_json_and_written_to_a_file(
    measured: str, works: Run, tmp_path: Path
) -> None:
    assert works("result", measured) == (0, '{"count": 3}\n', "")

    words = ("result", measured, "--out", str(tmp_path / "value.json"))
    assert works(*words) == (0, "", "")
    assert json.loads((tmp_path / "value.json").read_text()) == {"count": 3}
    assert (
        works(*words, "--json")[1]
        == json.dumps({"file": str(tmp_path / "value.json"), "encoding": "json", "size": 13}) + "\n"
    )


def test_a_word_is_printed_as_it_is_and_safely(works: Run, backend: RunningBackend) -> None:
    id_ = done(backend, lambda: "a\x1b[2Jb")

    assert works("result", id_) == (0, "ab\n", "")
    assert works("result", id_, "--json") == (0, '"a\\u001b[2Jb"\n', "")


def test_a_value_of_python_is_shown_or_saved(pickled: str, works: Run, tmp_path: Path) -> None:
    assert works("result", pickled) == (0, "{1, 2, 3}\n", "")
    code, out, err = works("result", pickled, "--json")
    assert (code, out) == (2, "")
    assert "is no JSON but of type set; --out FILE saves it" in err

    path = tmp_path / "value.pickle"
    told = json.loads(works("result", pickled, "--out", str(path), "--json")[1])
    assert (told["encoding"], told["size"]) == ("pickle", path.stat().st_size)
    assert pickle.loads(path.read_bytes()) == {1, 2, 3}


def test_a_value_too_large_for_the_answer_is_copied_from_its_file(
    works: Run, backend: RunningBackend, tmp_path: Path
) -> None:
    id_ = done(backend, lambda: "x" * 9_000_000)

    assert works("result", id_, "--out", str(tmp_path / "big"))[0] == 0
    assert (tmp_path / "big").stat().st_size >= 9_000_000


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("RUNNING", "train is running; wait for its end: jupyter-jobs wait "),
        ("CANCELLED", "train was cancelled, so it has no result"),
        ("FAILED", "train failed: E: bad day"),
    ],
)
def test_a_job_that_has_not_succeeded_has_no_value(
    waits: Run, external_backend: RunningBackend, status: str, sentence: str
) -> None:
    id_ = submit(external_backend, "valueless", name="train")
    more = {"error": '{"type": "E", "message": "bad day"}'} if status == "FAILED" else {}
    external_backend.update(id_, status=status, **more)

    code, out, err = waits("result", id_)

    assert (code, out) == (1, "")
    assert err.startswith(f"jupyter-jobs: {sentence}")


def test_a_file_that_cannot_be_written_is_told(measured: str, works: Run, tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "folder"

    assert works("result", measured, "--out", str(path)) == (
        *(1, ""),
        f"jupyter-jobs: No such file or directory: {path}\n",
    )
