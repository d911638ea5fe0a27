"""Similar suggestions: what others have already suggested on the same matter, for the form before it is sent.

Who writes is shown those that they may read (`zhiku.domain.readership`). Of others they learn that there is one, so
that they can decide, and nothing else: neither its subject nor its number.

Candidates come from the index, and the newest rows straight from the database: a copy may be sent before the drainer
has indexed the first one, and while there is no index. How alike they are is judged on the redacted texts
(`zhiku.search.likeness`), so that nobody can find a hidden number out by trying.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only, raiseload, sessionmaker

from zhiku.analysis.analyzer import Analyzer
from zhiku.domain.divisions import is_within
from zhiku.domain.readership import Reader
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import MAX_PROPOSAL, MAX_SITUATION, MAX_SUBJECT, UNSEARCHABLE, Suggestion
from zhiku.search.likeness import SAME_SUBJECT, SAME_TOPIC, Likeness, Rarity, Shingled, copy_of, topic_cosine
from zhiku.search.port import IndexProblem, Kind, QueryTerms, Searcher, SearchRequest, TermGroup
from zhiku.search.query import parse
from zhiku.services.evidence import Fragment, evidence_for, suggestion_texts
from zhiku.services.readable_suggestions import readable_of

log = logging.getLogger(__name__)

#: Longest text that is looked at, in characters: a whole suggestion (PRODUCT 8) and the breaks between its fields.
MAX_TEXT = MAX_SUBJECT + MAX_SITUATION + MAX_PROPOSAL + 40

#: Shortest text that says what it is about, in characters.
MIN_TEXT = 4

#: Documents of the index that are compared; a copy is always among the very first.
CANDIDATES = 30
#: Newest suggestions that are compared whatever the index knows.
NEWEST = 20

#: Suggestions given back.
LIMIT = 5

#: Suggestions, spread evenly over all years, by which the rarity of words is judged.
SAMPLE = 200
#: It is judged anew when there are so many times as many suggestions.
GROWTH = 1.1

#: Suggestions that are kept prepared for comparing, 20 to 40 kB each.
PREPARED = 400


@dataclass(frozen=True, slots=True)
class SimilarSuggestion:
    """A suggestion that is like a text, for who may read it."""

    number: str
    subject: str
    situation: str
    proposal: str
    #: The sentence of it that is most like the text, with the common words marked.
    fragments: tuple[Fragment, ...]
    submitted_on: date
    status: str
    status_label: str
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Alike:
    """What there is like a text."""

    #: Those that the reader may read.
    suggestions: tuple[SimilarSuggestion, ...] = ()
    #: Whether there are others, too, that are not theirs to read.
    has_unreadable: bool = False

    def __bool__(self) -> bool:
        return bool(self.suggestions) or self.has_unreadable


class SimilarSuggestions:
    """Finds suggestions that are like a text."""

    def __init__(self, sessions: sessionmaker[Session], engine: Searcher, division: str = "") -> None:
        """`division` is the scope (a prefix of codes) that `engine` answers for."""
        self._sessions = sessions
        self._division = division
        self._engine = engine
        self._rarity: tuple[int, Rarity] | None = None

    def similar(self, subject: str, text: str, reader: Reader, *, limit: int = LIMIT, own_key: str = "") -> Alike:
        """Suggestions like this one: copies first, then those on the same topic, each by their rank in the search.

        `text` is situation and proposal together; what is longer than `MAX_TEXT` is cut there. `limit` is of those that
        `reader` may read. A stored suggestion with the submission key `own_key` is this very one and is left out.
        Raises `IndexProblem`.
        """
        found = self._found(subject, text, reader, own_key)
        return _alike(found, limit)

    def copies(self, subject: str, text: str, reader: Reader, *, own_key: str = "") -> Alike:
        """As `similar`, exact and near copies only. Without an index they are looked for among the newest."""
        try:
            found = self._found(subject, text, reader, own_key)
        except IndexProblem as problem:
            log.warning("copies are looked for among the newest suggestions only: %s", problem)
            found = self._compare(subject, text, [], None, reader, own_key)
        return _alike([one for one in found if one.likeness.is_copy], LIMIT)

    def _found(self, subject: str, text: str, reader: Reader, own_key: str) -> list[_Match]:
        analyzer = self._engine.analyzer
        terms = parse(_whole(subject, text), analyzer, self._engine.encoder)
        showing = _Showing(_telling(terms), analyzer)
        return self._compare(subject, text, self._candidates(terms), showing, reader, own_key)

    def _candidates(self, terms: QueryTerms) -> list[int]:
        if terms.is_empty:
            return []
        request = SearchRequest(terms, kinds=(Kind.SUGGESTION,), limit=CANDIDATES, near_limit=CANDIDATES)
        # A suggestion of two experts is two documents.
        hits = self._engine.search(request).hits
        return list(dict.fromkeys(int(hit.source.partition(":")[2]) for hit in hits))

    def _compare(
        self,
        subject: str,
        text: str,
        candidates: Sequence[int],
        showing: _Showing | None,
        reader: Reader,
        own_key: str,
    ) -> list[_Match]:
        analyzer = showing.analyzer if showing else None
        draft = _prepared(subject[:MAX_TEXT], _cut(subject, text), analyzer)
        if len(draft.shingled.characters) < MIN_TEXT:
            return []
        found: list[tuple[int, int, _Match]] = []
        with self._sessions() as session:
            rows = [
                row
                for row in _load(session, candidates, self._division)
                if not own_key or row.submission_key != own_key
            ]
            others = [_prepared(row.subject, row.text, analyzer) for row in rows]
            rarity = self._rarity_of_words(session, analyzer)
            readable = readable_of(session, [row.id for row in rows], reader)
            for rank, (row, other) in enumerate(zip(rows, others, strict=True)):
                likeness = copy_of(draft.shingled, other.shingled) or draft.topic_likeness(other, rarity)
                if likeness is not None:
                    match = _Match(row, likeness, showing, row.id in readable)
                    found.append((_ORDER[likeness], rank, match))
        return [match for _, _, match in sorted(found, key=lambda one: one[:2])]

    def _rarity_of_words(self, session: Session, analyzer: Analyzer | None) -> Rarity:
        if analyzer is None:
            return Rarity(())
        newest = session.scalar(select(func.max(Suggestion.id))) or 0
        if self._rarity is None or newest > self._rarity[0] * GROWTH:
            step = max(1, newest // SAMPLE)
            rows = session.execute(
                select(Suggestion.subject, Suggestion.situation, Suggestion.proposal)
                .where(Suggestion.id % step == 0, Suggestion.status.not_in(UNSEARCHABLE))
                .order_by(Suggestion.id)
            )
            # Two requests that do this at once get the same.
            self._rarity = (newest, Rarity([analyzer.terms("\n".join(row)).words for row in rows]))
        return self._rarity[1]


@dataclass(frozen=True, slots=True)
class _Showing:
    """What sentences are chosen and marked with."""

    terms: QueryTerms
    analyzer: Analyzer


@dataclass(frozen=True, slots=True)
class _Match:
    """A suggestion that is like the text, and whether it is the reader's to read."""

    row: Suggestion
    likeness: Likeness
    showing: _Showing | None
    is_readable: bool


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A suggestion prepared for comparing; without an analyzer it has no words."""

    shingled: Shingled
    #: Of the whole text, with the subject counted twice, and of the subject.
    words: Mapping[str, int]
    subject_words: Mapping[str, int]

    def topic_likeness(self, other: _Prepared, rarity: Rarity) -> Likeness | None:
        is_same = (
            topic_cosine(self.words, other.words, rarity) >= SAME_TOPIC
            or topic_cosine(self.subject_words, other.subject_words, rarity) >= SAME_SUBJECT
        )
        return Likeness.SIMILAR if is_same else None


# While somebody types, the same suggestions are compared again and again; preparing one takes a millisecond.
@lru_cache(maxsize=PREPARED)
def _prepared(subject: str, text: str, analyzer: Analyzer | None) -> _Prepared:
    subject, text = redact(subject), redact(text)
    shingled = Shingled.of(f"{subject}\n{text}")
    if analyzer is None:
        return _Prepared(shingled, {}, {})
    subject_words = analyzer.terms(subject).words
    return _Prepared(shingled, subject_words + subject_words + analyzer.terms(text).words, subject_words)


def _telling(terms: QueryTerms) -> QueryTerms:
    """Without words of one character: a whole text has so many that half of any sentence would be marked."""
    words = {word: weight for word, weight in terms.groups.get(TermGroup.WORDS, {}).items() if len(word) > 1}
    return replace(terms, groups={**terms.groups, TermGroup.WORDS: words})


def _whole(subject: str, text: str) -> str:
    return f"{subject[:MAX_TEXT]}\n{_cut(subject, text)}"


def _cut(subject: str, text: str) -> str:
    return text[: max(0, MAX_TEXT - len(subject))]


def _load(session: Session, ids: Sequence[int], division: str) -> list[Suggestion]:
    """These suggestions in this order, then the newest others; without those that a search must not show, or that are
    not of the division."""
    columns = (
        Suggestion.number, Suggestion.subject, Suggestion.situation, Suggestion.proposal, Suggestion.status,
        Suggestion.submitted_on, Suggestion.submission_key,
    )  # fmt: skip
    rows = select(Suggestion).where(is_within(Suggestion.division_code, division))
    rows = rows.options(load_only(*columns), raiseload("*"))
    by_id = {row.id: row for row in session.scalars(rows.where(Suggestion.id.in_(ids)))}
    newest = session.scalars(
        rows.where(Suggestion.status.not_in(UNSEARCHABLE)).order_by(Suggestion.id.desc()).limit(NEWEST)
    ).all()
    ordered = [by_id[key] for key in ids if key in by_id]
    return [row for row in [*ordered, *(row for row in newest if row.id not in by_id)] if row.is_searchable]


def _alike(found: Sequence[_Match], limit: int) -> Alike:
    readable = [match for match in found if match.is_readable]
    return Alike(tuple(_shown(match) for match in readable[:limit]), len(readable) < len(found))


def _shown(match: _Match) -> SimilarSuggestion:
    row, showing = match.row, match.showing
    evidence = evidence_for([suggestion_texts(row)], showing.terms, showing.analyzer, 1) if showing else ()
    return SimilarSuggestion(
        number=row.number,
        subject=redact(row.subject),
        situation=redact(row.situation),
        proposal=redact(row.proposal),
        fragments=evidence[0].fragments if evidence else (),
        submitted_on=row.submitted_on,
        status=row.status.value,
        status_label=row.status.label,
        likeness=match.likeness,
    )


_ORDER = {likeness: place for place, likeness in enumerate(Likeness)}
