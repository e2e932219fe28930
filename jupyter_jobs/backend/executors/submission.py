"""What was submitted, read from JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jupyter_jobs.backend.refusal import Refusal

__all__ = ["Submission"]


@dataclass(frozen=True)
class Submission:
    """A job that is about to be accepted.

    Attributes:
        request: The work in words; for a named request, the name.
        payload: What the work needs; empty for a request from a client that knows no payloads.
        python: The interpreter that is to do it.
    """

    request: str
    payload: Mapping[str, Any]
    python: str

    @classmethod
    def read(cls, request: str, payload: str | None) -> Self:
        """Read the payload of a `SubmitJobInput`.

        Raises:
            Refusal: It is no JSON object, or names an interpreter or a folder that is not there.
        """
        try:
            read = json.loads(payload) if payload else {}
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise Refusal("InvalidJob", "payload must be a JSON object.")
        python = str(read.get("python") or sys.executable)
        if not _is_program(python):
            raise Refusal("InvalidJob", f"There is no interpreter {python} on this machine.")
        cwd = read.get("cwd")
        if cwd is not None and not os.path.isdir(str(cwd)):
            raise Refusal("InvalidJob", f"The folder to run in does not exist: {cwd}")
        return cls(request, read, python)

    def text(self, name: str) -> str:
        """Return a field of the payload that must be there.

        Raises:
            Refusal: It is missing, empty or no string.
        """
        value = self.payload.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal("InvalidJob", f"payload lacks {name!r}, a string.")
        return value

    def file(self, name: str) -> Path:
        """Return a field of the payload that names a file.

        Raises:
            Refusal: It is missing, or there is no such file.
        """
        path = Path(self.text(name))
        if not path.is_file():
            raise Refusal("InvalidJob", f"There is no file {path}.")
        return path


def _is_program(name: str) -> bool:
    if os.path.isabs(name):  # `which` takes six times as long, for each of a thousand jobs
        return os.path.isfile(name) and os.access(name, os.X_OK)
    return shutil.which(name) is not None
