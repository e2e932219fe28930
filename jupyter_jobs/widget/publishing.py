"""Publishes so that the page's clicks come where they are heard.

JupyterLab has a thread in the kernel for a widget's messages, a subshell, which hears clicks while a cell holds the main
thread. ipykernel 7.4 gives each message of a page to the thread that published last on the same comm, and it takes that
from the context: of the main thread it is the cell that runs. So all is published in the context of a page's own last
message. Without a page it is an empty one: nbclient, papermill and nbval drop what belongs to a finished cell.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Publisher"]


class Publisher:
    """Knows in whose name to publish. Any thread."""

    def __init__(self) -> None:
        self._contexts: dict[str, contextvars.Context] = {}  # the last one to speak is the last
        self._lock = threading.Lock()

    def heard(self, page: str) -> None:
        """Note that a page spoke; called in the context in which its message is handled."""
        with self._lock:
            self._contexts.pop(page, None)
            self._contexts[page] = contextvars.copy_context()

    def forget(self, page: str) -> None:
        """Note that a page is gone."""
        with self._lock:
            self._contexts.pop(page, None)

    def publish(self, publish: Callable[..., Any], *args: Any) -> None:
        """Call what publishes, in a context of its own: one context is never entered twice at once."""
        with self._lock:
            newest = next(reversed(self._contexts.values()), None)
        context = contextvars.Context() if newest is None else newest.copy()
        context.run(publish, *args)
