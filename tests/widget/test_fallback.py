from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from jupyter_jobs.jobs.model import Job, JobStatus
from jupyter_jobs.jobs.store import JobStore
from jupyter_jobs.widget.fallback import COLOURS, html, sentence, text
from jupyter_jobs.widget.snapshot import Snapshot, take

TIMES = "\N{MULTIPLICATION SIGN}"
NOW = 1_795_357_860.0  # 2026-11-22 14:31 UTC
MAX_BYTES = 20 * 1024

# What GitHub's pages keep of HTML: no style, no class. From `SanitizationFilter::DEFAULT_CONFIG` of html-pipeline 3
# (https://github.com/gjtorikian/html-pipeline), the filter that GitHub published; that its notebooks lose styles too
# is told in https://github.com/pydata/xarray/issues/6125 and https://github.com/karolzak/ipyplot/issues/3.
GITHUB_ELEMENTS = frozenset(
    "h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p ol ul table thead tbody tfoot "
    "blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details caption figure figcaption "
    "abbr bdo cite dfn mark small span time wbr".split()
)
GITHUB_ATTRIBUTES = frozenset(
    "abbr align alt border cellpadding cellspacing char charoff colspan dir headers height lang nowrap rowspan rules "
    "scope size span summary title valign value width".split()
)
# What JupyterLab 4.6 keeps of styles in a notebook that is not trusted: `allowedStyles` of its sanitizer;
# without `background`, which it is slow to check.
JUPYTERLAB_STYLES = frozenset(
    "background-color border border-collapse border-radius border-top clear color display float font-family font-size font-variant gap "
    "height line-height margin margin-top max-width min-width opacity overflow overflow-wrap padding padding-right table-layout "
    "text-align vertical-align white-space width".split()
)


def store_of(*statuses: str, **more: Any) -> JobStore:
    store = JobStore()
    for n, status in enumerate(statuses):
        store.merge(
            {"id": f"secret-id-{n}", "version": 1, "status": status, "name": f"job {n}", **more}
        )
    return store


def snapshot_of(*statuses: str, now: float | None = None, **more: Any) -> Snapshot:
    return take(store_of(*statuses, **more), now)


EVERY_STATE = tuple(status.value for status in JobStatus)


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: set[str] = set()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag != "br":
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "style":
                self.styles |= {part.split(":")[0] for part in str(value).split(";")}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_the_sentence_puts_trouble_first() -> None:
    store = store_of("SUCCEEDED", "RUNNING", "FAILED", "SUCCEEDED")

    assert sentence(store) == "1 failed, 1 running, 2 succeeded"
    assert sentence(JobStore()) == "no jobs yet"


def test_no_jobs_are_said_to_be_none() -> None:
    assert text(snapshot_of(now=NOW)) == "Jobs: no jobs yet"
    assert "no jobs yet" in html(snapshot_of(now=NOW))
    assert "snapshot" not in html(snapshot_of(now=NOW))


def test_the_text_has_a_mark_and_a_line_for_each() -> None:
    store = store_of(*["FAILED"] * 3, error='{"type": "ValueError", "message": "bad day 3"}')
    for n, (status, more) in enumerate(
        {
            "LOST": {},
            "TIMED_OUT": {},
            "RUNNING": {"progress": 0.58, "message": "epoch 6"},
            "CANCELLING": {},
            "QUEUED": {},
            "SUCCEEDED": {
                "startedAt": "2026-11-22T14:30:00Z",
                "finishedAt": "2026-11-22T14:31:10Z",
            },
            "CANCELLED": {},
        }.items()
    ):
        store.merge({"id": f"x{n}", "version": 1, "status": status, "name": status.lower(), **more})

    assert text(take(store, NOW)).splitlines() == [
        "Jobs: 3 failed, 1 lost, 1 timed out, 1 running, 1 cancelling, 1 queued, 1 succeeded, 1 cancelled",
        f"[FAIL] 3 {TIMES} ValueError: bad day …  e.g. job 2: bad day 3",
        "[LOST] lost",
        "[LATE] timed_out",
        "[..]   running  58%  epoch 6",
        "[..]   cancelling",
        "[  ]   queued",
        "[ok]   succeeded  1m10s",
        "[--]   cancelled",
        "snapshot of 2026-11-22 14:31 UTC, not live",
    ]


def test_a_line_of_text_is_never_long() -> None:
    error = json.dumps({"type": "E", "message": "long " * 100})
    traceback = json.dumps(
        {"type": "E", "message": "long " * 100, "traceback": 'File "/a/b.py", line 1, in c'}
    )

    for told in (error, traceback):
        shown = text(snapshot_of("FAILED", now=NOW, error=told, name="name " * 50))
        assert max(map(len, shown.splitlines())) <= 110
    assert "b.py:1 in c" in shown


