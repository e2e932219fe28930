"""The same names in five files of two languages; what lags is named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from graphql import EnumTypeDefinitionNode, ObjectTypeDefinitionNode, parse, print_ast
from graphql.language import FieldNode, FragmentDefinitionNode

from jupyter_jobs.appsync.client import ConnectionState
from jupyter_jobs.jobs.model import TRANSITIONS, WIRE_NAMES, Job, JobKind, JobStatus, Priority
from jupyter_jobs.jobs.operations import (
    JOB_FIELDS,
    JOB_FILES,
    JOB_LOGS,
    JOB_LOGS_SINCE,
    JOB_METRICS,
    JOB_QUEUE,
    JOB_RESULT,
)
from jupyter_jobs.jobs.profiles import OPERATIONS
from jupyter_jobs.widget.actions import ACTIONS
from jupyter_jobs.widget.panel_state import ROW_FIELDS

ROOT = Path(__file__).parents[1]
SCHEMA = "jupyter_jobs/jobs/schema.graphql"
MODEL = "jupyter_jobs/jobs/model.py"
TYPES = "js/src/types.ts"

schema = {
    node.name.value: node
    for node in parse((ROOT / SCHEMA).read_text()).definitions
    if isinstance(node, (EnumTypeDefinitionNode, ObjectTypeDefinitionNode))
}
job_type = schema["Job"]
assert isinstance(job_type, ObjectTypeDefinitionNode)
TYPE_OF_FIELD = {
    field.name.value: print_ast(field.type).rstrip("!") for field in job_type.fields or ()
}
JOB_FIELDS_OF_SCHEMA = list(TYPE_OF_FIELD)


def words_of_enum(name: str) -> list[str]:
    node = schema[name]
    assert isinstance(node, EnumTypeDefinitionNode)
    return [value.name.value for value in node.values or ()]


def find(pattern: str, path: str) -> str:
    match = re.search(pattern, (ROOT / path).read_text(), re.DOTALL | re.MULTILINE)
    assert match, f"{path} has nothing like {pattern!r} any more: adapt the file, or this test"
    return match[1]


def words_of_union(name: str) -> list[str]:
    """The words of a union of words, those of the unions in it too."""
    union = find(rf"^export type {name} =(.*?);", TYPES)
    parts = re.findall(r"(?<![\"\w])[A-Z]\w*", union)
    return [*re.findall(r'"(\w+)"', union), *(w for part in parts for w in words_of_union(part))]


def fields_of_interface(name: str) -> list[str]:
    body = find(rf"^export interface {name} \{{(.*?)^\}}", TYPES)
    return re.findall(r"^  (\w+)\??:", body, re.MULTILINE)


def keys_of_record(name: str, path: str) -> list[str]:
    body = find(rf"^(?:export )?const {name}\b[^=]*= \{{(.*?)^\}}", path)
    return re.findall(r"^  (\w+):", body, re.MULTILINE)


def assert_agrees(truth: str, wanted: Iterable[str], path: str, found: Iterable[str]) -> None:
    """`path` has the words of `truth`, no more and no less."""
    wanted, found = set(wanted), set(found)
    lacks, knows = sorted(wanted - found), sorted(found - wanted)
    assert not lacks, f"{path} lags behind {truth}: it lacks {', '.join(lacks)}"
    assert not knows, f"{path} has {', '.join(knows)}, which {truth} has not"


def test_the_record_has_the_fields_of_the_schema() -> None:
    assert_agrees(SCHEMA, JOB_FIELDS_OF_SCHEMA, MODEL, WIRE_NAMES.values())


def test_only_the_id_of_a_job_is_never_null() -> None:
    assert isinstance(job_type, ObjectTypeDefinitionNode)
    required = [f.name.value for f in job_type.fields or () if print_ast(f.type).endswith("!")]

    assert required == ["id"]


def test_the_fragment_selects_the_fields_of_the_schema() -> None:
    fragment = parse(JOB_FIELDS).definitions[0]
    assert isinstance(fragment, FragmentDefinitionNode)
    selected = fragment.selection_set.selections

    assert_agrees(
        SCHEMA,
        JOB_FIELDS_OF_SCHEMA,
        "jupyter_jobs/jobs/operations.py",
        [node.name.value for node in selected if isinstance(node, FieldNode)],
    )
    assert not any(isinstance(node, FieldNode) and node.alias for node in selected)


def test_each_operation_is_one_that_a_profile_may_have() -> None:
    roots = [schema[name] for name in ("Query", "Mutation")]
    fields = [
        field.name.value
        for root in roots
        if isinstance(root, ObjectTypeDefinitionNode)
        for field in root.fields or ()
    ]

    assert_agrees(SCHEMA, set(fields) - {"updateJob"}, "jupyter_jobs/jobs/profiles.py", OPERATIONS)


@pytest.mark.parametrize(
    ("type_", "document"),
    [
        ("LogPage", JOB_LOGS),
        ("LogLine", JOB_LOGS_SINCE),
        ("MetricPage", JOB_METRICS),
        ("MetricPoint", JOB_METRICS),
        ("JobFile", JOB_FILES),
        ("QueuePlace", JOB_QUEUE),
        ("JobResult", JOB_RESULT),
    ],
)
def test_a_document_asks_for_all_that_the_schema_has(type_: str, document: str) -> None:
    node = schema[type_]
    assert isinstance(node, ObjectTypeDefinitionNode)
    fields = {field.name.value for field in node.fields or ()}

    assert_agrees(
        SCHEMA,
        fields,
        "jupyter_jobs/jobs/operations.py",
        fields & set(re.findall(r"\w+", document)),
    )


SAMPLES = {
    "ID": "other",
    "String": "words",
    "[ID!]": ["other"],
    "[String!]": ["night"],
    "Int": 7,
    "Float": 0.5,
    "AWSJSON": '{"a": 1}',
    "AWSDateTime": "2026-11-22T20:00:00.000Z",
    "JobKind": "COMMAND",
    "JobStatus": "RUNNING",
    "Priority": "LOW",
}


SHAPED = {"history": '[{"error": "bad day"}]', "metrics": '{"loss": {"last": 0.21}}'}


@pytest.mark.parametrize("name", JOB_FIELDS_OF_SCHEMA)
def test_a_job_is_read_with_each_field_of_the_schema(name: str) -> None:
    bare = {"id": "one", "status": "QUEUED", "version": 1}

    told = Job.from_wire({**bare, name: SHAPED.get(name, SAMPLES[TYPE_OF_FIELD[name]])})

    assert told != Job.from_wire(bare), f"Job.from_wire in {MODEL} does not read {name}"
    attribute = next(attribute for attribute, wire in WIRE_NAMES.items() if wire == name)
    assert getattr(told, attribute) != getattr(Job.from_wire(bare), attribute)


DERIVED = {"attached", "endsAt", "failure", "metric", "slow"}
"""Fields of a row that are made of several of a job's."""


