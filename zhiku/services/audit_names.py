"""Which record an event of the audit is about, in words: names found with one query for each kind, however many events.

Contact and sensitive data is never read here, and of a record that is gone there is only its kind and number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from zhiku.domain.accounts import Account, ApiToken, LiaisonAssignment
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Expert
from zhiku.domain.lexicon import CountyWord, SynonymMember
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.suggestions import Suggestion
from zhiku.services.audit_words import KINDS, PARTS, REFERENCES, TABLES

#: Ids asked for at once: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900

#: The largest id of a row that PostgreSQL compares with its columns.
_MAX_ID = 2**31 - 1

_holder = aliased(Expert)

#: Kind -> its id and what it is called: statements of two columns and of three.
_NAMES: Mapping[str, Any] = {
    "expert": select(Expert.id, Expert.name),
    "suggestion": select(Suggestion.id, Suggestion.number, Suggestion.subject),
    "service": select(ServiceRecord.id, ServiceRecord.subject),
    "account": select(Account.id, Account.name),
    "api_token": select(ApiToken.id, ApiToken.name),
    "liaison_assignment": select(LiaisonAssignment.id, Account.name, _holder.name)
    .join(Account, Account.id == LiaisonAssignment.account_id)
    .join(_holder, _holder.id == LiaisonAssignment.expert_id),
    "act_on_behalf": select(ActOnBehalf.id, ActOnBehalf.what),
    "department": select(Department.id, Department.name),
    "division": select(Division.code, Division.name),
    "field": select(FieldOfExpertise.id, FieldOfExpertise.name),
    "synonym_group": select(SynonymMember.group_id, SynonymMember.text).order_by(SynonymMember.position),
    "county_word": select(CountyWord.id, CountyWord.word),
}

#: Kinds whose records are about somebody.
_PERSONAL = frozenset({"expert", "suggestion", "service", "account", "act_on_behalf", "liaison_assignment"})

#: How several columns make one name; one column is the name itself.
_JOINED: Mapping[str, Callable[..., str]] = {
    "suggestion": "{}《{}》".format,
    "liaison_assignment": "{}联络{}".format,
}

#: Kind -> how a record of it is called in a sentence.
_PHRASES: Mapping[str, str] = {
    "expert": "{}的档案",
    "suggestion": "建议 {}",
    "account": "{}的账号",
    "act_on_behalf": "代办记录“{}”",
    "liaison_assignment": "联络员分工：{}",
}

Names = Mapping[tuple[str, str], str]


def names_of(session: Session, events: Iterable[AuditEvent]) -> Names:
    """(kind, id) -> name of every record that the events are about or refer to, of those that are there."""
    wanted: dict[str, set[str]] = {}
    for event in events:
        wanted.setdefault(event.subject_kind, set()).add(event.subject_id)
        if event.on_behalf_of is not None:
            wanted.setdefault("expert", set()).add(str(event.on_behalf_of))
        _gather(event.changes, wanted)
    return names_of_records(session, wanted)


def names_of_records(session: Session, wanted: Mapping[str, set[str]]) -> Names:
    """(kind, id) -> name of the records with these ids, by kind, of those that are there."""
    found: dict[tuple[str, str], str] = {}
    for kind, keys in wanted.items():
        statement = _NAMES.get(kind)
        if statement is not None:
            found.update(_read(session, kind, statement, keys))
    return found


def _gather(value: Any, wanted: dict[str, set[str]]) -> None:
    """The ids of other records that changes speak of."""
    if isinstance(value, list):
        for one in value:
            _gather(one, wanted)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in REFERENCES:
                keys = one if isinstance(one, list) else [one]
                wanted.setdefault(REFERENCES[name], set()).update(str(key) for key in keys if key is not None)
            else:
                _gather(one, wanted)


def _read(session: Session, kind: str, statement: Any, keys: set[str]) -> dict[tuple[str, str], str]:
    column = statement.selected_columns[0]
    usable: list[Any] = sorted(keys) if kind == "division" else sorted(map(int, filter(_is_id, keys)))
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(usable), _CHUNK):
        for key, *parts in session.execute(statement.where(column.in_(usable[start : start + _CHUNK]))):
            place = (kind, str(key))
            name = _JOINED[kind](*parts) if kind in _JOINED else str(parts[0])
            # A group of synonyms is called by all its members.
            found[place] = f"{found[place]}＝{name}" if kind == "synonym_group" and place in found else name
    return found


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) <= 10 and int(key) <= _MAX_ID


def erased_records(session: Session, events: Iterable[AuditEvent], names: Names) -> set[tuple[str, str]]:
    """(kind, id) of the subjects that are gone or whose person had everything erased, where they were somebody's: what
    the audit says of their columns is kept for the law, and shown to nobody."""
    subjects = {(event.subject_kind, event.subject_id) for event in events if event.subject_kind in _PERSONAL}
    gone = {subject for subject in subjects if subject not in names}
    # Suggestions that stay without an author who had no profile, too.
    for erasable in ("expert", "suggestion"):
        keys = sorted(key for kind, key in subjects if kind == erasable)
        for start in range(0, len(keys), _CHUNK):
            erased = select(AuditEvent.subject_id).where(
                AuditEvent.action == Action.ERASED.value,
                AuditEvent.subject_kind == erasable,
                AuditEvent.subject_id.in_(keys[start : start + _CHUNK]),
            )
            gone |= {(erasable, key) for key in session.scalars(erased)}
    return gone


def record_words(kind: str, key: str, names: Names) -> str:
    """The record as a sentence calls it: 曾繁柑的档案, 部门“县水利局”; 专家档案（编号 12） of one that is gone."""
    word = KINDS.get(kind, kind)
    if kind in ("import", "table"):
        return TABLES.get(key, key)
    name = names.get((kind, key))
    if name is not None:
        return _PHRASES.get(kind, word + "“{}”").format(name)
    return f"{word}（编号 {key}）" if key else word


def person_words(key: str, names: Names) -> str:
    """A person of the register by name."""
    return names.get(("expert", key)) or f"编号 {key} 的老同志"


def part_words(kind: str, key: str, part: str, names: Names) -> str:
    """A part of a record: 曾繁柑的联系方式; of a suggestion what its author left."""
    word = PARTS.get(part, part)
    if kind == "expert":
        return f"{person_words(key, names)}的{word}"
    if kind == "account":
        return f"{names.get((kind, key)) or f'编号 {key} 的账号'}的{word}"
    return f"{record_words(kind, key, names)}的{word}"


def records_called(session: Session, text: str) -> list[tuple[str, str]]:
    """(kind, id) of the records that somebody means by a name or a number, people first; of none, none."""
    text = text.strip()
    found: list[tuple[str, str]] = []
    questions: tuple[tuple[str, Select[int]], ...] = (
        ("expert", select(Expert.id).where(Expert.name == text)),
        ("account", select(Account.id).where((Account.name == text) | (Account.sign_in_name == text.casefold()))),
        ("suggestion", select(Suggestion.id).where(Suggestion.number == text)),
        ("department", select(Department.id).where((Department.name == text) | (Department.short_name == text))),
        ("api_token", select(ApiToken.id).where(ApiToken.name == text)),
        ("county_word", select(CountyWord.id).where(CountyWord.word == text)),
    )
    for kind, question in questions:
        found += [(kind, str(key)) for key in session.scalars(question.limit(_CHUNK))]
    return found
