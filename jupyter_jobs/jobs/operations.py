"""The GraphQL documents, and the one fragment that all of them select.

AppSync publishes what the *mutation* selected, and a subscriber sees no more than that (AppSync developer guide,
"Real-time data", selection sets). So every mutation, a worker's too, selects all of `JOB_FIELDS`, none of them under an alias.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_jobs.jobs.model import WIRE_NAMES

__all__ = [
    "CANCEL_JOB",
    "FIND_JOBS",
    "GET_JOB",
    "JOB_FIELDS",
    "JOB_FILES",
    "JOB_LOGS",
    "JOB_LOGS_SINCE",
    "JOB_METRICS",
    "JOB_PAYLOAD",
    "JOB_QUEUE",
    "JOB_RESULT",
    "LIST_JOBS",
    "ON_JOB_UPDATE",
    "PRUNE_JOBS",
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
FIND_JOBS = (
    "query FindJobs($group: String, $status: JobStatus, $name: String, $tag: String, $since: AWSDateTime, "
    "$limit: Int, $nextToken: String) { listJobs(group: $group, status: $status, name: $name, tag: $tag, "
    "since: $since, limit: $limit, nextToken: $nextToken) { items { ...JobFields } nextToken } } "
    + JOB_FIELDS
)
"""`LIST_JOBS` with the filters that an API of an earlier schema has not."""

_LOG_PAGE = "{ lines { seq time stream text } ended dropped }"
JOB_LOGS = (
    "query JobLogs($id: ID!, $after: Int, $tail: Int, $limit: Int) { "
    f"jobLogs(id: $id, after: $after, tail: $tail, limit: $limit) {_LOG_PAGE} }}"
)
JOB_LOGS_SINCE = (
    "query JobLogsSince($id: ID!, $after: Int, $since: AWSDateTime, $tail: Int, $limit: Int) { "
    f"jobLogs(id: $id, after: $after, since: $since, tail: $tail, limit: $limit) {_LOG_PAGE} }}"
)
"""`JOB_LOGS` with the filter that an API of an earlier schema has not."""

JOB_METRICS = (
    "query JobMetrics($id: ID!, $after: Int, $limit: Int) { "
    "jobMetrics(id: $id, after: $after, limit: $limit) "
    "{ points { seq time step values } ended dropped } }"
)
JOB_FILES = "query JobFiles($id: ID!) { jobFiles(id: $id) { name size modifiedAt path } }"
JOB_QUEUE = "query JobQueue($id: ID!) { jobQueue(id: $id) { ahead seconds } }"
JOB_RESULT = "query JobResult($id: ID!) { jobResult(id: $id) { encoding data path } }"
JOB_PAYLOAD = "query JobPayload($id: ID!) { jobPayload(id: $id) }"
PRUNE_JOBS = (
    "mutation PruneJobs($before: AWSDateTime!, $group: String, $filesOnly: Boolean) "
    "{ pruneJobs(before: $before, group: $group, filesOnly: $filesOnly) }"
)

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
