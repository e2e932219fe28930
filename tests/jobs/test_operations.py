from importlib.resources import files

import pytest
from graphql import build_schema, parse, validate

from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.calls import get_many
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.reader import Reader

PRELUDE = """
scalar AWSJSON
scalar AWSDateTime
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
"""
SCHEMA = build_schema(PRELUDE + files("jupyter_jobs.jobs").joinpath("schema.graphql").read_text())
DOCUMENTS = {
    name: document
    for name in operations.__all__
    if name.isupper() and name not in ("JOB_FIELDS", "ON_JOB_UPDATE")
    for document in [getattr(operations, name)]
} | {f"ON_JOB_UPDATE[{scope}]": document for scope, document in operations.ON_JOB_UPDATE.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_fits_the_schema(name: str) -> None:
    assert validate(SCHEMA, parse(DOCUMENTS[name])) == []


def test_many_jobs_are_asked_for_in_one_valid_document() -> None:
    call = next(get_many(["a", "b"], PROFILES["jupyter_jobs"]))

    assert call.document is not None
    assert validate(SCHEMA, parse(call.document)) == []
    assert call.variables == {"job0": "a", "job1": "b"}
    assert call.read({"job0": {"id": "a"}, "job1": None}, Reader(PROFILES["jupyter_jobs"])) == [
        {"id": "a"}
    ]


@pytest.mark.parametrize("name", ["SUBMIT_JOB", "CANCEL_JOB", "RETRY_JOB", "UPDATE_JOB"])
def test_every_mutation_publishes_all_fields_under_their_own_names(name: str) -> None:
    assert "...JobFields" in DOCUMENTS[name]
    assert ":" not in operations.JOB_FIELDS


def test_a_subscription_names_only_the_argument_that_it_filters_by() -> None:
    assert "id" not in operations.ON_JOB_UPDATE["group"].split("{")[1]
    assert "group" not in operations.ON_JOB_UPDATE["id"].split("{")[1]
