"""What a backend tells of itself, in a file of Jupyter's runtime folder that only its user can read.

The file outlives a backend that was killed, the machine's boot, and on a home that several machines share it is read by
all of them. So it says of which process it speaks: number, start, boot and host.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

__all__ = [
    "CONTRACT",
    "EmbeddedBackend",
    "data_folder",
    "is_stopped",
    "process_started_at",
    "runtime_file",
    "write_private",
]

CONTRACT = 1
"""Number of what client and backend say to each other; raised with a change that one of an older number lacks."""

_OF_OLDER: dict[str, Any] = {"contract": 0, "host": "", "boot": ""}
"""What a file stands for that does not say it, written by a release from before it was said."""


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class EmbeddedBackend:
    """A backend that runs on this machine.

    Attributes:
        http: URL for queries and mutations.
        realtime: URL for subscriptions.
        pid: Its process.
        started: When that process started, in clock ticks since boot: tells it from a later one of the same number.
        key: Its API key.
        version: Of the package that it runs.
        contract: What it speaks, see `CONTRACT`.
        host: The machine's node name; empty where nobody said it.
        boot: The id of that machine's boot; empty where nobody said it.
        notices: Sentences for the user about what it found when it opened its folder, and did about it.
        renews: Whether its clients may take a new key from here by themselves; not in a test of what happens when
            credentials expire.
    """

    http: str
    realtime: str
    pid: int
    started: int
    key: str = field(repr=False)
    version: str = ""
    contract: int = CONTRACT
    host: str = field(default_factory=platform.node)
    boot: str = field(default_factory=_boot)
    notices: tuple[str, ...] = ()
    renews: bool = True

    def write(self, path: Path) -> None:
        """Write the file that clients find it by."""
        write_private(path, json.dumps(vars(self)))

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what the file says, or None if it is missing or says nothing of use.

        What a later release says besides is passed over.
        """
        try:
            said = json.loads(path.read_text("utf-8"))
            known = {
                each.name: said[each.name] for each in dataclasses.fields(cls) if each.name in said
            }
            known["notices"] = tuple(map(str, known.get("notices", ())))
            backend = cls(**{**_OF_OLDER, **known})
        except (OSError, ValueError, TypeError):
            return None
        fits = all(isinstance(getattr(backend, name), kind) for name, kind in _KINDS.items())
        return backend if fits else None

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine."""
        return self.host in ("", platform.node())

    @property
    def is_alive(self) -> bool:
        """Whether that very process lives, on this machine."""
        same_boot = self.boot in ("", _boot())
        return self.is_here and same_boot and process_started_at(self.pid) == self.started


_KINDS = {"http": str, "realtime": str, "pid": int, "started": int, "key": str, "contract": int}


def data_folder(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of jobs, logs and results: the argument, else `JUPYTER_JOBS_DATA_DIR`, else Jupyter's own."""
    from jupyter_core.paths import jupyter_data_dir

    chosen = path or os.environ.get("JUPYTER_JOBS_DATA_DIR")
    return Path(chosen or Path(jupyter_data_dir(), "jupyter_jobs")).expanduser().absolute()


def runtime_file(data_dir: Path) -> Path:
    """Return the file that tells of the backend for a data folder."""
    from jupyter_core.paths import jupyter_runtime_dir

    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return Path(jupyter_runtime_dir(), f"jupyter-jobs-{digest}.json")


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    with open(
        draft, "x", opener=lambda p, flags: os.open(p, flags, 0o600), encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)


def process_started_at(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None if it does not run (a zombie does not).

    Where the system has no `/proc`, every process that runs started at 0.
    """
    stat = _stat(pid)
    if stat is None:
        return None if Path("/proc/self/stat").exists() else _alive(pid)
    return None if stat[0] == "Z" else int(stat[19])  # field 22 of proc(5)


def is_stopped(pid: int) -> bool:
    """Whether a process is held, by SIGSTOP or a debugger, and so answers nobody."""
    stat = _stat(pid)
    return stat is not None and stat[0] in "Tt"


def _stat(pid: int) -> list[str] | None:
    """Return the fields of a process from the third on, its state; None if it or `/proc` is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _alive(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return 0
