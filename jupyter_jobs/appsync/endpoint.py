"""Where an API lives: from its GraphQL URL to its real-time URL."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

from jupyter_jobs.errors import ConfigurationError

__all__ = ["Endpoint", "is_loopback"]

_APPSYNC = re.compile(r"[^.]+\.appsync-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The two addresses of one API, and what is known from them. Made by `parse`.

    Attributes:
        http: URL for queries and mutations.
        realtime: WebSocket URL for subscriptions.
        host: Host of `http`, with the port if it names one. Authorization always speaks of this one, never of the
            real-time host.
        region: AWS region, or None for a custom domain.
        is_loopback: Whether it is on this machine.
        ca: Path of a PEM file with the certificates of a private authority, or None; see `tls.context`.
    """

    http: str
    realtime: str
    host: str
    region: str | None
    is_loopback: bool
    ca: str | None = None

    @classmethod
    def parse(cls, url: str, realtime_url: str | None = None, ca: str | None = None) -> Self:
        """Read the GraphQL URL of an API.

        A default AppSync domain has its own real-time host; any other domain gets `/realtime` behind its path
        (AppSync developer guide, "Building a real-time WebSocket client" and "Custom domain names").

        Args:
            url: As the AppSync console shows it: `https://….appsync-api.eu-west-1.amazonaws.com/graphql`.
                `http://` only on this machine.
            realtime_url: The `wss://` URL where the rule above does not hold, as for private APIs.
            ca: Path of a PEM file with the certificates of a private authority; by default what the environment names
                (see `tls.context`).

        Raises:
            ConfigurationError: The URL cannot be one of a GraphQL API; the message says what to change.
        """
        parts = _split(url, "http", "the GraphQL URL")
        host = parts.netloc
        match = _APPSYNC.fullmatch(parts.hostname or "")
        if realtime_url is not None:
            realtime = _split(realtime_url, "ws", "the real-time URL").geturl()
        elif match:
            realtime_host = host.replace(".appsync-api.", ".appsync-realtime-api.", 1)
            realtime = parts._replace(scheme="wss", netloc=realtime_host).geturl()
        else:
            scheme = "wss" if parts.scheme == "https" else "ws"
            realtime = parts._replace(scheme=scheme, path=f"{parts.path}/realtime").geturl()
        return cls(
            http=parts.geturl(),
            realtime=realtime,
            host=host,
            region=match["region"] if match else None,
            is_loopback=is_loopback(parts.hostname or ""),
            ca=ca,
        )


def _split(url: str, scheme: str, what: str) -> SplitResult:
    """Take a URL apart, in lower case where case does not matter, or say what is wrong with it."""
    secure = f"{scheme}s"
    try:
        parts = urlsplit(url.strip())
        hostname = parts.hostname
        _ = parts.port
    except ValueError as exc:
        raise ConfigurationError(f"{what} cannot be read: {exc}") from exc
    if parts.scheme not in (scheme, secure) or not hostname:
        found = f", not {parts.scheme}://" if parts.scheme and hostname else ""
        raise ConfigurationError(f"{what} must begin with {secure}:// and name a host{found}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{what} of {hostname} holds a user, a query or a fragment; credentials belong into auth="
        )
    if ".appsync-realtime-api." in hostname and scheme == "http":
        raise ConfigurationError(
            f"{hostname} is the real-time host; use the GraphQL URL, with .appsync-api. in it"
        )
    if parts.scheme == scheme and not is_loopback(hostname):
        raise ConfigurationError(
            f"{what} of {hostname} would send its key in the clear; use {secure}://"
        )
    path = parts.path.rstrip("/")
    if not path:
        raise ConfigurationError(f"{what} of {hostname} has no path; it usually ends in /graphql")
    # The default port is not part of the `Host` header, which credentials are signed for.
    default = ":443" if parts.scheme == secure else ":80"
    return parts._replace(netloc=parts.netloc.lower().removesuffix(default), path=path)


def is_loopback(hostname: str) -> bool:
    """Return whether a host name, or an address without brackets, is this machine's own by definition."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
