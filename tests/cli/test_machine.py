import json
import os
import stat
from pathlib import Path

import pytest

from jupyter_jobs.backend.life.logs import logging_to
from jupyter_jobs.cli import machine
from jupyter_jobs.cli.checkup import Finding, Mark
from jupyter_jobs.jobs.embedded import Presence, Sighting, data_folder, ensure_backend, look
from jupyter_jobs.jobs.runtime import EmbeddedBackend, runtime_file

BACKEND = EmbeddedBackend("http://h:1/graphql", "ws://h", 7, 8, "da2-k", "1.0", host="ada")


def marks(findings: list[Finding]) -> list[tuple[Mark, str]]:
    return [(finding.mark, finding.about) for finding in findings]


@pytest.mark.usefixtures("started_backends_end")
def test_all_is_told_of_one_that_runs() -> None:
    backend = ensure_backend()

    told = list(machine.machine(look()))

    assert marks(told) == [
        (Mark.GOOD, "backend"),
        (Mark.GOOD, "backend"),
        (Mark.NOTE, "backend"),
        (Mark.GOOD, "folder"),
        (Mark.GOOD, "key"),
        (Mark.NOTE, "log"),
    ]
    where, release, jobs, folder, key, log = (finding.text for finding in told)
    assert where.startswith(f"process {backend.pid} on ")
    assert where.endswith(f"at {backend.http.removesuffix('/graphql')}")
    assert (release, jobs) == ("jupyter_jobs 0.1.0, contract 1", "jobs: none")
    assert folder.startswith(f"{data_folder()}, ")
    assert "GB free" in folder or "MB free" in folder
    assert key == f"in {runtime_file(data_folder())}, for its owner alone (0600)"
    assert log == f"{data_folder() / 'backend.log'}, no warning"
    assert backend.key not in str(told)


def test_before_it_is_started_nothing_is_amiss() -> None:
    there = Sighting(Presence.ABSENT, Path("/x"))
    stale = Sighting(Presence.ABSENT, Path("/x"), BACKEND)

    assert machine.before(there).text == (
        "the one on this machine does not run: it is started, as by JobMonitor()"
    )
    assert machine.before(stale).text.endswith("process 7, which its file tells of, is gone")
    assert machine.before(there).mark is Mark.NOTE


def test_one_that_cannot_be_used_is_told_with_the_reason() -> None:
    elsewhere = Sighting(Presence.ELSEWHERE, Path("/x"), BACKEND)

    assert machine.before(elsewhere).mark is Mark.ODD
    assert "runs on the host ada" in machine.before(elsewhere).text


def test_another_release_may_be_replaced() -> None:
    told = list(machine.running(BACKEND, {"jobs": {"RUNNING": 2, "FAILED": 1}}, "1.1"))

    assert told[1].mark is Mark.ODD
    assert told[1].text.startswith(
        "jupyter_jobs 1.0, contract 1, and here is 1.1: jupyter-jobs stop"
    )
    assert told[2].text == "jobs: 2 running, 1 failed"


def test_notices_and_a_drain_are_told() -> None:
    noticed = EmbeddedBackend(
        **{**vars(BACKEND), "notices": ("a damaged\x1b[2J file was set aside",)}
    )

    told = list(machine.running(noticed, {"draining": True}, "1.0"))

    assert [finding.mark for finding in told[-2:]] == [Mark.ODD, Mark.ODD]
    assert told[-2].text.startswith("it takes no new jobs")
    assert told[-1].text == "a damaged file was set aside"


def test_what_others_may_read_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o644)
    tmp_path.chmod(0o755)

    [key] = machine.key(tmp_path / "file")
    folder = list(machine.folder(tmp_path))

    assert (key.mark, folder[-1].mark) == (Mark.WRONG, Mark.WRONG)
    assert key.text.endswith(f"(0644): chmod 600 {tmp_path / 'file'}")
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o755


def test_a_disk_that_is_nearly_full_and_a_network_are_odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(machine, "LEAST_ROOM", 1e30)
    [full] = machine.folder(tmp_path)
    monkeypatch.setattr(machine, "network_file_system", lambda _: "nfs4")
    [network] = machine.folder(tmp_path)
    [missing] = machine.folder(tmp_path / "missing")

    assert [full.mark, network.mark, missing.mark] == [Mark.ODD] * 3
    assert full.text.endswith("jupyter-jobs prune --older-than 7d makes room")
    assert "on a network file system (nfs4)" in network.text
    assert "No such file" in missing.text
    assert list(machine.key(tmp_path / "missing")) == []


def test_the_logs_last_warnings_are_told(tmp_path: Path) -> None:
    import logging

    with logging_to(tmp_path, quiet=True):
        for number in range(5):
            logging.getLogger("jupyter_jobs.backend").warning("warning %d", number)
    with open(tmp_path / "backend.log", "a") as file:
        file.write(json.dumps({"level": "error", "event": "long\x1b[2J" * 100}) + "\n")

    told = list(machine.log(tmp_path / "backend.log"))

    assert [finding.mark for finding in told] == [Mark.NOTE, Mark.ODD, Mark.ODD, Mark.ODD]
    assert told[1].text.endswith("warning 3")
    assert len(told[3].text) == 300
    assert "\x1b" not in told[3].text
