"""What the notebook around a monitor tells: who it is, how it is configured, which cell and event loop run."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "config",
    "default_group",
    "is_noninteractive",
    "kernel_shell",
    "running_cell",
    "running_loop",
]


def default_group() -> str:
    """Return the group of this notebook: the same after a restart of its kernel, and no path in it.

    The Jupyter server tells the notebook's path in `JPY_SESSION_NAME`, VS Code in a variable of the kernel; elsewhere
    it is the folder.
    """
    path = os.environ.get("JPY_SESSION_NAME") or _vscode_notebook() or os.getcwd()
    digest = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:8]
    return f"{Path(path).stem or 'jobs'}-{digest}"


def config() -> Mapping[str, Any]:
    """Return what `c.JobMonitor.… = …` says in `ipython_config.py`, or in the notebook by `get_ipython().config`."""
    shell = _shell()
    found: Mapping[str, Any] = {} if shell is None else shell.config.get("JobMonitor", {})
    return found


def is_noninteractive() -> bool:
    """Return whether `JUPYTER_JOBS_NONINTERACTIVE=1` asks for outputs without a widget, that are alike in every run."""
    return os.environ.get("JUPYTER_JOBS_NONINTERACTIVE", "") not in ("", "0")


def kernel_shell() -> Any:
    """Return the IPython of a Jupyter kernel, whose outputs can be renewed; None in a terminal and elsewhere."""
    shell = _shell()
    return shell if getattr(shell, "kernel", None) is not None else None


def running_cell(shell: Any) -> tuple[str | None, str | None]:
    """Return the cell that runs, as its notebook calls it, and this execution of it; None for what is not told."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs on this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _vscode_notebook() -> str | None:
    shell = _shell()
    return None if shell is None else shell.user_ns.get("__vsc_ipynb_file__")


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
