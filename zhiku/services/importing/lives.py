"""Careers and honours, from one cell to entries: `1975.03-1983.08 单位 职务；…`, `1998 题名；…`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zhiku.services.importing.values import split_entries

#: Widths of career_entries.description and honours.title.
MAX_ENTRY = 400

_DATE = (
    r"(?:19|20)\d{2}(?:\s*年\s*\d{1,2}\s*月?|\s*[./]\s*\d{1,2}(?!\d)|-\d{1,2}(?=\s*(?:[-—–~～至到]|\s|$))|\s*年)?\s*月?"
)
_UNTIL = r"\s*(?:[-—–~～]+|至|到)\s*"
_OPEN_END = "至今|今|现在|退休|退休前"
_STATION = re.compile(
    rf"(?P<began>{_DATE})(?:{_UNTIL}(?P<ended>{_DATE}|{_OPEN_END})?)?\s*[,，:：、.]?\s*(?P<description>.*)", re.DOTALL
)
#: Where a next station begins in a cell that has all of them in one sentence.
_NEXT_STATION = re.compile(rf"(?<=[。，,；;、\s])(?={_DATE}{_UNTIL}(?:{_DATE}|{_OPEN_END}))")
_HONOUR = re.compile(
    r"(?P<year>(?:19|20)\d{2})(?:\s*[./-]\s*\d{1,2}(?!\d)(?:\s*[./-]\s*\d{1,2})?|\s*年\s*(?:\d{1,2}\s*月)?"
    r"(?:\d{1,2}\s*日)?)?"
    # 2001-2003年连续三年先进 has no single year.
    r"(?!\d|\s*[-—–~至到]\s*\d)\s*[,，:：、]?\s*(?P<title>.+)",
    re.DOTALL,
)
_YEAR_BEHIND = re.compile(r"\s*[((]((?:19|20)\d{2})年?(?:\d{1,2}月)?[))]$")


@dataclass(frozen=True, slots=True)
class Station:
    """One entry of a career; dates as "1975.03" or "1975", "至今", or ""."""

    began: str
    ended: str
    description: str

    def __str__(self) -> str:
        period = f"{self.began}-{self.ended}" if self.ended else self.began
        return f"{period} {self.description}".strip()


@dataclass(frozen=True, slots=True)
class Award:
    """One honour, with its year where it is known."""

    year: int | None
    title: str

    def __str__(self) -> str:
        return f"{self.year} {self.title}" if self.year else self.title


def read_career(text: str) -> list[Station]:
    """The stations of a career in their order. Entries longer than a column are cut at a comma or full stop."""
    stations: list[Station] = []
    for entry in split_entries(text):
        for part in _NEXT_STATION.split(entry):
            part = part.strip(" ;；,，。、")
            if not part:
                continue
            match = _STATION.fullmatch(part)
            began, ended, description = (
                (_period(match["began"]), _period(match["ended"] or ""), match["description"].strip())
                if match
                else ("", "", part)
            )
            for piece in _pieces(" ".join(description.split())) or [""]:
                station = Station(began, ended, piece)
                if piece and station not in stations:
                    stations.append(station)
    return stations


def read_honours(text: str) -> list[Award]:
    """The honours in their order."""
    awards: list[Award] = []
    for entry in split_entries(text):
        entry = " ".join(entry.split())
        match = _HONOUR.fullmatch(entry)
        year, title = (int(match["year"]), match["title"]) if match else (None, entry)
        behind = _YEAR_BEHIND.search(title)
        if year is None and behind:
            year, title = int(behind[1]), title[: behind.start()]
        for piece in _pieces(title.strip()):
            if Award(year, piece) not in awards:
                awards.append(Award(year, piece))
    return awards


def join_entries(entries: list[Station] | list[Award]) -> str:
    """One cell that `read_career` or `read_honours` reads back."""
    texts = [str(entry) for entry in entries]
    return ("\n" if any("；" in text or ";" in text for text in texts) else "；").join(texts)


def _period(text: str) -> str:
    numbers = re.findall(r"\d+", text)
    if not numbers:
        return "至今" if text in ("今", "现在", "至今") else text
    return f"{numbers[0]}.{int(numbers[1]):02d}" if len(numbers) > 1 else numbers[0]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    while len(text) > MAX_ENTRY:
        cut = max(text.rfind(mark, 0, MAX_ENTRY) for mark in "。；;，, ") + 1
        cut = cut if cut > MAX_ENTRY // 2 else MAX_ENTRY
        pieces.append(text[:cut].strip())
        text = text[cut:].strip()
    return [*pieces, text] if text else pieces
