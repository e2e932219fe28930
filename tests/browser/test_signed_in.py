"""The panel before a backend that asks who is there, and lets credentials expire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab, NotebookPage
from tests.support.backend import RunningBackend, running_backend
from tests.support.credentials import ISSUER, key_set, signer
from tests.support.proxy import Proxy, proxied

MONITOR = """
from jupyter_jobs import JobMonitor, TokenAuth
token = {token!r}
monitor = JobMonitor({url!r}, auth=TokenAuth({shows}), group="signed-in")
monitor
"""
EXPIRED = {"rules": [{"fault": "expire", "count": 1, "where": {"shown": "authorization"}}]}


class Api:
    """A backend that knows a user pool, behind a network that can be cut.

    Attributes:
        backend: The backend itself.
        url: Where the notebook finds it.
        tokens: Two of the pool, of which one will expire.
    """

    def __init__(self, backend: RunningBackend, proxy: Proxy) -> None:
        self.backend = backend
        self.url = proxy.http
        self.tokens = [signer("pool").token(sub=name) for name in ("before", "after")]
        self._proxy = proxy

    def expire(self) -> None:
        """Have the token expire that is shown next, and have it shown: by a connection made anew."""
        self.backend.request("/faults", json.dumps(EXPIRED).encode())
        self._proxy.cut()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    auth, faults = tmp_path / "auth.json", tmp_path / "faults.json"
    auth.write_text(json.dumps({"jwks": key_set(signer("pool")), "issuer": ISSUER}))
    faults.write_text("{}")
    options = ("--external", "--auth", str(auth), "--faults", str(faults))
    with (
        running_backend(tmp_path / "data", *options) as backend,
        proxied(backend.http) as proxy,
    ):
        yield Api(backend, proxy)


def opened(lab: Lab, api: Api, shows: str, *cells: str) -> tuple[NotebookPage, Locator]:
    """A notebook whose first cell shows the panel, live."""
    monitor = MONITOR.format(url=api.url, token=api.tokens[0], shows=shows)
    notebook = lab.open([monitor, *cells])
    notebook.run_and_wait(0)
    panel = notebook.output(0).get_by_role("region", name="Jobs")
    expect(panel).to_contain_text("live")
    return notebook, panel


def test_an_expired_token_stops_no_job_and_another_brings_all_back(lab: Lab, api: Api) -> None:
    notebook, panel = opened(
        lab,
        api,
        "token",
        "monitor.submit('work').id",
        "monitor.submit('more work')",
        f"monitor.reconnect(auth=TokenAuth({api.tokens[1]!r}))",
    )
    notebook.run_and_wait(1)
    id_ = notebook.output(1).inner_text().split("'")[1]
    api.backend.update(id_, status="RUNNING", progress=0.2)
    expect(panel).to_contain_text("20%")

    api.expire()
    expect(panel).to_contain_text("Sign-in is needed.")
    expect(panel).to_contain_text("Token has expired")
    expect(panel).to_contain_text("monitor.reconnect(auth=…)")
    expect(panel).to_contain_text("Jobs go on running.")
    api.backend.update(id_, status="SUCCEEDED")
    notebook.run_and_wait(2, check=False)
    refused = notebook.output(2)
    expect(refused).to_contain_text("Token has expired; check the key or token")
    expect(refused).not_to_contain_text("attempts.py")
    notebook.run_and_wait(3)

    expect(panel.get_by_role("img", name="succeeded")).to_be_visible()
    expect(panel).to_contain_text("live")
    expect(panel).not_to_contain_text("Sign-in is needed.")
    assert not any(token in panel.inner_text() + refused.inner_text() for token in api.tokens)


def test_the_panels_button_asks_for_a_token_anew(lab: Lab, api: Api) -> None:
    notebook, panel = opened(lab, api, "lambda: token", f"token = {api.tokens[1]!r}")
    reconnect = panel.get_by_role("button", name="Reconnect")
    api.expire()
    expect(panel).to_contain_text("Sign-in is needed.")
    reconnect.click()
    expect(panel).to_contain_text("Refused again.")
    notebook.run_and_wait(1)
    reconnect.click()

    expect(panel).to_contain_text("live")
    expect(reconnect).to_have_count(0)
