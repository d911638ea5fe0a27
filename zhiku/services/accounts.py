"""The accounts, as an administrator keeps them: who may come in, as what, and for which part of the county.

An administrator sees and changes the accounts of their own scope only, gives nobody a wider one, and neither closes nor
demotes themselves; one active administrator always remains. First passwords are made by the program, shown once, and
have to be changed when they are first used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from zhiku.analysis.normalize import clean
from zhiku.domain.accounts import Account
from zhiku.domain.actors import current_actor
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.permissions import Role, Scope
from zhiku.services import second_factors
from zhiku.services.account_list import (
    AccountDraft,
    AccountGone,
    AccountList,
    AccountShown,
    division_names,
    draft_of,
    found_within,
)
from zhiku.services.given_codes import code_from, code_hash, folded
from zhiku.services.own_words import own_words
from zhiku.services.passwords import PasswordNotAcceptable, Passwords
from zhiku.services.sign_in import MAX_NAME, folded_name
from zhiku.services.sign_ins import SignIns, end_within
from zhiku.services.writing import writing

MIN_SIGN_IN_NAME = 3
#: Longest name of a person.
MAX_PERSON = 40

#: A sign-in name is of letters (Chinese too), digits and . - _
_SIGN_IN_NAME = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
#: Mobile and identity numbers: a list of sign-in names must not be a list of them.
_PRIVATE_NUMBER = re.compile(r"1[3-9][0-9]{9}|[0-9]{17}[0-9x]|[0-9]{15}")


class AccountNotAcceptable(DomainError):
    """What was typed cannot be an account; `problems` has a sentence for each field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("；".join(problems.values()))
        self.problems = problems


class AccountChanged(DomainError):
    """Somebody else changed the account meanwhile; `changes` has label, before, now."""

    def __init__(self, changes: Sequence[tuple[str, str, str]], now: AccountDraft) -> None:
        super().__init__(changes, now)
        self.changes = changes
        self.now = now

    def __str__(self) -> str:
        return "这个账号刚才被别人改过，您的改动还没有保存。请核对后再保存一次。"


class StepNotAllowed(DomainError):
    """It would leave the installation without an administrator, or an administrator without their account."""


#: Labels of the fields of a draft.
LABELS = {
    "sign_in_name": "登录名",
    "name": "姓名",
    "role": "角色",
    "division_prefix": "管辖范围",
    "department_id": "所属部门",
}


@dataclass(frozen=True, slots=True)
class GivenPassword:
    """A first password. "" when the form was sent again after its password had been changed."""

    account_id: int
    sign_in_name: str
    password: str


