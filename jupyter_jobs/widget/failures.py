"""What failed jobs have in common: the type and the message of their error, without what differs from job to job.

`ValueError: bad day '2026-13-01' in row 7` becomes `ValueError: bad day … in row …`. What stays is the kind of the
failure; so do numbers that name one, as an exit code.
"""

from __future__ import annotations

import re

from jupyter_jobs._redact import redact
from jupyter_jobs.jobs.model import Job, JobStatus

__all__ = ["signature"]

LIMIT = 120  # characters
_READ = 1000  # characters of a message that are looked at

_OF_ANOTHER_STATUS = re.compile(r"(?:lost|timed out)\b", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")

# Alternatives in the order in which they claim the text. The first one keeps what it finds.
_VARIABLE = re.compile(
    r"""(?P<kept>\b(?:exit\ (?:code|status)|signal|errno|http|status(?:\ code)?)[ :=]{1,2}-?\d{1,10}\b|\[hidden\])"""
    # quoted text; an apostrophe inside a word opens nothing
    r"""|(?<!\w)(?P<quote>['"`])(?:(?!(?P=quote)).|(?P=quote)(?=\w))*(?P=quote)(?!\w)"""
    r"""|(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s'"`,;)\]>]+"""  # addresses
    r"""|(?<![\w/\\])[a-z]:\\[^\s'"`:;,)\]>]+"""  # Windows paths
    r"""|(?<![\w/])(?:~|\.{1,2})?/[^\s'"`:;,)\]>]+"""  # paths from the root, the home or here
    r"""|(?<![\w/.-])(?=[\w./-]*\.\w)[\w.-]++(?:/[\w.-]++)++"""  # other paths, of a file
    r"""|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"""  # uuids
    r"""|\b0x[0-9a-f]+\b"""
    r"""|\b(?=\w*\d\w*\d)(?=\w*[a-z])\w{10,}\b"""  # ids of letters and digits
    # numbers, with what is written between and after digits: dates, versions, percent, units
    r"""|(?<![^\W_])(?:(?<!\w)[+-])?\d++(?:[.,:_/+-]*+\d++|[a-z%]++(?=\d|\b))*+""",
    re.IGNORECASE | re.VERBOSE,
)
_AGAIN = re.compile(r"…(?:[\s,.:;x/_-]*…)+")


def signature(job: Job) -> str | None:
    """Return what a failed job has in common with those that failed alike; None for all others.

    Jobs that failed, ran out of time or were lost never have the same one. At most 120 characters, no secret.
    """
    if not job.status.is_failure:
        return None
    error = job.error or {}
    kind = " ".join(redact(str(error.get("type") or "")).split())
    text = _common(str(error.get("message") or ""))
    if job.status is JobStatus.FAILED:
        kind = f"failed: {kind}" if _OF_ANOTHER_STATUS.match(kind) else kind or "failed"
    elif kind.lower() != job.status.word:
        kind = job.status.word
    line = f"{kind}: {text}" if text else kind
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"


def _common(message: str) -> str:
    """Return the first line of a message that says something, with `…` for what is this job's alone."""
    lines = (line.strip() for line in _ANSI.sub("", message[:_READ]).splitlines())
    line = " ".join(next(filter(None, lines), "").split())
    text = _VARIABLE.sub(lambda match: match["kept"] or "…", redact(line))
    return _AGAIN.sub("…", text)
