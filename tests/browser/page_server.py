"""A plain page around the panel, and the comm between them: the widget is real, and so is its front end by anywidget.

In place of a kernel's comm, a `PageComm` speaks over a socket with the pages that show its widget. It can do what
kernels and front ends do at their worst: be busy, lose a message, or hand out messages only as answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import anywidget
from comm.base_comm import BaseComm
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

__all__ = ["PageComm", "PageServer"]

PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>The panel in a plain page</title>
    <link rel="icon" href="data:," />
    {head}
  </head>
  <body>
    <main></main>
    <script src="/page.js" data-kernel="{kernel}"></script>
    <script src="/anywidget.js"></script>
  </body>
</html>
"""
HERE = Path(__file__).parent
SCRIPTS = {
    "/page.js": HERE / "page.js",
    "/anywidget.js": Path(anywidget.__file__).parent / "nbextension" / "index.js",
}
STYLE_SHEET = "/widget.css"


class PageComm(BaseComm):
    """A comm with pages at its other end.

    Attributes:
        pushes: Whether what the widget says reaches the pages by itself; else it waits for the next word of a page.
        news: Set while something waits to be handed out.
        faults: What handling a page's message raised.
    """

    def __init__(self, **options: Any) -> None:
        self.pushes = True
        self.news = threading.Event()
        self.faults: list[Exception] = []
        self._pages: set[ServerConnection] = set()
        self._waiting: list[str] = []
        self._to_lose: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._free = threading.Event()
        self._free.set()
        super().__init__(**options)

    def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
        """Tell the pages; any thread."""
        with self._lock:
            if self._is_lost(data):
                return
            self._waiting.append(json.dumps({"type": msg_type, "data": data}, default=str))
            self.news.set()
            if self.pushes:
                self._hand_out()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let what pages say wait, as while a cell runs, until the block ends."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def lose(self, kind: str) -> threading.Event:
        """Lose the next custom message of a type on its way to the pages; the event is set when it is lost."""
        with self._lock:
            self._to_lose[kind] = lost = threading.Event()
        return lost

    def talk(self, page: ServerConnection) -> None:
        """Take what a page says, until it goes."""
        with self._lock:
            self._pages.add(page)
        try:
            for text in page:
                self._free.wait()
                self._take(json.loads(text))
        except ConnectionClosed:
            pass  # as pages do
        finally:
            with self._lock:
                self._pages.discard(page)

    def _take(self, data: Mapping[str, Any]) -> None:
        message = {"content": {"comm_id": self.comm_id, "data": data}, "buffers": []}
        try:
            self.handle_msg(message)
        except Exception as fault:
            self.faults.append(fault)
        with self._lock:
            self._hand_out()

    def _is_lost(self, data: Any) -> bool:
        kind = ((data or {}).get("content") or {}).get("type", "")
        lost = self._to_lose.pop(kind, None)
        if lost is None:
            return False
        lost.set()
        return True

    def _hand_out(self) -> None:
        texts, self._waiting = self._waiting, []
        self.news.clear()
        for page in self._pages:
            for text in texts:
                try:
                    page.send(text)
                except ConnectionClosed:
                    break


class PageServer:
    """Serves the page and, over its socket, any `PageComm`; as many pages and comms as one likes.

    Attributes:
        url: Where, without a slash at the end.
    """

    def __init__(self) -> None:
        self._comms: dict[str, PageComm] = {}

    def __enter__(self) -> Self:
        self._server: Server = serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._answer,
            compression=None,
            max_size=None,
        )
        self._port = self._server.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def address_of(self, comm: PageComm) -> str:
        """Where a page with this comm's widget is; `?csp=…` gives the page a policy, `&link` a linked style sheet."""
        self._comms[comm.comm_id] = comm
        return f"{self.url}/{comm.comm_id}"

    def _talk(self, page: ServerConnection) -> None:
        assert page.request is not None
        self._comms[page.request.path.strip("/")].talk(page)

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade"):
            return None
        address = urlsplit(request.path)
        asked = parse_qs(address.query, keep_blank_values=True)
        if address.path in SCRIPTS:
            return _response(SCRIPTS[address.path].read_text(), "text/javascript")
        if address.path == STYLE_SHEET:
            css = HERE.parents[1] / "jupyter_jobs" / "static" / "widget.css"
            return _response(css.read_text(), "text/css")
        if address.path.strip("/") not in self._comms:
            return _response("not here", "text/plain", status=HTTPStatus.NOT_FOUND)
        link = f'<link rel="stylesheet" href="{STYLE_SHEET}" />' if "link" in asked else ""
        page = PAGE.format(head=link, kernel=f"ws://127.0.0.1:{self._port}{address.path}")
        policy = {"Content-Security-Policy": asked["csp"][0]} if "csp" in asked else {}
        return _response(page, "text/html", policy)


def _response(
    text: str,
    kind: str,
    headers: Mapping[str, str] | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    body = text.encode()
    fields = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    return Response(status.value, status.phrase, Headers(fields), body)
