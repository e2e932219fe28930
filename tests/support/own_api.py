"""An API of one's own that lets in by token, for notebooks that come with an endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.backend import running_backend
from tests.support.credentials import ISSUER, key_set, signer

__all__ = ["own_api"]


@contextmanager
def own_api(folder: Path) -> Iterator[dict[str, str]]:
    """Run a backend that knows a user pool.

    Yields:
        The environment variables in which a notebook finds the endpoint and a token of that pool.
    """
    folder.mkdir(parents=True)
    auth = folder / "auth.json"
    auth.write_text(json.dumps({"jwks": key_set(signer("pool")), "issuer": ISSUER}))
    with running_backend(folder / "data", "--auth", str(auth)) as backend:
        yield {"APPSYNC_ENDPOINT": backend.http, "APPSYNC_TOKEN": signer("pool").token()}
