"""Moments as the pages show them: in the county's time."""

from __future__ import annotations

from datetime import datetime

from zhiku.web.current import current_zhiku


def moment(at: datetime) -> str:
    """2026年11月23日 10:05."""
    there = at.astimezone(current_zhiku().settings.zone)
    return f"{there.year}年{there.month}月{there.day}日 {there:%H:%M}"
