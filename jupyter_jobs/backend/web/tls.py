"""What a backend shows to the network: TLS and nothing else, under names that it was given.

The user's own processes reach it on loopback all the same, as any other backend.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_jobs.appsync.endpoint import is_loopback
from jupyter_jobs.errors import ConfigurationError

__all__ = ["Face", "face_of", "server_context"]

log = logging.getLogger("jupyter_jobs.backend")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Face:
    """How a backend is reached over the network.

    Attributes:
        context: What it speaks TLS by.
        hosts: Its names and addresses, in lower case, as `Host` may have them.
        name: The one that its URL names.
    """

    context: ssl.SSLContext
    hosts: frozenset[str]
    name: str

    def url(self, scheme: str, port: int) -> str:
        """Return where it is: `https` and `wss` are its schemes."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{scheme}://{name}:{port}/graphql"


def face_of(
    host: str, certificate: Path | None, key: Path | None, allowed: Sequence[str]
) -> Face | None:
    """Return how a backend is reached over the network; None for one that is reached on loopback alone, without TLS.

    Args:
        host: Address to bind.
        certificate: See `server_context`.
        key: See `server_context`.
        allowed: Names and addresses by which clients reach it.

    Raises:
        ConfigurationError: It would be reached without TLS, or under no name; says what to do.
    """
    names = [name.lower() for name in allowed]
    for name in names:
        if not _NAME.fullmatch(name) and not _is_address(name):
            raise ConfigurationError(
                f"--allow-host takes a name or an address, without scheme and port, not {name!r}"
            )
    if certificate is None or key is None:
        if certificate is not key:
            raise ConfigurationError("--tls-cert and --tls-key go together: give both")
        if not is_loopback(host):
            raise ConfigurationError(
                f"refusing to listen on {host} without TLS: this backend runs what it is sent. Give --tls-cert and "
                "--tls-key, or bind 127.0.0.1 and reach it through a tunnel"
            )
        if names:
            raise ConfigurationError(
                "--allow-host is for a backend on the network: give --host, --tls-cert and --tls-key"
            )
        return None
    if not _is_any(host):
        names.append(host.lower())
    if not names:
        raise ConfigurationError(
            f"{host} is every address of this machine: say with --allow-host by which name clients reach it"
        )
    return Face(server_context(certificate, key), frozenset(names), names[0])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server speaks TLS by: version 1.2 or newer. Who connects is shown what the files then hold.

    Args:
        certificate: PEM file with the server's certificate, and those between it and its authority.
        key: PEM file with its key, without a passphrase; nobody else may read it.

    Raises:
        ConfigurationError: A file cannot be used; says which, and what to do.
    """
    context = _read(certificate, key)
    context.sni_callback = _Renewal(certificate, key, context)
    return context


class _Renewal:
    """Gives each connection what the files hold by then: certificates are renewed while the server runs.

    OpenSSL calls it in each handshake, also where the client names no server. Files that cannot be used, as while one
    of both is new, change nothing.
    """

    def __init__(self, certificate: Path, key: Path, context: ssl.SSLContext) -> None:
        self._files = certificate, key
        self._context = context
        self._seen = [_state(path) for path in self._files]

    def __call__(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        seen = [_state(path) for path in self._files]
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = _read(*self._files)
            except ConfigurationError as error:
                log.warning("the certificate of before is shown on: %s", error)
            else:
                log.info("the certificate was renewed")
        connection.context = self._context


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what is another after a file was written or replaced; None if it is not there."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_ino, told.st_size, told.st_mtime_ns, told.st_mode


def _read(certificate: Path, key: Path) -> ssl.SSLContext:
    _check_private(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{certificate} and {key} are no certificate and its key in PEM format: {_reason(error)}"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{certificate} cannot be read: {error.strerror}") from error
    return context


def _check_private(key: Path) -> None:
    try:
        told = key.stat()
    except OSError as error:
        raise ConfigurationError(f"{key} cannot be read: {error.strerror}") from error
    if told.st_uid not in (os.getuid(), 0) or stat.S_IMODE(told.st_mode) & 0o077:
        raise ConfigurationError(
            f"{key} is the key of this server, and others can read it: chmod 600 {key}, as its owner"
        )


def _no_passphrase() -> str:
    raise ConfigurationError(
        "the key of --tls-key has a passphrase, which nobody is here to type; take it off with: openssl pkey -in KEY -out PLAIN"
    )


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "").replace("_", " ").lower() or "it cannot be read"
