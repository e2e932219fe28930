"""Reads what an API tells of jobs as jobs of this package, whatever it calls them and however little it tells.

An API without versions tells states, perhaps twice, perhaps in another order, perhaps with less than was known. Here
each gets a version, so that `JobStore.merge` can do as always: first counts how far the status is, then `updatedAt`,
then the order of arrival; what is known stays known where a later answer is silent; the same once more is no news.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from jupyter_jobs.jobs.model import SUBMITTED, WIRE_NAMES, JobStatus
from jupyter_jobs.jobs.profiles import Profile

__all__ = ["Body", "Reader"]

log = logging.getLogger("jupyter_jobs.jobs")

Body = Mapping[str, Any]

_RANK = {JobStatus.QUEUED: 0, JobStatus.RUNNING: 1, JobStatus.CANCELLING: 2}
_ENDED = 3
_RANK_SHIFT = 44  # above any time in milliseconds until the year 2527, and exact in JavaScript


class Reader:
    """Translates one API's jobs. Safe to use from several threads.

    Args:
        profile: What the API calls things.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._names = {ours: profile.fields.get(ours, ours) for ours in WIRE_NAMES.values()}
        self._priorities = {theirs: ours.value for ours, theirs in profile.priorities.items()}
        self._as_is = profile.versions and not (
            profile.fields or profile.statuses or profile.priorities
        )
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._strange: set[str] = set()

    def job(self, told: Body) -> Body:
        """Return one job as `type Job` of this package's schema, complete as far as is known, with a version.

        Raises:
            ValueError: It has no id or no status.
        """
        if self._as_is:
            return told
        body = self._translated(told)
        if not body.get("id") or (body.get("status") is None and not self._is_strange(told)):
            raise ValueError("unusable job: no id or no status")
        with self._lock:
            return self._news(body, self._known.get(body["id"]))

    def jobs(self, told: Iterable[Body | None]) -> list[Body]:
        """Return those of several jobs that can be read; one bad job must not hide the others."""
        found = []
        for body in told:
            try:
                if body and (job := self.job(body)).get("id"):
                    found.append(job)
            except ValueError as error:
                if str(error) not in self._strange:
                    self._strange.add(str(error))
                    log.warning("left out a job: %s", error)
        return found

    def is_whole(self, body: Body) -> bool:
        """Whether a job has all of its fields.

        Fields that the mutation did not select arrive as null. In this package's schema a job always has its time of
        creation; of another API's jobs, what is missing has been filled in from what was known.
        """
        return not self._as_is or body.get("createdAt") is not None

    def submitted(self, asked: Body, told: Body, now: datetime) -> Body:
        """Return a job that was just submitted, with what was asked for where the answer does not say it.

        Args:
            asked: The `SubmitJobInput`, before it was translated.
            told: The answer.
            now: Stands for the time of creation until the API tells it.

        Raises:
            ValueError: The answer has no id.
        """
        if self._as_is:
            return told
        body = self._translated(told)
        if not body.get("id"):
            raise ValueError("unusable job: no id")
        kept = {name: asked[name] for name in SUBMITTED if asked.get(name) is not None}
        first = {**kept, "createdAt": _iso(now)}
        with self._lock:
            known = self._known.get(body["id"])
            if known is None:
                return self._news({**first, **body}, None)
            return self._keep(known.rank, known.told_ms, {**kept, **known.body}, known.version + 1)

    def _translated(self, told: Body) -> dict[str, Any]:
        """Return the fields that are told, in this package's names and words."""
        body = {
            ours: told[theirs]
            for ours, theirs in self._names.items()
            if told.get(theirs) is not None
        }
        if "id" in body:
            body["id"] = str(body["id"])
        if self._profile.priorities and "priority" in body:
            body["priority"] = self._priorities.get(body["priority"])
        for name in _TIMES:
            if name in body and (moment := _moment(body[name])) is not None:
                body[name] = _iso(moment)
            else:
                body.pop(name, None)
        word = body.pop("status", None)
        status = self._status(word)
        if status is not None:
            body["status"] = status.value
        elif word is not None:
            self._warn_once(str(word))
        return body

    def _status(self, word: Any) -> JobStatus | None:
        if self._profile.statuses:
            return self._profile.statuses.get(word)
        return JobStatus(word) if word in JobStatus.__members__ else None

    def _is_strange(self, told: Body) -> bool:
        return told.get(self._names["status"]) is not None

    def _warn_once(self, word: str) -> None:
        if word not in self._strange:
            self._strange.add(word)
            log.warning(
                "a job has the status %r, which the profile %r does not know: such jobs stay as they were; "
                "add the word to `statuses` of a profile of your own",
                word,
                self._profile.name,
            )

    def _news(self, body: dict[str, Any], known: _Known | None) -> Body:
        """Return the job with what was known of it, and the version that this news deserves."""
        before: Mapping[str, Any] = known.body if known is not None else {}
        whole = {"status": JobStatus.QUEUED.value, **before, **body}
        status = JobStatus(whole["status"])
        _infer(whole, status)
        rank = _RANK.get(status, _ENDED)
        told_ms = _milliseconds(body.get("updatedAt"))
        if told_ms is None:
            told_ms = known.told_ms if known is not None else 0
        if self._profile.versions:
            version = body.get("version")
            if type(version) is not int:
                raise ValueError("unusable job: no integer version")
        elif known is None:
            version = max(1, (rank << _RANK_SHIFT) + told_ms)
        elif known.rank == _ENDED or (rank, told_ms) < (known.rank, known.told_ms):
            version = 0
        elif (rank, told_ms) == (known.rank, known.told_ms):
            version = known.version + (whole != before)
        else:
            version = max((rank << _RANK_SHIFT) + told_ms, known.version + 1)
        if known is not None and version <= known.version:
            return {**whole, "version": version}
        return self._keep(rank, told_ms, whole, version)

    def _keep(self, rank: int, told_ms: int, whole: Mapping[str, Any], version: int) -> Body:
        body = {**whole, "version": version}
        self._known[body["id"]] = _Known(rank, told_ms, version, body)
        return body


