"""Evidence: the sentences of profiles, suggestions and service records that speak for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from operator import attrgetter
from threading import Lock
from types import MappingProxyType
from typing import Any

from cachetools import LRUCache, cached, keys
from sqlalchemy import CompoundSelect, String, bindparam, literal_column, null, select, union_all
from sqlalchemy.orm import Session

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.clauses import clause_keys, split_clauses
from zhiku.analysis.normalize import normalize
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.readership import Reader
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import UNSEARCHABLE, Suggestion
from zhiku.search.highlight import Passage, Passages, Sentence, best_sentences, first_sentence
from zhiku.search.meaning import NEAR_FLOOR
from zhiku.search.port import Hit, Kind, QueryTerms, TermGroup
from zhiku.services.profiles import Profile
from zhiku.services.readable_suggestions import readable_of


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a sentence; `is_match` pieces are highlighted. Plain text: whoever shows it escapes it."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that speaks for a person, where it is from and when."""

    fragments: tuple[Fragment, ...]
    #: "profile", "suggestion" or "service".
    kind: str
    #: Where from, in Chinese: "档案·简介", "建议《关于…》", "服务记录《…》".
    source: str
    date: dt.date | None
    #: The number of a suggestion that has a page, else "".
    suggestion_number: str = ""
    #: Whether it is here for its meaning alone; nothing in it is marked then.
    is_near_in_meaning: bool = False


#: Characters of suggestions and service records that are remembered as `DocumentTexts`, since the same people answer
#: many queries: some 4,000 documents of a usual length, and 45 MB, however long each of them is.
REMEMBERED_CHARACTERS = 2_000_000

#: What one of the query's whole words, or a synonym, is worth in a sentence, against 1 for a word inside it.
WHOLE_WORD_WEIGHT = 3.0
SYNONYM_WEIGHT = 1.5

#: Parts of a profile that are lists of names rather than sentences say less about why.
_PART_WEIGHTS = {"专长": 0.8, "履历": 0.7, "荣誉": 0.7, "领域": 0.25, "职务": 0.4}

