"""Numbers of bytes as people read them. Pure."""

from __future__ import annotations

__all__ = ["size"]

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Return a number of bytes in three digits at most, of more than terabytes aside: `1.23 GB`."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {_UNITS[unit]}" if count < 999.5 else f"{count:,.0f} {_UNITS[unit]}"
