"""Sends the page what it has to know, when somebody looks and something changed.

Publishing happens on the event loop's thread or, while a cell blocks that, on the stand-in's. A lock and numbered
messages make one writer of the two.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_jobs._loop import call_soon
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.widget.panel_state import PanelState

__all__ = ["Panel"]

FLUSH = 0.05  # seconds: at most 20 messages a second
BEAT = 5.0  # seconds between signs of life while there is something to watch
PAGE_GONE = 65.0  # seconds of a running loop without a sign of life; pages give one every 20 s


class Panel:
    """The messages between one monitor and the pages that show it.

    Args:
        client: Whose jobs are shown.
        connection: Returns the connection as the page wants it.
        send: Hands one message to the front end; any thread.
        act: Performs a page's action: name, job id, reply.
    """

    def __init__(
        self,
        client: JobClient,
        *,
        connection: Callable[[], Mapping[str, Any]],
        send: Callable[[Mapping[str, Any]], None],
        act: Callable[[str, str, Callable[[Mapping[str, Any]], None]], None],
    ) -> None:
        self._client = client
        self._connection = connection
        self._send = send
        self._act = act
        self._state = PanelState(client.store)
        self._lock = threading.Lock()
        self._pages: dict[
            str, float
        ] = {}  # page -> seconds of running loop since its last sign of life
        self._sent_at = 0.0
        self._flush_due = False
        client.store.observe(self._job_changed)
        client.watch(self.flush)

    @property
    def has_pages(self) -> bool:
        """Whether anybody looks."""
        return bool(self._pages)

    def receive(self, message: object) -> None:
        """Take one message from a page; any thread, never raises on what a page may say."""
        if not isinstance(message, Mapping):
            return
        kind, page = message.get("type"), str(message.get("page", ""))
        with self._lock:
            is_new = page not in self._pages
            self._pages[page] = 0.0
            if kind == "bye":
                del self._pages[page]
        if kind == "bye":
            return
        if kind in ("hello", "resync") or is_new:
            self.send_snapshot()
        if kind == "action":
            identity = {"type": "reply", "page": page, "actionId": message.get("actionId")}
            self._act(
                str(message.get("action")),
                str(message.get("job") or ""),
                lambda reply: self._send({**identity, **reply}),
            )

    def send_snapshot(self) -> None:
        """Tell all pages everything."""
        with self._lock:
            now = round(time.time() * 1000)
            self._publish(self._state.snapshot(self._connection(), self._client.target.name, now))

    def flush(self) -> None:
        """Tell the pages what changed since the last message; nothing without a page or a change. Any thread."""
        self._flush_due = False
        if not self._pages:
            return
        with self._lock:
            message = self._state.patch(self._connection())
            if message is not None:
                self._publish(message)

    def on_tick(self, elapsed: float) -> None:
        """Drop pages that gave no sign of life, and give one to the others. On the loop's thread.

        Args:
            elapsed: Seconds of running loop since the last tick; a blocked loop hears no page and blames none.
        """
        with self._lock:  # pages come and go on a subshell's thread
            aged = {page: age + elapsed for page, age in self._pages.items()}
            self._pages = {page: age for page, age in aged.items() if age <= PAGE_GONE}
        self.beat()

    def beat(self) -> None:
        """Give a sign of life if none was given for a while. Any thread."""
        if self._pages and time.monotonic() - self._sent_at > BEAT:
            with self._lock:
                self._publish({"type": "beat", "seq": self._state.seq})

    def _publish(self, message: Mapping[str, Any]) -> None:
        self._sent_at = time.monotonic()
        self._send(message)

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        self._state.touch(id_, status)
        if self._pages and not self._flush_due:
            self._flush_due = True
            call_soon(self._client.loop, self._schedule)

    def _schedule(self) -> None:
        wait = max(0.0, FLUSH - (time.monotonic() - self._sent_at))
        self._client.loop.call_later(wait, self.flush, context=contextvars.Context())
