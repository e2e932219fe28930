from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import IPython
import IPython.display
import pytest

from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget import display
from jupyter_jobs.widget.display import REMEMBERED, Bundle, Displays
from jupyter_jobs.widget.snapshot import Snapshot, take, take_slowly

WIDGET = "application/vnd.jupyter.widget-view+json"


class Notebook:
    """A kernel's IPython, as far as outputs go, and what its front end would be told."""

    def __init__(self) -> None:
        self.kernel = object()
        self.events = self
        self.ends: list[Callable[..., None]] = []
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.contexts: list[int] = []
        self._runs = 0
        self.parent: dict[str, Any] = {}

    def register(self, _: str, callback: Callable[..., None]) -> None:
        self.ends.append(callback)

    def unregister(self, _: str, callback: Callable[..., None]) -> None:
        self.ends.remove(callback)

    def get_parent(self) -> dict[str, Any]:
        return self.parent

    def publish(
        self, data: dict[str, Any], _: Any, *, transient: dict[str, Any], update: bool
    ) -> None:
        self.told.append(("renewed" if update else "shown", transient["display_id"], data))
        self.contexts.append(len(contextvars.copy_context()))

    def run(self, cell: str | None, work: Callable[[], object] = lambda: None) -> None:
        """Run a cell that does this, to its end."""
        self._runs += 1
        self.parent = {"metadata": {"cellId": cell}, "header": {"msg_id": str(self._runs)}}
        work()
        for callback in tuple(self.ends):
            callback(None)

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.told]

    @property
    def last(self) -> dict[str, Any]:
        return self.told[-1][2]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    notebook = Notebook()
    monkeypatch.setattr(IPython, "get_ipython", lambda: notebook)
    monkeypatch.setattr(IPython.display, "publish_display_data", notebook.publish)
    monkeypatch.setattr(display, "SETTLE", 0.0)
    return notebook


class Shown:
    """Outputs of some jobs."""

    def __init__(self) -> None:
        self.store = JobStore()
        self.watched = False
        self.displays = Displays(
            take=self._take,
            bundle=self._bundle,
            has_live=lambda: self.store.has_live,
            is_watched=lambda: self.watched,
        )
        self.store.observe(self.displays.touch)

    def put(self, n: int, status: str, version: int = 1) -> None:
        self.store.merge({"id": str(n), "version": version, "status": status, "name": "x"})

    def _take(self) -> Iterator[Snapshot | None]:
        return take_slowly(self.store, None)

    def _bundle(self, snapshot: Snapshot, with_widget: bool) -> Bundle:
        return {"jobs": snapshot} | ({WIDGET: {}} if with_widget else {}), {}

    async def tick(self) -> None:
        if self.displays.is_due():
            await asyncio.create_task(self.displays.renew(), context=contextvars.Context())


@pytest.fixture
def shown() -> Shown:
    return Shown()


async def test_outputs_are_renewed_once_when_a_batch_has_ended(
    notebook: Notebook, shown: Shown
) -> None:
    shown.watched = True
    notebook.run("a", shown.displays.show)
    shown.put(1, "RUNNING")
    for _ in range(3):
        await shown.tick()
    assert notebook.kinds == ["shown"]

    shown.put(1, "SUCCEEDED", version=2)
    for _ in range(5):
        await shown.tick()
    assert notebook.kinds == ["shown", "renewed"]
    assert notebook.told[0][1] == notebook.told[1][1]
    assert notebook.last["jobs"] == take(shown.store, None)
    assert WIDGET in notebook.last


async def test_renewing_belongs_to_no_cell(notebook: Notebook, shown: Shown) -> None:
    shown.watched = True
    contextvars.ContextVar[int]("of the cell").set(1)
    notebook.run("a", shown.displays.show)
    shown.put(1, "SUCCEEDED")
    await shown.tick()
    await shown.tick()

    assert notebook.contexts[0] > 0
    assert notebook.contexts[1:] == [0]


async def test_nothing_is_sent_when_a_reader_would_see_the_same(
    notebook: Notebook, shown: Shown
) -> None:
    shown.put(1, "SUCCEEDED")
    notebook.run("a", shown.displays.show)
    shown.displays.touch()
    for _ in range(3):
        await shown.tick()
    notebook.run("b")

    assert notebook.kinds == ["shown"]


