"""A request by name, for which somebody has registered a handler.

Modules with handlers are the user's: they are imported in a process of their own, which tells the names.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Awaitable

from jupyter_jobs.backend.executors.submission import Submission
from jupyter_jobs.backend.refusal import Refusal

LISTING_LIMIT = 60.0  # seconds; a module with handlers may import a great deal

_FILE = re.compile(r"\.(?:ipynb|jl|js|py|r|sh)(?:\s|$)", re.IGNORECASE)
_listed: dict[tuple[str, ...], list[str]] = {}


def check(submission: Submission) -> Awaitable[None] | None:
    """See that the name is handled; asks anew for a name that is not, since modules grow."""
    payload = submission.payload
    modules, path = payload.get("handlers") or "", payload.get("sysPath") or []
    where = (submission.python, str(modules), *map(str, path))
    if submission.request in _listed.get(where, ()):
        return None
    return _ask(submission.request, where)


async def _ask(request: str, where: tuple[str, ...]) -> None:
    python, modules, *path = where
    known, failures = await _list(python, modules, path)
    _listed[where] = known
    if request in known:
        return
    names = ", ".join(f'"{name}"' for name in known) or "none"
    broken = "".join(
        f" The module {module} cannot be imported: {why}." for module, why in failures.items()
    )
    remedy = 'Register a function with @handler("…") in a module that JUPYTER_JOBS_HANDLERS names.'
    if _FILE.search(request):
        remedy = (
            'A program is submitted as Command(["python", "train.py"]), in a terminal as "submit -- python train.py", '
            'a notebook as Notebook("report.ipynb").'
        )
    raise Refusal(
        "UnknownRequest",
        f'Nobody handles "{request}". Handled: {names}.{broken} {remedy}',
        {"known": known},
    )


async def _list(python: str, modules: str, path: list[str]) -> tuple[list[str], dict[str, str]]:
    paths = [*path, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", "jupyter_jobs.worker", "handlers", modules),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        async with asyncio.timeout(LISTING_LIMIT):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Refusal(
            "InvalidJob", f"The handlers' modules took over {LISTING_LIMIT:g} s to import."
        ) from None
    try:
        answer = json.loads(said)
    except ValueError:
        raise Refusal(
            "InvalidJob",
            f"The interpreter {python} cannot list its handlers; is jupyter_jobs installed there?",
        ) from None
    return answer["known"], answer["failures"]
