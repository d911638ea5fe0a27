"""What the county's own data is called: people, fields, places, units, titles, and the words of its texts.

Completion and correction offer nothing else. Everything here may be seen by everybody: people whom a search may name,
columns that the index has too, and words of the segmenter's dictionary. A word that was only guessed from its
characters may be anybody's name and is left out.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.normalize import normalize
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division, DivisionLevel, is_within
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Availability, Expert, ExpertField, ExpertStatus
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.redaction import REMOVED, redact
from zhiku.search.port import IndexProblem, Searcher


@dataclass(frozen=True, slots=True)
class CountyWords:
    """The names of things, each with the number of people who can be found by it."""

    people: frozenset[str]
    #: Names of profiles that nobody may find: never to be offered as words.
    hidden: frozenset[str]
    fields: Mapping[str, int]
    everyday_words: tuple[str, ...]
    keywords: Mapping[str, int]
    titles: Mapping[str, int]
    townships: Mapping[str, int]
    #: Departments by full name and former units.
    units: Mapping[str, int]
    #: Short names of departments.
    short_units: tuple[str, ...]
    #: Words of the index -> documents; {} where there is no usable index.
    words: Mapping[str, int]
    #: Those of them that somebody's expertise is described with.
    words_of_expertise: frozenset[str]


class CountyWordsReader:
    """Reads them when they have changed; the last ones are kept for all who ask. Safe for threads."""

    def __init__(self, sessions: sessionmaker[Session], engine: Searcher, division: str = "") -> None:
        """`division` is the scope (a prefix of codes) that `engine` answers for."""
        self._sessions = sessions
        self._engine = engine
        self._division = division
        self._reading = threading.Lock()
        self._known: tuple[object, CountyWords] | None = None

    def version(self) -> object:
        """Differs when `words` would give something else; cheap.

        Every change of what is read leaves an outbox entry, and every change of the index marks entries as drained.
        """
        with self._sessions() as session:
            newest = session.execute(select(func.max(OutboxEntry.id), func.max(OutboxEntry.drained_at))).one()
        return tuple(newest), self._engine.status().generation

    def words(self) -> CountyWords:
        """Those of this moment."""
        with self._reading:
            version = self.version()
            if self._known is None or self._known[0] != version:
                self._known = version, load_county_words(self._sessions, self._engine, self._division)
            return self._known[1]


def load_county_words(sessions: sessionmaker[Session], engine: Searcher, division: str = "") -> CountyWords:
    """Read everything within a division: some columns of all profiles, the reference tables, the index's vocabulary."""
    with sessions() as session:
        people: set[str] = set()
        hidden: set[str] = set()
        keywords: Counter[str] = Counter()
        titles: Counter[str] = Counter()
        units: Counter[str] = Counter()
        places: Counter[str] = Counter()
        rows = session.execute(
            select(
                Expert.name,
                Expert.status,
                Expert.availability,
                Expert.keywords,
                Expert.professional_title,
                Expert.former_unit,
                Expert.division_code,
            )
        )
        for name, status, availability, expertise, title, unit, place in rows:
            # Who lives elsewhere is hidden like who was withdrawn: not even as a word may the name be offered.
            if not (is_searchable(status, availability) and place.startswith(division)):
                hidden.add(name)
                continue
            people.add(name)
            keywords.update({redact(word) for word in expertise})
            titles[redact(title)] += 1
            units[redact(unit)] += 1
            places[place] += 1
        fields = _fields(session, division)
        everyday = session.scalars(select(FieldOfExpertise.everyday_words).order_by(FieldOfExpertise.id)).all()
        townships = {
            name: places[code]
            for code, name in session.execute(
                select(Division.code, Division.name)
                .where(Division.level == DivisionLevel.TOWNSHIP, is_within(Division.code, division))
                .order_by(Division.code)
            )
        }
        departments = session.execute(
            select(Department.name, Department.short_name)
            .where(is_within(Department.division_code, division))
            .order_by(Department.id)
        ).all()
    shown_keywords = _showable(keywords)
    words, words_of_expertise = _words(engine, shown_keywords)
    return CountyWords(
        people=frozenset(people),
        hidden=frozenset(hidden - people),
        fields=fields,
        everyday_words=tuple(word for text in everyday for word in text.split()),
        keywords=shown_keywords,
        titles=_showable(titles),
        townships=townships,
        units={name: 0 for name, _ in departments} | _showable(units),
        short_units=tuple(short for _, short in departments if short),
        words=words,
        words_of_expertise=words_of_expertise,
    )


def is_searchable(status: ExpertStatus, availability: Availability) -> bool:
    """`Expert.is_searchable` of a person of whom only these two columns were read."""
    return (status, availability) in _searchable_states()


@cache
def _searchable_states() -> frozenset[tuple[ExpertStatus, Availability]]:
    return frozenset(
        (status, availability)
        for status in ExpertStatus
        for availability in Availability
        if Expert(status=status, availability=availability).is_searchable
    )


def _fields(session: Session, division: str) -> dict[str, int]:
    """Field -> searchable people, main fields with those of their subfields; in the order of the list."""
    fields = session.execute(
        select(FieldOfExpertise.id, FieldOfExpertise.name, FieldOfExpertise.parent_id).order_by(
            FieldOfExpertise.parent_id.is_not(None), FieldOfExpertise.position, FieldOfExpertise.id
        )
    ).all()
    main_of = {key: parent or key for key, _, parent in fields}
    found: dict[int, set[int]] = {key: set() for key in main_of}
    links = session.execute(
        select(ExpertField.field_id, ExpertField.expert_id, Expert.status, Expert.availability)
        .join(Expert)
        .where(is_within(Expert.division_code, division))
    )
    for field, expert, status, availability in links:
        if is_searchable(status, availability):
            found[field].add(expert)
            found[main_of[field]].add(expert)
    return {name: len(found[key]) for key, name, _ in fields}


def _words(engine: Searcher, keywords: Iterable[str]) -> tuple[dict[str, int], frozenset[str]]:
    """Words of the index with their documents, and those of them that stand in the keywords."""
    try:
        segmenter = engine.analyzer.segmenter
        words = {word: count for word, count in engine.vocabulary().items() if segmenter.knows(word)}
    except IndexProblem:
        return {}, frozenset()
    of_expertise = {word for keyword in keywords for word in segmenter.cut(normalize(keyword))}
    return words, frozenset(of_expertise & words.keys())


def _showable(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if normalize(name) and REMOVED not in name}
