"""What a feed subscribes to: its group, or where the API knows no groups, each job that has not ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_jobs.appsync.client import AppSyncClient, Subscription
from jupyter_jobs.errors import WireError
from jupyter_jobs.jobs.profiles import Profile

__all__ = ["Subscriptions"]

log = logging.getLogger("jupyter_jobs.jobs")


class Subscriptions:
    """The subscriptions of one feed. All methods belong to the loop's thread.

    How many starts are on their way at once, and how many fit on a connection, is the wire's business.

    Attributes:
        refused: Why there is no subscription, for each group or job that should have one.

    Args:
        wire: Subscribes.
        profile: The subscription's document, and what one serves.
        group: The group to follow where the API knows groups; None for all jobs.
        clock: Seconds, of the loop.
        on_started: Takes the job's id, or None for the group: from now on its events arrive.
        on_data: Takes the same, and the payload of an event.
        on_refused: Takes the sentence that says so.
    """

    def __init__(
        self,
        wire: AppSyncClient,
        profile: Profile,
        group: str | None,
        *,
        clock: Callable[[], float],
        on_started: Callable[[str | None], object],
        on_data: Callable[[str | None, Mapping[str, Any]], object],
        on_refused: Callable[[str], object],
    ) -> None:
        self.refused: dict[str | None, str] = {}
        self._wire = wire
        self._scope = profile.scope
        self._may_renew = not profile.can_ask  # else the API is asked, and nobody looks at silence
        self._document = profile.updates[profile.scope]
        self._group = group
        self._clock = clock
        self._on_started = on_started
        self._on_data = on_data
        self._on_refused = on_refused
        self._open: dict[str | None, Subscription] = {}
        self._former: dict[str | None, Subscription] = {}  # until their successors have started
        self._heard_at: dict[str | None, float] = {}  # in the order of the times

    @property
    def per_job(self) -> bool:
        """Whether each job has a subscription of its own."""
        return self._scope == "id"

    def start(self, live: Iterable[str]) -> None:
        """Subscribe to the group, or to those jobs."""
        for key in live if self.per_job else (self._group,):
            self.follow(key)

    def follows(self, key: str) -> bool:
        """Whether there is a subscription to it, or was until it was refused."""
        return key in self._open

    def follow(self, key: str | None) -> None:
        """Subscribe to a job, or to the group; nothing happens if it is."""
        if key in self._open:
            return
        what = "job" if self.per_job else "group"
        log.info("Setting up subscription for %s: %s", what, key)
        id_ = key if self.per_job else None

        def started() -> None:
            log.info("✓ Subscription established for %s: %s", what, key)
            self.refused.pop(key, None)
            self._part(key)
            self._on_started(id_)

        def arrived(payload: Mapping[str, Any]) -> None:
            self._heard(key)
            self._on_data(id_, payload)

        def ended(error: WireError | None) -> None:
            if error is not None and self._open.get(key) is subscription:
                self.refused[key] = f"no live updates of the {what} {key}: {error}"
                self._on_refused(self.refused[key])

        self._heard(key)
        # For all jobs the filter is left out: null would match jobs without a group alone.
        variables = {} if key is None else {self._scope: key}
        subscription = self._open[key] = self._wire.subscribe(
            self._document,
            variables,
            on_started=started,
            on_data=arrived,
            on_ended=ended,
        )

    def leave(self, id_: str) -> None:
        """Unsubscribe from a job that has ended; nothing happens in the scope of a group."""
        if self.per_job and (subscription := self._open.pop(id_, None)) is not None:
            self._heard_at.pop(id_, None)
            self.refused.pop(id_, None)
            self._part(id_)
            subscription.close()

    def silent_since(self) -> float | None:
        """For an API that cannot be asked: return the time of the last news of the one that has been silent for longest, or None without any."""
        return next(iter(self._heard_at.values()), None)

    def renew(self, before: float) -> None:
        """The same: subscribe anew to whatever has been silent since then, for its subscription may be dead.

        If it lives, what it tells until the new one has started is told by nobody else.
        """
        silent = [key for key, at in self._heard_at.items() if at <= before]
        for key in silent:
            log.info("no news of %s for long: renewing its subscription", key)
            self._part(key)
            self._former[key] = self._open.pop(key)
            self.follow(key)

    def close(self) -> None:
        """End them all."""
        closing = [*self._open.values(), *self._former.values()]
        self._open, self._former = {}, {}
        self._heard_at.clear()
        for subscription in closing:
            subscription.close()

    def _part(self, key: str | None) -> None:
        """Close what was renewed."""
        if (former := self._former.pop(key, None)) is not None:
            former.close()

    def _heard(self, key: str | None) -> None:
        """Note that there was news of it just now."""
        if self._may_renew:
            self._heard_at.pop(key, None)
            self._heard_at[key] = self._clock()
