"""The commands of `jupyter-jobs`, in the order of its help. A new one is a `Command` and a line here."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from jupyter_jobs.cli.acting import CANCEL, RETRY
from jupyter_jobs.cli.command import Command
from jupyter_jobs.cli.demo import DEMO
from jupyter_jobs.cli.doctor import DOCTOR
from jupyter_jobs.cli.exits import EXITS
from jupyter_jobs.cli.key import KEY
from jupyter_jobs.cli.listing import LIST
from jupyter_jobs.cli.logs import LOGS
from jupyter_jobs.cli.outputs import FILES, METRICS, RESULT
from jupyter_jobs.cli.pruning import PRUNE
from jupyter_jobs.cli.serving import SERVE
from jupyter_jobs.cli.show import SHOW
from jupyter_jobs.cli.stopping import STOP
from jupyter_jobs.cli.submit import SUBMIT
from jupyter_jobs.cli.top import TOP
from jupyter_jobs.cli.waiting import WAIT
from jupyter_jobs.cli.watch import WATCH

__all__ = ["COMMANDS", "parse"]

COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        DEMO,
        SUBMIT,
        WATCH,
        LIST,
        SHOW,
        LOGS,
        METRICS,
        FILES,
        RESULT,
        WAIT,
        CANCEL,
        RETRY,
        PRUNE,
        SERVE,
        STOP,
        TOP,
        KEY,
        DOCTOR,
    )
}
"""Word -> command."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the words of a command; `run` of what is returned does it.

    Raises:
        SystemExit: They are not understood, with code 2, or asked for help, with code 0; that is printed by then.
    """
    words = list(words)
    # argparse drops the dashes: `submit -- nproc` would be a request of that name
    end = words.index("--") if words[:1] == ["submit"] and "--" in words else len(words)
    parser = _parser()
    args, rest = parser.parse_known_args(words[:end], argparse.Namespace(program=words[end + 1 :]))
    if rest:
        hint = "; a program stands after two dashes: jupyter-jobs submit [options] -- PROGRAM [ARGUMENT ...]"
        parser.error(
            f"unrecognized arguments: {' '.join(rest)}{hint if words[0] == 'submit' else ''}"
        )
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jupyter-jobs",
        description="Jobs of this machine, or of an AppSync endpoint, from a shell.",
        epilog=f"{EXITS}\n\nexample:\n  jupyter-jobs submit --follow -- python train.py",
        formatter_class=_Help,
    )
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        sub = groups.add_parser(
            command.name,
            help=command.help,
            usage=command.usage,
            description=command.description or f"{command.help[0].upper()}{command.help[1:]}.",
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.examples),
            formatter_class=_Help,
        )
        command.options(sub)
        sub.add_argument("--json", action="store_true", help=f"print JSON: {command.json}")
        sub.set_defaults(run=command.run)
    return parser


class _Help(argparse.HelpFormatter):
    """Breaks the lines of a description, and leaves those of examples and tables as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return text
        return super()._fill_text(text, width, indent)
