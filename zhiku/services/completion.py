"""Completion while typing: people by name or pinyin, fields, words, townships, units and professional titles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.names import indexed_terms, split_name, surname_readings
from zhiku.analysis.normalize import HAN, normalize
from zhiku.analysis.pinyin import readings
from zhiku.domain.experts import Expert
from zhiku.search.prefixes import PrefixList
from zhiku.services.county_words import CountyWords, CountyWordsReader, is_searchable
from zhiku.services.prepared import FIRST_WAIT, Prepared

#: Completions of one answer.
LIMIT = 8

#: Longest text that is completed, in characters, and longest part of it that is a beginning of something.
LONGEST_TEXT = 60
LONGEST_PART = 24

#: A word in fewer documents than this is offered only when a profile names it as expertise or title.
LEAST_DOCUMENTS = 2

#: Longest word that is offered; what stands as expertise in a roster may be a whole sentence.
LONGEST_WORD = 16

#: Weighs more than any number of documents.
EXPERTISE_BONUS = 1 << 30

#: Letters from which on a word is offered by its pinyin: one letter is the beginning of too many.
LEAST_LETTERS = 2

_HAN_WORD = re.compile(rf"[{HAN}]{{2,}}")
_LETTERS = re.compile(r"[a-z][a-z']*")
_LAST_PART = re.compile(r"\S+\Z")


class Group(StrEnum):
    """What a completion is, in the order in which they are shown."""

    NAME = "name"
    FIELD = "field"
    WORD = "word"
    TOWNSHIP = "township"
    UNIT = "unit"
    TITLE = "title"

    @property
    def label(self) -> str:
        """As the reader sees it."""
        return _LABELS[self]


_LABELS: Mapping[Group, str] = {
    Group.NAME: "姓名",
    Group.FIELD: "领域",
    Group.WORD: "词语",
    Group.TOWNSHIP: "乡镇",
    Group.UNIT: "单位",
    Group.TITLE: "职称",
}

#: Of each group at first; what other groups leave is filled in the order of the groups.
_SHARES: Mapping[Group, int] = {
    Group.NAME: 3,
    Group.FIELD: 2,
    Group.WORD: 3,
    Group.TOWNSHIP: 1,
    Group.UNIT: 1,
    Group.TITLE: 1,
}

#: What stands in several groups is shown in the first of these: a township's name is also a word.
_SUREST_FIRST = (Group.NAME, Group.FIELD, Group.TOWNSHIP, Group.UNIT, Group.TITLE, Group.WORD)

_ORDER: Mapping[Group, int] = {group: place for place, group in enumerate(Group)}


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on."""

    #: The whole text of the search box, with this completion.
    text: str
    #: What completes the last part of it.
    completed: str
    group: Group


@dataclass(frozen=True, slots=True)
class _Lists:
    """By group, from the surest way to mean something to the least sure."""

    by_text: Mapping[Group, tuple[PrefixList, ...]]
    by_pinyin: Mapping[Group, tuple[PrefixList, ...]]


class Completer:
    """Completes what is being typed. Safe for threads; its lists are made in the background."""

    def __init__(self, sessions: sessionmaker[Session], words: CountyWordsReader, division: str = "") -> None:
        """`division` is the scope (a prefix of codes) that the words are of."""
        self._sessions = sessions
        self._division = division
        self._lists = Prepared(lambda: make_lists(words.words()), words.version)

    def start(self) -> None:
        """Begin to make ready the lists, in the background."""
        self._lists.start()

    def prepare(self) -> None:
        """Make ready the lists, as of this moment. Raises what reading the database or the index raises."""
        self._lists.prepare()

    def close(self, is_waiting: bool = True) -> None:
        """Nothing is made ready any more; to be called before database and index are closed."""
        self._lists.close(is_waiting)

    def complete(self, typed: str, wait: float = FIRST_WAIT) -> tuple[Completion, ...]:
        """At most `LIMIT` completions of the last part of the text, by group, each text once.

        None of a text that is too long, or while the lists are still being made after a start, for which nobody waits
        longer than `wait` seconds. People who have been withdrawn are left out at once.
        """
        if len(typed) > LONGEST_TEXT:
            return ()
        found: dict[Group, list[str]] = {}
        head = ""
        lists = self._lists.get(wait) if typed.strip() else None
        if lists is not None:
            for head, part in _parts(typed):
                found = {group: _best(lists, group, part) for group in Group}
                if any(found.values()):
                    break
        hidden = self._hidden({text for texts in found.values() for text in texts}) if any(found.values()) else set()
        taken: dict[str, Group] = {}
        for group in _SUREST_FIRST:
            for text in found.get(group, ()):
                # A name shared with a hidden person is still that of the one who can be found.
                if text not in hidden and head + text != typed:
                    taken.setdefault(text, group)
        return tuple(Completion(head + text, text, group) for text, group in _shared_out(taken))

    def _hidden(self, texts: set[str]) -> set[str]:
        """Those of the texts that are names of people of whom none may be found, as the database says now."""
        with self._sessions() as session:
            rows = session.execute(
                select(Expert.name, Expert.status, Expert.availability, Expert.division_code).where(
                    Expert.name.in_(sorted(texts))
                )
            ).all()
        seen = {
            name
            for name, status, availability, place in rows
            if is_searchable(status, availability) and place.startswith(self._division)
        }
        return {name for name, *_ in rows} - seen


