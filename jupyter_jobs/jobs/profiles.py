"""What an API calls things: its documents, fields and words, as data.

This package's own schema is one profile among others. For an API of another kind write one, with what it has; what it
has not is then refused in a clear sentence:

    profile = Profile(
        name="tasks",
        documents={
            "submitJob": "mutation Start($input: StartTaskInput!) { startTask(input: $input) { taskId state } }",
            "getJob": "query Task($id: ID!) { task(taskId: $id) { taskId state output modified } }",
        },
        updates={"id": "subscription Task($id: ID!) { onTask(taskId: $id) { taskId state output modified } }"},
        fields={"id": "taskId", "status": "state", "result": "output", "updatedAt": "modified"},
        statuses={"WAITING": JobStatus.QUEUED, "ACTIVE": JobStatus.RUNNING, "OK": JobStatus.SUCCEEDED},
        inputs=("request",),
        client_ids=False,
        versions=False,
    )
    JobMonitor("https://…/graphql", auth=…, profile=profile)

A document's variables have the names that they have in `operations`: `$input`, `$id`, `$group`, `$status`, `$limit`,
`$nextToken`, `$after`, `$tail`, `$since`, `$name`, `$tag`. Its first field is the one whose value is the answer. A mutation must select, under no
alias, all that a subscription shall see: AppSync publishes no more than that.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_jobs.errors import ConfigurationError, NotSupported
from jupyter_jobs.jobs import operations
from jupyter_jobs.jobs.model import WIRE_NAMES, JobStatus, Priority

__all__ = ["OPERATIONS", "PROFILES", "Profile", "find_profile", "root"]

_ROOT = re.compile(r"\{\s*(\w+)")
_VARIABLE = re.compile(r"\$(\w+)")
_WIRE_NAMES = frozenset(WIRE_NAMES.values())
_INTO_THE_REQUEST = "put what the job needs into the request itself"
_NEEDED: Mapping[str, str] = {
    "params": _INTO_THE_REQUEST,
    "payload": _INTO_THE_REQUEST,
    "key": "it cannot tell what was submitted before",
    "after": "wait for the other jobs, then submit this one",
    "rules": "it runs jobs by rules of its own",
}
"""Field of a submission that cannot be left out silently -> what to do where an API does not take it."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of API.

    Attributes:
        name: What people call it.
        documents: Operation, by its name in this package's schema (`submitJob`, `getJob`, `listJobs`, `cancelJob`,
            `retryJob`, `jobLogs`, `jobResult`, … all are in `OPERATIONS`), -> GraphQL. `submitJob` must be there; of the
            others, what the API has.
        wider: Operation -> the same with variables that not every API of the kind knows. It is sent when one of them is used.
        updates: "group" or "id" -> the subscription to all jobs of a group, or to one job. One suffices; the group's
            is preferred, for it serves all jobs at once.
        fields: Field of a job, by its name in this package's schema, -> the API's, where it has another name.
        statuses: The API's word -> the status that it stands for; empty where the words are the same.
        priorities: Priority -> the API's word; empty where the words are the same.
        inputs: Which fields of `SubmitJobInput` the API takes, by their names in this package's schema; None for all.
        client_ids: Whether the job's id is made here, so that a submission may be repeated without a second job.
        versions: Whether jobs carry a `version` that grows by one at each write.

    Raises:
        ConfigurationError: What cannot work, by name.
    """

    name: str
    documents: Mapping[str, str]
    updates: Mapping[str, str]
    wider: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, JobStatus] = field(default_factory=dict)
    priorities: Mapping[Priority, str] = field(default_factory=dict)
    inputs: Sequence[str] | None = None
    client_ids: bool = True
    versions: bool = True

    def __post_init__(self) -> None:
        for what, given, known in (
            ("documents", self.documents, OPERATIONS),
            ("wider", self.wider, self.documents),
            ("updates", self.updates, ("group", "id")),
            ("fields", self.fields, _WIRE_NAMES),
        ):
            if unknown := sorted(set(given) - set(known)):
                raise ConfigurationError(
                    f"the profile {self.name!r} has {unknown[0]!r} in {what}, "
                    f"which takes {', '.join(sorted(known))}"
                )
        for word, status in self.statuses.items():
            if not isinstance(status, JobStatus):
                raise ConfigurationError(
                    f"the profile {self.name!r} takes {word!r} for {status!r}, which is no JobStatus, "
                    "as JobStatus.SUCCEEDED is"
                )
        if "submitJob" not in self.documents or not self.updates:
            raise ConfigurationError(
                f"the profile {self.name!r} needs a document for submitJob, and a subscription in updates"
            )
        for document in (
            *self.documents.values(),
            *self.wider.values(),
            *self.updates.values(),
        ):
            if _ROOT.search(document) is None:
                raise ConfigurationError(
                    f"the profile {self.name!r} has a document that selects nothing: {document[:80]!r}"
                )

    @property
    def scope(self) -> str:
        """What one subscription serves: all jobs of a "group", or the job of one "id"."""
        return "group" if "group" in self.updates else "id"

    def has(self, operation: str) -> bool:
        """Whether the API has that operation."""
        return operation in self.documents

    @property
    def can_ask(self) -> bool:
        """Whether the API can be asked for what its events did not tell."""
        return self.has("listJobs") or self.has("getJob")

    @property
    def runs_work(self) -> bool:
        """Whether functions, programs and notebooks can be sent, which travel in `payload`."""
        return self.inputs is None or "payload" in self.inputs

    def input(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a `SubmitJobInput` of this package's schema as the API's own.

        What only helps people here is left out where the API does not take it: id, name, group, kind, tags, batch,
        submittedFrom.

        Raises:
            NotSupported: It holds what the work needs and the API does not take.
        """
        if self.inputs is not None:
            for name, instead in _NEEDED.items():
                if name in body and name not in self.inputs:
                    raise NotSupported(
                        f"this API's submitJob takes no {name}, only {' and '.join(self.inputs)}; {instead}"
                    )
            body = {name: body[name] for name in self.inputs if name in body}
        if "priority" in body:
            body = {**body, "priority": self.priorities.get(body["priority"], body["priority"])}
        return {self.fields.get(name, name): value for name, value in body.items()}

    def variables(self, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the variables of an operation in the API's words, without those that its document does not declare.

        Raises:
            NotSupported: See `input` and `document`.
        """
        given = dict(given)
        if operation == "submitJob":
            given["input"] = self.input(given["input"])
        if given.get("status") in (words := {ours: word for word, ours in self.statuses.items()}):
            given["status"] = words[given["status"]]
        declared = _VARIABLE.findall(self.document(operation, given))
        return {name: value for name, value in given.items() if name in declared}

    def document(self, operation: str, variables: Container[str] = ()) -> str:
        """Return the GraphQL of an operation.

        Args:
            operation: Its name in this package's schema.
            variables: What it is to be given; the wider document is chosen when it is needed for one of them.

        Raises:
            NotSupported: The API has none.
        """
        if operation not in self.documents:
            raise NotSupported(f"this API has no {operation}: {OPERATIONS[operation]}")
        plain, wider = self.documents[operation], self.wider.get(operation, "")
        more = set(_VARIABLE.findall(wider)) - set(_VARIABLE.findall(plain))
        return wider if any(name in variables for name in more) else plain


def root(document: str) -> str:
    """Return the name of a document's first field, whose value is the answer."""
    found = _ROOT.search(document)
    assert found is not None  # checked when the profile was made
    return found[1]


def find_profile(profile: str | Profile | None = None) -> Profile:
    """Return a profile by name, or as it is; None for the one of this package's own schema.

    Raises:
        ConfigurationError: There is none of that name; says which there are.
    """
    if isinstance(profile, Profile):
        return profile
    if profile is None:
        return PROFILES["jupyter_jobs"]
    if str(profile).lower() not in PROFILES:
        raise ConfigurationError(
            f"there is no profile {profile!r}; choose one of {', '.join(PROFILES)}, or pass a Profile"
        )
    return PROFILES[profile.lower()]


OPERATIONS: Mapping[str, str] = {
    "submitJob": "jobs cannot be submitted",
    "getJob": "what is not told by an event stays unknown",
    "listJobs": "it cannot tell which jobs there are",
    "cancelJob": "a job runs to its own end",
    "retryJob": "submit the work again instead",
    "jobLogs": "what jobs print cannot be read",
    "jobResult": "only results that come with the job can be had",
    "jobPayload": "what a job was submitted with cannot be had back",
    "jobMetrics": "of what jobs measure only the last values can be had, where they come with the job",
    "jobFiles": "what jobs leave in their folders stays there",
    "jobQueue": "how many jobs are ahead of one is not known",
    "pruneJobs": "it keeps its jobs as long as it thinks right",
}
"""Operation -> what an API without it cannot do."""

PROFILES: Mapping[str, Profile] = {
    "jupyter_jobs": Profile(
        name="jupyter_jobs",
        documents={
            "submitJob": operations.SUBMIT_JOB,
            "getJob": operations.GET_JOB,
            "listJobs": operations.LIST_JOBS,
            "cancelJob": operations.CANCEL_JOB,
            "retryJob": operations.RETRY_JOB,
            "jobLogs": operations.JOB_LOGS,
            "jobResult": operations.JOB_RESULT,
            "jobPayload": operations.JOB_PAYLOAD,
            "jobMetrics": operations.JOB_METRICS,
            "jobFiles": operations.JOB_FILES,
            "jobQueue": operations.JOB_QUEUE,
            "pruneJobs": operations.PRUNE_JOBS,
        },
        wider={"listJobs": operations.FIND_JOBS, "jobLogs": operations.JOB_LOGS_SINCE},
        updates=operations.ON_JOB_UPDATE,
    ),
    "seed": Profile(
        name="seed",
        documents={
            "submitJob": "mutation SubmitJob($input: SubmitJobInput!) { submitJob(input: $input) { id status } }"
        },
        updates={
            "id": "subscription OnJobUpdate($id: ID!) "
            "{ onJobUpdate(id: $id) { id status result createdAt updatedAt } }"
        },
        statuses={
            "PENDING": JobStatus.QUEUED,
            "PROCESSING": JobStatus.RUNNING,
            "IN_PROGRESS": JobStatus.RUNNING,
            "COMPLETE": JobStatus.SUCCEEDED,
            "COMPLETED": JobStatus.SUCCEEDED,
            "FAILED": JobStatus.FAILED,
            "ERROR": JobStatus.FAILED,
        },
        inputs=("request", "priority"),
        client_ids=False,
        versions=False,
    ),
}
"""Name -> profile, for `profile=` and `JUPYTER_JOBS_PROFILE`."""