def test_100_percent_is_said_when_all_is_done() -> None:
    assert "99%" in text(snapshot_of("RUNNING", progress=0.9999))
    assert "58%" in text(snapshot_of("RUNNING", progress=0.58))
    assert "100%" in html(snapshot_of("RUNNING", progress=7.0))


@pytest.mark.parametrize("now", [None, NOW])
def test_nothing_tells_an_id_and_times_are_told_only_if_wanted(now: float | None) -> None:
    times = {
        "createdAt": "2026-11-22T10:00:00Z",
        "startedAt": "2026-11-22T10:00:00Z",
        "finishedAt": "2026-11-22T10:00:07Z",
    }
    snapshot = snapshot_of(*EVERY_STATE, now=now, **times)

    for shown in (html(snapshot), text(snapshot)):
        assert "secret-id" not in shown
        assert bool(re.search(r"2026|\d\.\ds|\d{2}:\d{2}", shown)) == (now is not None)
        assert ("not live" in shown) is True


def test_what_a_job_says_is_text() -> None:
    script = "<script>alert(1)<\\script>&amp;"
    frame = f'File "{script}", line 1, in {script}'
    error = json.dumps({"type": script, "message": f"{script} \"'", "traceback": frame})
    page = html(snapshot_of(*EVERY_STATE, error=error, name=script, message=script))

    assert "script" not in Elements(page).elements
    assert "&lt;script&gt;alert(1)" in page
    assert "&amp;amp;" in page


def test_github_keeps_all_of_it_but_its_style() -> None:
    page = Elements(html(snapshot_of(*EVERY_STATE, now=NOW, progress=0.5)))
    bare = re.sub(r" style='[^']*'", "", html(snapshot_of(*EVERY_STATE, now=NOW, progress=0.5)))

    assert page.elements <= GITHUB_ELEMENTS
    assert page.attributes - {"style"} <= GITHUB_ATTRIBUTES
    assert page.open == []
    assert Elements(bare).words == page.words
    assert "style" not in bare
    for status in JobStatus:
        assert f"{status.mark}\ufe0e</span>&nbsp;{status.word}" in bare


def test_jupyterlab_keeps_its_style_where_the_notebook_is_not_trusted() -> None:
    page = Elements(html(snapshot_of(*EVERY_STATE, now=NOW, progress=0.5)))

    assert page.styles <= JUPYTERLAB_STYLES


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ground", ["#ffffff", "#0d1117", "#111111", "#1e1e1e"])
@pytest.mark.parametrize("status", JobStatus)
def test_a_mark_can_be_seen_on_white_and_on_black(status: JobStatus, ground: str) -> None:
    dark, light = sorted(luminance(colour) for colour in (COLOURS[status], ground))

    assert (light + 0.05) / (dark + 0.05) >= 3


def test_text_has_the_colour_of_its_surroundings() -> None:
    page = html(snapshot_of(*EVERY_STATE, now=NOW, progress=0.5))

    assert not set(re.findall(r"(?<![-\w])color:([^;']+)", page)) - {"inherit", *COLOURS.values()}


def worst(n: int, letter: str) -> Job:
    kind = f"{chr(65 + n // 8 % 26)}{chr(97 + n // 208 % 26)}Error"
    error = {
        "type": kind,
        "message": kind + letter * 300,
        "traceback": f'File "{letter * 300}", line 1, in x',
    }
    return Job.from_wire(
        {
            "id": f"id-{n}",
            "version": 1,
            "status": EVERY_STATE[n % len(EVERY_STATE)],
            "name": f"{letter * 200}{kind}",
            "message": letter * 300,
            "progress": 1 / 3,
            "startedAt": "2026-11-22T10:00:00Z",
            "finishedAt": "2026-11-22T11:00:00Z",
            "error": json.dumps(error),
        }
    )


@pytest.mark.parametrize(
    ("letter", "number"),
    [("&", 10_000), ("\U0001f469", 500), ("ä", 500), (" a", 500), ("'", 500), ("<", 500)],
)
def test_many_jobs_of_the_worst_text_stay_below_20_kilobytes(letter: str, number: int) -> None:
    snapshot = take((worst(n, letter) for n in range(number)), NOW)

    assert len(snapshot.lines) == 25
    assert len(html(snapshot).encode()) <= MAX_BYTES
    assert len(text(snapshot)) <= 4096
    assert sum(count for _, count in snapshot.counts) == number
