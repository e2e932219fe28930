"""How patient a client is: retries, back-off, and how long silence about a job is believed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from jupyter_jobs.appsync.auth import Auth
from jupyter_jobs.appsync.backoff import Backoff
from jupyter_jobs.appsync.client import AppSyncClient, Timing
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError

__all__ = ["JobConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """Settings of a `JobClient`; all times in seconds.

    Attributes:
        max_retries: How often a request is tried again after a fault that may pass; 0 for never.
        retry_delay: The longest first wait, before a request or a connection is tried again. The wait is drawn between
            0 and this, so that many clients do not come back in step.
        reconnect_backoff_multiplier: How much longer each further wait may be.
        max_reconnect_delay: The longest that a wait may grow to.
        subscription_timeout: Silence after which the jobs are asked for, every 30 s at the latest while one is live;
            where the API has no such query, the subscription of a live job is renewed.

    Raises:
        ConfigurationError: A value that cannot work, by name.
    """

    max_retries: int = 3
    retry_delay: float = 1.0
    reconnect_backoff_multiplier: float = 2.0
    max_reconnect_delay: float = 30.0
    subscription_timeout: float = 300.0

    def __post_init__(self) -> None:
        if type(self.max_retries) is not int or self.max_retries < 0:
            raise ConfigurationError(
                f"max_retries must be a whole number from 0, not {self.max_retries!r}"
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigurationError(f"{name} must be a number, not {value!r}")
            if not math.isfinite(value) or value < least:
                unit = "" if name == "reconnect_backoff_multiplier" else " seconds"
                raise ConfigurationError(f"{name} must be at least {least:g}{unit}, not {value!r}")
        if self.max_reconnect_delay < self.retry_delay:
            raise ConfigurationError(
                f"max_reconnect_delay ({self.max_reconnect_delay:g} s) must not be shorter than "
                f"retry_delay ({self.retry_delay:g} s)"
            )

    @classmethod
    def read(cls, config: Self | Mapping[str, Any] | None) -> Self:
        """Return the settings in `config`: as they are, by name, or the defaults.

        Raises:
            ConfigurationError: A name that is no setting, or a value that cannot work.
        """
        if config is None:
            return cls()
        if isinstance(config, cls):
            return config
        if not isinstance(config, Mapping):
            raise ConfigurationError(
                f"config= takes a JobConfig or a mapping, not {type(config).__name__}"
            )
        names = [field.name for field in dataclasses.fields(cls)]
        if unknown := sorted(str(name) for name in config if name not in names):
            raise ConfigurationError(
                f"there is no setting {unknown[0]!r}; those of config= are {', '.join(names)}, "
                "times in seconds"
            )
        return cls(**config)

    def dial(self, endpoint: Endpoint, auth: Auth) -> AppSyncClient:
        """Return a client of that API that is as patient as this says."""
        backoff = Backoff(
            self.retry_delay, self.reconnect_backoff_multiplier, self.max_reconnect_delay
        )
        return AppSyncClient(
            endpoint,
            auth,
            max_retries=self.max_retries,
            retry_delay=self.retry_delay,
            timing=Timing(backoff=backoff),
        )


_LEAST = {
    "retry_delay": 0.001,
    "reconnect_backoff_multiplier": 1.0,
    "max_reconnect_delay": 0.001,
    "subscription_timeout": 0.1,
}
"""Setting -> the least value that makes sense."""