class Accounts(AccountList):
    """Lists and changes accounts."""

    def __init__(
        self, sessions: sessionmaker[Session], clock: Callable[[], datetime], passwords: Passwords, sign_ins: SignIns
    ) -> None:
        super().__init__(sessions, clock)
        self._passwords = passwords
        self._sign_ins = sign_ins

    # -- changing ------------------------------------------------------------------------------------------------

    def add(self, scope: Scope, draft: AccountDraft, form_key: str, password: str | None = None) -> GivenPassword:
        """A new account with a first password: one that is made from the form, or (from a command) the owner's own.

        The same form sent twice makes one account, and gives the same password. Raises `AccountNotAcceptable`,
        `PasswordNotAcceptable` and `DatabaseBusy`.
        """
        given = password or code_from(form_key, "first password")
        # Before the transaction: it takes a while.
        kept = self._passwords.hash(password or folded(given))
        with writing(self._sessions) as session:
            earlier = session.scalar(select(Account).where(Account.submission_key == code_hash(form_key)))
            if earlier is not None and form_key:
                return GivenPassword(
                    earlier.id, earlier.sign_in_name or "", given if earlier.must_change_password else ""
                )
            checked = self._checked(session, scope, draft)
            now = self._clock()
            account = Account(
                **_columns(checked),
                password_hash=kept,
                password_set_at=now,
                must_change_password=password is None,
                submission_key=code_hash(form_key) if form_key else None,
                created_at=now,
                updated_at=now,
            )
            session.add(account)
            session.flush()
            if password is not None:
                self._passwords.check(password, checked.sign_in_name, own_words(session, account))
            return GivenPassword(account.id, checked.sign_in_name, given)

    def change(self, scope: Scope, account_id: int, draft: AccountDraft, before: AccountDraft) -> AccountShown:
        """Change what an administrator decides; `before` is what their form began with.

        Another role or scope ends the account's sign-ins. Raises `AccountGone`, `AccountChanged`,
        `AccountNotAcceptable`, `StepNotAllowed` and `DatabaseBusy`.
        """
        with writing(self._sessions) as session:
            account = found_within(session, scope, account_id)
            _require_staff(account)
            now = draft_of(account)
            if now != before:
                raise AccountChanged(self._differences(session, before, now), now)
            checked = self._checked(session, scope, draft, account)
            is_other_administrator = (checked.role, checked.division_prefix) != (now.role, now.division_prefix)
            if is_other_administrator and account.role is Role.ADMINISTRATOR:
                self._require_another(session, account, "不能改掉自己的管理员角色或范围，请另一位管理员来改。")
            for name, value in _columns(checked).items():
                setattr(account, name, value)
            account.updated_at = self._clock()
            is_other = (now.role, now.division_prefix, now.department_id) != (
                checked.role,
                checked.division_prefix,
                checked.department_id,
            )
            if is_other:
                end_within(session, account_id, account.updated_at)
        return self.get(scope, account_id)

    def set_active(self, scope: Scope, account_id: int, is_active: bool) -> AccountShown:
        """Close an account, which ends its sign-ins, or open it again. Raises as `change`."""
        with writing(self._sessions) as session:
            account = found_within(session, scope, account_id)
            if not is_active and account.is_active and account.role is Role.ADMINISTRATOR:
                self._require_another(session, account, "不能停用自己的账号，请另一位管理员来做。")
            if account.is_active != is_active:
                account.is_active, account.updated_at = is_active, self._clock()
            if not is_active:
                end_within(session, account_id, self._clock())
        return self.get(scope, account_id)

    def reset_password(
        self, scope: Scope, account_id: int, form_key: str, password: str | None = None
    ) -> GivenPassword:
        """Give another first password, end the sign-ins and unlock. The same form sent again changes nothing more.

        Raises `AccountGone`, `StepNotAllowed`, `PasswordNotAcceptable` and `DatabaseBusy`.
        """
        given = password or code_from(form_key, f"password of {account_id}")
        kept = self._passwords.hash(password or folded(given))
        with writing(self._sessions) as session:
            account = found_within(session, scope, account_id)
            _require_staff(account)
            name = account.sign_in_name or ""
            if form_key and account.submission_key == code_hash(form_key):
                return GivenPassword(account_id, name, given if account.must_change_password else "")
            if password is not None:
                self._passwords.check(password, name, own_words(session, account))
            now = self._clock()
            account.password_hash, account.password_set_at = kept, now
            account.must_change_password = password is None
            account.submission_key = code_hash(form_key) if form_key else None
            account.updated_at = now
            account.note_success()
            end_within(session, account_id, now)
        return GivenPassword(account_id, name, given)

    def change_own_password(self, account_id: int, new: str) -> None:
        """Give an account the password that its owner chose; who asks has shown the old one.

        Raises `PasswordNotAcceptable`, also where an administrator has reset it meanwhile, and `DatabaseBusy`.
        """
        with self._sessions() as session:
            account = session.get_one(Account, account_id, options=[joinedload(Account.department)])
            self._passwords.check(new, account.sign_in_name or "", own_words(session, account))
            old = account.password_hash
        is_given = account.must_change_password
        if self._passwords.verify(old, folded(new) if is_given else new):
            raise PasswordNotAcceptable("新密码和现在的一样，请换一个。")
        kept = self._passwords.hash(new)
        with writing(self._sessions) as session:
            account = session.get_one(Account, account_id, with_for_update=True)
            if account.password_hash != old:
                raise PasswordNotAcceptable("密码刚刚被改过或重设过，这次没有改。请重新登录后再试。")
            now = self._clock()
            account.password_hash, account.password_set_at, account.updated_at = kept, now, now
            account.must_change_password = False

    def unlock(self, scope: Scope, account_id: int) -> AccountShown:
        """Let passwords be looked at again at once. Raises `AccountGone` and `DatabaseBusy`."""
        with writing(self._sessions) as session:
            account = found_within(session, scope, account_id)
            if account.failures or account.locked_until is not None:
                failures = account.failures
                account.note_success()
                session.flush()
                note = Note(Action.CHANGED, "account", str(account_id), {"failures": [failures, 0]})
                append(session, [note], self._clock())
        return self.get(scope, account_id)

    def reset_second_factor(self, scope: Scope, account_id: int) -> AccountShown:
        """Take the second factor away (the phone is lost), and end the sign-ins. Raises as `unlock`."""
        with writing(self._sessions) as session:
            account = found_within(session, scope, account_id)
            second_factors.forget(session, account)
            account.updated_at = self._clock()
            end_within(session, account_id, account.updated_at)
        return self.get(scope, account_id)

    def end_sign_ins(self, scope: Scope, account_id: int) -> int:
        """Sign an account out everywhere; gives from how many browsers. Raises `AccountGone`."""
        with self._sessions() as session:
            found_within(session, scope, account_id)
        return self._sign_ins.end_all(account_id)

    # -- rules ---------------------------------------------------------------------------------------------------

    def _checked(
        self, session: Session, scope: Scope, draft: AccountDraft, account: Account | None = None
    ) -> AccountDraft:
        """The draft in its stored form. Raises `AccountNotAcceptable`."""
        problems: dict[str, str] = {}
        sign_in_name = folded_name(draft.sign_in_name)
        if problem := _sign_in_name_problem(draft.sign_in_name, sign_in_name):
            problems["sign_in_name"] = problem
        else:
            other = session.scalar(select(Account.id).where(Account.sign_in_name == sign_in_name))
            if other is not None and (account is None or other != account.id):
                problems["sign_in_name"] = f"登录名“{sign_in_name}”已经有人用了，请换一个，例如在后面加单位简称。"
        name = " ".join(clean(draft.name).split())
        if not 2 <= len(name) <= MAX_PERSON:
            problems["name"] = (
                f"请填写姓名，2 到 {MAX_PERSON} 个字。" if len(name) < 2 else "姓名太长，请填写真实姓名。"
            )
        roles = {role.value: role for role in Role if role.is_staff}
        role = roles.get(draft.role)
        if role is None:
            problems["role"] = "请选择角色。老同志不在这里开账号，由联络员发进门码。"
        is_place = not draft.division_prefix or session.get(Division, draft.division_prefix[:12]) is not None
        if not is_place or not scope.holds_division(draft.division_prefix):
            problems["division_prefix"] = "请从列表里选择管辖范围。"
        department_id = draft.department_id if role is Role.DEPARTMENT else None
        if role is Role.DEPARTMENT:
            chosen = session.get(Department, department_id) if department_id and department_id < 2**31 else None
            if chosen is None or not scope.holds_division(chosen.division_code):
                problems["department_id"] = "部门账号要选所属部门。列表里没有的，请先导入部门。"
        if problems:
            raise AccountNotAcceptable(problems)
        return AccountDraft(sign_in_name, name, draft.role, draft.division_prefix, department_id)

    def _require_another(self, session: Session, account: Account, own: str) -> None:
        """Before an administrator is closed or demoted. Raises `StepNotAllowed`."""
        if current_actor().account_id == account.id:
            raise StepNotAllowed(own)
        active = session.execute(
            select(Account.id, Account.division_prefix)
            .where(Account.role == Role.ADMINISTRATOR, Account.is_active)
            .order_by(Account.id)
            .with_for_update()
        ).all()
        # Whoever keeps a smaller part of the county cannot open the whole of it again.
        if not any(account.division_prefix.startswith(prefix) for number, prefix in active if number != account.id):
            raise StepNotAllowed("这是最后一个能用的系统管理员，不能停用或改成别的角色。请先添加一位管理员。")

    def _differences(
        self, session: Session, before: AccountDraft, now: AccountDraft
    ) -> tuple[tuple[str, str, str], ...]:
        names = division_names(session, (before.division_prefix, now.division_prefix))

        def said(draft: AccountDraft, name: str) -> str:
            value = getattr(draft, name)
            if name == "role":
                return {role.value: role.label for role in Role}.get(value, "")
            if name == "division_prefix":
                return names.get(value, value)
            if name == "department_id":
                department = session.get(Department, value) if value and value < 2**31 else None
                return department.name if department else "无"
            return str(value)

        return tuple(
            (LABELS[field.name], said(before, field.name), said(now, field.name))
            for field in fields(AccountDraft)
            if getattr(before, field.name) != getattr(now, field.name)
        )