def test_a_row_of_the_panel_has_fields_of_the_schema_and_derived_ones_only() -> None:
    unknown = sorted(set(ROW_FIELDS) - set(JOB_FIELDS_OF_SCHEMA) - DERIVED)

    assert not unknown, f"jupyter_jobs/widget/panel_state.py has {unknown}, which {SCHEMA} has not"


def test_the_page_has_the_fields_of_a_row() -> None:
    assert_agrees(
        "jupyter_jobs/widget/panel_state.py", ROW_FIELDS, TYPES, fields_of_interface("Row")
    )


@pytest.mark.parametrize(
    ("enum", "python", "union"),
    [
        ("JobStatus", JobStatus, "Status"),
        ("Priority", Priority, "Priority"),
        ("JobKind", JobKind, "Kind"),
    ],
)
def test_closed_sets_have_the_words_of_the_schema(
    enum: str, python: Iterable[str], union: str
) -> None:
    assert_agrees(SCHEMA, words_of_enum(enum), MODEL, [str(word) for word in python])
    assert_agrees(SCHEMA, words_of_enum(enum), TYPES, words_of_union(union))


def test_each_status_has_its_successors_and_its_look() -> None:
    statuses = words_of_enum("JobStatus")

    assert_agrees(SCHEMA, statuses, f"TRANSITIONS in {MODEL}", [str(word) for word in TRANSITIONS])
    assert_agrees(
        SCHEMA, statuses, "js/src/states.tsx", keys_of_record("SHAPES", "js/src/states.tsx")
    )


def test_the_page_knows_the_states_of_the_connection() -> None:
    assert_agrees(
        "ConnectionState in jupyter_jobs/appsync",
        [str(state) for state in ConnectionState],
        TYPES,
        words_of_union("ConnectionState"),
    )


def test_the_page_asks_for_the_actions_that_the_kernel_has() -> None:
    assert_agrees("jupyter_jobs/widget/actions.py", ACTIONS, TYPES, words_of_union("Action"))
