import pytest

from jupyter_jobs.cli.sizes import size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (1.234e9, "1.23 GB"),
        (5e15, "5,000 TB"),
    ],
)
def test_a_size_has_three_digits_at_most(count: float, text: str) -> None:
    assert size(count) == text
