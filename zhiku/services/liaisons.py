"""Liaison officers (联络员) and their retirees: who looks after whom, since when, and who has nobody.

A retiree has one liaison at a time; earlier ones stay as history. An assignment counts while it has no end and the
liaison's account is in use: whom an officer who left looked after has no liaison any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.names import indexed_terms
from zhiku.analysis.normalize import normalize
from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment, SignIn
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.divisions import Division
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.permissions import Role, Scope
from zhiku.services.persons import Asker, PersonNotFound

#: People on one page of a list.
PAGE = 20
#: People that are assigned at once by ticking them; a page has fewer.
MAX_AT_ONCE = 500
#: Longest name that is looked for.
MAX_QUERY = 40
#: Largest number that is asked of the database as an id.
MAX_ID = 2**31 - 1
#: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900

#: Kinds of terms of a name that are typed in Latin letters (`zhiku.analysis.names`).
_LATIN_KINDS = ("pinyin", "initials", "given-pinyin", "surname-pinyin")

#: The order of all lists.
_BY_NAME = (Expert.name, Expert.id)


class LiaisonNotFound(DomainError):
    """No such liaison, or none of this bureau's."""

    def __init__(self) -> None:
        super().__init__("请选择一位联络员；名单里没有的，请系统管理员先建账号。")


class LiaisonElsewhere(DomainError):
    """A liaison whose division does not hold the person's."""


@dataclass(frozen=True, slots=True)
class Retiree:
    """One person of a list."""

    expert_id: int
    name: str
    former_unit: str
    township: str
    status: ExpertStatus
    #: Value and label of the availability.
    availability: tuple[str, str]
    #: "" where there is none.
    liaison: str
    liaison_id: int | None
    #: As the roster names it, which need not be an account.
    roster_liaison: str
    #: None until the first entry code.
    account_id: int | None
    #: Browsers that are known now.
    devices: int
    #: Until when a code that was printed and not used yet opens.
    code_until: datetime | None
    #: Acts that wait for an answer.
    open_acts: int


@dataclass(frozen=True, slots=True)
class RetireePage:
    """One page of a list, from 1."""

    people: tuple[Retiree, ...]
    total: int
    page: int
    query: str

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return max(1, math.ceil(self.total / PAGE))


class Which(Enum):
    """Which people the bureau's list shows."""

    WITHOUT = "without"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class LiaisonOfficer:
    """A liaison whom the bureau may assign."""

    account_id: int
    name: str
    sign_in_name: str
    retirees: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who looked after a person, from when to when; `ended_at` is None of the current one."""

    liaison: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RosterMatch:
    """A liaison's name in the roster, for so many people without a liaison, and the account of that name."""

    name: str
    retirees: int
    #: None where no account or more than one has the name.
    account_id: int | None
    #: Accounts of that name.
    accounts: int


