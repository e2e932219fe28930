"""The text of a cell that does a job's work here, where it can be looked into."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from jupyter_jobs._redact import HIDDEN, redact, redact_mapping
from jupyter_jobs.errors import NotSupported
from jupyter_jobs.jobs.model import Job, JobKind

__all__ = ["cell"]


def cell(job: Job, payload: Mapping[str, Any] | None, *, is_here: bool) -> str:
    """Return a cell that does the work of a job in the kernel.

    Args:
        job: Whose work.
        payload: What it was submitted with, if the API tells.
        is_here: Whether the job's backend is this machine's own: only then are its functions and files here.

    Raises:
        NotSupported: It cannot be done here, and what to do instead.
    """
    payload = payload or {}
    if job.kind in (None, JobKind.REQUEST):
        lines = _request(job, payload, is_here)
    elif not is_here:
        where = f": {job.submitted_from}" if job.submitted_from else ""
        raise NotSupported(
            "This job ran elsewhere, and what it ran cannot be had back; run the cell that submitted it"
            + where,
            job_id=job.id,
        )
    elif job.kind is JobKind.FUNCTION:
        lines = _function(job)
    elif job.kind is JobKind.COMMAND and (payload.get("args") or payload.get("shell")):
        lines = _command(payload)
    elif job.kind is JobKind.NOTEBOOK and payload.get("path"):
        lines = _notebook(payload)
    else:
        raise NotSupported(
            "What this job was submitted with is not kept any more; run the cell that submitted it",
            job_id=job.id,
        )
    text = "\n".join([*_in_words(job), *lines])
    if HIDDEN in text:
        text = f"# Put in what stands for {HIDDEN}: it was a secret.\n{text}"
    return text + "\n"


def _in_words(job: Job) -> list[str]:
    words = " ".join(redact(job.request or job.label).split())
    return [f"# {words}"]


def _function(job: Job) -> list[str]:
    return [
        "from jupyter_jobs import JobMonitor",
        "",
        f"function, args, kwargs = JobMonitor().get({job.id!r}).call()",
        "function(*args, **kwargs)",
    ]


def _command(payload: Mapping[str, Any]) -> list[str]:
    line = payload.get("shell")
    what = repr(redact(line)) if line else repr([redact(str(part)) for part in payload["args"]])
    options = [f"cwd={payload['cwd']!r}"] if payload.get("cwd") else []
    options += ["shell=True"] if line else []
    imports = ["import subprocess"]
    if payload.get("env"):
        imports.insert(0, "import os")
        options.append(f"env={_environment(payload['env'])}")
    return [*imports, "", f"subprocess.run({', '.join([what, *options])}, check=True)"]


def _environment(variables: Mapping[str, str]) -> str:
    """Return what a command's environment has besides this one's; a secret is expected to be here, too."""
    shown = redact_mapping(variables)
    pairs = [
        f"{name!r}: os.environ[{name!r}]" if value != variables[name] else f"{name!r}: {value!r}"
        for name, value in shown.items()
    ]
    return f"{{**os.environ, {', '.join(pairs)}}}"


def _notebook(payload: Mapping[str, Any]) -> list[str]:
    parameters = _without_secrets(payload.get("parameters") or {})
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    if lines:
        lines.append(
            "# A cell that the notebook has tagged `parameters` sets them again: change it there."
        )
    if payload.get("cwd"):
        lines.append(f"%cd -q {shlex.quote(str(payload['cwd']))}")
    return [*lines, f"%run {shlex.quote(str(payload['path']))}"]


def _request(job: Job, payload: Mapping[str, Any], is_here: bool) -> list[str]:
    request, params = job.request or job.label, _without_secrets(job.params)
    given = [] if params is None else [f"params = {params!r}"]
    submitted = f"submit({request!r}{', params=params' if given else ''})"
    if not is_here:
        return [
            *given,
            "# `monitor` is the JobMonitor that shows this job.",
            f"monitor.{submitted}",
        ]
    modules = repr(payload["handlers"]) if payload.get("handlers") else ""
    return [
        "from jupyter_jobs import JobMonitor",
        "from jupyter_jobs.worker.handlers import HANDLERS, load_handlers",
        "",
        *given,
        f"load_handlers({modules})",
        f"handler = HANDLERS.get({request!r})  # None if another program works such requests off",
        f"handler({'params' if given else None}) if handler else JobMonitor().{submitted}",
    ]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _without_secrets(inner)
            for name, inner in redact_mapping(
                {str(key): inner for key, inner in value.items()}
            ).items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value
