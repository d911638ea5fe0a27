"""The report of an import: what became of each row and why. It never holds contact values or identity numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from zhiku.services.importing.private_numbers import quoted
from zhiku.services.workbooks import Table, write_csv, write_xlsx

#: How much of a value a report quotes.
_QUOTED = 120

_HEADINGS = ("工作表", "行", "对象", "结果", "内容与变化", "提醒", "未导入的原因")
_WIDTHS = (14, 7, 18, 10, 70, 50, 50)


class Outcome(Enum):
    """What becomes of a row; the value is its word in the report."""

    NEW = "新增"
    CHANGED = "更新"
    MERGED = "并入"
    UNCHANGED = "无变化"
    REFUSED = "未导入"


@dataclass(slots=True)
class RowReport:
    """One row. `who` is the person's name, the suggestion's subject or the department."""

    sheet: str
    row: int
    who: str
    outcome: Outcome
    #: What was understood (new rows) or changed (old → new).
    details: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it: everything but smoothly new and unchanged rows."""
        return self.outcome in (Outcome.CHANGED, Outcome.REFUSED) or bool(self.warnings)

    @property
    def line(self) -> str:
        """The row on one line, for the screen."""
        place = f"{self.sheet} " if self.sheet else ""
        parts = [*self.problems, *(f"提醒：{warning}" for warning in self.warnings)]
        if self.outcome is Outcome.CHANGED:
            parts = [*self.details, *parts]
        return f"{place}第 {self.row} 行 {self.who or '（无名）'} {self.outcome.value}：{'；'.join(parts) or '—'}"


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    #: "experts", "suggestions", "services" or "departments", and its Chinese word.
    kind: str
    label: str
    file_name: str
    is_applied: bool
    rows: list[RowReport]
    #: About the file as a whole: sheets and columns that were and were not read.
    notes: list[str]

    @property
    def counts(self) -> dict[Outcome, int]:
        """Number of rows by outcome, all outcomes present."""
        counted = Counter(row.outcome for row in self.rows)
        return {outcome: counted[outcome] for outcome in Outcome}

    @property
    def warned(self) -> int:
        """Number of rows with a warning."""
        return sum(bool(row.warnings) for row in self.rows)

    @property
    def sentence(self) -> str:
        """The counts in one sentence, and whether anything was stored."""
        counts = self.counts
        numbers = "，".join(f"{outcome.value} {counts[outcome]}" for outcome in Outcome)
        stored = counts[Outcome.NEW] + counts[Outcome.CHANGED] + counts[Outcome.MERGED]
        if not self.is_applied:
            after = "这是试运行，没有写入任何内容；核对无误后加 --apply 正式导入。"
        elif counts[Outcome.REFUSED]:
            after = f"已写入 {stored} 行；{counts[Outcome.REFUSED]} 行有误没有写入，改正后再导入一次即可。"
        elif stored:
            after = f"已写入 {stored} 行。"
        else:
            after = "没有需要写入的内容。"
        return f"{self.label} 共 {len(self.rows)} 行：{numbers}，有提醒的 {self.warned} 行。{after}"

    def write(self, path: Path) -> None:
        """Write the whole report; `.csv` as such, anything else as .xlsx. An earlier report of this name is replaced.

        Raises `OSError`.
        """
        rows = [
            (
                row.sheet,
                str(row.row),
                row.who,
                row.outcome.value,
                "\n".join(row.details),
                "\n".join(row.warnings),
                "\n".join(row.problems),
            )
            for row in self.rows
        ]
        if path.suffix.lower() == ".csv":
            notes = [("", "", "", "说明", note, "", "") for note in (self.sentence, *self.notes)]
            write_csv(path, Table("逐行", _HEADINGS, [*notes, *rows], _WIDTHS))
            return
        summary = Table("汇总", ("说明",), [(self.file_name,), (self.sentence,), *((n,) for n in self.notes)], (110,))
        write_xlsx(path, [summary, Table("逐行", _HEADINGS, rows, _WIDTHS)])


def changed(label: str, old: str, new: str) -> str:
    """A change, as the report shows it."""
    return f"{label}：{_shown(old)} → {_shown(new)}"


def understood(label: str, value: str) -> str:
    """A value of a new row, as the report shows it."""
    return f"{label}：{_shown(value)}"


def _shown(value: str) -> str:
    return quoted(value, _QUOTED) or "（空）"
