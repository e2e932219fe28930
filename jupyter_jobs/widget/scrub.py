"""Takes out of a job's words what must not be saved with a notebook: secrets, paths, homes, ids, addresses.

A notebook is committed, sent and published. What tells a reader why a job failed stays; what tells where and as whom
it ran goes: `/srv/ann/data/day 3.csv` becomes `…/day 3.csv`.
"""

from __future__ import annotations

import re

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.model import Job
from jupyter_jobs.widget.frames import frames

__all__ = ["own_frame", "scrub"]

_INVISIBLE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
)

# Alternatives in the order in which they claim the text.
_TELLING = re.compile(
    r"""(?<![\w/\\])(?P<quote>['"`])(?P<quoted>(?:~[^\s'"`/\\]*[/\\]|/|[a-z]:[\\/]|\\\\)[^'"`]*)(?P=quote)"""
    r"""|(?P<file>file://[^\s'"`<>]+)"""
    r"""|(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)(?:[^\s/@'"`]*@)?(?P<place>[^\s?\#'"`<>]*)(?P<query>[?\#][^\s'"`<>]*)?"""
    r"""|(?P<arn>\barn:[\w-]*:[\w-]*:[\w-]*:)\d{12}\b"""
    r"""|(?<![\w.:/~-])(?P<path>(?:~[\w.-]*/|/)[^\s'"`:;,()\[\]{}<>]+|~(?=[\s,.;:)]|$))"""
    r"""|(?<!\w)(?P<windows>(?:[a-z]:[\\/]|\\\\)[^\s'"`:;,()\[\]{}<>]+)"""
    r"""|(?P<gone>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"""  # uuids
    r"""|\b0x[0-9a-f]{6,16}\b"""  # places in memory
    r"""|(?<![\w.])(?:(?:\d{1,3}\.){3}\d{1,3}|localhost|\[[0-9a-f:]*:[0-9a-f:]*\])(?::\d{1,5})?(?![\w.]*\w))""",
    re.IGNORECASE,
)
_PLACE = re.compile(r"^(?:(?:\d{1,3}\.){3}\d{1,3}|localhost|\[[0-9a-f:]+\])(?::\d{1,5})?(?=/|$)")
_HOMES = frozenset({"home", "Users"})


def scrub(text: object, job: Job | None = None) -> str:
    """Return a text in one line, without what must not be saved.

    Args:
        text: What a job said, or what somebody said of it.
        job: Whose id must not be in it either.
    """
    readable = str(text).encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
    line = " ".join(redact(_INVISIBLE.sub("", readable)).split())
    if job is not None and len(job.id) > 5:  # a shorter one is a number like any other
        line = line.replace(job.id, "…")
    return _TELLING.sub(_without, line)


def own_frame(job: Job) -> str:
    """Return where the user's own code failed, `clean.py:41 in parse_day`; empty if the traceback does not tell."""
    traceback = str((job.error or {}).get("traceback") or "")
    for frame in frames(traceback):
        if not frame.is_library:
            place = f"line {frame.line}" if frame.is_cell else frame.place
            name = frame.name.split("(")[0]
            return scrub(f"{place} in {name}" if name not in ("", "<module>") else place, job)
    return ""


def _without(match: re.Match[str]) -> str:
    if match["quoted"]:
        return match["quote"] + _shortened(match["quoted"]) + match["quote"]
    if match["scheme"]:
        place = _PLACE.sub("…", match["place"])
        return match["scheme"] + place + ("?…" if match["query"] else "")
    if match["arn"]:
        return match["arn"] + "…"
    path = match["path"] or match["windows"] or match["file"]
    return _shortened(path) if path else "…"


def _shortened(path: str) -> str:
    """Return `…/name` for an absolute path, `…` for a home."""
    parts = [part for part in re.split(r"[/\\]", path) if part]
    if not parts:
        return path
    is_home = parts == ["root"] or (parts[0].startswith("~") and len(parts) == 1)
    if len(parts) == 1 and path.startswith("/") and not is_home:
        return path  # tells nothing, and may be no path: `</b>`
    if is_home or (len(parts) < 4 and len(parts) > 1 and parts[-2] in _HOMES):
        return "…"
    return f"…/{parts[-1]}"
