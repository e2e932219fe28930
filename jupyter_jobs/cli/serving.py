"""`jupyter-jobs serve`: a backend in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.exits import Exit
from jupyter_jobs.cli.terminal import complain
from jupyter_jobs.errors import JobsError

__all__ = ["SERVE"]


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to bind (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=0, help="port to bind (default: any free one)")
    parser.add_argument("--data-dir", metavar="DIR", help="folder for jobs, logs and results")
    parser.add_argument(
        "--external",
        action="store_true",
        help="accept every named request and leave it to workers that call updateJob",
    )
    parser.add_argument(
        "--auth",
        metavar="FILE",
        type=Path,
        help="JSON of who is let in besides the holder of the key, for named requests: api_keys, jwks, issuer, audience, "
        'tokens, iam, region; with "trusted": true for any code',
    )
    network = parser.add_argument_group(
        "network", "Without TLS it listens on this machine's loopback alone."
    )
    network.add_argument("--tls-cert", metavar="FILE", type=Path, help="PEM of its certificate")
    network.add_argument(
        "--tls-key", metavar="FILE", type=Path, help="PEM of the certificate's key, of mode 0600"
    )
    network.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="name or address by which clients reach it, the first is that of its URL; may be repeated",
    )
    limits = parser.add_argument_group(
        "limits", "What clients are told and allowed; AppSync's own by default."
    )
    limits.add_argument(
        "--keep-alive", type=float, metavar="SECONDS", help="between two ka frames (default: 60)"
    )
    limits.add_argument(
        "--connection-timeout",
        type=float,
        metavar="SECONDS",
        help="of silence after which a client shall give up (default: 300)",
    )
    limits.add_argument(
        "--max-subscriptions", type=int, metavar="N", help="of one connection (default: 100)"
    )
    limits.add_argument(
        "--max-age", type=float, metavar="SECONDS", help="of one connection (default: 86400)"
    )
    parser.add_argument(
        "--faults",
        metavar="FILE",
        type=Path,
        help="JSON of faults to do on purpose, for tests of clients; POST /faults changes them",
    )


def _serve(args: argparse.Namespace) -> int:
    from jupyter_jobs.backend.realtime.session import Timing
    from jupyter_jobs.backend.server import Options, serve

    timeout_s = args.connection_timeout
    limits = {
        "keep_alive_s": args.keep_alive,
        "connection_timeout_ms": None if timeout_s is None else round(timeout_s * 1000),
        "max_age_s": args.max_age,
        "max_subscriptions": args.max_subscriptions,
    }
    try:
        return serve(
            Options(
                host=args.host,
                port=args.port,
                data_dir=Path(args.data_dir).expanduser() if args.data_dir else None,
                external=args.external,
                timing=Timing(
                    **{name: value for name, value in limits.items() if value is not None}
                ),
                auth=args.auth,
                faults=args.faults,
                tls_cert=args.tls_cert,
                tls_key=args.tls_key,
                allow_hosts=tuple(args.allow_host),
            )
        )
    except JobsError as error:  # no job failed, and no backend was asked: this one does not start
        complain(error)
        return Exit.FAILED


SERVE = Command(
    name="serve",
    help="run a backend in the foreground",
    description="Run an AppSync-compatible backend until TERM or Ctrl-C. The key is taken from JUPYTER_JOBS_API_KEY, else "
    "generated and kept in the data folder. Exit code 1 if it cannot start.",
    run=_serve,
    options=_serve_options,
    examples=(
        "jupyter-jobs serve --port 8123",
        "jupyter-jobs serve --external --data-dir /tmp/jobs",
        "jupyter-jobs serve --host 0.0.0.0 --port 8443 --allow-host lab.example.org --tls-cert lab.pem --tls-key lab.key",
    ),
    json="which it does anyhow: one line once it listens",
)
