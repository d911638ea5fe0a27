"""Why this person: which words stand where, by what other word, and how much each document says for them.

Made from what the page has anyway, the ranked documents and the texts of the evidence; no question to the engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.highlight import Passage, normal_form
from zhiku.search.port import Hit, Kind, QueryTerms, RequiredWord
from zhiku.search.ranking import RankedOwner
from zhiku.services.evidence import EVIDENCE_DOCUMENTS, KIND_LABELS, Source


class MatchedBy(StrEnum):
    """How a word of the query was found."""

    WORD = "word"
    SYNONYM = "synonym"
    PARTS = "parts"  # its characters, but not side by side
    NAME = "name"


@dataclass(frozen=True, slots=True)
class MatchedWord:
    """A word of the query that the person has."""

    word: str
    by: MatchedBy
    #: What stands there instead; "" but for synonyms.
    synonym: str
    #: Where: 专长、简介、履历、荣誉、职务、领域、乡镇、建议、服务记录; none where only further documents have it.
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """A document that speaks for the person."""

    kind: str
    #: "档案", "建议《…》", "服务记录《…》".
    title: str
    date: dt.date | None
    #: Points of the person's score, and their share of it, 0 … 1.
    points: float
    share: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a person is in an answer."""

    words: tuple[MatchedWord, ...] = ()
    #: Heaviest first; documents without a title of their own here are counted in `further`.
    votes: tuple[Vote, ...] = ()
    further: int = 0
    further_share: float = 0.0
    is_named: bool = False
    is_near_in_meaning: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say: nothing was asked."""
        return not (self.words or self.votes or self.is_named or self.is_near_in_meaning)


def reasons_for(
    ranked: RankedOwner,
    terms: QueryTerms,
    profile: Sequence[Passage],
    evidence: Mapping[str, Sequence[Passage]],
    other_parts: Mapping[str, str],
    analyzer: Analyzer,
    is_near_in_meaning: bool,
) -> Reasons:
    """The reasons for one person: `profile` are the texts of their profile, `evidence` those of their first documents
    by source, `other_parts` what the index has of the profile besides, by its name."""
    shown = ranked.hits[:EVIDENCE_DOCUMENTS]
    texts: dict[str, list[str]] = {}
    for passage in [*profile, *(one for hit in shown for one in evidence.get(hit.source, ()))]:
        assert isinstance(passage.source, Source)
        texts.setdefault(passage.source.part, []).append(normal_form(passage.text))
    for part, text in other_parts.items():
        texts.setdefault(part, []).append(normal_form(text))
    words = tuple(
        _matched(required, texts, analyzer)
        for bit, required in enumerate(terms.required)
        if ranked.words_found >> bit & 1
    )
    votes, further, share = _votes(ranked, shown, evidence)
    return Reasons(words, votes, further, share, ranked.is_named, is_near_in_meaning)


def _matched(required: RequiredWord, texts: Mapping[str, Sequence[str]], analyzer: Analyzer) -> MatchedWord:
    if parts := _parts_with(required.word, texts, analyzer):
        return MatchedWord(required.word, MatchedBy.WORD, "", parts)
    for synonym in required.synonyms:
        if parts := _parts_with(synonym.word, texts, analyzer):
            return MatchedWord(required.word, MatchedBy.SYNONYM, synonym.word, parts)
    for one in (required, *required.synonyms):
        parts = tuple(
            part
            for part, its in texts.items()
            if one.parts and all(any(analyzer.has_term(text, piece) for text in its) for piece in one.parts)
        )
        if parts:
            return MatchedWord(required.word, MatchedBy.PARTS, "" if one is required else one.word, parts)
    return MatchedWord(required.word, MatchedBy.NAME if required.names else MatchedBy.WORD, "", ())


def _parts_with(word: str, texts: Mapping[str, Sequence[str]], analyzer: Analyzer) -> tuple[str, ...]:
    return tuple(part for part, its in texts.items() if any(analyzer.has_term(text, word) for text in its))


def _votes(
    ranked: RankedOwner, shown: Sequence[Hit], evidence: Mapping[str, Sequence[Passage]]
) -> tuple[tuple[Vote, ...], int, float]:
    """The votes of the documents that are on the page, the number of the others, and the share of these."""
    total = sum(ranked.points)
    if not total:
        return (), 0, 0.0
    votes = [
        Vote(hit.kind.value, title, hit.date, its, its / total)
        for hit, its in zip(shown, ranked.points, strict=False)
        if (title := _title(hit, evidence))
    ]
    further = len(ranked.hits) - len(votes)
    return tuple(votes), further, 1 - sum(vote.share for vote in votes) if further else 0.0


def _title(hit: Hit, evidence: Mapping[str, Sequence[Passage]]) -> str:
    """What a document is called; "" of one whose texts are not on the page."""
    if hit.kind is Kind.PROFILE:
        return KIND_LABELS[hit.kind]
    for passage in evidence.get(hit.source, ()):
        assert isinstance(passage.source, Source)
        return passage.source.label
    return ""
