"""`jupyter-jobs doctor`: what is used, where it comes from, whether it works, and if not, what to do.

It goes the way of a monitor with the same parts, step by step, and stops where a step makes the next ones senseless.
"""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from jupyter_jobs.appsync.auth import IamAuth
from jupyter_jobs.appsync.client import AppSyncClient, ConnectionState, ConnectionStatus
from jupyter_jobs.appsync.http import HttpTransport
from jupyter_jobs.cli import checkup, machine
from jupyter_jobs.cli.checkup import Finding, Mark
from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.terminal import plain
from jupyter_jobs.errors import (
    JobsError,
    RequestRefused,
    Unauthorized,
    WireError,
)
from jupyter_jobs.jobs.embedded import look
from jupyter_jobs.jobs.settings import resolve
from jupyter_jobs.jobs.target import Target, find_target, read_settings

__all__ = ["DOCTOR", "doctor"]

TIMEOUT_S = 15.0  # for each step
_SIGNS = {Mark.GOOD: "✔", Mark.NOTE: "·", Mark.ODD: "!", Mark.WRONG: "✖"}


def doctor(args: argparse.Namespace) -> int:
    """Look at everything, and tell it as it is found; 0 if all is well, 1 if something is wrong."""
    return asyncio.run(_tell(args))


async def _tell(args: argparse.Namespace) -> int:
    told: list[Finding] = []
    arguments = {"endpoint": args.endpoint, "profile": args.profile, "amplify": args.amplify}
    async with aclosing(_findings(arguments)) as findings:
        async for found in findings:
            # Other people's words are in it: names of a schema, what a server answered.
            told.append(finding := replace(found, text=plain(found.text)))
            if not args.json:
                print(f"{_SIGNS[finding.mark]} {finding.about:<13} {finding.text}", flush=True)
    is_well = all(finding.mark is not Mark.WRONG for finding in told)
    if args.json:
        lines = [
            {"mark": finding.mark, "about": finding.about, "text": finding.text} for finding in told
        ]
        print(json.dumps({"ok": is_well, "findings": lines}, ensure_ascii=False))
    else:
        print("\nAll is well." if is_well else "\nSomething is wrong: see ✖ above.")
    return 0 if is_well else 1


async def _findings(arguments: Mapping[str, Any]) -> AsyncGenerator[Finding, None]:
    yield Finding(Mark.GOOD, "python", platform.python_version())
    for finding in checkup.versions(*checkup.PACKAGES):
        yield finding
    try:
        config = checkup.notebook_config()
        for finding in checkup.settings(resolve(arguments, os.environ, config), os.environ):
            yield finding
        settings = read_settings(arguments, config)
        for finding in checkup.file(settings):
            yield finding
        if settings.value("endpoint") is None:
            yield machine.before(await asyncio.to_thread(look))
        target = await asyncio.to_thread(lambda: find_target(**arguments, settings=config))
    except JobsError as error:
        yield Finding(Mark.WRONG, "target", str(error))
        return
    if target.revive is not None:
        for finding in await asyncio.to_thread(lambda: list(machine.machine(look()))):
            yield finding
    for finding in _target(target):
        yield finding
        if finding.mark is Mark.WRONG:
            return
    wire = AppSyncClient(target.endpoint, target.auth, timeout=TIMEOUT_S, max_retries=0)
    try:
        for step in (
            try_ping(target),
            try_auth(wire),
            try_schema(wire, target),
            try_socket(wire, target),
        ):
            async with aclosing(step):
                async for finding in step:
                    yield finding
                    if finding.mark is Mark.WRONG:
                        return
    finally:
        await wire.aclose()


def _target(target: Target) -> Iterator[Finding]:
    endpoint = target.endpoint
    yield Finding(Mark.GOOD, "target", f"{target.name}: {endpoint.http}")
    yield Finding(Mark.NOTE, "target", f"subscriptions: {endpoint.realtime}")
    who = type(target.auth).__name__
    if isinstance(target.auth, IamAuth):
        yield from checkup.versions("botocore")
    yield Finding(Mark.NOTE, "target", f"authorization: {who}, profile: {target.profile.name}")


