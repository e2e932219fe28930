"""The query for a page of jobs, newest first, by any of the things that they can be asked for by."""

from __future__ import annotations

from jupyter_jobs.backend.storage.rows import number_of, stamp
from jupyter_jobs.backend.storage.tables import NAMES

__all__ = ["select_page"]

# Numbers grow as time does, unless a clock is set: none before the lowest of them is later, most behind it are.
_SINCE = "(SELECT min(number) FROM jobs WHERE createdAt >= ?)"


def select_page(
    token: str | None,
    *,
    group: str | None,
    status: str | None,
    name: str | None,
    tag: str | None,
    since: str | None,
) -> tuple[str, list[int | str]]:
    """Return a query for columns and `number`, and its values; the limit is still to be added.

    The narrowest condition is looked up and the others are read off the rows: a tag before a name before the rest.

    Raises:
        Refusal: The token is none of ours, or `since` is no time.
    """
    jobs, number = "jobs", "jobs.number"
    if tag is not None:
        jobs, number = "tags CROSS JOIN jobs USING (number)", "tags.number"
    read_name = "+" if tag is not None else ""
    read_rest = "+" if tag is not None or name is not None else ""
    asked = {
        f"{number} < ?": number_of(token),
        "tags.tag = ?": tag,
        f"{read_name}name = ?": name,
        f'{read_rest}"group" = ?': group,
        f"{read_rest}status = ?": status,
        f"{number} >= {_SINCE}": None if since is None else stamp(since),
        "+createdAt >= ?": None if since is None else stamp(since),
    }
    conditions = {condition: value for condition, value in asked.items() if value is not None}
    query = (
        f"SELECT {number} AS number, {NAMES} FROM {jobs} WHERE {' AND '.join(conditions)} "
        f"ORDER BY {number} DESC LIMIT ?"
    )
    return query, list(conditions.values())
