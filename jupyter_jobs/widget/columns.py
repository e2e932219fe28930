"""Rows as columns, the form in which many of them travel to the page.

A column is one of
    [v, v, …]                               the values as they are
    {"all": v}                              the same value in every row
    {"words": [v, w], "at": [0, 0, 1]}      the few different values, and which of them each row has
    {"from": v, "plus": [0, 12, null]}      whole numbers as differences to `from`; null stays null
and a column of nulls only is left out. `n` is the number of rows. `js/src/wire.ts` reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["Columns", "decode", "encode"]

Columns = dict[str, Any]

_SMALL = 1_000_000  # numbers below are no longer than their differences


def encode(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    """Return rows as columns.

    Args:
        names: What each value of a row is called.
        rows: JSON values in the order of `names`; all that can be in a set, so lists come as tuples.
    """
    columns: Columns = {"n": len(rows)}
    for name, values in zip(names, zip(*rows, strict=True), strict=bool(rows)):
        column = _column(values)
        if column is not None:
            columns[name] = column
    return columns


def decode(names: Iterable[str], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return columns as rows, each with all names."""
    n = columns["n"]
    values = [_values(columns.get(name), n) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _column(values: Sequence[Any]) -> Any:
    words = dict.fromkeys(values)
    if len(words) == 1:
        [word] = words
        return None if word is None else {"all": word} if len(values) > 1 else [word]
    if 2 * len(words) <= len(values):
        at = dict(zip(words, range(len(words)), strict=True))
        return {"words": list(words), "at": [at[value] for value in values]}
    first = next(word for word in words if word is not None)
    if type(first) is int and first >= _SMALL and all(type(w) in (int, type(None)) for w in words):
        return {"from": first, "plus": [None if v is None else v - first for v in values]}
    return list(values)


def _values(column: Any, n: int) -> Sequence[Any]:
    if column is None:
        return [None] * n
    if isinstance(column, list):
        return column
    if "all" in column:
        return [column["all"]] * n
    if "words" in column:
        return [column["words"][at] for at in column["at"]]
    return [None if plus is None else column["from"] + plus for plus in column["plus"]]