async def test_a_pause_between_two_jobs_ends_no_batch(
    notebook: Notebook, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "SETTLE", 3600)
    shown.watched = True
    notebook.run("a", shown.displays.show)
    shown.put(1, "SUCCEEDED")
    await shown.tick()
    shown.put(2, "RUNNING")
    await shown.tick()
    monkeypatch.setattr(display, "SETTLE", 0.0)
    shown.put(2, "SUCCEEDED", version=2)
    await shown.tick()
    assert notebook.kinds == ["shown"]

    await shown.tick()
    assert notebook.kinds == ["shown", "renewed"]


async def test_an_interrupt_leaves_the_renewal_for_later(
    notebook: Notebook, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown.watched = True
    notebook.run("a", shown.displays.show)
    shown.put(1, "SUCCEEDED")
    renewal = shown.displays.renew()
    renewal.send(None)
    with pytest.raises(KeyboardInterrupt):
        renewal.throw(KeyboardInterrupt())
    assert notebook.kinds == ["shown"]

    await shown.tick()
    await shown.tick()
    assert notebook.kinds == ["shown", "renewed"]


def test_without_a_page_a_cell_leaves_behind_what_is_true_at_its_end(
    notebook: Notebook, shown: Shown
) -> None:
    def show_and_submit() -> None:
        shown.displays.show()
        shown.put(1, "RUNNING")

    notebook.run("a", show_and_submit)
    assert notebook.kinds == ["shown"]

    notebook.run("b")
    assert notebook.kinds == ["shown", "renewed"]
    notebook.run("c", lambda: shown.put(1, "SUCCEEDED", version=2))
    assert notebook.last["jobs"] == take(shown.store, None)
    notebook.run("d")
    assert notebook.kinds == ["shown", "renewed", "renewed"]


def test_a_cell_that_shows_and_waits_leaves_the_end_behind(
    notebook: Notebook, shown: Shown
) -> None:
    def show_and_wait() -> None:
        shown.displays.show()
        shown.put(1, "SUCCEEDED")

    notebook.run("a", show_and_wait)

    assert notebook.kinds == ["shown", "renewed"]


def test_what_a_page_shows_is_not_drawn_anew_at_each_cell(notebook: Notebook, shown: Shown) -> None:
    notebook.run("a", shown.displays.show)
    shown.watched = True
    notebook.run("b", lambda: shown.put(1, "SUCCEEDED"))

    assert notebook.kinds == ["shown"]


def test_a_cell_run_a_thousand_times_is_one_output(notebook: Notebook, shown: Shown) -> None:
    for _ in range(1000):
        notebook.run("a", shown.displays.show)
    notebook.told.clear()
    notebook.run("b", shown.displays.replace)

    assert notebook.kinds == ["renewed"]


def test_outputs_of_one_run_are_all_renewed(notebook: Notebook, shown: Shown) -> None:
    def twice() -> None:
        shown.displays.show()
        shown.displays.show()

    notebook.run("a", twice)
    notebook.told.clear()
    notebook.run("b", lambda: shown.put(1, "SUCCEEDED"))

    assert notebook.kinds == ["renewed"] * 2


def test_where_cells_have_no_names_the_last_outputs_are_remembered(
    notebook: Notebook, shown: Shown
) -> None:
    for _ in range(1000):
        notebook.run(None, shown.displays.show)
    shown_ids = [id_ for _, id_, _ in notebook.told]
    notebook.told.clear()
    shown.displays.replace()

    assert [id_ for _, id_, _ in notebook.told] == shown_ids[-REMEMBERED:]


def test_what_was_replaced_is_left_alone_until_it_is_shown_again(
    notebook: Notebook, shown: Shown
) -> None:
    notebook.run("a", shown.displays.show)
    notebook.run("b", shown.displays.replace)
    assert WIDGET not in notebook.last

    notebook.run("c", lambda: shown.put(1, "SUCCEEDED"))
    shown.displays.replace()
    assert notebook.kinds == ["shown", "renewed"]
    assert notebook.ends == []
    notebook.run("d", shown.displays.show)
    assert WIDGET in notebook.last


async def test_noninteractive_outputs_stay_as_they_were_shown(
    notebook: Notebook, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_NONINTERACTIVE", "1")
    notebook.run("a", shown.displays.show)
    notebook.run("b", lambda: shown.put(1, "SUCCEEDED"))
    for _ in range(3):
        await shown.tick()
    assert notebook.kinds == ["shown"]

    shown.displays.replace()
    assert notebook.kinds == ["shown", "renewed"]
    assert notebook.last["jobs"] == take(shown.store, None)


def test_a_kernel_that_tells_no_parent_is_fine(
    notebook: Notebook, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(kernel=notebook.kernel, events=notebook)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    shown.displays.show()
    shown.displays.show()

    assert notebook.kinds == ["shown", "shown"]
