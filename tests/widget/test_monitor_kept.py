"""What a notebook keeps of a monitor."""

from __future__ import annotations

import asyncio

import IPython
import IPython.display
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.events import EventManager, available_events
from traitlets.config import Config

from jupyter_jobs.errors import JobFailed
from jupyter_jobs.widget import display
from jupyter_jobs.widget import monitor as monitor_module
from tests.support.backend import RunningBackend
from tests.support.monitor import closed, of

WIDGET = "application/vnd.jupyter.widget-view+json"


async def test_a_notebook_stores_text_and_html_beside_the_widget(
    external_backend: RunningBackend,
) -> None:
    monitor = of(external_backend, "beside")
    data, _ = monitor._repr_mimebundle_()

    assert set(data) == {WIDGET, "text/plain", "text/html"}
    assert data["text/plain"] == "Jobs: no jobs yet"
    assert not hasattr(monitor, "_ipython_display_")


async def test_what_a_notebook_stores_without_a_reader_is_the_same_after_another_run(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_JOBS_NONINTERACTIVE", "1")
    shown = []
    for group in ("first run", "second run"):
        monitor = of(external_backend, group)
        job = monitor.submit("work", name="<b>mine</b>")
        external_backend.update(job.id, status="FAILED", error='{"type": "E", "message": "<i>"}')
        with pytest.raises(JobFailed):
            await job
        data, _ = monitor._repr_mimebundle_()
        shown.append((data["text/plain"], data["text/html"], repr(monitor)))
        assert set(data) == {"text/plain", "text/html"}
        assert job.id not in data["text/html"]
        await closed(monitor)

    assert shown[0] == shown[1]
    assert shown[0][0] == "Jobs: 1 failed\n[FAIL] <b>mine</b>  E: <i>\nsnapshot, not live"
    assert shown[0][2] == "JobMonitor(this machine: 1 failed)"
    assert "&lt;b&gt;mine&lt;/b&gt;" in shown[0][1]
    assert "<i>" not in shown[0][1]


async def test_only_the_newest_attempt_is_shown(external_backend: RunningBackend) -> None:
    monitor = of(external_backend, "attempts")
    job = monitor.submit("work")
    external_backend.update(job.id, status="FAILED")
    with pytest.raises(JobFailed):
        await job
    retry = monitor.retry(job)
    external_backend.update(retry.id, status="SUCCEEDED", result="1")
    await retry

    assert monitor._repr_mimebundle_()[0]["text/plain"].startswith("Jobs: 1 succeeded\n[ok]")


class Shell(CapturingDisplayPublisher):
    """A kernel's IPython, as far as outputs go."""

    kernel = object()

    def __init__(self) -> None:
        super().__init__()
        self.events = EventManager(self, available_events)
        self.config = Config()
        self.user_ns: dict[str, object] = {}

    @property
    def shown(self) -> list[tuple[bool, set[str], str]]:
        """Of each output: whether it is a renewed one, what is in it, and its text."""
        return [
            (output["update"], set(output["data"]), output["data"]["text/plain"].split("\n")[0])
            for output in self.outputs
        ]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(
        IPython.display,
        "publish_display_data",
        lambda data, metadata, **more: shell.publish(data, metadata, **more),
    )
    return shell


async def test_outputs_are_renewed_when_the_jobs_have_ended(
    external_backend: RunningBackend, monkeypatch: pytest.MonkeyPatch, shell: Shell
) -> None:
    monkeypatch.setattr(monitor_module, "REST", 0.01)
    monkeypatch.setattr(display, "SETTLE", 0.01)
    monitor = of(external_backend, "renewed")
    monitor._ipython_display_()
    job = monitor.submit("work")
    external_backend.update(job.id, status="SUCCEEDED")
    await job
    while len(shell.outputs) < 2:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.001)

    live = {WIDGET, "text/plain", "text/html"}
    assert shell.shown == [(False, live, "Jobs: no jobs yet"), (True, live, "Jobs: 1 succeeded")]


async def test_a_frozen_monitor_is_a_plain_picture_and_goes_on(
    external_backend: RunningBackend, shell: Shell
) -> None:
    monitor = of(external_backend, "frozen")
    monitor._ipython_display_()
    monitor.freeze()
    monitor.freeze()
    job = monitor.submit("work")
    monitor._ipython_display_()

    assert job.status == "QUEUED"
    live, plain = {WIDGET, "text/plain", "text/html"}, {"text/plain", "text/html"}
    assert shell.shown == [
        (False, live, "Jobs: no jobs yet"),
        (True, plain, "Jobs: no jobs yet"),
        (False, live, "Jobs: 1 queued"),
    ]


async def test_a_closed_monitor_leaves_a_plain_picture_and_shows_one(
    external_backend: RunningBackend, shell: Shell
) -> None:
    with of(external_backend, "left") as monitor:
        monitor._ipython_display_()
        monitor.submit("work")
    await closed(monitor)
    monitor._ipython_display_()

    plain = {"text/plain", "text/html"}
    assert shell.shown[1:] == [(True, plain, "Jobs: 1 queued"), (False, plain, "Jobs: 1 queued")]
    assert set(monitor._repr_mimebundle_()[0]) == plain
