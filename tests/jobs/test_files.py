import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_jobs.errors import ResultUnavailable
from jupyter_jobs.jobs.files import JobFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes("day,größe\n".encode())
    return path


def file(path: Path, host: str = "", **more: Any) -> JobFile:
    told = {"name": "out/table.csv", "size": 11.0, "modifiedAt": "2026-11-23T10:00:00Z"}
    return JobFile.read({**told, "path": str(path), **more}, "j", host)


def test_a_file_of_this_machine_is_read_in_any_way(path: Path) -> None:
    table = file(path)

    assert table.read_text() == "day,größe\n"
    assert table.read_bytes() == path.read_bytes()
    with table.open() as text, table.open("rb") as data:
        assert text.read().encode() == data.read()
    assert os.fspath(table) == str(path)
    assert Path(table).exists()


def test_it_tells_its_name_and_size(path: Path) -> None:
    table = file(path)

    assert (table.name, table.size) == ("out/table.csv", 11)
    assert repr(table) == "JobFile(name='out/table.csv', size=11)"
    assert file(path, modifiedAt=None).modified_at is None


def test_it_is_not_written_to(path: Path) -> None:
    with pytest.raises(ValueError, match="opened to be read, by mode 'r' or 'rb', not 'w'"):
        file(path).open("w")


@pytest.mark.parametrize("use", [JobFile.open, JobFile.read_text, JobFile.read_bytes, os.fspath])
def test_one_of_another_machine_says_where_it_is(path: Path, use: Any) -> None:
    with pytest.raises(ResultUnavailable, match=r"on the machine of api\.example\.org") as raised:
        use(file(path, host="api.example.org"))
    assert raised.value.job_id == "j"


@pytest.mark.parametrize("use", [JobFile.open, JobFile.read_text, JobFile.read_bytes, os.fspath])
def test_one_that_is_gone_says_so(path: Path, use: Any) -> None:
    table = file(path)
    path.unlink()

    with pytest.raises(ResultUnavailable, match=r"table\.csv is gone: .* pruned or deleted"):
        use(table)
