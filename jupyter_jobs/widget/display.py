"""The outputs that show a monitor, and what a notebook keeps of them.

An output is stored as it was when it was shown, with "no jobs yet" in it, unless somebody renews it. So each is shown
under a display id, and text and HTML beside the widget are renewed by `update_display_data` when the jobs have ended.
Front ends draw such an output anew; that is why nothing is sent while nothing a reader sees has changed.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_jobs.widget import notebook
from jupyter_jobs.widget.snapshot import Snapshot

__all__ = ["Bundle", "Displays"]

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""Data and metadata of an output, by MIME type."""

SETTLE = 2.0  # seconds without a live job after which a batch has ended
REMEMBERED = 20  # outputs that are renewed; of older ones nothing is known


@dataclass(slots=True)
class _Display:
    """One output.

    Attributes:
        id: Its display id.
        cell: The notebook's name for its cell, where the front end tells.
        run: Which execution of that cell showed it.
        shown: What is stored in it.
    """

    id: str
    cell: str | None
    run: str | None
    shown: Snapshot


class Displays:
    """The outputs of one monitor.

    Args:
        take: Makes the picture of the jobs, as `take_slowly` does.
        bundle: Makes an output of a picture: with the widget while it is open, or without.
        has_live: Whether any job has not ended.
        is_watched: Whether a page shows the widget, so that drawing it anew could be seen.
    """

    def __init__(
        self,
        *,
        take: Callable[[], Iterator[Snapshot | None]],
        bundle: Callable[[Snapshot, bool], Bundle],
        has_live: Callable[[], bool],
        is_watched: Callable[[], bool],
    ) -> None:
        self._take = take
        self._bundle = bundle
        self._has_live = has_live
        self._is_watched = is_watched
        self._displays: deque[_Display] = deque(maxlen=REMEMBERED)
        self._stale = False
        self._quiet_since: float | None = None
        self._shell: Any = None

    def touch(self, *_: object) -> None:
        """Note that a job changed. From any thread."""
        self._stale = True

    def show(self) -> None:
        """Show the monitor in a new output of the running cell."""
        shell = notebook.kernel_shell()
        cell, run = notebook.running_cell(shell)
        for display in tuple(self._displays):
            if cell is not None and display.cell == cell and display.run != run:
                self._displays.remove(display)  # that output went when the cell was run again
        display = _Display(uuid.uuid4().hex, cell, run, self._picture())
        self._publish(display, with_widget=True, update=False)
        self._displays.append(display)
        if self._shell is None and not notebook.is_noninteractive():
            self._shell = shell
            shell.events.register("post_run_cell", self._on_cell_end)

    def is_due(self) -> bool:
        """Return, once a batch, that its last job ended a while ago and outputs want to be renewed; asked now and then."""
        now = time.monotonic()
        if (
            not self._stale
            or self._has_live()
            or not self._displays
            or notebook.is_noninteractive()
        ):
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= SETTLE:
            self._quiet_since = None
            return True
        return False

    async def renew(self) -> None:
        """Store what the jobs are now in the outputs that show something else, and let the loop run meanwhile."""
        self._stale = False
        snapshot = None
        try:
            for step in self._take():
                snapshot = step
                await asyncio.sleep(0)
        except BaseException:  # an interrupt, too
            self._stale = True
            raise
        if snapshot is not None:
            self._renew(self._displays, snapshot)

    def replace(self) -> None:
        """Put the plain picture in place of the widget, in all outputs, and forget them."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._on_cell_end)
            self._shell = None
        if not self._displays or sys.is_finalizing():
            return
        snapshot = self._picture()
        while self._displays:
            display = self._displays.popleft()
            display.shown = snapshot
            self._publish(display, with_widget=False, update=True)

    def _on_cell_end(self, *_: object) -> None:
        """Renew at once what no page shows: who runs a notebook without one takes what its cells leave behind.

        What this cell has only just shown to a page may be on its way there; it waits until its jobs have ended.
        """
        if not self._stale or self._is_watched():
            return
        run = notebook.running_cell(self._shell)[1]
        live = self._has_live()
        older = [display for display in self._displays if not live or display.run != run]
        if older:
            self._stale = live
            self._renew(older, self._picture())

    def _picture(self) -> Snapshot:
        *_, snapshot = self._take()
        assert snapshot is not None  # the last one is the picture
        return snapshot

    def _renew(self, displays: Iterable[_Display], snapshot: Snapshot) -> None:
        for display in tuple(displays):
            if display.shown != snapshot:
                display.shown = snapshot
                self._publish(display, with_widget=True, update=True)

    def _publish(self, display: _Display, *, with_widget: bool, update: bool) -> None:
        from IPython.display import publish_display_data

        data, metadata = self._bundle(display.shown, with_widget)
        show: Any = publish_display_data  # IPython is not typed
        show(data, metadata, transient={"display_id": display.id}, update=update)
