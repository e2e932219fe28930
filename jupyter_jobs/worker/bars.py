"""Reads progress out of what programs print: tqdm, rich, Keras, Lightning, pip, wget, curl, `step 12/100`, `45%`.

Pure. A line that only might be progress is left alone: a bar that lies is worse than none. So a bare percentage or
fraction counts where the line is made for it (`Downloading: 45%`, `[12/100]`, `Epoch 3/10`), not in prose, and never
as part of a date, a path or a version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

__all__ = ["Bar", "Bars", "read_bar"]

_LINE_LIMIT = 400  # characters that are looked at
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_GIVEN_UP_AFTER = 4  # ends and beginnings of inner bars while the outer one stood still

_COUNT = r"(?<![\d.])(?P<done>\d[\d,]*(?:\.\d+)?)(?P<scale>[kKMGTP]?)i?"
_TOTAL = r"(?P<total>\d[\d,]*(?:\.\d+)?)(?P<total_scale>[kKMGTP]?)i?"
_PERCENT = r"(?<![\d.])(?P<percent>\d{1,3}(?:\.\d+)?) ?%"
_BLOCKS = "━╸╺─█▉▊▋▌▍▎▏▓▒░#=>.\\- "
_THINGS = (
    "epoch|step|batch|iter|iteration|file|item|task|job|part|chunk|page|row|record|image|sample|fold|trial|round|"
    "stage|phase|pass|frame|block|tile|shard|generation|episode|cell|test|case|package|layer|partition"
)
_DOINGS = r"progress|status|done|complete|completed|\w+ing"
_MEASURED = r"(?: - |it/s )(?!ETA)([^-:]+: -?[\d.e+-]+)"
_NOT_DOINGS = (
    r"\b(?:accuracy|acc|loss|error|cpu|gpu|memory|mem|usage|used|disk|rate|score|confidence|coverage|battery|load|"
    r"utili[sz]ation|missing|remaining|warning|discount|interest|saving|rating|ranking|spending)\b"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a line tells of progress.

    Attributes:
        numbers: Of `done`, `total` and `progress` (0 to 1) what is known; one of them at least.
        message: What the bar says besides; empty if that is nothing.
        name: What tells this bar from others.
        epoch: Of which epoch of how many the numbers are, where it says so: `Epoch 2/10:  45%|…`.
        is_heading: Whether other bars may follow that say how far this step of it is: `Epoch 2/10`.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    name: str = ""
    epoch: tuple[float, float] | None = None
    is_heading: bool = False


def read_bar(line: str) -> Bar | None:
    """Return what a line tells of progress, or None.

    Args:
        line: As a terminal would show it, without colours.
    """
    line = line[:_LINE_LIMIT].rstrip()
    for pattern, read in _STYLES:
        if (found := pattern.search(line)) and (bar := read(found, line)) is not None:
            return bar
    return None


class Bars:
    """The bars of one program; where bars stand in each other, the outer one counts.

    The outer one is there first, and has done nothing yet when the inner one begins. So a bar that begins after another
    has come some way follows that one, which was left early. A bar that stands still while another one ends again and
    again is not its outer one either.

    Of epochs the whole is all of them: where they are headings, or stand in the bar's name, a bar within one moves it on.
    """

    def __init__(self) -> None:
        self.last: Bar | None = None
        self._shares: dict[str, float] = {}  # of the bars under way, the outermost first
        self._left: set[str] = set()  # that seemed to be over
        self._over: str | None = None  # an outermost one that has ended
        self._inner: set[str] = set()  # those within it
        self._heading: Bar | None = None  # the outermost one, if it is one
        self._within = 0.0  # how far the step is that it stands over
        self._from_zero = False  # whether the first epoch is called `Epoch 0/10`
        self._holds = False  # whether the outermost one has inner ones
        self._ends = 0  # of inner ones, since the outermost one has moved

    def read(self, line: str) -> Bar | None:
        """Return what a line tells of the progress of the whole, or None; `last` is what it tells by itself."""
        self.last = bar = read_bar(line)
        if bar is None:
            return None
        if bar.epoch is not None:
            bar = self._of_all_epochs(bar, *bar.epoch)
        share, before = bar.numbers.get("progress", 0.0), self._shares.get(bar.name)
        if bar.name == self._over:
            if share >= 1:
                return bar  # it is drawn once more
            self._over = None
        if bar.name in self._inner:
            if share >= 1:
                self._inner.discard(bar.name)
            return None  # and so are those within it, or run once more
        if not self._shares:
            self._inner.clear()
        if before is None and self._shares:
            outermost, done = next(iter(self._shares.items()))
            if bar.name in self._left:
                self._shares = {bar.name: share, **self._shares}
                self._holds = True
            elif done > 0 and not self._holds:
                self._drop(outermost)
            else:
                self._holds = True
        self._shares[bar.name] = share
        outermost = next(iter(self._shares))
        if bar.name == outermost:
            self._ends, self._within = 0, 0.0
            self._heading = bar if bar.is_heading else None
            self._holds = self._holds or bar.is_heading or bar.epoch is not None
            if share >= 1:
                self._end()
            return bar
        if before is not None and (share < before or share >= 1 > before):
            self._ends += 1
            if self._ends >= _GIVEN_UP_AFTER:
                self._drop(outermost)
                return bar if bar.name == next(iter(self._shares)) else None
        if self._heading is not None and bar.name == list(self._shares)[1]:
            return self._under(self._heading, bar, share)
        return None

    def _under(self, heading: Bar, bar: Bar, share: float) -> Bar:
        """Return how far the whole is, by the first of the bars that stand under a heading."""
        self._within = max(self._within, share)
        numbers = _steps(heading.numbers["done"], self._within, heading.numbers["total"])
        if numbers["progress"] >= 1:
            self._end()
        said = [part for part in (heading.message, bar.message) if part]
        return Bar(numbers, ", ".join(said), heading.name)

    def _of_all_epochs(self, bar: Bar, epoch: float, total: float) -> Bar:
        self._from_zero = epoch == 0 or (self._from_zero and epoch < total)
        before = epoch if self._from_zero else epoch - 1
        return replace(bar, numbers=_steps(before, bar.numbers.get("progress", 0.0), total))

    def _end(self) -> None:
        self._over, *inner = self._shares
        self._inner = set(inner)
        self._shares.clear()
        self._holds, self._heading = False, None

    def _drop(self, name: str) -> None:
        del self._shares[name]
        self._left.add(name)
        self._holds, self._ends, self._heading = False, 0, None


def _steps(before: float, share: float, total: float) -> dict[str, float]:
    """Return the numbers of a whole of some steps, of the present one a share."""
    return {
        "done": before + (share >= 1),
        "total": total,
        "progress": min((before + share) / total, 1.0),
    }


def _bar(found: re.Match[str], message: str = "", *, name: str | None = None) -> Bar | None:
    """Return the bar that the groups of a match tell of, or None if they cannot be true."""
    groups = found.groupdict()
    numbers: dict[str, float] = {}
    if (done := _number(groups, "done", "scale")) is not None:
        numbers["done"] = done
    if (total := _number(groups, "total", "total_scale")) is not None:
        numbers["total"] = total
        if not 0 <= numbers["done"] <= total or total == 0:
            return None
        numbers["progress"] = numbers["done"] / total
    elif groups.get("percent") is not None:
        numbers["progress"] = float(groups["percent"]) / 100
        if numbers["progress"] > 1:
            return None
    return Bar(numbers, message, message if name is None else name)


def _number(groups: Mapping[str, str | None], name: str, scale: str) -> float | None:
    digits = groups.get(name)
    if digits is None:
        return None
    return float(digits.replace(",", "")) * _SCALE[groups.get(scale) or ""]


def _tqdm(found: re.Match[str], line: str) -> Bar | None:
    """`Training:  45%|████▌     | 45/100 [00:04<00:05, 9.98it/s, loss=0.3]`."""
    name = (found["name"] or "").strip().removesuffix(":")
    said = (found.groupdict().get("rest") or "").split(", ", 2)[2:]  # times, rate, and what was set
    # A trainer draws the bar of its evaluation, without a name too, below its own.
    return _named(found, name, said, _same(name) or f"of {found.groupdict().get('total') or '%'}")


def _drawn(found: re.Match[str], line: str) -> Bar | None:
    """`Working ━━━━━━━╸━━━━ 45% 0:00:12`, `  12/100 ━━━━━━ 3s 20ms/step - loss: 0.3`."""
    name = found["name"].strip(" \t:|-⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    return _named(found, name, re.findall(_MEASURED, found["rest"]), _same(name))


def _named(found: re.Match[str], name: str, said: Sequence[str], which: str) -> Bar | None:
    bar = _bar(found, ", ".join(part for part in (name, *said) if part), name=which)
    numbered = re.search(r"\bepoch\s*\[?(\d+)\s*/\s*(\d+)\b", name, re.IGNORECASE)
    if bar is None or numbered is None:
        return bar
    epoch, total = float(numbered[1]), float(numbered[2])
    if " • " in (found["rest"] or ""):  # Lightning says `Epoch 0/2` to `Epoch 2/2` of three
        return replace(bar, epoch=(epoch + 1, total + 1))
    is_of_epochs = total == bar.numbers.get("total")
    return (
        bar if is_of_epochs or not 0 <= epoch <= total > 0 else replace(bar, epoch=(epoch, total))
    )


def _same(name: str) -> str:
    """Return what `Epoch 3` and `Epoch 4` have in common."""
    return re.sub(r"\d+", "#", name)


def _counted(found: re.Match[str], line: str) -> Bar | None:
    """`Epoch 3/10` is said when the third begins, `Epoch 3/10: loss 0.2` when it has ended."""
    begins = found["thing"].lower() == "epoch" and line.strip() == found[0].strip()
    bar = _bar(found, line.strip(), name=f"{found['thing'].lower()} {found['total']}")
    if bar is None or not begins:
        return bar
    done = max(bar.numbers["done"] - 1, 0.0)
    total = bar.numbers["total"]
    return replace(bar, numbers=_steps(done, 0.0, total), is_heading=True)


def _plain(found: re.Match[str], line: str) -> Bar | None:
    """`[12/100] Building x`, `Downloading: 45%`: the line says it best itself."""
    return _bar(found, line.strip(), name="total " + (found.groupdict().get("total") or "%"))


def _percent(found: re.Match[str], line: str) -> Bar | None:
    return None if re.search(_NOT_DOINGS, line, re.IGNORECASE) else _plain(found, line)


_Read = Callable[[re.Match[str], str], Bar | None]
_STYLES: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(pattern, flags), read)
    for pattern, flags, read in (
        # tqdm: with a bar, cut to a narrow place, without a bar, without a total
        (rf"^(?P<name>.*?)\s*{_PERCENT}\|[^|]*\|?\s*(?:{_COUNT}\w*/{_TOTAL}\w*)?\s*(?:\[(?P<rest>[^\]]*)|$|\d)", 0, _tqdm),
        (rf"^(?P<name>.*?)\s*{_PERCENT} {_COUNT}/{_TOTAL} \[(?P<rest>\d+:[^\]]*)", 0, _tqdm),
        (rf"^(?P<name>(?:.*: )?){_COUNT}\w* \[(?P<rest>\d+:\d[^\]<]*/s[^\]]*)\]", 0, _tqdm),
        (rf"^(?P<name>.*?)\s*\|[^|]*\|\s*(?!0/){_COUNT}\w*/\? \[(?P<rest>[^\]]*)", 0, _tqdm),
        # Keras: without a bar, without a total; Keras 2: a bar after the count; Keras 3, rich, pip: one of lines
        (rf"^(?P<name>){_COUNT}/{_TOTAL}(?P<rest> - \d+m?s - .*)", 0, _drawn),
        (rf"^(?P<name>)\s*{_COUNT}/Unknown (?P<rest>.*/step.*)", 0, _drawn),
        (rf"^(?P<name>)\s*{_COUNT}/{_TOTAL} (?:\[[=>.]{{5,}}\]|[━╸╺─ ]{{5,}})(?P<rest>.*)", 0, _drawn),
        (rf"^(?P<name>[^━╸╺]*+)[━╸╺]{{3,}}+\s+{_PERCENT}(?P<rest>.*)", 0, _drawn),
        (rf"^(?P<name>[^━╸╺]*+)[━╸╺]{{3,}}+\s+{_COUNT}/{_TOTAL}(?P<rest>.*)", 0, _drawn),
        # wget, curl, click, hand-made: the percentage beside a bar in brackets or of signs
        (rf"^(?P<name>[^\[|]*?)\s*{_PERCENT}\s*[\[|][{_BLOCKS}]{{4,}}[\]|](?P<rest>.*)", 0, _drawn),
        (rf"^(?P<name>[^\[|]*?)[\[|][{_BLOCKS}]{{4,}}[\]|]\s*{_PERCENT}(?P<rest>.*)", 0, _drawn),
        (rf"^(?P<name>[^\[|]*?)[\[|][{_BLOCKS}]{{4,}}[\]|]\s*{_COUNT}/{_TOTAL}(?P<rest>.*)", 0, _drawn),
        (rf"^(?P<name>[^#█▓]*+)[#█▓]{{2,}}+[^\w%]*+{_PERCENT}(?P<rest>.*)$", 0, _drawn),
        (rf"^(?P<name>)[ O=#-]*+{_PERCENT}(?P<rest>)$", 0, _drawn),
        # words and brackets
        (rf"\b(?P<thing>{_THINGS})s?\s*[:#=]?\s*[\[(]?\s*{_COUNT}\s*(?:/|\bof\b)\s*{_TOTAL}(?![\w/]|[.,:-]\d)[\])]?", re.IGNORECASE, _counted),
        (rf"^\s*(?:\w+:\s*)?[\[(]\s*{_COUNT}\s*(?:/|\bof\b)\s*{_TOTAL}\s*[\])]", 0, _plain),
        (rf"^\s*{_COUNT}\s?/\s?{_TOTAL}\s*$", 0, _plain),
        (rf"[\[(]\s*{_PERCENT}\s*[\])]", 0, _percent),
        (rf"{_PERCENT} \({_COUNT}/{_TOTAL}\)", 0, _plain),
        (rf"^\s*(?:[\w.-]+ ){{0,3}}(?:{_DOINGS})\b(?: [\w./-]+){{0,3}}\s*(?:\.\.\.|…)?\s*[:=]?\s*{_PERCENT}(?!\w| of\b)", re.IGNORECASE, _percent),
        (rf"^[^%]{{0,40}}{_PERCENT} (?:done|complete|completed|finished)\b", re.IGNORECASE, _percent),
    )
)  # fmt: skip
