import pytest

from jupyter_jobs.errors import (
    BackendUnavailable,
    ConnectionLost,
    Draining,
    InvalidJob,
    JobNotFound,
    NotSupported,
    RequestRefused,
    ResultUnavailable,
    UnknownRequest,
)
from jupyter_jobs.jobs.profiles import PROFILES
from jupyter_jobs.jobs.refusals import job_error, uncertain

OWN, SEED = PROFILES["jupyter_jobs"], PROFILES["seed"]


def refused(message: str, kind: str = "", info: object = None) -> RequestRefused:
    return RequestRefused([{"message": message, "errorType": kind, "errorInfo": info}])


def test_what_the_embedded_backend_refuses_is_an_error_about_a_job() -> None:
    assert isinstance(job_error(refused("no", "InvalidJob"), None, OWN), InvalidJob)
    found = job_error(refused("no", "JobNotFound"), "j1", OWN)
    assert isinstance(found, JobNotFound)
    assert found.job_id == "j1"
    pruned = job_error(refused("its files were pruned", "ResultExpired"), "j1", OWN)
    assert isinstance(pruned, ResultUnavailable)


@pytest.mark.parametrize("kind", ["StorageFull", "StorageUnavailable"])
def test_a_backend_whose_disk_takes_nothing_is_not_available(kind: str) -> None:
    error = job_error(refused("Nothing was written: the disk is full.", kind), None, OWN)

    assert isinstance(error, BackendUnavailable)
    assert str(error) == "Nothing was written: the disk is full."


def test_a_backend_that_is_about_to_end_is_no_fault_of_the_job() -> None:
    found = job_error(refused("It takes no new jobs.", "Draining"), None, OWN)

    assert isinstance(found, Draining)
    assert (str(found), found.code) == ("It takes no new jobs.", "SUBMISSION_FAILED")


@pytest.mark.parametrize("info", [{"known": ["Process data"]}, None])
def test_an_unknown_request_tells_those_that_are_known(info: object) -> None:
    error = job_error(refused("no", "UnknownRequest", info), None, OWN)

    assert isinstance(error, UnknownRequest)
    assert error.known == (("Process data",) if info else ())


@pytest.mark.parametrize(
    "message",
    [
        "Validation error of type FieldUndefined: Field 'group' in type 'Job' is undefined @ 'submitJob/group'",
        "Validation error of type UnknownType: Unknown type SubmitJobInput",
        "Validation error of type UnknownArgument: Unknown field argument group",
        "The variables input contains a field name 'id' that is not defined for input object type 'SubmitJobInput' ",
        "Cannot query field 'listJobs' on type 'Query'.",
        "Variable '$input' got invalid value {'id': '1'}; Field 'id' is not defined by type 'SubmitJobInput'.",
    ],
)
def test_a_schema_of_another_kind_is_told_with_the_way_out(message: str) -> None:
    error = job_error(refused(message, "ValidationError"), None, OWN)

    assert isinstance(error, NotSupported)
    assert f"{message.rstrip('.')}. Pass" in str(error)
    assert 'profile="seed"' in str(error)
    assert 'profile="jupyter_jobs"' not in str(error)
    assert "write a Profile" in str(error)


@pytest.mark.parametrize(
    "message",
    [
        "Validation error of type FieldUndefined: Field 'retryJob' in type 'Mutation' is undefined @ 'retryJob'",
        "Cannot query field 'retryJob' on type 'Mutation'.",
        "Cannot query field 'retryJob' on type 'Mutation'. Did you mean 'cancelJob'?",
    ],
)
def test_an_api_without_an_extra_says_what_it_cannot_do(message: str) -> None:
    error = job_error(refused(message, "ValidationError"), "j1", OWN)

    assert isinstance(error, NotSupported)
    assert str(error) == "this API has no retryJob: submit the work again instead"
    assert error.job_id == "j1"


def test_other_refusals_stay_what_they_are() -> None:
    assert job_error(refused("table is on fire", "Lambda:Unhandled"), None, SEED) is None


def test_a_lost_answer_to_a_submission_that_has_no_id_says_what_may_have_happened() -> None:
    error = uncertain(ConnectionLost("the connection broke", host="h", request_id="r"))

    assert isinstance(error, ConnectionLost)
    assert str(error).startswith("the connection broke. It may have been submitted all the same")
    assert (error.host, error.request_id) == ("h", "r")