def make_lists(words: CountyWords) -> _Lists:
    """The lists of everything that may be offered."""
    people = sorted(words.people)
    offered = _words_to_offer(words)
    named: dict[Group, Mapping[str, int]] = {
        Group.FIELD: words.fields,
        Group.WORD: offered,
        Group.TOWNSHIP: words.townships,
        Group.UNIT: words.units,
        Group.TITLE: words.titles,
    }
    by_text: dict[Group, tuple[PrefixList, ...]] = {group: (_texts(counts),) for group, counts in named.items()}
    by_pinyin: dict[Group, tuple[PrefixList, ...]] = {group: (_pinyin(counts),) for group, counts in named.items()}
    ways = [_ways_to_name(person) for person in people]
    by_text[Group.NAME] = tuple(
        PrefixList((key, 0, person) for person, way in zip(people, ways, strict=True) for key in way.texts[kind])
        for kind in range(2)
    )
    by_pinyin[Group.NAME] = tuple(
        PrefixList((key, 0, person) for person, way in zip(people, ways, strict=True) for key in way.letters[kind])
        for kind in range(3)
    )
    return _Lists(by_text, by_pinyin)


@dataclass(frozen=True, slots=True)
class _WaysToName:
    """Keys of a person's name: whole and given name; pinyin, initials, given name's pinyin."""

    texts: tuple[tuple[str, ...], tuple[str, ...]]
    letters: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=20_000)
def _ways_to_name(person: str) -> _WaysToName:
    name = normalize(person)
    keys: dict[str, list[str]] = {}
    for term in indexed_terms(name):
        kind, _, key = term.partition(":")
        keys.setdefault(kind, []).append(key)
    surname, _ = split_name(name)
    # zhangjg: the surname in full, the rest by initials.
    surnames = ["".join(syllables) for syllables in surname_readings(surname)] if keys.get("initials") else []
    rest = {
        initials[-(len(name) - len(surname)) :] for initials in keys.get("initials", ()) if len(name) > len(surname)
    }
    mixed = [f"{reading}{initials}" for reading in surnames for initials in sorted(rest)]
    return _WaysToName(
        ((name, *keys.get("full", ())), tuple(keys.get("given", ()))),
        (
            tuple(keys.get("pinyin", ())),
            (*keys.get("initials", ()), *mixed),
            tuple(keys.get("given-pinyin", ())),
        ),
    )


def _words_to_offer(words: CountyWords) -> dict[str, int]:
    """Word -> weight: those of the index that are no slips, and what profiles name.

    What people's expertise is described with comes before what only stands in texts (明渠 before 明年).
    """
    offered = {
        word: count + (EXPERTISE_BONUS if word in words.words_of_expertise else 0)
        for word, count in words.words.items()
        if _HAN_WORD.fullmatch(word) and (count >= LEAST_DOCUMENTS or word in words.words_of_expertise)
    }
    for word, count in words.keywords.items():
        if len(word) <= LONGEST_WORD:
            offered[word] = max(offered.get(word, 0), EXPERTISE_BONUS + count)
    for name in (*words.people, *words.hidden):
        offered.pop(name, None)
    return offered


def _texts(counts: Mapping[str, int]) -> PrefixList:
    return PrefixList((normalize(text), count, text) for text, count in counts.items())


def _pinyin(counts: Mapping[str, int]) -> PrefixList:
    return PrefixList(
        ("".join(readings(text)), count, text) for text, count in counts.items() if _HAN_WORD.fullmatch(text)
    )


def _parts(typed: str) -> Iterator[tuple[str, str]]:
    """(what stands before, normalised beginning of something), from the likeliest: the text as a whole where it is
    pinyin with blanks, its last part, ever shorter ends of that."""
    if typed[-1:].isspace():
        return
    letters = normalize(typed)
    if " " in letters and _LETTERS.fullmatch(letters.replace(" ", "")):
        yield "", letters.replace(" ", "").replace("'", "")
    last = _LAST_PART.search(typed)
    if last is None:
        return
    head, part = typed[: last.start()], last[0]
    for start in range(min(len(part), LONGEST_PART)):
        normal = normalize(part[start:]).replace("'", "").replace("ü", "v")
        if not normal or (start and not _HAN_WORD.match(normal)):
            continue
        yield head + part[:start], normal


def _best(lists: _Lists, group: Group, part: str) -> list[str]:
    is_pinyin = bool(_LETTERS.fullmatch(part))
    chosen: Iterable[PrefixList] = lists.by_text[group]
    if is_pinyin and (group is Group.NAME or len(part) >= LEAST_LETTERS):
        chosen = (*chosen, *lists.by_pinyin[group])
    found: dict[str, None] = {}
    for one in chosen:
        found.update(dict.fromkeys(one.best(part, LIMIT)))
    return list(found)[:LIMIT]


def _shared_out(taken: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """At most `LIMIT` of them: a share for each group, then what is left in the order of the groups."""
    by_group: dict[Group, list[str]] = {group: [] for group in Group}
    for text, group in taken.items():
        by_group[group].append(text)
    counts = {group: min(len(by_group[group]), _SHARES[group]) for group in Group}
    while sum(counts.values()) > LIMIT:
        # The groups at the end give way, but each keeps one.
        least = max((group for group in Group if counts[group] > 1), key=lambda group: (counts[group], _ORDER[group]))
        counts[least] -= 1
    for group in Group:
        counts[group] += min(len(by_group[group]) - counts[group], LIMIT - sum(counts.values()))
    return [(text, group) for group in Group for text in by_group[group][: counts[group]]]
