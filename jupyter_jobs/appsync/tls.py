"""Which certificates are trusted: one rule for HTTPS and for the WebSocket."""

from __future__ import annotations

import os
import ssl

from jupyter_jobs.appsync.endpoint import Endpoint
from jupyter_jobs.errors import ConfigurationError

__all__ = ["CA_VARIABLES", "advice", "context"]

CA_VARIABLES = (
    "JUPYTER_JOBS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
)
"""Variables that may name a PEM file, the first that is set counts; all but ours are what other tools read too."""


def context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Return what checks the server's certificate, or None for an endpoint that needs none.

    Trusted are the system's authorities, and those in the PEM file of `Endpoint.ca` or else of the environment.

    Raises:
        ConfigurationError: That file cannot be read, or holds no certificate.
    """
    if not endpoint.http.startswith("https:") and not endpoint.realtime.startswith("wss:"):
        return None
    trusted = ssl.create_default_context()
    source, path = _bundle(endpoint)
    if path is not None:
        _load(trusted, source, path)
    elif not _system_has_any():
        import certifi

        trusted.load_verify_locations(certifi.where())
    return trusted


def advice(error: BaseException | None) -> str:
    """Return what to do about an error of which a certificate is the cause, or an empty string."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                "if a private authority signed that certificate, name its PEM file with ca= "
                f"or {CA_VARIABLES[0]}"
            )
        error = error.__cause__ or error.__context__
    return ""


def _bundle(endpoint: Endpoint) -> tuple[str, str | None]:
    if endpoint.ca is not None:
        return "ca", endpoint.ca
    for name in CA_VARIABLES:
        if path := os.environ.get(name):
            return name, path
    return "", None


def _load(trusted: ssl.SSLContext, source: str, path: str) -> None:
    try:
        if os.path.isdir(path):
            trusted.load_verify_locations(capath=path)
        else:
            trusted.load_verify_locations(cafile=path)
    except ssl.SSLError as exc:
        raise ConfigurationError(f"{source}: {path} holds no certificate in PEM format") from exc
    except OSError as exc:
        raise ConfigurationError(f"{source}: {path} cannot be read: {exc.strerror}") from exc


def _system_has_any() -> bool:
    """Return whether OpenSSL knows a place of certificates; Python from python.org on macOS has none."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath)
