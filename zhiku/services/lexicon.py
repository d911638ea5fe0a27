"""The county's own words and synonyms: listed, added, changed, deleted. Groups act at once, words after a rebuild."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Select, exists, func, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, selectinload, sessionmaker

from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.normalize import clean, normalize
from zhiku.analysis.synonyms import shipped_synonyms
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.lexicon import (
    MAX_GROUPS,
    MAX_TEXT,
    MAX_WORDS,
    CountyWord,
    EntryNotAcceptable,
    LexiconFull,
    SynonymGroup,
    SynonymMember,
    check_group,
    word_problem,
)
from zhiku.search.port import Engine, IndexProblem
from zhiku.services.live_lexicon import SYNONYMS, WORDS, LiveSynonyms, raise_revision

Item = TypeVar("Item")

#: Entries on one page of a list.
PAGE = 20

#: Between two members of a group, as people write them: 修水库=水库除险加固, 修水库、修坝. White space too, but for that
#: between two Latin words.
_BETWEEN = re.compile(r"[=\uff1d\u2261、\uff0c,\uff1b;|\uff5c/\n\r\t]+|(?<![0-9A-Za-z])\s+|\s+(?![0-9A-Za-z])")

#: Rows that one statement inserts.
_BATCH = 5_000


class GroupGone(DomainError):
    """The group was deleted meanwhile."""


class GroupChanged(DomainError):
    """Somebody else changed the group while this one was being edited."""


class LexiconBusy(DomainError):
    """The database cannot take the change now."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of synonyms."""

    id: int
    members: tuple[str, ...]
    note: str
    added_by: str
    updated_at: datetime
    version: int

    @property
    def text(self) -> str:
        """The members as they are typed into the form."""
        return "、".join(self.members)


