"""What a panel does while cells block the kernel, on every kernel: `python -m tests.bench.kernels`.

Or on some: `python -m tests.bench.kernels 7.4-subshell 6.31-main`. `tests/kernels` judges the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.kernels.environments import FOLDER
from tests.kernels.matrix import CELLS, SETUPS, Click, Seen, Setup, Visit, visit_all

KEPT = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir(), "jupyter-jobs-kernels"))


def main() -> None:
    names = sys.argv[1:] or [str(setup) for setup in SETUPS]
    with tempfile.TemporaryDirectory() as folder:
        chosen = [setup for setup in SETUPS if str(setup) in names]
        visits = visit_all(chosen, CELLS, KEPT, Path(folder))
    print(f"{'kernel':24}{'cell':14}{'moves':>6}{'in s':>7}{'gap s':>7}  interrupted")
    for setup, visit in visits.items():
        show(setup, visit)


def show(setup: Setup, visit: Visit) -> None:
    label = f"{setup} ({visit.version})"
    for name, seen in visit.cells.items():
        if isinstance(seen, Seen):
            print(
                f"{label:24}{name:14}{seen.moves:>6}{seen.watched_s:>7.2f}{seen.longest_gap_s:>7.2f}"
                f"  {seen.interrupted_with} after {seen.interrupted_s:.3f} s"
            )
        else:
            print(f"{label:24}{name:14}  {str(seen)[:300]}")
    if isinstance(visit.click, Click):
        when = "while the cell ran" if visit.click.answered_meanwhile else "after the cell"
        print(
            f"{label:24}{'cancel':14}  answered {visit.click.answers} x {when}, {visit.click.answered_s:.3f} s"
        )
    else:
        print(f"{label:24}{'cancel':14}  {str(visit.click)[:300]}")
    for fault in visit.faults:
        print(f"{label:24}fault: {fault}")


if __name__ == "__main__":
    main()
