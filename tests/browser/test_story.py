from __future__ import annotations

from pathlib import Path

from tests.browser.lab import Lab
from tests.browser.story import Story, tell


def test_many_jobs_survive_failures_a_reload_and_a_restart(lab: Lab, tmp_path: Path) -> None:
    story = Story(tmp_path)

    tell(lab, story, jobs=12, failing=3)

    assert len(list(tmp_path.glob("*.png"))) == len(story.captions) == 9
    assert "12 jobs are submitted" in story.write_index().read_text()
