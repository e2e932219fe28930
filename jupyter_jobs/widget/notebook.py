"""What the notebook around a monitor tells: who it is, how it is configured, which event loop runs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["config", "default_group", "running_loop"]


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
