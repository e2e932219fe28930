from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.backend.refusal import Refusal
from jupyter_jobs.backend.storage import retention
from jupyter_jobs.backend.storage.repository import Repository
from jupyter_jobs.backend.storage.retention import Keep, Retention
from jupyter_jobs.errors import ConfigurationError

FAR = "2999-01-01T00:00:00Z"


class Jobs:
    """A repository and folders, and what forgets them."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "jobs.sqlite")
        self.folder = folder / "jobs"
        self.retention = Retention(self.repository, folder)

    def add(self, id_: str, *, ended: bool = True, size: int = 10, **fields: Any) -> None:
        given = {"id": id_, "request": "r", "name": "n", "kind": "REQUEST", "priority": "LOW"}
        assert self.repository.insert({**given, **fields}, None)
        (self.folder / id_ / "files").mkdir(parents=True)
        (self.folder / id_ / "files/kept").write_bytes(b"x" * size)
        if ended:
            self.repository.update(id_, {"status": "SUCCEEDED"})

    @property
    def listed(self) -> list[str]:
        return sorted(job["id"] for job in self.repository.page(None, None, 1000, None)[0])

    @property
    def with_files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path)
    yield made
    made.repository.close()


async def test_jobs_that_ended_before_a_time_are_forgotten(jobs: Jobs) -> None:
    jobs.add("old")
    await asyncio.sleep(0.005)
    time = datetime.now(UTC).isoformat()
    await asyncio.sleep(0.005)
    jobs.add("new")
    jobs.add("live", ended=False)

    count = await jobs.retention.prune(time)

    assert count == 1
    assert jobs.listed == jobs.with_files == ["live", "new"]


async def test_only_jobs_of_the_group_are(jobs: Jobs) -> None:
    jobs.add("a", group="g")
    jobs.add("b", group="h")

    assert await jobs.retention.prune(FAR, "g") == 1
    assert jobs.listed == ["b"]


async def test_jobs_may_lose_their_files_and_stay(jobs: Jobs) -> None:
    jobs.add("a")

    first = await jobs.retention.prune(FAR, files_only=True)
    second = await jobs.retention.prune(FAR, files_only=True)

    assert (first, second) == (1, 0)
    assert (jobs.listed, jobs.with_files) == (["a"], [])


async def test_what_a_live_job_waits_for_or_repeats_is_kept(jobs: Jobs) -> None:
    jobs.add("needed")
    jobs.add("first")
    jobs.add("second", retryOf="first")
    jobs.add("third", ended=False, retryOf="second")
    jobs.add("waits", ended=False, after=["needed"])
    jobs.add("other")

    count = await jobs.retention.prune(FAR)

    assert count == 1
    assert jobs.listed == ["first", "needed", "second", "third", "waits"]


async def test_many_are_forgotten_in_small_steps(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_STEP", 2)
    jobs.add("first")
    jobs.add("again", ended=False, retryOf="first")
    for number in range(7):
        jobs.add(f"j{number}")

    assert await jobs.retention.prune(FAR) == 7
    assert jobs.listed == ["again", "first"]


async def test_a_job_that_is_waited_for_since_its_files_went_keeps_its_row(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.add("a")
    remove = shutil.rmtree

    def remove_and_wait(path: Path) -> None:
        remove(path)
        jobs.add("b", ended=False, after=["a"])

    monkeypatch.setattr(shutil, "rmtree", remove_and_wait)

    assert await jobs.retention.prune(FAR) == 0
    assert jobs.listed == ["a", "b"]


async def test_a_job_without_a_folder_is_forgotten_all_the_same(jobs: Jobs) -> None:
    jobs.add("a")
    shutil.rmtree(jobs.folder / "a")

    assert await jobs.retention.prune(FAR) == 1
    assert jobs.listed == []


async def test_a_job_whose_files_cannot_be_removed_stays(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.add("a")
    jobs.add("b")
    remove = shutil.rmtree

    def refuse(path: Path) -> None:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)

    assert await jobs.retention.prune(FAR) == 1
    assert jobs.listed == ["a"]
    assert "the files of job a cannot be removed" in caplog.text


async def test_a_link_in_a_folder_is_removed_and_not_what_it_leads_to(
    jobs: Jobs, tmp_path: Path
) -> None:
    jobs.add("a")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/precious").touch()
    (jobs.folder / "a/files/link").symlink_to(tmp_path / "mine")

    await jobs.retention.prune(FAR)

    assert jobs.with_files == []
    assert (tmp_path / "mine/precious").exists()


async def test_what_is_no_time_is_refused(jobs: Jobs) -> None:
    with pytest.raises(Refusal, match="soon"):
        await jobs.retention.prune("soon")


async def test_only_the_newest_jobs_are_kept(jobs: Jobs) -> None:
    for number in range(5):
        jobs.add(f"j{number}")
    jobs.add("live", ended=False)

    await jobs.retention.tidy(Keep(jobs=2))

    assert jobs.listed == ["j3", "j4", "live"]


async def test_jobs_are_kept_for_so_many_days(jobs: Jobs, tmp_path: Path) -> None:
    days = [0.0]

    def clock() -> float:
        return datetime.now(UTC).timestamp() + days[0] * 86_400

    jobs.add("a")
    kept_for_a_day = Retention(jobs.repository, tmp_path, wall=clock, clock=clock)
    await kept_for_a_day.tidy(Keep(days=1))
    kept = jobs.listed
    days[0] = 2
    await kept_for_a_day.tidy(Keep(days=1))

    assert (kept, jobs.listed) == (["a"], [])


async def test_the_files_of_the_oldest_go_when_all_are_too_large(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_STEP", 1)
    for number in range(4):
        jobs.add(f"j{number}", size=1000)

    await jobs.retention.tidy(Keep(gb=2500e-9))

    assert jobs.listed == ["j0", "j1", "j2", "j3"]
    assert jobs.with_files == ["j2", "j3"]


async def test_all_is_kept_when_that_is_said(jobs: Jobs) -> None:
    jobs.add("a")
    everything = Keep.read({f"JUPYTER_JOBS_KEEP_{name}": "inf" for name in ("DAYS", "JOBS", "GB")})

    await jobs.retention.tidy(everything)

    assert jobs.listed == jobs.with_files == ["a"]


async def test_it_goes_on_after_a_failure(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "INTERVAL_S", 0)
    tidied = asyncio.Event()
    calls = []

    async def tidy(self: Retention, keep: Keep) -> None:
        calls.append(keep)
        if len(calls) == 1:
            raise OSError("disk")
        tidied.set()

    monkeypatch.setattr(Retention, "tidy", tidy)
    task = asyncio.create_task(jobs.retention.run(Keep()))
    await tidied.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert "old jobs could not be tidied away" in caplog.text


def test_settings_have_their_defaults() -> None:
    assert Keep.read({"JUPYTER_JOBS_KEEP_DAYS": " 7.5 ", "JUPYTER_JOBS_KEEP_GB": ""}) == Keep(
        days=7.5
    )


@pytest.mark.parametrize("text", ["-1", "many", "nan"])
def test_a_setting_that_cannot_be_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"JUPYTER_JOBS_KEEP_JOBS takes .* not '{text}'"):
        Keep.read({"JUPYTER_JOBS_KEEP_JOBS": text})


@pytest.mark.parametrize(("set_by", "listed"), [(0.0, []), (3650.0, ["a"]), (-3650.0, ["a"])])
async def test_a_clock_that_is_set_makes_nothing_old(
    jobs: Jobs, tmp_path: Path, set_by: float, listed: list[str]
) -> None:
    day, now = 86_400.0, datetime.now(UTC).timestamp()
    time = {"wall": now, "clock": 0.0}
    kept = Retention(
        jobs.repository, tmp_path, wall=lambda: time["wall"], clock=lambda: time["clock"]
    )
    jobs.add("a")
    # Two days go by, or a moment in which the clock is set.
    gone = 2 * day if set_by == 0 else 1.0
    time = {"wall": now + gone + set_by * day, "clock": gone}

    await kept.tidy(Keep(days=1))

    assert jobs.listed == listed
