"""Environments that differ in their ipykernel alone.

Each is a virtual environment that sees the packages of the running interpreter and has only its ipykernel, and what
that one wants, of its own. It is made once and kept; two that want it at the same moment make it once.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FOLDER", "environment"]

FOLDER = "JUPYTER_JOBS_TEST_KERNELS"
"""Variable with the folder that keeps the environments; default pytest's cache."""


def environment(release: str, folder: Path) -> Path:
    """Return the interpreter of an environment, made if it is not there.

    Args:
        release: Which ipykernel: the newest patch of it, as `7.4`.
        folder: Keeps all environments.
    """
    tag = sysconfig.get_config_var("py_version_nodot")
    place = folder / f"ipykernel-{release}-py{tag}"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{place.name}.lock"):
        if not _is_complete(place):
            shutil.rmtree(place, ignore_errors=True)
            _make(place, release)
    return place / "bin" / "python"


def _make(place: Path, release: str) -> None:
    venv.create(place)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": place, "platbase": place}))
    # A line that imports is run; a plain path would leave out what editable installs have put beside it.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in _seen()]
    (own / "running_interpreter.pth").write_text("".join(lines))
    python = str(place / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    wanted = f"ipykernel=={release}.*"
    # The first alone brings an ipykernel of its own, the second what that one wants and the interpreter has not.
    for options in (["--no-deps", "--ignore-installed"], []):
        _run([*pip, "--disable-pip-version-check", *options, wanted])
    (place / "complete.json").write_text(json.dumps(_made_for()))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _is_complete(place: Path) -> bool:
    try:
        return bool(json.loads((place / "complete.json").read_text()) == _made_for())
    except (OSError, ValueError):
        return False


def _made_for() -> dict[str, object]:
    return {"base": sys.base_prefix, "version": sys.version, "seen": _seen()}


def _seen() -> list[str]:
    return [path for path in site.getsitepackages() if os.path.isdir(path)]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file; the system gives it back if this process dies."""
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
