"""The parts that read what others sent and do nothing else: whatever they are given, they refuse it as they say."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, get_operation_ast
from graphql.language import lexer, parser, source
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from jupyter_jobs.appsync import messages
from jupyter_jobs.appsync.messages import Start
from jupyter_jobs.appsync.protocol import ServerConnection, server
from jupyter_jobs.backend import executors
from jupyter_jobs.backend.api import documents as documents_
from jupyter_jobs.backend.api import flat, inputs, shape
from jupyter_jobs.backend.api.documents import Documents
from jupyter_jobs.backend.api.flat import flatten, fragments_of
from jupyter_jobs.backend.api.inputs import read_moment, read_params, read_rules
from jupyter_jobs.backend.api.resolvers import build
from jupyter_jobs.backend.executors import Submission
from jupyter_jobs.backend.refusal import Refusal
from tests.fuzz.documents import documents, json_values

__all__ = ["MODULES", "TARGETS", "hold", "run"]

MODULES = (documents_, executors, flat, inputs, messages, server, shape, source, lexer, parser)
"""What atheris watches, to find inputs that come further."""

KEPT = 300  # inputs that atheris starts from
ATHERIS_S = 60
"""Seconds for each target, where atheris is installed."""


@cache
def _schema() -> GraphQLSchema:
    return build()


@cache
def _documents() -> Documents:
    return Documents(_schema())


def _read_document(data: bytes) -> None:
    """Documents, and what a plan makes of their selections."""
    with contextlib.suppress(GraphQLError):
        document, invalid = _documents().read(data.decode(errors="replace"))
        operation = get_operation_ast(document)
        root = _schema().query_type
        if not invalid and isinstance(operation, OperationDefinitionNode) and root is not None:
            flatten(root, operation.selection_set, fragments_of(document))


def _receive(data: bytes) -> None:
    """Frames, a line each: the machine answers, and never raises."""
    connection, now = ServerConnection(), 0.0
    connection.receive('{"type": "connection_init"}', now)
    for line in data.split(b"\n"):
        now += 1.0
        for event in connection.receive(_text(line), now):
            if isinstance(event, Start):
                connection.accept(event.id)
        connection.tick(now)
        for text in connection.data_to_send():
            json.loads(text)


def _text(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _read_payload(data: bytes) -> None:
    """What a submission says of its work, and of its rules."""
    text = data.decode(errors="replace")
    for read in (
        lambda: Submission.read("request", text),
        lambda: read_params(text),
        lambda: read_rules(text, 4),
        lambda: read_moment(text, "since"),
    ):
        with contextlib.suppress(Refusal):
            read()


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "documents": _read_document,
    "frames": _receive,
    "payloads": _read_payload,
}
"""Name -> what must raise nothing, whatever it is given."""

_SEEDS: Mapping[str, st.SearchStrategy[bytes]] = {
    "documents": documents().map(lambda pair: pair[0].encode(errors="replace")),
    "frames": st.lists(
        st.dictionaries(
            st.sampled_from(["type", "id", "payload"]),
            st.one_of(json_values(), st.sampled_from(["connection_init", "start", "stop", "1"])),
        ).map(lambda frame: json.dumps(frame).encode()),
        max_size=6,
    ).map(b"\n".join),
    "payloads": json_values().map(lambda value: json.dumps(value).encode()),
}
"""Name -> inputs that come further than arbitrary bytes."""


def run(examples: int, number: int, say: Callable[[str], object]) -> bool:
    """Try all targets; whether nothing was raised."""
    well = True
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                hold(name, examples, number, Path(folder))
                say(f"pure: {name}: {examples} examples")
            except Exception as error:  # also the group that Hypothesis makes of several
                well = False
                say(f"pure: {name}: WRONG\n{''.join(traceback.format_exception(error))}")
            if importlib.util.find_spec("atheris") is not None:
                well = _by_atheris(name, Path(folder), say) and well
    return well


def hold(name: str, examples: int, number: int = 1, keep: Path | None = None) -> None:
    """Give a target so many inputs; equal ones for equal numbers.

    Args:
        name: Of the target.
        examples: How many.
        number: Chooses them.
        keep: A folder for some of them, from which atheris starts.
    """
    kept = itertools.count()

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.one_of(_SEEDS[name], _SEEDS[name], st.binary(max_size=400)))
    def one(data: bytes) -> None:
        if keep is not None and (place := next(kept)) < KEPT:
            (keep / str(place)).write_bytes(data)
        TARGETS[name](data)

    one()


def _by_atheris(name: str, inputs: Path, say: Callable[[str], object]) -> bool:
    """Let atheris look for inputs by what they reach in the code, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.pure", name, f"-max_total_time={ATHERIS_S}", inputs],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    last = next((line for line in reversed(lines) if line.startswith("Done ")), "not done")
    say(f"pure: {name}, by atheris: {last}")
    if done.returncode != 0:
        say("\n".join(lines[-40:]))
    return done.returncode == 0


def _main() -> None:
    """Be the process that atheris runs in: it takes the rest of the arguments."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # only where somebody has installed it

    name = sys.argv.pop(1)
    for module in MODULES:
        for function in _functions_of(module):
            atheris.instrument_func(function)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


def _functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """Yield the functions and methods that are written in a module."""
    for value in vars(module).values():
        for each in vars(value).values() if isinstance(value, type) else [value]:
            if isinstance(each, FunctionType) and each.__module__ == module.__name__:
                yield each


if __name__ == "__main__":
    _main()
