"""Frames as AppSync and its clients have put them on the wire: `tests/wire/appsync/`.

Each has a `note`, the frame itself (`wire`) and what it is read as (`frame`, `id`, `timeout_ms`, `consequence`). Those of
the server say when a client hears them (`heard`: connecting, starting, live) and what its machine tells then (`tells`);
and which scene makes the embedded backend send the like (`backend`), or why none does (`backend_never`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FROM_SERVER", "RECORDED", "name"]

FOLDER = Path(__file__).parents[1] / "wire" / "appsync"

RECORDED: list[dict[str, Any]] = [
    {**seen, "file": path.stem}
    for path in sorted(FOLDER.glob("*.json"))
    for seen in json.loads(path.read_text())
]
FROM_SERVER = [seen for seen in RECORDED if "heard" in seen]


def name(seen: dict[str, Any]) -> str:
    """What a test over it is called."""
    return f"{seen['file'].replace('_', ' ')}: {seen['note']}"
