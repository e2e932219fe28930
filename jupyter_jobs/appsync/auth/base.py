"""What an authorization mode is, on both ends, and how it is asked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import StrEnum
from threading import Thread
from typing import NoReturn, Protocol, TypeVar, runtime_checkable

from jupyter_jobs._loop import is_cancelled
from jupyter_jobs._redact import redact
from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError, RequestTimedOut, Unauthorized, WireError

__all__ = [
    "BAD_CREDENTIALS",
    "NO_CREDENTIALS",
    "AnyOf",
    "Attempt",
    "Auth",
    "Purpose",
    "Verifier",
    "ask",
    "ask_sync",
    "elsewhere",
    "visible_ascii",
    "what_says_most",
]

T = TypeVar("T")

NO_CREDENTIALS = "Valid authorization header not provided."
BAD_CREDENTIALS = "You are not authorized to make this call."


class Purpose(StrEnum):
    """What is to be authorized."""

    CONNECT = "connect"
    START = "start"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to be authorized, once. A mode that signs needs all of it; one that shows a key needs nothing.

    Attributes:
        purpose: Opening the connection, starting a subscription, or one HTTP request.
        endpoint: The API.
        body: The exact text that is sent: the request's body, a start's `payload.data`, or `{}` to connect.
        renew: Whether credentials from before were refused: fresh ones are wanted, not kept ones.
    """

    purpose: Purpose
    endpoint: Endpoint
    body: str = "{}"
    renew: bool = False


@runtime_checkable
class Auth(Protocol):
    """Signs what the client sends. One class per mode; `AUTH_MODES` lists them."""

    @property
    def identity(self) -> Hashable:
        """Equal for equal credentials, so that their connections can be shared. Holds no secret in clear."""

    def headers(self, attempt: Attempt) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        """Return the credentials by header name, without `host`. Called anew for every attempt."""


class Verifier(Protocol):
    """Checks on the server what an `Auth` of the same mode has signed."""

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if the credentials are good.

        Args:
            headers: By lower-case name.
            purpose: What they are shown for.
            body: The exact bytes that came: the request's body, a start's `payload.data`, or `{}` to connect.

        Raises:
            Unauthorized: They are missing or bad; the message is AppSync's.
        """


class AnyOf:
    """A verifier that is content when one of several is, as an API with additional authorization modes."""

    def __init__(self, verifiers: Iterable[Verifier]) -> None:
        self._verifiers = tuple(verifiers)

    def verify(self, headers: Mapping[str, str], purpose: Purpose, body: bytes) -> None:
        """Return if one verifier accepts; else raise the reason that says most."""
        reasons = [Unauthorized(NO_CREDENTIALS)]
        for verifier in self._verifiers:
            try:
                return verifier.verify(headers, purpose, body)
            except Unauthorized as refused:
                reasons.append(refused)
        raise what_says_most(reasons)


def what_says_most(reasons: Sequence[Unauthorized]) -> Unauthorized:
    """Return of several refusals the one that helps most to find out what is wrong."""
    vague = [NO_CREDENTIALS, BAD_CREDENTIALS]
    return max(reasons, key=lambda r: vague.index(str(r)) if str(r) in vague else len(vague))


async def ask(auth: Auth, attempt: Attempt) -> dict[str, str]:
    """Ask for the credentials of one attempt.

    Raises:
        ConfigurationError: They can never work.
        Unauthorized: They could not be had; the cause is what the caller's function raised.
        WireError: Another one that it raised, as when there is nobody to show them to.
    """
    try:
        answer = auth.headers(attempt)
        return dict(await answer if inspect.isawaitable(answer) else answer)
    except (Exception, asyncio.CancelledError) as exc:
        if isinstance(exc, asyncio.CancelledError) and is_cancelled():
            raise
        _fail(exc, attempt)


def ask_sync(auth: Auth, attempt: Attempt, timeout_s: float | None = None) -> dict[str, str]:
    """Ask from any thread, also from one whose event loop is running; raises as `ask`.

    What must be awaited is awaited on a thread of its own: this one may be busy with a loop that cannot be nested.

    Args:
        auth: Who is asked.
        attempt: What for.
        timeout_s: How long that thread is waited for; None for as long as it takes.

    Raises:
        RequestTimedOut: It takes longer.
    """
    try:
        answer = auth.headers(attempt)
        if inspect.isawaitable(answer):
            awaited = _await_elsewhere(answer)
            if not wait([awaited], timeout_s).done:
                host = attempt.endpoint.host
                raise RequestTimedOut(
                    f"no credentials for {host}: auth= did not give them within {timeout_s:.3g} s; try again",
                    host=host,
                )
            answer = awaited.result()
        return dict(answer)
    except (Exception, asyncio.CancelledError) as exc:
        _fail(exc, attempt)


def visible_ascii(value: object, what: str) -> str:
    """Return a credential that fits into a header, or say why it does not, without showing it.

    Raises:
        ConfigurationError: It is not a string, empty, or holds a blank at an end or a control character.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} must be a string, not {type(value).__name__}")
    if not value:
        raise ConfigurationError(f"{what} is empty")
    if value != value.strip() or not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"{what} holds a line end, a blank at one end or a character outside ASCII; was it copied whole?"
        )
    return value


def _fail(exc: BaseException, attempt: Attempt) -> NoReturn:
    if isinstance(exc, ConfigurationError | WireError):
        raise exc
    host = attempt.endpoint.host
    said = redact(str(exc)).rstrip(".")
    reason = type(exc).__name__ + (f": {said}" if said else "")
    raise Unauthorized(
        f"no credentials for {host}: the function in auth= raised {reason}; mend it or log in anew, then reconnect",
        host=host,
    ) from exc


def elsewhere(function: Callable[[], T]) -> Future[T]:
    """Run a function that may take its time on a thread of its own, which does not hold up the end of the process."""
    result: Future[T] = Future()
    result.set_running_or_notify_cancel()  # whoever stops waiting cannot cancel it

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as exc:
            result.set_exception(exc)

    Thread(target=run, name="jupyter-jobs-auth", daemon=True).start()
    return result


def _await_elsewhere(answer: Awaitable[Mapping[str, str]]) -> Future[Mapping[str, str]]:
    async def await_it() -> Mapping[str, str]:
        return await answer

    return elsewhere(lambda: asyncio.run(await_it()))
