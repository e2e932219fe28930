"""The backend's own key: made, kept from one start to the next, and changed while it serves.

Whoever holds it has any code run, so it stands in files that its user alone can read, and nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jupyter_jobs.appsync.auth import ApiKeyVerifier, Purpose
from jupyter_jobs.backend.life.address import Memory
from jupyter_jobs.errors import Unauthorized
from jupyter_jobs.jobs.embedded import EmbeddedBackend, runtime_file

__all__ = ["OwnKey", "RetiredKey", "make_key", "rotate"]


def make_key() -> str:
    """Return a new key, of 128 random bits: nobody guesses it."""
    return f"da2-{secrets.token_hex(16)}"


class RetiredKey(Unauthorized):
    """What is shown was the backend's own key, and is so no more: whoever has it may read the new one."""


class OwnKey:
    """Lets in who shows the key; in constant time, as `ApiKeyVerifier`.

    Args:
        key: The present one.
        is_given: Whether somebody else chose it, who would bring it back at the next start.

    Attributes:
        present: The present one.
    """

    def __init__(self, key: str, *, is_given: bool = False) -> None:
        self.present = key
        self._verifier = ApiKeyVerifier([key])
        self._is_given = is_given
        self._retired: list[str] = []

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the present key is shown.

        Raises:
            RetiredKey: It is one from before.
            Unauthorized: It is another one, or none.
        """
        try:
            self._verifier.verify(headers, purpose, body)
        except Unauthorized as refused:
            try:
                ApiKeyVerifier(self._retired).verify(headers, purpose, body)
            except Unauthorized:
                raise refused from None
            raise RetiredKey(str(refused)) from None

    def replace(self, key: str) -> None:
        """Let in by another key from now on."""
        self._retired.append(self.present)
        self.present = key
        self._verifier = ApiKeyVerifier([key])

    def rotate(self, folder: Path) -> None:
        """Let in by a new key, which stands wherever that of a data folder does.

        Raises:
            ValueError: It was given; says by what.
        """
        if self._is_given:
            raise ValueError(
                "The key was given by the variable JUPYTER_JOBS_API_KEY; set another one there and start the backend anew."
            )
        self.replace(rotate(folder))

    def __repr__(self) -> str:
        return "OwnKey(…)"


def rotate(folder: Path) -> str:
    """Make a new key, and write it wherever that of a data folder stands; return it."""
    memory = Memory(folder)
    key = make_key()
    memory.keep(key, memory.port)
    announced = runtime_file(folder)
    if (backend := EmbeddedBackend.read(announced)) is not None:
        replace(backend, key=key).write(announced)
    return key