class Liaisons:
    """Assigns liaisons and answers who looks after whom."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        """`clock` gives aware UTC times."""
        self._sessions = sessions
        self._clock = clock

    # -- lists -------------------------------------------------------------------------------------------------

    def kept_by(self, asker: Asker, query: str = "", page: int = 1) -> RetireePage:
        """Whom a liaison looks after now, or all people of the bureau's division; by name."""
        with self._sessions() as session:
            return self._page(session, _kept(asker), asker.scope, query, page)

    def listed(self, scope: Scope, which: Which, query: str = "", page: int = 1) -> RetireePage:
        """The bureau's list: those without a liaison, or all. Who left the think tank needs none."""
        condition = and_(
            _in_scope(scope),
            (
                Expert.status.not_in([ExpertStatus.DECEASED, ExpertStatus.WITHDRAWN]) & ~_has_liaison()
                if which is Which.WITHOUT
                else Expert.status != ExpertStatus.DECEASED
            ),
        )
        with self._sessions() as session:
            return self._page(session, condition, scope, query, page)

    def retiree(self, expert_id: int, asker: Asker) -> Retiree:
        """One person whom the asker looks after. Raises `PersonNotFound`."""
        with self._sessions() as session:
            require_kept(session, expert_id, asker)
            return self._described(session, [expert_id])[0]

    def officers(self, scope: Scope) -> list[LiaisonOfficer]:
        """The liaisons whom a bureau of this scope may assign, with how many they look after; by name."""
        counted = (
            select(func.count())
            .select_from(LiaisonAssignment)
            .join(Expert)
            .where(
                LiaisonAssignment.account_id == Account.id,
                LiaisonAssignment.ended_at.is_(None),
                Expert.status != ExpertStatus.DECEASED,
            )
            .scalar_subquery()
        )
        with self._sessions() as session:
            rows = session.execute(
                select(Account.id, Account.name, Account.sign_in_name, counted)
                .where(_is_liaison(), Account.division_prefix.startswith(scope.division, autoescape=True))
                .order_by(Account.name, Account.id)
            )
            return [LiaisonOfficer(id_, name, sign_in_name or "", count) for id_, name, sign_in_name, count in rows]

    def history(self, expert_id: int) -> list[Assignment]:
        """All who looked after a person, the newest first."""
        with self._sessions() as session:
            rows = session.execute(
                select(Account.name, LiaisonAssignment.began_at, LiaisonAssignment.ended_at)
                .join(Account, Account.id == LiaisonAssignment.account_id)
                .where(LiaisonAssignment.expert_id == expert_id)
                .order_by(LiaisonAssignment.began_at.desc(), LiaisonAssignment.id.desc())
            )
            return [Assignment(*row) for row in rows]

    # -- assigning ---------------------------------------------------------------------------------------------

    def assign(self, expert_ids: Collection[int], account_id: int, scope: Scope) -> int:
        """Let a liaison look after these people from now on, whoever did before; gives how many are new to them.

        Raises `PersonNotFound`, `LiaisonNotFound` and `LiaisonElsewhere`; then nothing has changed.
        """
        try:
            return self._assign(expert_ids, account_id, scope)
        except IntegrityError:
            # Where writers do not wait for each other somebody else assigned one of them meanwhile: now that is seen.
            return self._assign(expert_ids, account_id, scope)

    def end(self, expert_id: int, scope: Scope) -> None:
        """Leave a person without a liaison. Raises `PersonNotFound`."""
        with self._sessions() as session, session.begin():
            begin_writing(session)
            if not session.scalar(select(exists().where(Expert.id == expert_id, _in_scope(scope)))):
                raise PersonNotFound
            self._end(session, [expert_id])

    def roster_matches(self, scope: Scope) -> list[RosterMatch]:
        """The liaisons that the roster names for people without one; those with an account first, by name."""
        with self._sessions() as session:
            accounts = _accounts_by_name(session, scope)
            rows = session.execute(
                select(Expert.liaison_name, func.count())
                .where(_wants_liaison(scope), Expert.liaison_name != "")
                .group_by(Expert.liaison_name)
            ).all()
        matches = [
            RosterMatch(name, count, found[0] if len(found := accounts.get(name, [])) == 1 else None, len(found))
            for name, count in rows
        ]
        return sorted(matches, key=lambda match: (match.account_id is None, match.name))

    def assign_by_roster(self, scope: Scope) -> int:
        """Give everybody without a liaison the one whom the roster names, where exactly one account has that name and
        a division that holds theirs; gives how many."""
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            accounts = _accounts_by_name(session, scope)
            prefixes = {id_: prefix for id_, prefix in session.execute(select(Account.id, Account.division_prefix))}
            rows = session.execute(
                select(Expert.id, Expert.liaison_name, Expert.division_code)
                .where(_wants_liaison(scope), Expert.liaison_name != "")
                .order_by(Expert.id)
            ).all()
            chosen = [
                (expert_id, found[0])
                for expert_id, name, code in rows
                if len(found := accounts.get(name, [])) == 1 and code.startswith(prefixes[found[0]])
            ]
            # An assignment to an account that is out of use would still stand in the way.
            self._end(session, [expert_id for expert_id, _ in chosen])
            session.add_all(
                LiaisonAssignment(expert_id=expert_id, account_id=account_id, began_at=now)
                for expert_id, account_id in chosen
            )
        return len(chosen)

    def _assign(self, expert_ids: Collection[int], account_id: int, scope: Scope) -> int:
        wanted = sorted(set(expert_ids))
        if not all(0 < id_ <= MAX_ID for id_ in wanted):
            raise PersonNotFound
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            officer = session.scalar(
                select(Account).where(
                    Account.id == account_id,
                    _is_liaison(),
                    Account.division_prefix.startswith(scope.division, autoescape=True),
                )
            )
            if officer is None:
                raise LiaisonNotFound
            people = session.execute(
                select(Expert.id, Expert.name, Expert.division_code).where(
                    Expert.id.in_(wanted[:MAX_AT_ONCE]), _in_scope(scope), Expert.status != ExpertStatus.DECEASED
                )
            ).all()
            if not wanted or len(people) != len(wanted):
                raise PersonNotFound
            elsewhere = [name for _, name, code in people if not officer.scope.holds_division(code)]
            if elsewhere:
                raise LiaisonElsewhere(
                    f"{officer.name}负责的区划不包括这些老同志所在的地方：{'、'.join(elsewhere[:5])}。请选别的联络员。"
                )
            theirs = set(
                session.scalars(
                    select(LiaisonAssignment.expert_id).where(
                        LiaisonAssignment.account_id == account_id, LiaisonAssignment.ended_at.is_(None)
                    )
                )
            )
            fresh = [expert_id for expert_id in wanted if expert_id not in theirs]
            self._end(session, fresh)
            session.add_all(
                LiaisonAssignment(expert_id=expert_id, account_id=account_id, began_at=now) for expert_id in fresh
            )
        return len(fresh)

    def _end(self, session: Session, expert_ids: Sequence[int]) -> None:
        """End the current assignments of these people, and the codes that their liaisons printed and nobody used: who
        looks after somebody no longer has no way into their page."""
        now = self._clock()
        for start in range(0, len(expert_ids), _CHUNK):
            chunk = expert_ids[start : start + _CHUNK]
            current = session.scalars(
                select(LiaisonAssignment)
                .where(LiaisonAssignment.expert_id.in_(chunk), LiaisonAssignment.ended_at.is_(None))
                .with_for_update()
            ).all()
            for assignment in current:
                assignment.ended_at = now
            codes = session.scalars(
                select(EntryCode)
                .join(Account, Account.id == EntryCode.account_id)
                .where(
                    Account.expert_id.in_([one.expert_id for one in current]),
                    EntryCode.issued_by_id.in_([one.account_id for one in current]),
                    EntryCode.spent_at.is_(None),
                )
            )
            for code in codes:
                code.spent_at = now
        # Before new ones are added: there is one current assignment at every moment, for the index too.
        session.flush()

    # -- reading -----------------------------------------------------------------------------------------------

    def _page(
        self, session: Session, condition: ColumnElement[bool], scope: Scope, query: str, page: int
    ) -> RetireePage:
        query = " ".join(normalize(query[:MAX_QUERY]).split())
        if query.isascii() and query:
            named = session.execute(select(Expert.id, Expert.name).where(condition).order_by(*_BY_NAME))
            ids = [id_ for id_, name in named if _sounds_like(name, query.replace(" ", ""))]
            total = len(ids)
            page = _within(page, total)
            shown = ids[(page - 1) * PAGE : page * PAGE]
        else:
            if query:
                condition = and_(condition, Expert.name.contains(query.replace(" ", ""), autoescape=True))
            total = session.scalar(select(func.count()).select_from(Expert).where(condition)) or 0
            page = _within(page, total)
            listed = select(Expert.id).where(condition).order_by(*_BY_NAME)
            shown = list(session.scalars(listed.offset((page - 1) * PAGE).limit(PAGE)))
        return RetireePage(tuple(self._described(session, shown)), total, page, query)

    def _described(self, session: Session, ids: Sequence[int]) -> list[Retiree]:
        now = self._clock()
        rows = {
            row.id: row
            for row in session.execute(
                select(
                    Expert.id,
                    Expert.name,
                    Expert.former_unit,
                    Expert.status,
                    Expert.availability,
                    Expert.liaison_name,
                    Division.name.label("township"),
                )
                .join(Division, Division.code == Expert.division_code)
                .where(Expert.id.in_(ids))
            )
        }
        liaisons = {
            expert_id: (name, account_id)
            for expert_id, name, account_id in session.execute(
                select(LiaisonAssignment.expert_id, Account.name, Account.id)
                .join(Account, Account.id == LiaisonAssignment.account_id)
                .where(LiaisonAssignment.expert_id.in_(ids), LiaisonAssignment.ended_at.is_(None), _is_liaison())
            )
        }
        accounts = {
            expert_id: account_id
            for expert_id, account_id in session.execute(
                select(Account.expert_id, Account.id).where(Account.expert_id.in_(ids))
            )
        }
        devices = {
            key: value
            for key, value in session.execute(
                select(SignIn.account_id, func.count())
                .where(SignIn.account_id.in_(accounts.values()), SignIn.ended_at.is_(None), SignIn.expires_at > now)
                .group_by(SignIn.account_id)
            )
        }
        codes = {
            key: value
            for key, value in session.execute(
                select(EntryCode.account_id, func.max(EntryCode.expires_at))
                .where(
                    EntryCode.account_id.in_(accounts.values()),
                    EntryCode.spent_at.is_(None),
                    EntryCode.expires_at > now,
                )
                .group_by(EntryCode.account_id)
            )
        }
        acts = {
            key: value
            for key, value in session.execute(
                select(ActOnBehalf.expert_id, func.count())
                .where(
                    ActOnBehalf.expert_id.in_(ids),
                    ActOnBehalf.confirmed_at.is_(None),
                    ActOnBehalf.objected_at.is_(None),
                    ActOnBehalf.expires_at > now,
                )
                .group_by(ActOnBehalf.expert_id)
            )
        }

        def described(expert_id: int) -> Retiree:
            row = rows[expert_id]
            liaison, liaison_id = liaisons.get(expert_id, ("", None))
            account_id = accounts.get(expert_id)
            return Retiree(
                expert_id=expert_id,
                name=row.name,
                former_unit=row.former_unit,
                township=row.township,
                status=row.status,
                availability=(row.availability.value, row.availability.label),
                liaison=liaison,
                liaison_id=liaison_id,
                roster_liaison=row.liaison_name,
                account_id=account_id,
                devices=devices.get(account_id, 0) if account_id else 0,
                code_until=codes.get(account_id) if account_id else None,
                open_acts=acts.get(expert_id, 0),
            )

        return [described(expert_id) for expert_id in ids]


