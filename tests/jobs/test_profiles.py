import dataclasses
from typing import Any

import pytest
from graphql import parse

from jupyter_jobs.errors import ConfigurationError, NotSupported
from jupyter_jobs.jobs.model import JobStatus, Priority
from jupyter_jobs.jobs.profiles import OPERATIONS, PROFILES, Profile, find_profile, root

SEED = PROFILES["seed"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_found_by_its_name(name: str) -> None:
    assert find_profile(name.upper()) is PROFILES[name]
    assert PROFILES[name].name == name


def test_without_a_name_it_is_the_one_of_this_packages_schema() -> None:
    assert find_profile() is PROFILES["jupyter_jobs"]
    assert find_profile(SEED) is SEED


@pytest.mark.parametrize("wrong", ["sead", 3])
def test_a_profile_that_is_not_there_is_told_with_those_that_are(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="jupyter_jobs, seed"):
        find_profile(wrong)


@pytest.mark.parametrize("name", PROFILES)
def test_every_document_is_graphql_whose_first_field_is_the_answer(name: str) -> None:
    profile = PROFILES[name]
    for document in (*profile.documents.values(), *profile.updates.values()):
        operation: Any = parse(document).definitions[0]
        assert root(document) == operation.selection_set.selections[0].name.value


def test_what_an_api_lacks_is_refused_with_what_that_means() -> None:
    with pytest.raises(NotSupported, match="this API has no cancelJob: a job runs to its own end"):
        SEED.document("cancelJob")
    assert not SEED.has("cancelJob")


def test_what_one_subscription_serves_is_the_group_where_there_is_one() -> None:
    assert (PROFILES["jupyter_jobs"].scope, SEED.scope) == ("group", "id")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"documents": {**SEED.documents, "cancel": "mutation { a }"}}, "'cancel' in documents"),
        ({"wider": {"cancelJob": "mutation { a }"}}, "'cancelJob' in wider"),
        ({"updates": {"user": "subscription { a }"}}, "'user' in updates"),
        ({"fields": {"state": "status"}}, "'state' in fields"),
        ({"documents": {}}, "needs a document for submitJob"),
        ({"updates": {}}, "a subscription in updates"),
        ({"documents": {"submitJob": "submitJob"}}, "selects nothing"),
    ],
)
def test_a_profile_that_cannot_work_is_refused_when_it_is_written(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        dataclasses.replace(SEED, **changes)


def test_the_words_of_the_seed_are_all_known() -> None:
    assert set(SEED.statuses) == {
        *("PENDING", "PROCESSING", "IN_PROGRESS", "COMPLETE", "COMPLETED", "FAILED", "ERROR")
    }
    assert set(SEED.statuses.values()) <= set(JobStatus)


@pytest.mark.parametrize(
    ("operation", "new"),
    [("listJobs", {"name": "n"}), ("listJobs", {"tag": "t"}), ("jobLogs", {"since": "2026"})],
)
def test_what_an_earlier_schema_lacks_is_sent_only_when_it_is_used(
    operation: str, new: dict[str, str]
) -> None:
    ours, known = PROFILES["jupyter_jobs"], {"id": "a", "group": "g", "limit": 1}

    plain, wider = ours.document(operation, known), ours.document(operation, {**known, **new})

    assert plain == ours.documents[operation]
    assert wider == ours.wider[operation]
    assert root(plain) == root(wider)
    assert not set(ours.variables(operation, known)) & {"name", "tag", "since"}
    assert new.items() <= ours.variables(operation, {**known, **new}).items()


def test_a_filter_that_no_document_declares_is_left_to_the_client() -> None:
    plain = dataclasses.replace(PROFILES["jupyter_jobs"], wider={})

    assert plain.document("listJobs", {"name": "n"}) == plain.documents["listJobs"]
    assert plain.variables("listJobs", {"name": "n", "limit": 3}) == {"limit": 3}


@pytest.mark.parametrize(
    ("lost", "advice"),
    [
        ({"params": "1"}, "put what the job needs into the request itself"),
        ({"payload": "{}"}, "put what the job needs into the request itself"),
        ({"key": "k"}, "it cannot tell what was submitted before"),
        ({"after": ["a"]}, "wait for the other jobs"),
        ({"rules": "{}"}, "it runs jobs by rules of its own"),
    ],
)
def test_what_the_work_needs_and_an_api_does_not_take_is_refused(
    lost: dict[str, Any], advice: str
) -> None:
    (field,) = lost

    with pytest.raises(
        NotSupported, match=f"takes no {field}, only request and priority; {advice}"
    ):
        SEED.input({"request": "r", **lost})


def test_what_only_helps_people_is_left_out_where_an_api_does_not_take_it() -> None:
    given = {"request": "r", "batch": "b", "tags": ["t"], "name": "n", "priority": "LOW"}

    assert SEED.input(given) == {"request": "r", "priority": "LOW"}


def test_every_operation_is_known_to_be_missed() -> None:
    assert set(PROFILES["jupyter_jobs"].documents) == set(OPERATIONS)
    assert Priority.HIGH not in SEED.priorities
    assert isinstance(SEED, Profile)


def test_a_status_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError, match="takes 'OK' for 'DONE', which is no JobStatus"):
        dataclasses.replace(SEED, statuses={"OK": "DONE"})
