"""The GraphQL documents, and the one fragment that all of them select.

AppSync publishes what the *mutation* selected, and a subscriber sees no more than that (AppSync developer guide,
"Real-time data", selection sets). So every mutation, a worker's too, selects all of `JOB_FIELDS`, none of them under an alias.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_jobs.jobs.model import WIRE_NAMES

__all__ = [
    "CANCEL_JOB",
    "GET_JOB",
    "JOB_FIELDS",
    "JOB_LOGS",
    "JOB_PAYLOAD",
    "JOB_RESULT",
    "LIST_JOBS",
    "ON_JOB_UPDATE",
    "RETRY_JOB",
    "SUBMIT_JOB",
    "UPDATE_JOB",
    "many",
]

JOB_FIELDS = "fragment JobFields on Job { " + " ".join(WIRE_NAMES.values()) + " }"

SUBMIT_JOB = (
    "mutation SubmitJob($input: SubmitJobInput!) { submitJob(input: $input) { ...JobFields } } "
    + JOB_FIELDS
)
CANCEL_JOB = "mutation CancelJob($id: ID!) { cancelJob(id: $id) { ...JobFields } } " + JOB_FIELDS
RETRY_JOB = "mutation RetryJob($id: ID!) { retryJob(id: $id) { ...JobFields } } " + JOB_FIELDS
UPDATE_JOB = (
    "mutation UpdateJob($input: UpdateJobInput!) { updateJob(input: $input) { ...JobFields } } "
    + JOB_FIELDS
)
GET_JOB = "query GetJob($id: ID!) { getJob(id: $id) { ...JobFields } } " + JOB_FIELDS
LIST_JOBS = (
    "query ListJobs($group: String, $status: JobStatus, $limit: Int, $nextToken: String) { "
    "listJobs(group: $group, status: $status, limit: $limit, nextToken: $nextToken) "
    "{ items { ...JobFields } nextToken } } " + JOB_FIELDS
)
JOB_LOGS = (
    "query JobLogs($id: ID!, $after: Int, $tail: Int, $limit: Int) { "
    "jobLogs(id: $id, after: $after, tail: $tail, limit: $limit) "
    "{ lines { seq time stream text } ended dropped } }"
)
JOB_RESULT = "query JobResult($id: ID!) { jobResult(id: $id) { encoding data } }"
JOB_PAYLOAD = "query JobPayload($id: ID!) { jobPayload(id: $id) }"

# The variable stands for one filter only: an argument that is present and null would match null alone
# (same page, "Passing null"), so a subscription names exactly the arguments that it filters by.
ON_JOB_UPDATE = {
    "group": "subscription OnJobUpdate($group: String) { onJobUpdate(group: $group) { ...JobFields } } "
    + JOB_FIELDS,
    "id": "subscription OnJobUpdate($id: ID) { onJobUpdate(id: $id) { ...JobFields } } "
    + JOB_FIELDS,
}
"""The subscription document for each scope: all jobs of a group, or one job."""


def many(kind: str, field: str, argument: str, names: Sequence[str]) -> str:
    """Return a document that has a field about jobs many times.

    Args:
        kind: "query" or "mutation", and the operation's name.
        field: Its name.
        argument: Its one argument, and what that takes: `id: ID!`.
        names: The alias of each, and the variable that goes into it.
    """
    label, type_ = argument.split(": ")
    declared = ", ".join(f"${name}: {type_}" for name in names)
    fields = " ".join(f"{name}: {field}({label}: ${name}) {{ ...JobFields }}" for name in names)
    return f"{kind}({declared}) {{ {fields} }} {JOB_FIELDS}"
