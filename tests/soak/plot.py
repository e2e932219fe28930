"""The curves of a soak, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.soak.growth import LIMITS, Sample

__all__ = ["draw"]


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw a curve for everything that was measured, one below the other, and save it as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name in LIMITS if any(name in sample for sample in samples)]
    columns = 2
    figure, axes = pyplot.subplots(
        -(-len(names) // columns), columns, figsize=(11, 2.0 * len(names) / columns), sharex=True
    )
    for name, axis in zip(names, axes.flat, strict=False):
        points = [(sample["at"] / 60, sample[name]) for sample in samples if name in sample]
        axis.plot(*zip(*points, strict=True), linewidth=1.2, color="#1f77b4")
        axis.set_ylim(0, 1.15 * max(value for _, value in points) or 1)
        axis.set_title(f"{name} {LIMITS[name].unit}".strip(), fontsize=9, loc="left")
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