@dataclass(frozen=True, slots=True)
class Member:
    """One way to say it, as it is shown and as it is compared."""

    text: str
    normal: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the county's, and whether the index that answers now was built with it."""

    id: int
    word: str
    added_by: str
    created_at: datetime
    is_in_effect: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, from 1."""

    items: tuple[Item, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return max(1, math.ceil(self.total / PAGE))


@dataclass(frozen=True, slots=True)
class WordsAdded:
    """What became of some words: stored, there before, refused with a reason."""

    added: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WordsWaiting:
    """Edits of the words that the next rebuild brings."""

    to_come: int
    to_go: int

    @property
    def is_any(self) -> bool:
        """Whether a rebuild would change anything."""
        return bool(self.to_come or self.to_go)


class Lexicon:
    """Words and groups of synonyms."""

    def __init__(
        self, sessions: sessionmaker[Session], engine: Engine, clock: Callable[[], datetime], live: LiveSynonyms
    ) -> None:
        """`engine` says which words are in effect; `live` is told of every edit of the groups."""
        self._sessions = sessions
        self._engine = engine
        self._clock = clock
        self._live = live

    # -- groups --------------------------------------------------------------------------------------------------

    def groups(self, query: str = "", page: int = 1) -> Page[Group]:
        """The groups with a member that has these characters, the newest first."""
        wanted = select(SynonymGroup)
        if text := normalize(query).strip():
            wanted = wanted.where(
                exists().where(
                    SynonymMember.group_id == SynonymGroup.id, SynonymMember.normal.contains(text, autoescape=True)
                )
            )
        ordered = wanted.options(selectinload(SynonymGroup.members)).order_by(
            SynonymGroup.updated_at.desc(), SynonymGroup.id.desc()
        )
        with self._sessions() as session:
            total, number, rows = _page(session, wanted, ordered, page)
            return Page(tuple(_group(row) for row in rows), total, number)

    def all_groups(self) -> list[Group]:
        """All groups, oldest first, for an export."""
        with self._sessions() as session:
            rows = session.scalars(
                select(SynonymGroup).options(selectinload(SynonymGroup.members)).order_by(SynonymGroup.id)
            )
            return [_group(row) for row in rows]

    def group(self, group_id: int) -> Group:
        """One group. Raises `GroupGone`."""
        with self._sessions() as session:
            return _group(_found(session, group_id))

    def groups_with(self, members: Iterable[str], other_than: int | None = None) -> list[Group]:
        """The county's groups in which one of these stands already."""
        normals = [normalize(member).strip() for member in members]
        with self._sessions() as session:
            rows = session.scalars(
                select(SynonymGroup)
                .where(
                    exists().where(SynonymMember.group_id == SynonymGroup.id, SynonymMember.normal.in_(normals)),
                    SynonymGroup.id != (other_than or 0),
                )
                .options(selectinload(SynonymGroup.members))
                .order_by(SynonymGroup.id)
            )
            return [_group(row) for row in rows]

    def add_group(self, members: Sequence[str], note: str, by: str) -> Group:
        """Store a group. Raises `EntryNotAcceptable`, `LexiconFull` and `LexiconBusy`."""
        distinct, note = checked_group(members, note)
        with self._writing() as session:
            if (session.scalar(select(func.count()).select_from(SynonymGroup)) or 0) >= MAX_GROUPS:
                raise too_many_groups()
            now = self._clock()
            group = SynonymGroup(note=note, added_by=by, created_at=now, updated_at=now, version=1)
            group.members = _rows(distinct)
            session.add(group)
            raise_revision(session, SYNONYMS)
        self._live.reload()
        return _group(group)

    def change_group(
        self, group_id: int, members: Sequence[str], note: str, by: str, version: int | None = None
    ) -> Group:
        """Give a group other members. `version` is the one that was edited.

        Raises as `add_group`, `GroupGone`, and `GroupChanged` when it is another one by now.
        """
        distinct, note = checked_group(members, note)
        with self._writing() as session:
            group = _found(session, group_id)
            if version is not None and group.version != version:
                raise GroupChanged("这一组刚才被别人改过，您的改动还没有保存。请对照下面的最新内容再改一次。")
            # Deleted before the new ones come: a member that stays would meet itself in the unique key.
            group.members = []
            session.flush()
            group.members = _rows(distinct)
            group.note, group.added_by, group.updated_at = note, by, self._clock()
            group.version += 1
            raise_revision(session, SYNONYMS)
        self._live.reload()
        return _group(group)

    def join_group(self, group_id: int, members: Sequence[str], by: str) -> Group:
        """Add members to a group that has some of them. Raises as `change_group`."""
        group = self.group(group_id)
        return self.change_group(group_id, [*group.members, *members], group.note, by, group.version)

    def delete_group(self, group_id: int) -> Group:
        """Delete a group and give what it was. Raises `GroupGone` and `LexiconBusy`."""
        with self._writing() as session:
            row = _found(session, group_id)
            group = _group(row)
            session.delete(row)
            raise_revision(session, SYNONYMS)
        self._live.reload()
        return group

    def add_groups(self, groups: Iterable[tuple[Sequence[Member], str]], by: str) -> int:
        """Store many groups from `checked_group`, with their notes, in one transaction; gives how many are new.

        A group with exactly the members of another one is left out. Raises `LexiconFull` and `LexiconBusy`.
        """
        with self._writing() as session:
            known = _member_sets(session)
            fresh: list[tuple[Sequence[Member], str]] = []
            for members, note in groups:
                key = frozenset(member.normal for member in members)
                if key not in known:
                    known.add(key)
                    fresh.append((members, note))
            if len(known) > MAX_GROUPS:
                raise too_many_groups()
            for start in range(0, len(fresh), _BATCH):
                self._insert_groups(session, fresh[start : start + _BATCH], by)
            if fresh:
                raise_revision(session, SYNONYMS)
        self._live.reload()
        return len(fresh)

    def _insert_groups(self, session: Session, groups: Sequence[tuple[Sequence[Member], str]], by: str) -> None:
        now = self._clock()
        ids = session.scalars(
            insert(SynonymGroup).returning(SynonymGroup.id, sort_by_parameter_order=True),
            [{"note": note, "added_by": by, "created_at": now, "updated_at": now, "version": 1} for _, note in groups],
        ).all()
        session.execute(
            insert(SynonymMember),
            [
                {"group_id": group_id, "position": position, "text": member.text, "normal": member.normal}
                for group_id, (members, _) in zip(ids, groups, strict=True)
                for position, member in enumerate(members)
            ],
        )

    # -- words ---------------------------------------------------------------------------------------------------

    def words(self, query: str = "", page: int = 1) -> Page[Word]:
        """The words that have these characters, the newest first."""
        wanted = select(CountyWord)
        if text := normalize(query).strip():
            wanted = wanted.where(CountyWord.word.contains(text, autoescape=True))
        ordered = wanted.order_by(CountyWord.created_at.desc(), CountyWord.id.desc())
        with self._sessions() as session:
            total, number, rows = _page(session, wanted, ordered, page)
            built_with = self._built_with()
            words = (Word(row.id, row.word, row.added_by, row.created_at, _has(built_with, row.word)) for row in rows)
            return Page(tuple(words), total, number)

    def all_words(self) -> list[str]:
        """All words, sorted."""
        with self._sessions() as session:
            return sorted(session.scalars(select(CountyWord.word)))

    def add_words(self, words: Iterable[str], by: str) -> WordsAdded:
        """Store those that are words for the segmenter and not there yet.

        Raises `LexiconFull` when there would be more than `MAX_WORDS`, and `LexiconBusy`; then none is stored.
        """
        good, refused = sift_words(words)
        with self._writing() as session:
            stored = set(session.scalars(select(CountyWord.word)))
            fresh = [word for word in good if word not in stored and not _has(shipped_words(), word)]
            if len(stored) + len(fresh) > MAX_WORDS:
                raise too_many_words()
            now = self._clock()
            for start in range(0, len(fresh), _BATCH):
                session.execute(
                    insert(CountyWord),
                    [{"word": word, "added_by": by, "created_at": now} for word in fresh[start : start + _BATCH]],
                )
            if fresh:
                raise_revision(session, WORDS)
        added = set(fresh)
        return WordsAdded(tuple(fresh), tuple(word for word in good if word not in added), refused)

    def word(self, word_id: int) -> str:
        """One word; "" when it is gone."""
        with self._sessions() as session:
            return session.scalar(select(CountyWord.word).where(CountyWord.id == word_id)) or ""

    def delete_words(self, words: Iterable[str]) -> int:
        """Delete these words; gives how many there were. Raises `LexiconBusy`."""
        count = 0
        with self._writing() as session:
            for word in words:
                row = session.scalar(select(CountyWord).where(CountyWord.word == normalize(word).strip()))
                if row is not None:
                    session.delete(row)
                    count += 1
            if count:
                raise_revision(session, WORDS)
        return count

    def words_waiting(self) -> WordsWaiting:
        """What a rebuild would change in the dictionary."""
        shipped = set(shipped_words())
        with self._sessions() as session:
            stored = set(session.scalars(select(CountyWord.word))) - shipped
        built_with = set(self._built_with()) - shipped
        return WordsWaiting(len(stored - built_with), len(built_with - stored))

    def is_known(self, text: str) -> bool:
        """Whether the segmenter that queries are cut with has it as a word."""
        try:
            return self._engine.analyzer.segmenter.knows(normalize(text).strip())
        except IndexProblem:
            return True

    def _built_with(self) -> Sequence[str]:
        """The words with which the index that answers was built, sorted; none without an index."""
        try:
            return self._engine.analyzer.own_words
        except IndexProblem:
            return ()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        try:
            with self._sessions() as session, session.begin():
                begin_writing(session)
                yield session
        except OperationalError as error:
            raise LexiconBusy("系统正忙，改动还没有保存。请过一两分钟再试一次。") from error


