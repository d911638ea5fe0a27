"""Times as the county's clocks show them: for pages, which get aware UTC times."""

from __future__ import annotations

from datetime import date, datetime

from zhiku.web.current import current_zhiku


def local_day(at: datetime) -> date:
    """The calendar day in the county."""
    return at.astimezone(current_zhiku().settings.zone).date()


def local_moment(at: datetime) -> str:
    """2026年3月5日 9:05."""
    there = at.astimezone(current_zhiku().settings.zone)
    return f"{there.year}年{there.month}月{there.day}日 {there.hour}:{there.minute:02d}"
