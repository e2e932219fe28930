import json

from tests.cli.conftest import Run, Shell
from tests.support.backend import RunningBackend
from tests.support.following import submit


def listed(run: Run, *words: str) -> list[str]:
    code, out, err = run("list", "--json", *words)
    assert (code, err) == (0, "")
    return [job["id"] for job in json.loads(out)]


def test_the_list_is_newest_first_and_of_one_group_or_state(
    waits: Run, external_backend: RunningBackend
) -> None:
    ids = [submit(external_backend, "listed", name=f"number {n}") for n in range(3)]
    external_backend.update(ids[0], status="RUNNING", progress=0.5, message="half")

    _, out, _ = waits("list", "--group", "listed")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [id_[:8] for id_ in ids[::-1]]
    assert "◔ running    number 0 █████░░░░░  50% half" in out
    assert listed(waits, "--group", "listed", "--limit", "2") == ids[:0:-1]
    assert listed(waits, "--group", "listed", "--status", "running") == ids[:1]
    assert listed(waits, "--group", "listed", "--name", "number 1", "--since", "1h") == ids[1:2]
    assert set(ids) <= set(listed(waits))


def test_the_list_has_the_newest_attempt_of_each_job(
    waits: Run, external_backend: RunningBackend
) -> None:
    first, other = (submit(external_backend, "attempts", tags=["night"]) for _ in range(2))
    external_backend.update(first, status="FAILED")
    second = waits("retry", first)[1].strip()
    external_backend.update(second, status="RUNNING")
    external_backend.update(other, status="FAILED")

    assert listed(waits, "--group", "attempts") == [second, other]
    assert listed(waits, "--group", "attempts", "--all") == [second, other, first]
    assert listed(waits, "--group", "attempts", "--status", "failed", "--tag", "night") == [other]
    _, out, _ = waits("list", "--group", "attempts")
    assert "work (attempt 2) night" in out


def test_the_list_fits_its_terminal_and_has_no_colours_where_none_are_wanted(
    waiting_shell: Shell, external_backend: RunningBackend
) -> None:
    id_ = submit(external_backend, "fits", name="n" * 100)
    words = ("list", "--group", "fits")

    with waiting_shell.on_terminal(*words, columns=50) as terminal:
        assert terminal.exit_code() == 0
        assert "\x1b[" in terminal.said
        assert max(map(len, terminal.screen.lines)) <= 50
    with waiting_shell.on_terminal(*words, NO_COLOR="1") as terminal:
        assert terminal.exit_code() == 0
        assert "m◌" not in terminal.said
        assert id_[:6] in terminal.said
    code, out, err = waiting_shell(*words)
    assert (code, err) == (0, "")
    assert "n" * 100 in out
    assert "\x1b" not in out