def require_kept(session: Session, expert_id: int, asker: Asker) -> Expert:
    """The profile of a person whom the asker looks after now. Raises `PersonNotFound`.

    The deceased are looked after by nobody.
    """
    found = None
    if 0 < expert_id <= MAX_ID:
        found = session.scalar(select(Expert).where(Expert.id == expert_id, _kept(asker)))
    if found is None:
        raise PersonNotFound
    return found


def _kept(asker: Asker) -> ColumnElement[bool]:
    condition = and_(_in_scope(asker.scope), Expert.status != ExpertStatus.DECEASED)
    if asker.role is Role.BUREAU:
        return condition
    # Of any other role there is no such account.
    return and_(condition, _has_liaison(Account.id == asker.account_id))


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    return Expert.division_code.startswith(scope.division, autoescape=True)


def _is_liaison() -> ColumnElement[bool]:
    return and_(Account.role == Role.LIAISON, Account.is_active.is_(True))


def _has_liaison(*further: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a person has a current liaison whose account is in use (and `further` holds)."""
    return exists().where(
        LiaisonAssignment.expert_id == Expert.id,
        LiaisonAssignment.ended_at.is_(None),
        LiaisonAssignment.account_id == Account.id,
        _is_liaison(),
        *further,
    )


def _wants_liaison(scope: Scope) -> ColumnElement[bool]:
    has_left = or_(Expert.status == ExpertStatus.DECEASED, Expert.status == ExpertStatus.WITHDRAWN)
    return and_(_in_scope(scope), ~has_left, ~_has_liaison())


def _accounts_by_name(session: Session, scope: Scope) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for id_, name in session.execute(
        select(Account.id, Account.name).where(
            _is_liaison(), Account.division_prefix.startswith(scope.division, autoescape=True)
        )
    ):
        found.setdefault(name, []).append(id_)
    return found


def _sounds_like(name: str, typed: str) -> bool:
    return typed in name.casefold() or any(term.startswith(typed) for term in _in_latin(name))


@lru_cache(maxsize=20_000)
def _in_latin(name: str) -> tuple[str, ...]:
    """A name as it is typed in Latin letters. Remembered, since a county's ten thousand take most of a second."""
    terms = (term.partition(":") for term in indexed_terms(normalize(name)))
    return tuple(text for kind, _, text in terms if kind in _LATIN_KINDS)


def _within(page: int, total: int) -> int:
    return min(max(1, page), max(1, math.ceil(total / PAGE)))
