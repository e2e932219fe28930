"""Sends the page what it has to know, when somebody looks and something changed.

Publishing happens on the event loop's thread, on a subshell's that brings a page's message, or, while a cell blocks the
loop, on the stand-in's. A lock and numbered messages make one writer of them.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jupyter_jobs._loop import call_soon
from jupyter_jobs.jobs.client import JobClient
from jupyter_jobs.jobs.model import JobStatus
from jupyter_jobs.widget.actions import available
from jupyter_jobs.widget.log_tail import LogTails
from jupyter_jobs.widget.pages import Pages
from jupyter_jobs.widget.panel_state import PanelState, known_requests
from jupyter_jobs.widget.publishing import Publisher

__all__ = ["Panel"]

FLUSH = 0.05  # seconds: at most 20 messages a second
BEAT = 5.0  # seconds between signs of life while there is something to watch

Reply = Callable[[Mapping[str, Any]], None]


class Panel:
    """The messages between one monitor and the pages that show it.

    Args:
        client: Whose jobs are shown.
        connection: Returns the connection as the page wants it.
        send: Hands one message to the front end; any thread.
        act: Performs a page's action: name, ids of jobs, reply.
    """

    def __init__(
        self,
        client: JobClient,
        *,
        connection: Callable[[], Mapping[str, Any]],
        send: Callable[[Mapping[str, Any]], None],
        act: Callable[[str, Sequence[Any], Reply], None],
    ) -> None:
        self._client = client
        self._connection = connection
        self._send = send
        self._act = act
        self._state = PanelState(client.store, client.attached)
        self._lock = threading.Lock()
        self._pages = Pages()
        self._publisher = Publisher()
        self._logs = LogTails(client, self._say)
        self._sent_at = -FLUSH
        self._flush_due = False
        self._snapshot_due = False
        self._is_torn = False  # what the pages were told may have a hole
        client.store.observe(self._job_changed)
        client.watch(self.flush)

    @property
    def has_pages(self) -> bool:
        """Whether anybody looks."""
        return bool(self._pages)

    def publish(self, publish: Callable[..., Any], *args: Any) -> None:
        """Call what tells the front end something besides messages, as a trait, so that clicks stay heard."""
        self._publisher.publish(publish, *args)

    def receive(self, message: object) -> None:
        """Take one message from a page; any thread, never raises on what a page may say."""
        if not isinstance(message, Mapping):
            return
        kind, page = message.get("type"), str(message.get("page", ""))
        if kind == "bye":
            with self._lock:
                self._pages.left(page)
            self._forget(page)
            return
        self._publisher.heard(page)
        with self._lock:
            is_new = self._pages.heard(page)
            is_behind = kind == "poll" and message.get("have") != self._state.seq
        if kind == "poll":
            self._answer_poll(is_behind or is_new)
        elif kind in ("hello", "resync") or is_new:
            self.send_snapshot()
        if kind == "follow":
            job, after = message.get("job"), message.get("after")
            self._logs.follow(page, str(job) if job else None, after if type(after) is int else 0)
        if kind == "action":
            self._perform(page, message)

    def send_snapshot(self) -> None:
        """Tell all pages everything, soon."""
        with self._lock:
            self._snapshot_due = True
        self.flush()

    def flush(self) -> None:
        """Tell the pages what changed since the last message; nothing without a page or a change. Any thread.

        What is asked for too early is done when it is time.
        """
        if self._wait() > 0:
            self._flush_soon()
        elif self._pages:
            self._tell_changes()

    def catch_up(self) -> None:
        """Do what the event loop cannot: flush, give a sign of life, go on with logs. On the stand-in's thread."""
        if self._pages:
            self._tell_changes()
        self.beat()
        self._logs.step()

    def on_tick(self, elapsed: float) -> None:
        """Drop pages that gave no sign of life, give one to the others, go on with logs. On the loop's thread.

        Args:
            elapsed: Seconds of running loop since the last tick; a blocked loop hears no page and blames none.
        """
        with self._lock:  # pages come and go on a subshell's thread
            gone = self._pages.grow_older(elapsed)
        for page in gone:
            self._forget(page)
        if self._state.has_more or self._snapshot_due or self._is_torn:
            self.flush()  # an interrupt may have hit the one that was planned
        self.beat()
        self._logs.step()

    def beat(self) -> None:
        """Give a sign of life if none was given for a while. Any thread."""
        if self._pages and time.monotonic() - self._sent_at > BEAT:
            self._say({"type": "beat", "seq": self._state.seq})

    def _tell_changes(self) -> bool:
        """Tell what changed; return whether anything had."""
        with self._lock:
            is_torn, self._is_torn = self._is_torn, True  # as an interrupt in the middle leaves it
            needs_all, self._snapshot_due = self._snapshot_due or is_torn, False
            message = self._everything() if needs_all else self._state.patch(self._connection())
            if message is not None:
                self._publish(message)
            self._is_torn = False
        if self._state.has_more:
            self._flush_soon()
        return message is not None

    def _everything(self) -> Mapping[str, Any]:
        target = self._client.target
        now = round(time.time() * 1000)
        return self._state.snapshot(
            self._connection(),
            target.name,
            now,
            actions=available(target.profile),
            requests=known_requests(self._client.store),
        )

    def _answer_poll(self, is_behind: bool) -> None:
        """Answer at once, for what is sent later may not be shown."""
        with self._lock:
            self._snapshot_due = self._snapshot_due or is_behind
        if not self._tell_changes():
            self._say({"type": "beat", "seq": self._state.seq})
        self._logs.step()

    def _perform(self, page: str, message: Mapping[str, Any]) -> None:
        action_id, jobs = message.get("actionId"), message.get("jobs")
        key = repr(action_id)
        with self._lock:
            answers = self._pages.answers(page)
            known = answers.ask(key)
        envelope = {"type": "reply", "page": page, "actionId": action_id}

        def reply(answer: Mapping[str, Any]) -> None:
            told = {**envelope, **answer}
            with self._lock:
                times = answers.answer(key, told)
            for _ in range(times):
                self._say(told)

        if isinstance(known, Mapping):
            self._say(known)
        elif known:
            about: list[Any] = [str(job) for job in jobs] if isinstance(jobs, list) else []
            if isinstance(job := message.get("job"), Mapping):
                about.append(job)
            self._act(str(message.get("action")), about, reply)

    def _forget(self, page: str) -> None:
        self._publisher.forget(page)
        self._logs.follow(page, None)

    def _say(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._publish(message)

    def _publish(self, message: Mapping[str, Any]) -> None:
        self._sent_at = time.monotonic()
        self._publisher.publish(self._send, message)

    def _job_changed(self, id_: str, status: JobStatus) -> None:
        self._state.touch(id_, status)
        if self._pages:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            call_soon(self._client.loop, self._schedule)

    def _schedule(self) -> None:
        self._client.loop.call_later(self._wait(), self._flush_now, context=contextvars.Context())

    def _flush_now(self) -> None:
        self._flush_due = False
        self.flush()

    def _wait(self) -> float:
        return max(0.0, FLUSH - (time.monotonic() - self._sent_at))
