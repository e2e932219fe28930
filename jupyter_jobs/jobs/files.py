"""The files that a job left in its own folder, `current_job().dir`, for whoever has its handle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from jupyter_jobs.errors import ResultUnavailable

__all__ = ["JobFile"]


@dataclass(frozen=True)
class JobFile(os.PathLike[str]):
    """One file; whatever takes a path takes it, as `pandas.read_csv(file)`, where the backend is on this machine.

    Attributes:
        name: Its path below the job's folder.
        size: Bytes.
        modified_at: When it was last written, or None.
        path: Where it is on the backend's machine.
        job_id: The job.
        host: The backend's machine; empty for this one.
    """

    name: str
    size: int
    modified_at: datetime | None = field(repr=False)
    path: str = field(repr=False)
    job_id: str = field(repr=False)
    host: str = field(repr=False)

    @classmethod
    def read(cls, told: Mapping[str, Any], job_id: str, host: str) -> JobFile:
        """Return a file as the server tells of it."""
        modified_at = told.get("modifiedAt")
        return cls(
            name=told["name"],
            size=int(told.get("size") or 0),
            modified_at=None if modified_at is None else datetime.fromisoformat(modified_at),
            path=told.get("path") or "",
            job_id=job_id,
            host=host,
        )

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """Open it to read, as `open` does.

        Args:
            mode: "r" for text, "rb" for bytes.
            **options: As `open` takes them: `encoding`, `newline`, …

        Raises:
            ResultUnavailable: It is on another machine, or gone.
        """
        if set(mode) - set("rbt"):
            raise ValueError(
                f"a job's file is opened to be read, by mode 'r' or 'rb', not {mode!r}"
            )
        if mode == "r" or "t" in mode:
            options.setdefault("encoding", "utf-8")
        return open(self._here(), mode, **options)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return what is in it as text; raises as `open`."""
        return self._here().read_text(encoding)

    def read_bytes(self) -> bytes:
        """Return what is in it; raises as `open`."""
        return self._here().read_bytes()

    def __fspath__(self) -> str:
        return str(self._here())

    def _here(self) -> Path:
        if self.host:
            raise ResultUnavailable(
                f"{self.name} is on the machine of {self.host}, which does not hand out files; "
                "have the job return what you need, or write it where both machines can read",
                job_id=self.job_id,
            )
        path = Path(self.path)
        if not path.is_file():
            raise ResultUnavailable(
                f"{self.name} is gone: the files of its job were pruned or deleted",
                job_id=self.job_id,
            )
        return path