def _require_staff(account: Account) -> None:
    if not account.role.is_staff:
        raise StepNotAllowed("老同志的账号没有密码，姓名跟着档案走。要重新进来，请联络员发新的进门码。")


def _columns(draft: AccountDraft) -> dict[str, object]:
    return {
        "sign_in_name": draft.sign_in_name,
        "name": draft.name,
        "role": Role.from_value(draft.role),
        "division_prefix": draft.division_prefix,
        "department_id": draft.department_id,
    }


def _sign_in_name_problem(typed: str, name: str) -> str:
    if not typed.strip():
        return "请填写登录名，例如姓名的拼音。"
    if not MIN_SIGN_IN_NAME <= len(name) <= MAX_NAME and not (len(name) == 2 and not name.isascii()):
        return f"登录名要 {MIN_SIGN_IN_NAME} 到 {MAX_NAME} 个字符；用汉字的，至少 2 个字。"
    if not _SIGN_IN_NAME.fullmatch(name):
        return "登录名只能有字母、汉字、数字和 . - _，开头和结尾要是字母、汉字或数字，中间不能有空格。"
    if _PRIVATE_NUMBER.fullmatch(name):
        return "登录名请不要用手机号或身份证号，用姓名的拼音就好。"
    return ""


__all__ = ["AccountDraft", "AccountGone", "AccountShown", "Accounts", "GivenPassword"]
