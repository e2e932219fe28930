"""The backend that is fuzzed, and what must hold after each exchange."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import psutil

from jupyter_jobs.jobs.embedded import EmbeddedBackend, ensure_backend, process_started_at
from tests.fuzz.exchanges import BOUND_S, Exchange, Outcome, carry_out
from tests.support.backend import PATIENCE_S
from tests.support.own_folders import own_folders

__all__ = ["Fuzzed", "fuzzed_backend"]

_QUERY = json.dumps({"query": '{ listJobs(group: "nobody", limit: 1) { nextToken } }'})
_ERROR = re.compile(r'"level": "error"| ERROR ')

_EXPECTED = "Invalid UTF-8 sequence received from client."
"""uvicorn says so with a traceback, and closes the WebSocket with 1007 as it should."""


class Fuzzed:
    """A backend, its log, and a client that asks it properly in between.

    Attributes:
        outcomes: How often what came back.
    """

    def __init__(self, backend: EmbeddedBackend, data_dir: Path) -> None:
        self.backend = backend
        self.outcomes: Counter[str] = Counter()
        address = urlsplit(backend.http)
        self.address = (str(address.hostname), int(address.port or 0))
        self.host = address.netloc
        self._log = data_dir / "backend.log"
        self._place = 0
        self._read_log()
        self._correct = http.client.HTTPConnection(*self.address, timeout=BOUND_S)

    def close(self) -> None:
        """Let go of the connection."""
        self._correct.close()

    def hold(self, exchange: Exchange, kind: str) -> Outcome:
        """Carry out an exchange, and check all that must hold whatever it was.

        Raises:
            AssertionError: The backend crashed, hung, failed without a word in its log, or does not answer others.
        """
        outcome = carry_out(self.address, exchange, self.ask)
        self.outcomes[f"{kind}: {outcome.told}"] += 1
        self.ask()
        assert process_started_at(self.backend.pid) == self.backend.started, "the backend is gone"
        said = self._read_log()
        if (
            any(status >= 500 for status in outcome.statuses)
            or b"InternalFailure" in outcome.received
        ):
            self.outcomes[f"{kind}: failures"] += 1
            assert _ERROR.search(said), (
                f"a failure without a line in the log: {outcome.received[:300]!r}"
            )
        surprised = [
            line for line in said.splitlines() if "Traceback" in line and _EXPECTED not in line
        ]
        assert not surprised, f"it did not expect that: {surprised[-1][-3000:]}"
        return outcome

    def ask(self) -> None:
        """Ask what any client asks, on a connection that is kept."""
        headers = {"x-api-key": self.backend.key, "content-type": "application/json"}
        try:
            self._correct.request("POST", "/graphql", _QUERY, headers)
            answer = self._correct.getresponse()
            told = json.loads(answer.read())
        except (http.client.HTTPException, ConnectionError):  # it was idle for too long
            self._correct.close()
            self._correct.request("POST", "/graphql", _QUERY, headers)
            answer = self._correct.getresponse()
            told = json.loads(answer.read())
        assert (answer.status, told) == (200, {"data": {"listJobs": {"nextToken": None}}}), told

    def handles(self) -> int:
        """Return how many files and sockets the backend holds."""
        return len(os.listdir(f"/proc/{self.backend.pid}/fd"))

    def _read_log(self) -> str:
        """Return what its log has that it had not when this was asked last."""
        with suppress(FileNotFoundError):
            with open(self._log, "rb") as log:
                if log.seek(0, os.SEEK_END) >= self._place:  # else a new one has been begun
                    log.seek(self._place)
                else:
                    log.seek(0)
                said = log.read()
                self._place = log.tell()
                return said.decode(errors="replace")
        return ""


@contextmanager
def fuzzed_backend(folder: Path) -> Iterator[Fuzzed]:
    """Run a backend of its own for a block; in the end it must end as asked."""
    with own_folders(folder) as environ, mock.patch.dict(os.environ, environ):
        backend = ensure_backend()
        fuzzed = Fuzzed(backend, Path(environ["JUPYTER_JOBS_DATA_DIR"]))
        process = psutil.Process(backend.pid)
        try:
            yield fuzzed
        except BaseException:
            process.kill()
            raise
        else:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0, "it did not end well"
        finally:
            fuzzed.close()
            psutil.wait_procs([process], PATIENCE_S)
