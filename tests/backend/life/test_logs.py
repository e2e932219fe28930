import json
import logging
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_jobs.backend.life import logs
from jupyter_jobs.backend.life.logs import last_warnings, logging_to

KEY = "da2-abcdefghijklmnopqrstuvwxyz"
log = logging.getLogger("jupyter_jobs.backend")


def events(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "backend.log").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose log is written to."""
    with logging_to(tmp_path, quiet=True):
        yield tmp_path


def test_an_event_is_an_object_on_a_line(folder: Path) -> None:
    log.info("ready at %s", "http://h")
    log.warning("the shim of job %s does not end: killing it", "a-1")

    ready, warning = events(folder)
    assert (ready["level"], ready["event"]) == ("info", "ready at http://h")
    assert "job" not in ready
    assert (warning["level"], warning["job"], warning["logger"]) == (
        *("warning", "a-1"),
        "jupyter_jobs.backend",
    )
    assert ready["time"].endswith("Z")


@pytest.mark.parametrize(
    ("message", "values", "job"),
    [
        ("adopting job %s", ("x",), "x"),
        ("%d%% of job %s after %5.1f s", (3, "y", 1.0), "y"),
        ("forgot %s of %d jobs", ("all", 3), None),
        ("job of nobody", (), None),
        ("%(name)s", ({"name": "job z"},), None),
    ],
)
def test_the_job_is_the_one_that_the_message_speaks_of(
    folder: Path, message: str, values: tuple[object, ...], job: str | None
) -> None:
    log.info(message, *values)

    [event] = events(folder)
    assert event.get("job") == job


def test_what_is_secret_or_steers_is_not_in_it(folder: Path) -> None:
    try:
        raise ValueError(f"\x1b[31m{KEY}\u202e")
    except ValueError:
        log.exception("a request failed: %s", f"x\x1b]0;title\x07\nlevel=error {KEY}")

    text = (folder / "backend.log").read_text()
    [event] = events(folder)
    assert KEY not in text
    assert len(text.splitlines()) == 1
    assert text.strip().isprintable()
    assert "ValueError" in event["error"]


def test_people_read_a_line_of_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path, quiet=False):
        log.warning("odd: %s", f"\x1b[31mred\nfake 2026 INFO line {KEY}")
        try:
            raise ValueError("bad\x1b[2J")
        except ValueError:
            log.exception("it failed")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(r"WARNING odd: \x1b[31mred\nfake 2026 INFO line [hidden]")
    assert lines[-1] == r"ValueError: bad\x1b[2J"
    assert "\x1b" not in "".join(lines)


def test_it_is_rotated_and_stays_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 2_000)
    monkeypatch.setattr(logs, "LOG_FILES", 2)
    with logging_to(tmp_path, quiet=True):
        for number in range(200):
            log.info("event %d", number)

    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["backend.log", "backend.log.1", "backend.log.2"]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_size <= 2_000
    assert events(tmp_path)[-1]["event"] == "event 199"


def test_lines_that_could_not_be_written_are_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path, quiet=True):
        log.info("before")
        [handler] = [each for each in logging.getLogger().handlers if hasattr(each, "maxBytes")]
        stream, full = handler.stream, open("/dev/full", "w")  # type: ignore[attr-defined]
        handler.stream = full  # type: ignore[attr-defined]
        log.info("lost")
        log.info("lost, too")
        handler.stream = stream  # type: ignore[attr-defined]
        log.info("after")
        try:
            full.close()
        except OSError:
            pass

    assert [event["event"] for event in events(tmp_path)] == [
        "before",
        "2 lines of this log could not be written",
        "after",
    ]
    assert capsys.readouterr().err == ""


def test_the_last_warnings_are_found_among_all_that_is_there(tmp_path: Path) -> None:
    assert last_warnings(tmp_path / "backend.log", 3) == []
    (tmp_path / "backend.log").write_text("2026-01-01 WARNING of an earlier release\n")
    with logging_to(tmp_path, quiet=True):
        for number in range(5):
            log.warning("warning %d", number)
            log.info("info %d", number)
    with open(tmp_path / "backend.log", "a") as file:
        file.write('{"level": "warning", "eve')

    assert [event["event"] for event in last_warnings(tmp_path / "backend.log", 2)] == [
        "warning 3",
        "warning 4",
    ]


def test_afterwards_everything_is_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))

    with logging_to(tmp_path, quiet=False):
        assert root.level == logging.INFO

    assert (root.level, list(root.handlers)) == before
    assert sys.stderr.closed is False