#: What a kind of document is called.
KIND_LABELS = {Kind.PROFILE: "档案", Kind.SUGGESTION: "建议", Kind.SERVICE: "服务记录"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a passage is from, to be copied to its evidence."""

    kind: Kind
    label: str
    date: dt.date | None = None
    suggestion_number: str = ""

    @property
    def part(self) -> str:
        """Which part of a profile it is, or what kind of a document."""
        return self.label.partition("·")[2] if self.kind is Kind.PROFILE else KIND_LABELS[self.kind]


#: Suggestions and service records in one question, since each question costs more than its rows: kind, key, what
#: `_suggestion_texts` takes, or `_service_texts` and two blanks, and the status of a suggestion.
_EVIDENCE: CompoundSelect[Any] = union_all(
    select(
        literal_column(f"'{Kind.SUGGESTION}'", String),
        Suggestion.id,
        Suggestion.submitted_on,
        Suggestion.subject,
        Suggestion.situation,
        Suggestion.proposal,
        Suggestion.number,
        Suggestion.status,
    ).where(Suggestion.id.in_(bindparam("suggestions", expanding=True))),
    select(
        literal_column(f"'{Kind.SERVICE}'", String),
        ServiceRecord.id,
        ServiceRecord.served_on,
        ServiceRecord.subject,
        ServiceRecord.account,
        literal_column("''", String),
        literal_column("''", String),
        null(),
    ).where(ServiceRecord.id.in_(bindparam("services", expanding=True))),
)

#: As `redact`, remembered: looking for private numbers takes as long as everything else that is done with a text.
redacted = lru_cache(maxsize=8192)(redact)


class DocumentTexts(Passages):
    """The texts of a profile, a suggestion or a service record, with what is made of them for every query."""

    def __init__(self, passages: Iterable[Passage], unshown: Mapping[str, str] = MappingProxyType({})) -> None:
        """`unshown` are further texts, by part: words are found in them, but no sentence of them is shown."""
        super().__init__(passages)
        parts: dict[str, list[str]] = {}
        for passage, normal in self.normal_sentences():
            parts.setdefault(_source(passage).part, []).append(normal)
        #: Part (简介, 建议 …) -> its sentences in normal form, one a line.
        self.parts: Mapping[str, str] = {part: "\n".join(sentences) for part, sentences in parts.items()}
        self.unshown_parts: Mapping[str, str] = {part: normalize(text) for part, text in unshown.items()}
        #: Characters in all, and a hundred for what it takes besides.
        self.size = 100 + sum([len(passage.text) for passage in self])
        #: What its first passage is called; "" where it has none.
        self.label = next((_source(passage).label for passage in self), "")


#: Under all that they are made of, so that every change of a row shows at once.
_REMEMBERED: LRUCache[Hashable, DocumentTexts] = LRUCache(REMEMBERED_CHARACTERS, getsizeof=attrgetter("size"))
_REMEMBERED_LOCK = Lock()


def remembered_characters() -> int:
    """How many characters are remembered, at most `REMEMBERED_CHARACTERS`."""
    with _REMEMBERED_LOCK:
        return int(_REMEMBERED.currsize)


def load_texts(hits: Iterable[Hit], session: Session, reader: Reader | None = None) -> dict[str, DocumentTexts]:
    """Texts of the suggestions and service records hit, by source; rows a search must not show are left out, and so are
    suggestions that a given `reader` may not read."""
    ids: dict[Kind, set[int]] = {kind: set() for kind in Kind}
    for hit in hits:
        ids[hit.kind].add(int(hit.source.partition(":")[2]))
    if reader is not None:
        ids[Kind.SUGGESTION] = readable_of(session, ids[Kind.SUGGESTION], reader)
    if not (ids[Kind.SUGGESTION] or ids[Kind.SERVICE]):
        return {}
    asked = {"suggestions": sorted(ids[Kind.SUGGESTION]), "services": sorted(ids[Kind.SERVICE])}
    return {
        f"{kind}:{key}": _suggestion_texts(*row) if kind == Kind.SUGGESTION else _service_texts(*row[:3])
        for kind, key, *row, status in session.connection().execute(_EVIDENCE, asked).all()
        if status not in UNSEARCHABLE
    }


def suggestion_texts(suggestion: Suggestion) -> DocumentTexts:
    """The texts of a suggestion."""
    return _suggestion_texts(
        suggestion.submitted_on, suggestion.subject, suggestion.situation, suggestion.proposal, suggestion.number
    )


@cached(_REMEMBERED, key=partial(keys.hashkey, Kind.SUGGESTION), lock=_REMEMBERED_LOCK)
def _suggestion_texts(submitted_on: dt.date, subject: str, situation: str, proposal: str, number: str) -> DocumentTexts:
    source = Source(Kind.SUGGESTION, f"建议《{redacted(subject)}》", submitted_on, number)
    return DocumentTexts(_passages(source, (situation, proposal, subject)))


@cached(_REMEMBERED, key=partial(keys.hashkey, Kind.SERVICE), lock=_REMEMBERED_LOCK)
def _service_texts(served_on: dt.date, subject: str, account: str) -> DocumentTexts:
    source = Source(Kind.SERVICE, f"服务记录《{redacted(subject)}》", served_on)
    return DocumentTexts(_passages(source, (subject, account)))


def profile_texts(profile: Profile) -> DocumentTexts:
    """The texts of a profile, each part under its name."""
    parts = {
        "简介": [profile.summary],
        "专长": ["、".join(profile.keywords)],
        "履历": profile.career,
        "荣誉": profile.honours,
        "领域": ["、".join(profile.fields)],
        "职务": [" ".join(filter(None, (profile.former_unit, profile.last_post, profile.professional_title)))],
    }
    passages = [
        passage
        for name, texts in parts.items()
        for passage in _passages(
            Source(Kind.PROFILE, f"档案·{name}", profile.updated_on), texts, _PART_WEIGHTS.get(name, 1.0)
        )
    ]
    return DocumentTexts(passages, {"领域": "、".join(profile.main_fields), "乡镇": profile.township})


def nearest_clause(documents: Iterable[Passages], hits: Iterable[Hit]) -> Sentence | None:
    """The clause of these documents that is nearest the query in meaning; None where no hit is near enough, or the text
    has changed since it was indexed."""
    near_hits = [hit for hit in hits if hit.closeness >= NEAR_FLOOR]
    if not near_hits:
        return None
    near = max(near_hits, key=attrgetter("closeness"))
    for passage in chain.from_iterable(documents):
        if _source(passage).kind is near.kind and (clause := _clauses(passage.text).get(near.clause)) is not None:
            return Sentence(passage.source, clause, (), near.closeness)
    return None


@lru_cache(maxsize=8192)
def _clauses(text: str) -> dict[int, str]:
    """The clauses of a text by their keys."""
    clauses = split_clauses(text)
    return dict(zip(clause_keys(clauses), clauses, strict=True))


class EvidenceFinder:
    """Finds the evidence for one query: what is the same for all people of a page is made once."""

    def __init__(self, terms: QueryTerms, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._words, self._grams = _wanted(terms)
        self._chars = terms.groups.get(TermGroup.CHARS, {})

    def find(self, documents: Sequence[Passages], limit: int, nearest: Sentence | None = None) -> tuple[Evidence, ...]:
        """Up to `limit` sentences of these documents that cover the query best, synonyms counted less than its own
        words.

        `nearest` is what comes nearest in meaning: the last of them, unless words show it already.
        """
        sentences = best_sentences(documents, self._analyzer, self._words, self._grams, limit)
        if nearest is not None and not any(nearest.text in one.text or one.text in nearest.text for one in sentences):
            shown = [_evidence(one) for one in sentences[: max(1, limit - 1)]]
            return (*shown, replace(_evidence(nearest), is_near_in_meaning=True))
        if not sentences:
            # Near in wording, or found by name: the sentence that shares most characters, or the first one; unmarked.
            any_at_all = best_sentences(documents, self._analyzer, self._chars, {}, 1) or first_sentence(documents)
            sentences = [replace(sentence, spans=()) for sentence in any_at_all]
        return tuple([_evidence(sentence) for sentence in sentences])


def evidence_for(
    documents: Sequence[Passages], terms: QueryTerms, analyzer: Analyzer, limit: int, nearest: Sentence | None = None
) -> tuple[Evidence, ...]:
    """As `EvidenceFinder.find`, for one thing found."""
    return EvidenceFinder(terms, analyzer).find(documents, limit, nearest)


def _wanted(terms: QueryTerms) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Words and bigrams that explain something, with their weights."""
    words = {word: weight for word, weight in terms.groups.get(TermGroup.WORDS, {}).items() if weight >= 1.0}
    if not terms.required:
        return words, terms.groups.get(TermGroup.GRAMS, {})
    grams: dict[str, float] = {}
    for required in terms.required:
        words[required.word] = WHOLE_WORD_WEIGHT
        for synonym in required.synonyms:
            words.setdefault(synonym.word, SYNONYM_WEIGHT)
        # Only bigrams inside a word of the query: those across two words (橘黄 of 柑橘黄龙病), or of a synonym
        # (家庭 of 家庭暴力), explain nothing.
        grams |= {part: 0.5 for part in required.parts if len(part) > 1}
    return words, grams


def fragments_of(text: str, spans: Iterable[tuple[int, int]]) -> tuple[Fragment, ...]:
    """A text cut at its matching spans; joined again the fragments give the text."""
    fragments: list[Fragment] = []
    position = 0
    for start, end in spans:
        if start > position:
            fragments.append(Fragment(text[position:start], False))
        fragments.append(Fragment(text[start:end], True))
        position = end
    if position < len(text):
        fragments.append(Fragment(text[position:], False))
    return tuple(fragments)


def _passages(source: Source, texts: Iterable[str], weight: float = 1.0) -> list[Passage]:
    return [Passage(source, redacted(text), weight) for text in texts if text.strip()]


def _source(passage: Passage | Sentence) -> Source:
    """Where it is from: everything here is made with a `Source`."""
    assert isinstance(passage.source, Source)
    return passage.source


def _evidence(sentence: Sentence) -> Evidence:
    source = _source(sentence)
    return Evidence(
        fragments_of(sentence.text, sentence.spans),
        source.kind.value,
        source.label,
        source.date,
        source.suggestion_number,
    )
