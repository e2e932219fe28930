"""Why several things were refused, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["reasons_of"]

_REASONS, _ITEMS = 3, 5  # that are told one by one


def reasons_of(refused: Mapping[int, Exception]) -> str:
    """Return each reason once, after the positions that it is for; of many the first."""
    reasons: dict[str, list[int]] = {}
    for position, error in refused.items():
        reasons.setdefault(str(error), []).append(position)
    told = [f"{_items(positions)}: {reason}" for reason, positions in reasons.items()]
    more = f"; and {len(told) - _REASONS} other reasons" if len(told) > _REASONS else ""
    return "; ".join(told[:_REASONS]) + more


def _items(positions: Sequence[int]) -> str:
    listed = ", ".join(map(str, positions[:_ITEMS]))
    rest = f" and {len(positions) - _ITEMS:,} more" if len(positions) > _ITEMS else ""
    return f"{'item' if len(positions) == 1 else 'items'} {listed}{rest}"