class _Known:
    """What was last believed of one job."""

    __slots__ = ("body", "rank", "told_ms", "version")

    def __init__(self, rank: int, told_ms: int, version: int, body: Mapping[str, Any]) -> None:
        self.rank = rank
        self.told_ms = told_ms
        self.version = version
        self.body = body


_TIMES = ("createdAt", "startedAt", "finishedAt", "updatedAt")


def _infer(body: dict[str, Any], status: JobStatus) -> None:
    """Fill in what an API without such fields tells by the way: when it began and ended, and why it failed."""
    updated = body.get("updatedAt")
    if status is JobStatus.RUNNING and updated:
        body.setdefault("startedAt", updated)
    if status.is_terminal and updated:
        body.setdefault("finishedAt", updated)
    if status.is_failure and body.get("result") is not None:
        body.setdefault("error", _error(body["result"]))


def _error(result: Any) -> Mapping[str, Any]:
    """Return the error that the result of a failed job tells of."""
    try:
        told = json.loads(result) if isinstance(result, str) else result
    except ValueError:
        told = result
    if isinstance(told, Mapping):
        if told.get("message"):
            return told
        told = told.get("error") or told.get("errorMessage") or result
    return {"message": told if isinstance(told, str) else json.dumps(told)}


def _moment(time: Any) -> datetime | None:
    """Return a time that is told as ISO 8601 or in seconds or milliseconds since the epoch; None if it is none."""
    try:
        if isinstance(time, (int, float)):
            seconds = time / 1000 if time > 1e11 else time  # in seconds, 1e11 is the year 5138
            return datetime.fromtimestamp(seconds, UTC)
        told = datetime.fromisoformat(time)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _milliseconds(time: Any) -> int | None:
    moment = _moment(time)
    return None if moment is None else round(moment.timestamp() * 1000)
