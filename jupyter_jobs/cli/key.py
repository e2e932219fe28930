"""`jupyter-jobs key`: where the key of the backend of this machine is, and another one in its place."""

# ruff: noqa: T201  # a terminal program prints

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jupyter_jobs.cli import terminal
from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.exits import Exit, Usage
from jupyter_jobs.cli.pages import add_data_dir, ask_page
from jupyter_jobs.cli.terminal import plain
from jupyter_jobs.errors import BackendUnavailable
from jupyter_jobs.jobs.embedded import Presence, data_folder, look, runtime_file, why_not

__all__ = ["KEY"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "act", nargs="?", choices=["rotate"], help="make a new key; the present one is refused then"
    )
    parser.add_argument(
        "--show", action="store_true", help="print the key itself; whoever reads it runs any code"
    )
    add_data_dir(parser)


def _run(args: argparse.Namespace) -> int:
    folder = data_folder(args.data_dir)
    closed = _rotate(folder) if args.act == "rotate" else None
    key, path = _find(folder)
    if args.json:
        told = {"file": None if path is None else str(path), "rotated": closed is not None}
        terminal.print_json(told | ({"key": key} if args.show else {}))
    elif args.show and key is not None:
        print(key)
    elif path is None:
        print(plain(f"{folder} has no key yet: its backend makes one when it starts"))
    else:
        if closed is not None:
            print(f"there is a new key; connections of the one before that were closed: {closed}")
        print(plain(f"{path} has the key, and only you can read it; --show prints it"))
    return Exit.OK


def _find(folder: Path) -> tuple[str | None, Path | None]:
    """Return the key, and the file that it stands in: of the backend that runs, else of the next one."""
    backend = look(folder).backend
    if backend is not None and backend.is_alive:
        return backend.key, runtime_file(folder)
    path = folder / "address.json"
    try:
        return str(json.loads(path.read_text("utf-8"))["key"]), path
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _rotate(folder: Path) -> int:
    """Have another key made; return how many connections were closed.

    Raises:
        Usage: The key is not changed from here.
        BackendUnavailable: A backend holds the folder, and cannot be asked.
    """
    seen = look(folder)
    if seen.presence is Presence.ABSENT:
        if not folder.is_dir():
            raise Usage(f"there is no {folder}, and so no key to change")
        from jupyter_jobs.backend.life.address import only_one
        from jupyter_jobs.backend.life.keys import rotate

        with only_one(folder):  # nobody may start with the old one meanwhile
            rotate(folder)
        return 0
    if seen.presence is not Presence.RUNS or seen.backend is None:
        raise BackendUnavailable(why_not(seen))
    return int(ask_page(seen.backend, "POST", "/key")["closed"])


KEY = Command(
    name="key",
    help="tell where the backend's key is, or change it",
    description="Tell in which file the key of the backend of this machine stands; whoever has it has any code run as you. "
    "With rotate, make a new one: the one before is refused at once, its connections are closed, your own notebooks go on "
    "by themselves, and so do the jobs.",
    usage="%(prog)s [rotate] [options]",
    run=_run,
    options=_options,
    examples=("jupyter-jobs key", "jupyter-jobs key rotate"),
    json="an object of `file` and `rotated`; with --show also `key`",
)
