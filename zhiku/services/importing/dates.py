"""Dates as rosters write them: 1952.03, 1952-3, 1952年3月, 195203, 19520314, 1952, Excel dates and Excel serials.

What is known of a date is kept with it (`DatePrecision`): nobody is given a day that nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from zhiku.domain.experts import DatePrecision
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.tables import Cell
from zhiku.services.importing.values import text_of

#: Whoever is retired and can be asked was born in between.
EARLIEST_BIRTH = 1900
LATEST_BIRTH = 2000
#: The think tanks began long after this; an earlier day is a slip of the pen.
EARLIEST_RECORD = 1990

#: Day 0 of Excel's calendar, which believes that 1900 was a leap year, so it is right from 1900-03-01 on.
_EXCEL_DAY_0 = date(1899, 12, 30)
#: 1927-05-18 to 2064-04-08: a number in between is an Excel day. Smaller ones are years, larger ones 195203.
_SERIALS = range(10_000, 60_001)

_PARTS = re.compile(
    r"(\d{4})(?:(?:\s*[-./年,，、]\s*|\s+)(\d{1,2})(?:(?:\s*[-./月,，、]\s*|\s+)(\d{1,2})?)?)?\s*[日号]?\s*[月年.。生]*"
)
_TIME = re.compile(r"[ T]\d{1,2}:\d{2}(:\d{2})?(\.\d+)?$")
_TWO_DIGIT_YEAR = re.compile(r"'?\d{2}\s*[-./年]\s*\d{1,2}(\s*[-./月]\s*\d{0,2})?\s*[日号月]?")
_BRACKETED = re.compile(r"\s*[((【\[][^))】\]]*[))】\]]\s*")


class DateRefused(ValueError):
    """`str(error)` is a Chinese sentence that says what is wrong with the date."""


@dataclass(frozen=True, slots=True)
class KnownDate:
    """A date as far as it is known: unknown months and days are 1."""

    value: date
    precision: DatePrecision
    warning: str = ""

    def __str__(self) -> str:
        return format_date(self.value, self.precision)


def format_date(value: date, precision: DatePrecision) -> str:
    """1952, 1952-03 or 1952-03-14; `read_date` understands each."""
    length = {DatePrecision.YEAR: 4, DatePrecision.MONTH: 7, DatePrecision.DAY: 10}[precision]
    return value.isoformat()[:length]


def are_days_unknown(cells: Iterable[Cell]) -> bool:
    """Whether the Excel dates of a column are all firsts of a month.

    Whoever types 1952-3 into Excel gets 1952-03-01, shown as 1952年3月: the day is Excel's, not the person's.
    """
    dates = [cell for cell in cells if isinstance(cell, date)]
    return bool(dates) and all(cell.day == 1 for cell in dates)


def read_birth(cell: Cell, today: date, *, is_typed: bool, is_day_unknown: bool) -> KnownDate | None:
    """A date of birth; None for an empty cell. Raises `DateRefused`, also for dates that cannot be a retiree's."""
    known = read_date(cell, is_typed=is_typed)
    if known is None:
        return None
    if is_day_unknown and isinstance(cell, date):
        known = KnownDate(known.value, DatePrecision.MONTH)
    if known.value > today:
        raise DateRefused(f"出生日期“{known}”在将来，请核对")
    if not EARLIEST_BIRTH <= known.value.year <= LATEST_BIRTH:
        raise DateRefused(f"出生日期“{known}”不合理（应在 {EARLIEST_BIRTH} 至 {LATEST_BIRTH} 年之间），请核对")
    return known


def read_day(cell: Cell, today: date, *, what: str, is_typed: bool) -> date | None:
    """A day in the life of the think tank; None for an empty cell. `what` names it in the error.

    Raises `DateRefused`, also when the day is not given, in the future or before there was a think tank.
    """
    try:
        known = read_date(cell, is_typed=is_typed)
    except DateRefused as error:
        raise DateRefused(f"{what}：{error}") from None
    if known is None:
        return None
    if known.precision is not DatePrecision.DAY:
        raise DateRefused(f"{what}“{known}”要写到日，例如 2024-03-05")
    if known.value > today:
        raise DateRefused(f"{what}“{known}”在将来，请核对")
    if known.value.year < EARLIEST_RECORD:
        raise DateRefused(f"{what}“{known}”早于 {EARLIEST_RECORD} 年，请核对")
    return known.value


def read_date(cell: Cell, *, is_typed: bool) -> KnownDate | None:
    """Any date; None for an empty cell. `is_typed` as in `Sheet`. Raises `DateRefused`."""
    if isinstance(cell, date):
        return KnownDate(cell, DatePrecision.DAY)
    text = text_of(cell)
    if not text:
        return None
    is_number = isinstance(cell, float) or (not is_typed and re.fullmatch(r"\d{4}\.\d{1,2}", text) is not None)
    if is_number and re.fullmatch(r"\d{4}\.1", text):
        # The number 1952.10 is stored as 1952.1: it may mean October as well as January.
        warning = f"“{text}”可能是 1 月，也可能是 10 月（Excel 把 {text[:4]}.10 存成 {text}），只记下年份，请核对"
        return _make(int(text[:4]), None, None, text, warning)
    if re.fullmatch(r"\d{5}", text) and int(text) in _SERIALS:
        return KnownDate(_EXCEL_DAY_0 + timedelta(days=int(text)), DatePrecision.DAY)
    if re.fullmatch(r"\d{6}", text):
        return _make(int(text[:4]), int(text[4:]), None, text)
    if re.fullmatch(r"\d{8}", text):
        return _make(int(text[:4]), int(text[4:6]), int(text[6:]), text)
    # 1952.03(72岁)
    bare = _TIME.sub("", _BRACKETED.sub("", text)).strip()
    is_lunar = "农历" in text or "阴历" in text
    bare = re.sub("[农阴]历", "", bare).strip()
    if _TWO_DIGIT_YEAR.fullmatch(bare):
        raise DateRefused(f"“{quoted(text)}”的年份只有两位，请写四位年份，例如 1952.03")
    match = _PARTS.fullmatch(bare)
    if match is None:
        raise DateRefused(f"日期“{quoted(text)}”看不懂，请写成 1952.03 或 1952-03-14")
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    if is_lunar:
        return _make(year, None, None, text, f"“{quoted(text)}”是农历，只记下年份，请改为公历")
    return _make(year, month, day, text)


def _make(year: int, month: int | None, day: int | None, text: str, warning: str = "") -> KnownDate:
    # 1952-00-00 is how some programs write what they do not know.
    month, day = month or None, day or None
    precision = DatePrecision.DAY if day and month else DatePrecision.MONTH if month else DatePrecision.YEAR
    try:
        return KnownDate(date(year, month or 1, day or 1 if month else 1), precision, warning)
    except ValueError:
        raise DateRefused(f"没有“{quoted(text)}”这个日期，请核对") from None
