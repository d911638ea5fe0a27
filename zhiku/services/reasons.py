"""Why this person: which words stand where, by what other word, and how much each document says for them.

Made from what the page has anyway, the ranked documents and the texts of the evidence; no question to the engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.port import Hit, Kind, QueryTerms, RequiredWord
from zhiku.search.ranking import RankedOwner
from zhiku.services.evidence import KIND_LABELS, DocumentTexts


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
    shown: Sequence[Hit],
    terms: QueryTerms,
    profile: DocumentTexts,
    evidence: Mapping[str, DocumentTexts],
    analyzer: Analyzer,
    is_near_in_meaning: bool,
) -> Reasons:
    """The reasons for one person: `shown` are the first of their documents, `profile` the texts of their profile, and
    `evidence` those of the other documents by source."""
    texts = _texts_by_part(profile, [evidence[hit.source] for hit in shown if hit.source in evidence])
    everything = "\n".join(texts.values())
    words = tuple(
        [
            _matched(required, texts, everything, analyzer)
            for bit, required in enumerate(terms.required)
            if ranked.words_found >> bit & 1
        ]
    )
    votes, further, share = _votes(ranked, shown, evidence)
    return Reasons(words, votes, further, share, ranked.is_named, is_near_in_meaning)


def _texts_by_part(profile: DocumentTexts, evidence: Sequence[DocumentTexts]) -> dict[str, str]:
    """Texts in normal form, by what they are a part of: no term has one of their line breaks in it."""
    texts = dict(profile.parts)
    for parts in (*(document.parts for document in evidence), profile.unshown_parts):
        for part, text in parts.items():
            texts[part] = f"{texts[part]}\n{text}" if part in texts else text
    return texts


def _matched(required: RequiredWord, texts: Mapping[str, str], everything: str, analyzer: Analyzer) -> MatchedWord:
    """How a word was found in texts by part; `everything` is all of these, to see soon what is in none."""
    for one in (required, *required.synonyms):
        if one.word in everything and (parts := _parts_with(one.word, texts, analyzer)):
            return _matched_by(required, one, MatchedBy.WORD if one is required else MatchedBy.SYNONYM, parts)
    for one in (required, *required.synonyms):
        if one.parts and all(piece in everything for piece in one.parts):
            having = [_parts_with(piece, texts, analyzer) for piece in one.parts]
            if parts := tuple(part for part in having[0] if all(part in others for others in having)):
                return _matched_by(required, one, MatchedBy.PARTS, parts)
    return MatchedWord(required.word, MatchedBy.NAME if required.names else MatchedBy.WORD, "", ())


def _matched_by(required: RequiredWord, found: RequiredWord, by: MatchedBy, parts: tuple[str, ...]) -> MatchedWord:
    return MatchedWord(required.word, by, "" if found is required else found.word, parts)


def _parts_with(word: str, texts: Mapping[str, str], analyzer: Analyzer) -> tuple[str, ...]:
    return tuple([part for part, text in texts.items() if word in text and analyzer.has_term(text, word)])


def _votes(
    ranked: RankedOwner, shown: Sequence[Hit], evidence: Mapping[str, DocumentTexts]
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


def _title(hit: Hit, evidence: Mapping[str, DocumentTexts]) -> str:
    """What a document is called; "" of one whose texts are not on the page."""
    if hit.kind is Kind.PROFILE:
        return KIND_LABELS[hit.kind]
    texts = evidence.get(hit.source)
    return texts.label if texts is not None else ""
