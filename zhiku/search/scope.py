"""A part of what an engine has: one administrative division, with all divisions below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.encoder import Encoder
from zhiku.search.port import EngineStatus, Searcher, SearchRequest, SearchResult


class WithinDivision:
    """Answers as if there were nothing but the documents of a division: who searches through it cannot forget it."""

    def __init__(self, whole: Searcher, division: str) -> None:
        """`division` is a prefix of codes (GB/T 2260): 430725 for a county with all its townships."""
        self._whole = whole
        self._division = division

    @property
    def analyzer(self) -> Analyzer:
        """As that of the whole."""
        return self._whole.analyzer

    @property
    def encoder(self) -> Encoder | None:
        """As that of the whole."""
        return self._whole.encoder

    def vocabulary(self, division: str = "") -> Mapping[str, int]:
        """As `Searcher.vocabulary`, of the division, or of one within it."""
        return self._whole.vocabulary(self._narrower(division))

    def search(self, request: SearchRequest) -> SearchResult:
        """As `Searcher.search`, within the division."""
        return self._whole.search(replace(request, division=self._narrower(request.division)))

    def status(self) -> EngineStatus:
        """That of the whole."""
        return self._whole.status()

    def _narrower(self, division: str) -> str:
        return division if division.startswith(self._division) else self._division


def within(whole: Searcher, division: str) -> Searcher:
    """What answers for a scope; "" is the whole."""
    return WithinDivision(whole, division) if division else whole
