"""Spans of time as people write them, `10m`, and as they read them, `3m12s`. Pure; the present is an argument.

What is shown has the words of the panel.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from jupyter_jobs.jobs.estimates import duration

__all__ = ["moment", "roughly", "seconds"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_EXAMPLES = "90, 90s, 10m, 1h30m or 30d"


def seconds(text: str) -> float:
    """Read a span: a number of seconds, or numbers with their units.

    Raises:
        argparse.ArgumentTypeError: It is none, or nothing.
    """
    word = text.strip().lower()
    try:
        total = float(word)
    except ValueError:
        if not _SPAN.fullmatch(word):
            raise argparse.ArgumentTypeError(
                f"{text!r} is no span of time; write {_EXAMPLES}"
            ) from None
        total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(word))
    if not 0 < total < 1e10:
        raise argparse.ArgumentTypeError(
            f"a span of time is more than 0 and ends some day, unlike {text!r}; write {_EXAMPLES}"
        )
    return total


def moment(text: str, now: datetime) -> datetime:
    """Read a moment: how long ago, or a date, with a time or without one; of the reader's zone unless it names one.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        return told.astimezone(UTC)
    try:
        return now.astimezone(UTC) - timedelta(seconds=seconds(text))
    except (argparse.ArgumentTypeError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write how long ago, 10m or 2d, or a date, 2026-11-22 or 2026-11-22T14:00"
        ) from None


def roughly(span: float) -> str:
    """Return an estimate, no finer than it can be trusted: `~45s`, `~2m`, `~1h10m`."""
    if span < 55:
        return f"~{max(5, -int(-span // 5) * 5)}s"
    minutes = round(span / 60)
    return f"~{minutes}m" if minutes < 60 else f"~{duration(minutes // 10 * 600, tenths=False)}"