def split_members(text: str) -> list[str]:
    """The members that somebody typed into one field: 修水库=水库除险加固、修坝."""
    return [member for part in _BETWEEN.split(text) if (member := part.strip())]


def checked_group(members: Iterable[str], note: str = "") -> tuple[list[Member], str]:
    """The distinct members in their order, and the note in one line. Raises `EntryNotAcceptable`."""
    distinct: dict[str, Member] = {}
    for member in members:
        text = " ".join(clean(member).split())
        normal = normalize(text).strip()
        if len(text) > 2 * MAX_TEXT:
            raise EntryNotAcceptable(f"“{text[:MAX_TEXT]}……”太长，一种说法最多 {MAX_TEXT} 个字，请只留要紧的词。")
        distinct.setdefault(normal, Member(text, normal))
    note = " ".join(clean(note).split())
    check_group(list(distinct), note)
    return list(distinct.values()), note


def sift_words(words: Iterable[str]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """Distinct good words in normal form, and the refused ones with why."""
    good: dict[str, None] = {}
    refused = []
    for given in words:
        word = normalize(given).strip()
        if problem := word_problem(word):
            refused.append((given.strip()[: 2 * MAX_TEXT], problem))
        else:
            good[word] = None
    return list(good), tuple(refused)


def too_many_words() -> LexiconFull:
    """Said when there would be more words than the search carries."""
    return LexiconFull(
        f"词语最多 {MAX_WORDS:,} 个，这样就超过了，一个也没有加进去。通用的词分词词典里本来就有，请只留本县特有的地名、物产和叫法。"
    )


def too_many_groups() -> LexiconFull:
    """Said when there would be more groups than the search carries."""
    return LexiconFull(
        f"同义词最多 {MAX_GROUPS:,} 组，这样就超过了，一组也没有加进去。请先删去用不着的，或只留本县特有的说法。"
    )


def same_as_shipped(members: Iterable[str]) -> bool:
    """Whether one group shipped with zhiku has all of these already."""
    wanted = {normalize(member).strip() for member in members}
    first = next(iter(wanted), "")
    return any(wanted <= set(group) for group in shipped_synonyms().groups_of(first))


def _page(session: Session, wanted: Select[Item], ordered: Select[Item], page: int) -> tuple[int, int, Sequence[Item]]:
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    number = min(max(1, page), max(1, math.ceil(total / PAGE)))
    return total, number, session.scalars(ordered.offset((number - 1) * PAGE).limit(PAGE)).all()


def _found(session: Session, group_id: int) -> SynonymGroup:
    group = session.get(SynonymGroup, group_id) if 0 < group_id < 2**31 else None
    if group is None:
        raise GroupGone("这一组已经被删除。")
    return group


def _rows(members: Sequence[Member]) -> list[SynonymMember]:
    return [
        SynonymMember(position=position, text=member.text, normal=member.normal)
        for position, member in enumerate(members)
    ]


def _group(row: SynonymGroup) -> Group:
    members = tuple(member.text for member in row.members)
    return Group(row.id, members, row.note, row.added_by, row.updated_at, row.version)


def _member_sets(session: Session) -> set[frozenset[str]]:
    sets: dict[int, set[str]] = {}
    for group_id, normal in session.execute(select(SynonymMember.group_id, SynonymMember.normal)):
        sets.setdefault(group_id, set()).add(normal)
    return {frozenset(members) for members in sets.values()}


def _has(ordered: Sequence[str], word: str) -> bool:
    """Whether a sorted sequence has the word."""
    place = bisect_left(ordered, word)
    return place < len(ordered) and ordered[place] == word
