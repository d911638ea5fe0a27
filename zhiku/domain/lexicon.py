"""The county's lexicon: its own words, its groups of synonyms, and the queries that found nobody by their words.

Words go into the segmenter's dictionary and so act from the next rebuild on; synonyms act on queries, at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base, DomainError, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.redaction import has_private_number

#: Longest word and longest member of a group, in characters.
MAX_TEXT = 20
MIN_MEMBERS, MAX_MEMBERS = 2, 20
MAX_NOTE = 200

#: A county has some hundreds of each; the limits are what a search carries without being felt (docs/operations.md).
MAX_WORDS = 200_000
MAX_GROUPS = 20_000

#: Queries without an answer: longest text kept, how many, and for how long after they were last asked.
MAX_QUERY_TEXT = 200
MAX_UNANSWERED = 5_000
UNANSWERED_DAYS = 365

_CHINESE = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+")


class EntryNotAcceptable(DomainError):
    """A word or a group that cannot be stored as it is; the message says what to change."""


class LexiconFull(DomainError):
    """There would be more words or groups than the search carries."""


class AnsweredBy(LabelledEnum):
    """What a query without an answer was shown instead."""

    NOTHING = "nothing", "什么也没列出"
    FIELD = "nearest_field", "只列出最接近的领域"
    NEAR = "near", "只列出字词相近的人"
    MEANING = "meaning", "只列出意思相近的人"


class CountyWord(Base):
    """A word that only this county has: a place, a crop, an office. In normal form."""

    __tablename__ = "county_words"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(40), unique=True)
    #: Who added it, in words ("老干部局网页", "命令行"): there are no accounts yet.
    added_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SynonymGroup(Base):
    """Words or phrases that mean the same when looking for a helper."""

    __tablename__ = "synonym_groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(MAX_NOTE), default="")
    added_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    #: Raised with every change, so that two who edit one group do not overwrite each other.
    version: Mapped[int] = mapped_column(default=1)

    members: Mapped[list[SynonymMember]] = relationship(
        order_by="SynonymMember.position", cascade="all, delete-orphan", passive_deletes=True
    )


class SynonymMember(Base):
    """One way to say it, as typed and in the normal form in which queries are compared."""

    __tablename__ = "synonym_members"
    __table_args__ = (UniqueConstraint("group_id", "normal"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("synonym_groups.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(String(40))
    normal: Mapped[str] = mapped_column(String(40), index=True)


class UnansweredQuery(Base):
    """A query whose words nobody's texts have, with how often it was asked; never who asked.

    What is stored was redacted, is at most `MAX_QUERY_TEXT` characters and is no person's name
    (services/unanswered.py).
    """

    __tablename__ = "unanswered_queries"
    # The list shows the most frequent of the open ones first.
    __table_args__ = (
        UniqueConstraint("normal", "division_prefix"),
        Index("ix_unanswered_queries_list", "resolved_at", "times", "last_asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Normal form, by which askings of the same in one division are counted together.
    normal: Mapped[str] = mapped_column(String(MAX_QUERY_TEXT))
    #: What its askers see: a prefix of division codes, "" for everything. Who sees less does not see the query.
    division_prefix: Mapped[str] = mapped_column(String(12), default="")
    text: Mapped[str] = mapped_column(String(MAX_QUERY_TEXT))
    times: Mapped[int]
    first_asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    answered_by: Mapped[AnsweredBy] = mapped_column(enum_column(AnsweredBy))
    #: When the bureau dealt with it; None while it waits.
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The group that was made for it; None where it was dismissed, or the group is gone.
    group_id: Mapped[int | None] = mapped_column(ForeignKey("synonym_groups.id", ondelete="SET NULL"), index=True)


class LexiconRevision(Base):
    """Numbers that change with every change of the words ("words") or the groups ("synonyms").

    Every process reads its number now and then, and what it stands for only when it is another one.
    """

    __tablename__ = "lexicon_revisions"

    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    number: Mapped[int]


def word_problem(word: str) -> str:
    """Why a normalised text is no word for the segmenter, as a Chinese clause; "" when it is one.

    The dictionary is of Chinese words; a segmenter that is given spaces, marks or letters cuts other texts badly.
    """
    if not word:
        return "是空的"
    if not any(character.isalnum() for character in word):
        return "只有标点符号，没有字"
    if not _CHINESE.fullmatch(word):
        return "含有字母、数字、空格或符号，词语表只收汉字的词"
    if len(word) == 1:
        return "只有一个字，单个字本来就能搜到"
    if len(word) > MAX_TEXT:
        return f"有 {len(word)} 个字，词语最多 {MAX_TEXT} 个字"
    return ""


def member_problem(text: str) -> str:
    """Why a normalised text cannot stand in a group of synonyms, as a Chinese clause; "" when it can."""
    if not text:
        return "是空的"
    if not any(character.isalnum() for character in text):
        return "只有标点符号，没有字"
    if len(text) > MAX_TEXT:
        return f"有 {len(text)} 个字，一种说法最多 {MAX_TEXT} 个字，请只留要紧的词"
    if len(text) == 1:
        return "只有一个字，会引出许多不相干的人，请写完整的词"
    if has_private_number(text):
        return "像电话号码或证件号码，这里不能存"
    if text.startswith("-") or ":" in text:
        return "含有检索用的符号（开头的减号或冒号），这样的说法没有人能搜到"
    return ""


def check_group(members: Sequence[str], note: str = "") -> None:
    """Raise `EntryNotAcceptable` unless these normalised, distinct members can be a group."""
    for member in members:
        if problem := member_problem(member):
            raise EntryNotAcceptable(f"“{member[:MAX_TEXT]}”{problem}。")
    if len(members) < MIN_MEMBERS:
        raise EntryNotAcceptable("一组至少要有两种不同的说法，请再写一种。")
    if len(members) > MAX_MEMBERS:
        raise EntryNotAcceptable(f"一组最多 {MAX_MEMBERS} 种说法，现在有 {len(members)} 种，请分成几组。")
    if len(note) > MAX_NOTE:
        raise EntryNotAcceptable(f"备注最多 {MAX_NOTE} 个字，现在有 {len(note)} 个字。")
