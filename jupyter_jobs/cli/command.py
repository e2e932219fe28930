"""A command of the shell as a value, and the options that several have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Command", "add_ids", "add_target", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        name: Its word.
        help: What it does, in a few words.
        run: Does it; returns the exit code.
        options: Adds its options to its parser.
        examples: Lines to type.
        description: What its help says above the options; default `help`.
        usage: The line of its help, where argparse cannot tell it.
        json: What `--json` prints, for its help.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    options: Callable[[argparse.ArgumentParser], None]
    examples: tuple[str, ...]
    description: str = ""
    usage: str | None = None
    json: str = "as one JSON document"


def add_target(parser: argparse.ArgumentParser, *, group: str | None = None) -> None:
    """Add where to ask, and whose jobs are meant.

    Args:
        parser: Of the command.
        group: The group that is meant when none is named; None for all.
    """
    where = parser.add_argument_group("where")
    where.add_argument(
        "--endpoint",
        metavar="URL",
        help="GraphQL URL; default JUPYTER_JOBS_ENDPOINT, else the embedded backend",
    )
    where.add_argument(
        "--profile",
        metavar="NAME",
        help="what the API calls things, as seed; default JUPYTER_JOBS_PROFILE",
    )
    told = "only jobs of this group" if group is None else "the job's group (default: %(default)s)"
    where.add_argument("--group", default=group, help=told)


def whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number, of at least so many, for an option's `type`."""

    def read(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} on, not {text!r}")
        return int(text)

    return read


def add_ids(parser: argparse.ArgumentParser, *, many: bool = False, optional: bool = False) -> None:
    """Add the jobs that are meant: `args.ids`, or `args.id` for one."""
    text = "the job's id, or at least 4 characters of its beginning"
    if many:
        parser.add_argument("ids", nargs="*" if optional else "+", metavar="ID", help=text)
    else:
        parser.add_argument("id", metavar="ID", help=text)
