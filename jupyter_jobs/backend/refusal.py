"""A request that the backend will not carry out, in AppSync's terms."""

from __future__ import annotations

from typing import Any

__all__ = ["Refusal"]


class Refusal(Exception):
    """Raised by whatever a resolver calls; becomes an entry of `errors` beside a null field.

    Attributes:
        error_type: `errorType`, which clients branch on.
        info: `errorInfo`, facts for programs, or None.
    """

    def __init__(self, error_type: str, message: str, info: Any = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.info = info