async def try_ping(target: Target) -> AsyncGenerator[Finding, None]:
    host, through = target.endpoint.host, checkup.proxy(target.endpoint)
    http = HttpTransport(target.endpoint, target.auth, timeout_s=TIMEOUT_S)
    try:
        status, text = await http.ping()
    except JobsError as error:
        yield Finding(Mark.WRONG, "ping", f"{error}{through and f' (it went{through})'}")
        return
    finally:
        await http.aclose()
    if (status, text.strip()) == (200, "healthy"):
        yield Finding(Mark.GOOD, "ping", f"{host} answers{through}")
    else:
        yield Finding(
            Mark.ODD,
            "ping",
            f"{host} answers{through}, but not as AppSync does (HTTP {status}): is it the API's host?",
        )


async def try_auth(wire: AppSyncClient) -> AsyncGenerator[Finding, None]:
    began = time.monotonic()
    try:
        await wire.execute("{ __typename }", idempotent=True)
    except Unauthorized as error:
        yield Finding(Mark.WRONG, "authorization", str(error))
    except RequestRefused as error:
        if error.error_type == "Unauthorized":  # of a field, with status 200: the caller is known
            text = f"accepted, but not for every field: {error}"
            yield Finding(Mark.ODD, "authorization", text)
        else:
            yield Finding(Mark.WRONG, "graphql", str(error))
    except JobsError as error:
        yield Finding(Mark.WRONG, "graphql", str(error))
    else:
        yield Finding(Mark.GOOD, "authorization", f"accepted ({_since(began)})")


async def try_schema(wire: AppSyncClient, target: Target) -> AsyncGenerator[Finding, None]:
    from graphql import get_introspection_query

    try:
        introspection = await wire.execute(
            get_introspection_query(descriptions=False), idempotent=True
        )
    except RequestRefused:
        yield Finding(
            Mark.NOTE,
            "schema",
            f"the API does not tell it; it is taken for what the profile {target.profile.name!r} speaks of",
        )
    except JobsError as error:
        yield Finding(Mark.ODD, "schema", str(error))
    else:
        for finding in checkup.schema(introspection, target.profile):
            yield finding


async def try_socket(wire: AppSyncClient, target: Target) -> AsyncGenerator[Finding, None]:
    """Subscribe to jobs that nobody has."""
    scope = target.profile.scope
    told: asyncio.Queue[Finding | None] = asyncio.Queue()
    began = time.monotonic()
    connected: list[float] = []

    def on_status(status: ConnectionStatus) -> None:
        if status.state is ConnectionState.CONNECTED and not connected:
            connected.append(time.monotonic())
            told.put_nowait(Finding(Mark.GOOD, "socket", f"connection_ack ({_since(began)})"))
        elif status.error:
            told.put_nowait(Finding(Mark.WRONG, "socket", status.error))

    def on_started() -> None:
        text = f"start_ack ({_since(connected[0])})"
        told.put_nowait(Finding(Mark.GOOD, "subscription", text))
        told.put_nowait(None)

    def on_ended(error: WireError | None) -> None:
        told.put_nowait(Finding(Mark.WRONG, "subscription", str(error)))

    remove = wire.on_status(on_status)
    subscription = wire.subscribe(
        target.profile.updates[scope],
        {scope: f"jupyter-jobs-doctor-{uuid.uuid4()}"},
        on_started=on_started,
        on_data=lambda payload: None,
        on_ended=on_ended,
    )
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            while (finding := await told.get()) is not None:
                yield finding
    except TimeoutError:
        what = "start_ack" if connected else "connection_ack"
        yield Finding(
            Mark.WRONG,
            "socket",
            f"no {what} within {2 * TIMEOUT_S:g} s: does a proxy or firewall hold WebSockets back?",
        )
    finally:
        remove()
        subscription.close()


def _since(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        help="GraphQL URL; default JUPYTER_JOBS_ENDPOINT, else the embedded backend",
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="what the API calls things; default JUPYTER_JOBS_PROFILE"
    )
    parser.add_argument("--amplify", metavar="FILE", help="a file that Amplify wrote")


DOCTOR = Command(
    name="doctor",
    help="tell what is used, where it comes from, and what is wrong",
    description="Look at versions and settings, then try host, authorization, schema, socket and subscription. The exit "
    "code is 1 if something is wrong.",
    run=doctor,
    options=_options,
    examples=(
        "jupyter-jobs doctor",
        "jupyter-jobs doctor --endpoint https://api.example.com/graphql",
    ),
    json="an object of `ok` and `findings`",
)
