"""How a job ended, as JSON: its result, or what went wrong."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

__all__ = [
    "Failure",
    "describe_error",
    "describe_exit",
    "describe_timeout",
    "fit_error",
    "forget",
    "keep_result",
    "persist",
    "read_json",
    "read_outcome",
    "write_json",
]

RESULT_LIMIT = (
    64 * 1024
)  # bytes of JSON, escapes and all; the event that carries it may have 240 KB
ERROR_LIMIT = 96 * 1024  # the same for an error
_TRACEBACK_LIMIT = 24 * 1024  # characters, the newest frames and the message stay
_MESSAGE_LIMIT = 4 * 1024
_TYPE_LIMIT = 200
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
_FIRST_S, _LAST_S = 0.1, 5.0  # between two attempts to write
_HERE = os.path.dirname(os.path.abspath(__file__))
_OWN_FRAMES = (os.path.join(_HERE, "work.py"), os.path.join(_HERE, "runners") + os.sep)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


T = TypeVar("T")


class Failure(Exception):
    """The work failed in a way that is described already.

    Attributes:
        error: `type`, `message`, and what else is known.
    """

    def __init__(self, type: str, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.error: dict[str, Any] = {
            "type": type[:_TYPE_LIMIT],
            "message": message[:_MESSAGE_LIMIT],
        }
        if traceback:
            self.error["traceback"] = _ANSI.sub("", traceback)[-_TRACEBACK_LIMIT:]


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return an exception as `type`, `message` and `traceback`, without the frames that are ours."""
    if isinstance(error, Failure):
        return error.error
    text = "".join(traceback.format_exception(type(error), error, _user_frames(error)))
    return {
        "type": type(error).__name__[:_TYPE_LIMIT],
        "message": str(error)[:_MESSAGE_LIMIT],
        "traceback": text[-_TRACEBACK_LIMIT:],
    }


def describe_exit(status: int, *, unfinished: str = "") -> dict[str, Any] | None:
    """Return the exit status of a process (`os.waitstatus_to_exitcode`) as an error, or None when it is 0.

    Args:
        status: The exit code, or minus the signal's number.
        unfinished: What had not happened when the process ended; the status 0 is an error then too.
    """
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        perhaps = " (perhaps out of memory)" if -status == signal.SIGKILL else ""
        return {"type": "Signal", "message": f"killed by {name}{perhaps}", "signal": name}
    if status == 0 and not unfinished:
        return None
    message = f"ended with exit code {status}" + (f" before {unfinished}" if unfinished else "")
    return {"type": "ExitCode", "message": message, "exitCode": status}


def describe_timeout(limit: float) -> dict[str, Any]:
    """Return as an error that a run took longer than its limit, in seconds."""
    seconds = f"{limit:.0f}" if limit == int(limit) else f"{limit:g}"
    return {"type": "TimedOut", "message": f"ran longer than {seconds} s"}


def fit_error(error: dict[str, Any], log: list[str]) -> dict[str, Any]:
    """Return an error with the last lines of the log, cut down until an event can carry it.

    Text outside ASCII takes up to twelve bytes a character in JSON, so counting characters is not enough.
    """
    fitted = {**error, "log": log}
    while len(json.dumps(fitted)) > ERROR_LIMIT:
        fitted["log"] = fitted["log"][len(fitted["log"]) // 2 + 1 :]
        # The end of a traceback says most, of a message the beginning.
        if text := fitted.get("traceback"):
            fitted["traceback"] = text[len(text) // 2 + 1 :]
        fitted["message"] = fitted["message"][: len(fitted["message"]) // 2]
    return fitted


def keep_result(value: Any, folder: Path) -> dict[str, Any]:
    """Return the result as a part of the outcome: the value itself, or the size of a pickle beside it.

    Raises:
        Failure: It cannot be pickled.
    """
    if _is_json(value, _Room(RESULT_LIMIT)) and len(json.dumps(value)) <= RESULT_LIMIT:
        return {"result": value}
    import cloudpickle

    part = folder / "result.pickle.part"
    try:
        with _create(part) as file:
            cloudpickle.dump(value, file)
    except Exception as error:  # pickling runs code of any class that it meets
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise  # the disk, not the value
        raise Failure(
            type(error).__name__,
            f"the work was done, but its result of type {type(value).__name__} cannot be sent back: {error}. "
            "Return plain values, or save it in current_job().dir and return the path",
        ) from None
    os.replace(part, folder / "result.pickle")
    return {"resultSize": (folder / "result.pickle").stat().st_size}


def forget(folder: Path) -> None:
    """Remove what an earlier run of the job came to, the outcome first: it vouches for the others."""
    for name in ("outcome.json", "work.json", "result.pickle", "error.pickle"):
        (folder / name).unlink(missing_ok=True)


def read_outcome(folder: Path) -> dict[str, Any] | None:
    """Return how the run that `job.json` speaks of has ended, or None while it has not.

    An outcome says its run (the first one does not), so that what an earlier run left is not taken for the present
    one's, whoever crashed before it was removed.
    """
    ended, job = read_json(folder / "outcome.json"), read_json(folder / "job.json")
    if ended is None or ended.get("run", 1) != (job or {}).get("run", 1):
        return None
    return ended


def persist(write: Callable[[], T], say: Callable[[str], object]) -> T:
    """Do what writes how the work ended, as often as it takes until there is room for that; a week's work waits a while.

    Args:
        write: Writes, all or nothing.
        say: Is told once, in a sentence, if there is no room.

    Raises:
        OSError: It cannot be written, for a reason that does not pass.
    """
    delay = _FIRST_S
    while True:
        try:
            return write()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            if delay == _FIRST_S:
                say(f"the work is done, and is kept until it can be written down: {error.strerror}")
        time.sleep(delay)
        delay = min(2 * delay, _LAST_S)


def write_json(path: Path, value: Any) -> None:
    """Write a file that is either there in full or not at all."""
    part = path.with_suffix(".part")
    try:
        with _create(part) as file:
            file.write(json.dumps(value).encode())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file of `write_json`, or None when there is none."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _create(path: Path) -> Any:
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _user_frames(error: BaseException) -> TracebackType | None:
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_OWN_FRAMES):
        frame = frame.tb_next
    return frame


class _Room:
    """How much of a value is looked at before it is taken for too long; a list of a billion is not gone through."""

    def __init__(self, left: int) -> None:
        self._left = left

    def takes(self, size: int) -> bool:
        self._left -= size
        return self._left >= 0


def _is_json(value: Any, room: _Room, depth: int = 100) -> bool:
    """Whether JSON gives back exactly this value (the same types, no tuple, no NaN, no subclass) and has room for it."""
    kind = type(value)
    if not room.takes(len(value) if kind in (str, list, dict) else 1):
        return False
    if value is None or kind is bool or kind is int:
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if depth == 0:
        return False
    if kind is list:
        return all(_is_json(item, room, depth - 1) for item in value)
    if kind is dict:
        return all(
            type(key) is str and _is_json(key, room) and _is_json(item, room, depth - 1)
            for key, item in value.items()
        )
    return False
