"""What others on the machine could see: files, command lines, environments, logs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest

from jupyter_jobs import Command, JobClient, Notebook
from jupyter_jobs.jobs.embedded import data_folder, ensure_backend, runtime_file
from jupyter_jobs.jobs.target import find_target
from tests.support.following import until

pytestmark = pytest.mark.usefixtures("started_backends_end")

FOREIGN = "da2-keyofanotherapikeyofanother"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def wait_for(path: str) -> dict[str, str]:
    """Go on until a file is there; returns the environment of the work."""
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.02)
    return dict(os.environ)


def notebook(folder: Path, go: Path) -> Notebook:
    cell = f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.02)"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(made, folder / "work.ipynb")
    return Notebook(folder / "work.ipynb")


def processes(pid: int) -> Iterator[tuple[str, bytes]]:
    """What `/proc` tells of a backend and all that came of it: where it stands, and the text."""
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        for name in ("cmdline", "environ"):
            yield f"{process.pid} {name}", Path(f"/proc/{process.pid}/{name}").read_bytes()


def files(folder: Path) -> list[Path]:
    return [path for path in [folder, *folder.rglob("*")] if not path.is_socket()]


async def test_nothing_of_a_backend_and_its_jobs_is_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_API_KEY", FOREIGN)  # of the API that another notebook uses
    monkeypatch.setenv("JUPYTER_JOBS_TOKEN", FOREIGN)
    with umask(0):
        backend = ensure_backend()
    works = (
        lambda go: (wait_for, str(go)),
        lambda go: (Command.shell(f"until [ -e {go} ]; do sleep 0.02; done; env"),),
        lambda go: (notebook(tmp_path, go),),
    )
    seen: list[tuple[str, bytes]] = []
    async with JobClient(find_target()) as client:
        client.start()
        jobs = [await client.submit("Process data", params={"rows": 10, "seconds": 0})]
        for n, work in enumerate(works):
            jobs.append(job := await client.submit(*work(tmp_path / f"go{n}")))
            await until(client, lambda job=job: job.status == "RUNNING")
            seen += processes(backend.pid)
            (tmp_path / f"go{n}").touch()
            await job
        environment = await jobs[1]
        printed = [line.text for job in jobs for line in job.logs()]

    folder, runtime = data_folder(), runtime_file(data_folder())
    paths = files(folder)
    kept = {folder / "address.json", runtime}
    secrets = [backend.key.encode(), FOREIGN.encode()]
    open_ = [str(path) for path in [*paths, runtime] if path.stat().st_mode & 0o077]
    leaks = [
        str(path)
        for path in paths
        if path.is_file() and path not in kept and any(s in path.read_bytes() for s in secrets)
    ]
    shown = [where for where, text in seen if any(secret in text for secret in secrets)]

    assert open_ == []
    assert leaks == []
    assert shown == []
    assert len(seen) >= 2 * 3 * 3  # the backend, a nursery or shim, and the work, three times
    assert not {"JUPYTER_JOBS_API_KEY", "JUPYTER_JOBS_TOKEN"} & environment.keys()
    assert not any(secret.decode() in line for line in printed for secret in secrets)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    assert len(paths) > 10
