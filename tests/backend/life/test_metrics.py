import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from jupyter_jobs.backend.life.metrics import (
    BOUNDS,
    CONTENT_TYPE,
    Family,
    Histogram,
    Sample,
    counter,
    gauge,
    render,
)


def parsed(text: str) -> dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]:
    """Name and labels -> value, by family, as Prometheus' own parser reads it."""
    return {
        family.name: {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def test_a_number_is_what_prometheus_reads() -> None:
    text = render([gauge("up", "Whether it is.", 1), counter("seen_total", "So many.", 2.5)])

    assert text == (
        "# HELP up Whether it is.\n# TYPE up gauge\nup 1\n"
        "# HELP seen_total So many.\n# TYPE seen_total counter\nseen_total 2.5\n"
    )
    assert parsed(text) == {"up": {("up", ()): 1.0}, "seen": {("seen_total", ()): 2.5}}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False))
def test_any_text_and_any_number_come_back(label: str, value: float) -> None:
    text = render([gauge("x", label, value, label=label)])

    assert len(text.split("\n")) == 4
    assert parsed(text) == {"x": {("x", (("label", label),)): value}}


def test_what_is_no_number_is_told_so() -> None:
    [(_, value)] = parsed(render([gauge("x", "", math.nan)]))["x"].items()

    assert math.isnan(value)


def test_a_histogram_adds_up_and_takes_a_bound_for_its_own_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.0005, BOUNDS[0], 0.3, 99.0):
        histogram.observe(seconds)

    found = parsed(render([Family("t", "histogram", "", list(histogram.samples({"of": "x"})))]))[
        "t"
    ]
    buckets = {
        dict(labels)["le"]: value for (name, labels), value in found.items() if "le" in dict(labels)
    }
    assert (buckets["0.001"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (2, 2, 3, 4)
    assert sorted(buckets.values()) == list(buckets.values())
    assert found["t_count", (("of", "x"),)] == histogram.count == 4
    assert found["t_sum", (("of", "x"),)] == pytest.approx(0.0005 + 0.001 + 0.3 + 99)


def test_a_family_of_nothing_has_its_head_alone() -> None:
    assert render([Family("t", "histogram", "None yet.", ())]) == (
        "# HELP t None yet.\n# TYPE t histogram\n"
    )
    assert Sample(1, {}).suffix == ""
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
