"""The staff proves who they are: the password, the wait after wrong ones, the second factor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp
import pytest
from argon2.profiles import CHEAPEST
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from zhiku.domain.accounts import FIRST_WAIT, FREE_FAILURES, LONGEST_WAIT, Account, SignInKind
from zhiku.domain.audit import AuditEvent
from zhiku.domain.permissions import Role, Scope
from zhiku.services.accounts import Accounts
from zhiku.services.given_codes import code_hash, folded, fresh_code, new_form_key
from zhiku.services.passwords import Passwords
from zhiku.services.second_factors import (
    RECOVERY_CODES,
    STEP,
    BeginAgain,
    FirstCodeWrong,
    NoSecondFactor,
    SecondFactorNeeded,
    SecondFactors,
)
from zhiku.services.sign_in import (
    CODE_TIME,
    GIVEN_HOLDS,
    CodeRefused,
    GivenPasswordTooOld,
    Passed,
    SignInRefused,
    StaffSignIn,
    WrongOwnPassword,
)
from zhiku.services.sign_ins import SignIns

PASSWORD = "houshanjuzijinnianhongle"
NAME = "liuxiaoyan"


class Clock:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def on(self, by: timedelta) -> None:
        self.now += by


class House:
    """A sign-in over a real database, with one account of the bureau."""

    def __init__(self, sessions: sessionmaker[Session], role: Role = Role.BUREAU) -> None:
        self.sessions = sessions
        self.clock = Clock()
        self.passwords = Passwords(CHEAPEST)
        self.factors = SecondFactors(sessions, self.clock)
        self.door = StaffSignIn(sessions, self.clock, self.passwords, self.factors)
        self.id = self.let_in(NAME, role)

    def let_in(self, name: str, role: Role, **values: object) -> int:
        with self.sessions.begin() as session:
            kept = self.passwords.hash(PASSWORD)
            values = {"password_hash": kept, "password_set_at": NOW, **values}
            return factories.an_account(session, role, sign_in_name=name, **values).id

    @property
    def account(self) -> Account:
        with self.sessions() as session:
            return session.get_one(Account, self.id)

    def change(self, **values: object) -> None:
        with self.sessions.begin() as session:
            account = session.get_one(Account, self.id)
            for name, value in values.items():
                setattr(account, name, value)

    def refusals(self) -> list[tuple[str, object]]:
        with self.sessions() as session:
            rows = session.scalars(select(AuditEvent).where(AuditEvent.action == "sign_in_refused"))
            return [(row.subject_id, row.changes["reason"][1]) for row in rows]

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(SignInRefused):
                self.door.check_password(NAME, "wrong")

    def with_factor(self) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        secret = self.factors.set_up(self.id).secret.replace(" ", "")
        app = pyotp.TOTP(secret)
        codes = self.factors.confirm(self.id, app.at(self.clock.now), new_form_key())
        self.clock.on(timedelta(seconds=2 * STEP))
        return app, codes


@pytest.fixture
def house(sessions: sessionmaker[Session]) -> Iterator[House]:
    yield House(sessions)


# -- the password ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [NAME, "LiuXiaoYan", " ｌｉｕｘｉａｏｙａｎ "])
def test_the_right_password_lets_in_however_the_name_is_typed(house: House, typed: str) -> None:
    passed = house.door.check_password(typed, PASSWORD)
    assert passed == Passed(house.id, NOW, NOW) and house.account.failures == 0


@pytest.mark.parametrize(
    "values", [{}, {"is_active": False}, {"password_hash": None}, {"locked_until": NOW + FIRST_WAIT}]
)
@pytest.mark.parametrize("typed", [NAME, "nobody", "", "x" * 500, "\ud800"])
def test_whatever_is_wrong_the_sentence_is_the_same(house: House, values: dict[str, object], typed: str) -> None:
    house.change(**values)
    with pytest.raises(SignInRefused) as refused:
        house.door.check_password(typed, "wrong" if not values else PASSWORD)
    with pytest.raises(SignInRefused) as of_nobody:
        house.door.check_password("somebody.else", "wrong")
    assert str(refused.value) == str(of_nobody.value) and "登录名或密码不对" in str(refused.value)


def test_a_refusal_is_noted_with_its_reason_and_without_what_was_typed(house: House) -> None:
    house.fail()
    with pytest.raises(SignInRefused):
        house.door.check_password("houshanmima", "wrong")
    house.change(is_active=False)
    house.fail()
    assert house.refusals() == [(str(house.id), "密码不对"), ("", "没有这个登录名"), (str(house.id), "账号已停用")]
    with house.sessions() as session:
        noted = str([(row.changes, row.subject_id, row.actor_name) for row in session.scalars(select(AuditEvent))])
    assert "houshanmima" not in noted and "wrong" not in noted


def test_a_retiree_cannot_come_in_by_a_password(house: House) -> None:
    with house.sessions.begin() as session:
        factories.an_account(session, Role.RETIREE)
    for name in ("", "None", " "):
        with pytest.raises(SignInRefused):
            house.door.check_password(name, "")


def test_a_hash_of_older_parameters_is_renewed_by_the_right_password(house: House) -> None:
    newer = StaffSignIn(house.sessions, house.clock, Passwords(replace(CHEAPEST, time_cost=2)), house.factors)
    newer.check_password(NAME, PASSWORD)
    assert "t=2" in (house.account.password_hash or "")
    newer.check_password(NAME, PASSWORD)


def test_a_password_that_is_changed_while_it_is_looked_at_opens_nothing(house: House) -> None:
    class Slow(Passwords):
        def verify(self, kept: str | None, password: str) -> bool:
            house.change(password_hash=house.passwords.hash("anotherone"))
            return super().verify(kept, password)

    door = StaffSignIn(house.sessions, house.clock, Slow(CHEAPEST), house.factors)
    with pytest.raises(SignInRefused):
        door.check_password(NAME, PASSWORD)


def test_a_password_reset_before_the_sign_in_began_lets_the_old_one_begin_nothing(house: House) -> None:
    sign_ins = SignIns(house.sessions, house.clock)
    accounts = Accounts(house.sessions, house.clock, house.passwords, sign_ins)
    passed = house.door.check_password(NAME, PASSWORD)
    house.clock.on(timedelta(microseconds=1))
    accounts.reset_password(Scope(), house.id, new_form_key(), "anotherwordforthesamedoor")
    with pytest.raises(BeginAgain):
        sign_ins.begin(house.id, SignInKind.PASSWORD, passed=passed)
    assert sign_ins.listed(house.id) == []
    fresh = house.door.check_password(NAME, "anotherwordforthesamedoor")
    assert sign_ins.find(sign_ins.begin(house.id, SignInKind.PASSWORD, passed=fresh)) is not None


def test_a_second_factor_set_up_or_taken_away_before_the_sign_in_began_stops_it(house: House) -> None:
    sign_ins = SignIns(house.sessions, house.clock)
    without = house.door.check_password(NAME, PASSWORD)
    app, _ = house.with_factor()
    with pytest.raises(BeginAgain):
        sign_ins.begin(house.id, SignInKind.PASSWORD, passed=without)
    passed = house.door.check_password(NAME, PASSWORD)
    house.door.check_code(passed, app.at(house.clock.now))
    house.factors.remove(house.id)
    with pytest.raises(BeginAgain):
        sign_ins.begin(house.id, SignInKind.PASSWORD, passed=passed)
    assert sign_ins.listed(house.id) == []


def test_no_second_factor_is_set_up_with_a_password_that_was_reset(sessions: sessionmaker[Session]) -> None:
    house = House(sessions, Role.ADMINISTRATOR)
    passed = house.door.check_password(NAME, PASSWORD)
    secret = house.factors.set_up(house.id).secret.replace(" ", "")
    house.change(password_set_at=NOW + timedelta(seconds=1))
    with pytest.raises(BeginAgain):
        house.factors.confirm(house.id, pyotp.TOTP(secret).at(NOW), new_form_key(), False, passed.holds)
    assert house.account.totp_secret is None


def test_no_commit_leaves_a_reset_password_and_a_sign_in_of_the_old_one(
    database: Engine, sessions: sessionmaker[Session]
) -> None:
    """Whatever stops the program between two commits."""
    house = House(sessions)
    sign_ins = SignIns(sessions, house.clock)
    accounts = Accounts(sessions, house.clock, house.passwords, sign_ins)
    token = sign_ins.begin(house.id, SignInKind.PASSWORD)
    seen: list[tuple[bool, bool]] = []

    def look(_: object) -> None:
        seen.append((house.account.must_change_password, sign_ins.find(token) is not None))

    event.listen(sessions, "after_commit", look)
    try:
        accounts.reset_password(Scope(), house.id, new_form_key())
    finally:
        event.remove(sessions, "after_commit", look)
    assert (True, False) in seen and (True, True) not in seen


# -- the wait ----------------------------------------------------------------------------------------------------


def test_five_wrong_passwords_are_free_and_then_each_doubles_the_wait(house: House) -> None:
    house.fail(FREE_FAILURES - 1)
    assert house.account.locked_until is None
    wait = FIRST_WAIT
    for _ in range(10):
        house.fail()
        assert house.account.locked_until == house.clock.now + min(wait, LONGEST_WAIT)
        house.clock.on(min(wait, LONGEST_WAIT))
        wait *= 2
    house.door.check_password(NAME, PASSWORD)
    assert (house.account.failures, house.account.locked_until) == (0, None)


def test_while_it_is_locked_the_right_password_opens_nothing_and_counts_nothing(house: House) -> None:
    house.fail(FREE_FAILURES)
    with pytest.raises(SignInRefused):
        house.door.check_password(NAME, PASSWORD)
    assert house.account.failures == FREE_FAILURES and house.refusals()[-1] == (str(house.id), "锁定中")
    house.clock.on(FIRST_WAIT)
    house.door.check_password(NAME, PASSWORD)


def test_last_months_attack_is_forgotten(house: House) -> None:
    house.change(failures=40, locked_until=NOW - timedelta(days=30))
    house.fail()
    assert house.account.failures == 1 and not house.account.is_locked(house.clock.now)


def test_tries_at_the_same_moment_count_each(house: House) -> None:
    """Twenty threads guess at once: five are looked at, whatever their order, and the count is exact."""
    looked_at: list[str] = []

    class Watched(Passwords):
        def verify(self, kept: str | None, password: str) -> bool:
            if kept is not None:
                looked_at.append(password)
            return super().verify(kept, password)

    door = StaffSignIn(house.sessions, house.clock, Watched(CHEAPEST), house.factors)
    barrier = threading.Barrier(20)

    def guess(number: int) -> None:
        barrier.wait()
        with pytest.raises(SignInRefused):
            door.check_password(NAME, f"guess {number}")

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked_at) == FREE_FAILURES == house.account.failures
    assert len(house.refusals()) == 20


def test_unknown_and_locked_names_take_as_long_as_a_wrong_password(house: House) -> None:
    """Each try computes exactly one hash; the time is that of the hash."""
    calls: list[bool] = []

    class Watched(Passwords):
        def verify(self, kept: str | None, password: str) -> bool:
            calls.append(kept is not None)
            began = time.perf_counter()
            found = super().verify(kept, password)
            times.append(time.perf_counter() - began)
            return found

    times: list[float] = []
    passwords = Watched(replace(CHEAPEST, time_cost=40, memory_cost=4096))
    house.change(password_hash=passwords.hash(PASSWORD))
    door = StaffSignIn(house.sessions, house.clock, passwords, house.factors)
    for typed in (NAME, "nobody") * 4 + (NAME,):
        with pytest.raises(SignInRefused):
            door.check_password(typed, "wrong")
    assert calls == [True, False] * 4 + [True]
    known, unknown = (min(times[start::2]) for start in (0, 1))
    assert 0.5 < known / unknown < 2


# -- passwords that were given -----------------------------------------------------------------------------------


def test_a_given_password_is_typed_as_one_likes_and_holds_a_week(house: House) -> None:
    given = fresh_code()
    house.change(password_hash=house.passwords.hash(folded(given)), must_change_password=True)
    house.door.check_password(NAME, given.lower().replace("-", " "))
    house.clock.on(GIVEN_HOLDS)
    with pytest.raises(GivenPasswordTooOld, match="重设"):
        house.door.check_password(NAME, given)
    assert house.account.failures == 0
    house.fail()


# -- the second factor -------------------------------------------------------------------------------------------


def test_an_administrator_without_a_second_factor_can_only_set_one_up(sessions: sessionmaker[Session]) -> None:
    house = House(sessions, Role.ADMINISTRATOR)
    passed = house.door.check_password(NAME, PASSWORD)
    assert (passed.needs_code, passed.needs_set_up) == (False, True)
    with pytest.raises(BeginAgain):
        house.door.check_code(passed, "000000")
    house.with_factor()
    passed = house.door.check_password(NAME, PASSWORD)
    assert (passed.needs_code, passed.needs_set_up) == (True, False)
    with pytest.raises(SecondFactorNeeded):
        house.factors.remove(house.id)


def test_a_set_up_that_began_in_the_sign_in_replaces_no_factor_that_came_meanwhile(
    sessions: sessionmaker[Session],
) -> None:
    house = House(sessions, Role.ADMINISTRATOR)
    house.with_factor()
    secret = house.factors.set_up(house.id).secret.replace(" ", "")
    with pytest.raises(BeginAgain):
        house.factors.confirm(house.id, pyotp.TOTP(secret).at(house.clock.now), new_form_key(), may_replace=False)


def test_a_secret_is_the_same_until_its_first_code_and_is_stored_encrypted(house: House) -> None:
    first, again = house.factors.set_up(house.id), house.factors.set_up(house.id)
    assert first.secret == again.secret and first.picture.startswith("data:image/svg+xml")
    with house.sessions() as session:
        stored = session.connection().exec_driver_sql("SELECT totp_pending FROM accounts").scalar_one()
    assert stored.startswith("v2:") and first.secret.replace(" ", "") not in stored
    with pytest.raises(FirstCodeWrong):
        house.factors.confirm(house.id, "000000", new_form_key())
    assert house.account.totp_secret is None and not house.account.needs_totp


@pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phones_clock_may_be_wrong_by_one_step(house: House, steps: int, is_good: bool) -> None:
    app, _ = house.with_factor()
    house.clock.on(timedelta(seconds=10 * STEP))
    passed = house.door.check_password(NAME, PASSWORD)
    code = app.at(house.clock.now + timedelta(seconds=steps * STEP))
    if is_good:
        house.door.check_code(passed, f" {code[:3]} {code[3:]} ")
    else:
        with pytest.raises(CodeRefused):
            house.door.check_code(passed, code)


def test_no_code_is_good_twice_nor_one_before_it(house: House) -> None:
    app, _ = house.with_factor()
    passed = house.door.check_password(NAME, PASSWORD)
    house.door.check_code(passed, app.at(house.clock.now))
    for code in (app.at(house.clock.now), app.at(house.clock.now - timedelta(seconds=STEP))):
        with pytest.raises(CodeRefused, match="已经用过"):
            house.door.check_code(passed, code)


def test_the_code_that_set_it_up_does_not_sign_in(house: House) -> None:
    secret = house.factors.set_up(house.id).secret.replace(" ", "")
    code = pyotp.TOTP(secret).at(house.clock.now)
    house.factors.confirm(house.id, code, new_form_key())
    with pytest.raises(CodeRefused):
        house.door.check_code(house.door.check_password(NAME, PASSWORD), code)


def test_wrong_codes_lock_and_the_right_password_does_not_set_the_count_back(house: House) -> None:
    app, _ = house.with_factor()
    for _ in range(FREE_FAILURES):
        with pytest.raises(CodeRefused):
            house.door.check_code(house.door.check_password(NAME, PASSWORD), "000000")
    with pytest.raises(SignInRefused):
        house.door.check_password(NAME, PASSWORD)
    with pytest.raises(CodeRefused, match="请过 30 秒再试"):
        house.door.check_code(Passed(house.id, house.clock.now, NOW), app.at(house.clock.now))
    assert house.refusals()[:FREE_FAILURES] == [(str(house.id), "验证码不对")] * FREE_FAILURES
    house.clock.on(FIRST_WAIT)
    house.door.check_code(house.door.check_password(NAME, PASSWORD), app.at(house.clock.now))
    assert house.account.failures == 0


def test_the_second_step_must_follow_soon_and_the_account_be_the_same(house: House) -> None:
    app, _ = house.with_factor()
    passed = house.door.check_password(NAME, PASSWORD)
    house.door.require(passed)
    house.clock.on(CODE_TIME + timedelta(seconds=1))
    with pytest.raises(BeginAgain):
        house.door.check_code(passed, app.at(house.clock.now))
    passed = house.door.check_password(NAME, PASSWORD)
    house.change(password_set_at=house.clock.now + timedelta(seconds=1))
    with pytest.raises(BeginAgain):
        house.door.require(passed)
    house.change(password_set_at=NOW, is_active=False)
    with pytest.raises(BeginAgain):
        house.door.require(passed)


def test_a_recovery_code_stands_in_once(house: House) -> None:
    _, codes = house.with_factor()
    assert len(set(codes)) == RECOVERY_CODES == house.factors.codes_left(house.id)
    passed = house.door.check_password(NAME, PASSWORD)
    house.door.check_code(passed, codes[3].lower().replace("-", ""))
    with pytest.raises(CodeRefused):
        house.door.check_code(passed, codes[3])
    assert house.factors.codes_left(house.id) == RECOVERY_CODES - 1
    with house.sessions() as session:
        stored = str(session.connection().exec_driver_sql("SELECT code_hash FROM recovery_codes").all())
    assert folded(codes[0]) not in stored and code_hash(folded(codes[0])) in stored


def test_a_recovery_code_of_another_account_is_none(house: House) -> None:
    _, codes = house.with_factor()
    other = house.let_in("wangqiang", Role.BUREAU)
    first, house.id = house.id, other
    house.with_factor()
    with pytest.raises(CodeRefused):
        house.door.check_code(house.door.check_password("wangqiang", PASSWORD), codes[0])
    assert house.factors.codes_left(first) == RECOVERY_CODES


def test_a_form_sent_twice_gives_the_same_recovery_codes(house: House) -> None:
    key = new_form_key()
    code = pyotp.TOTP(house.factors.set_up(house.id).secret.replace(" ", "")).at(house.clock.now)
    codes = house.factors.confirm(house.id, code, key)
    assert house.factors.confirm(house.id, code, key) == codes
    with pytest.raises(FirstCodeWrong):
        house.factors.confirm(house.id, code, new_form_key())
    renewed = house.factors.renew_codes(house.id, key := new_form_key())
    assert house.factors.renew_codes(house.id, key) == renewed and not set(renewed) & set(codes)
    with pytest.raises(CodeRefused):
        house.door.check_code(house.door.check_password(NAME, PASSWORD), codes[0])


def test_a_second_factor_can_be_removed_by_those_who_need_none(house: House) -> None:
    house.with_factor()
    house.factors.remove(house.id)
    assert not house.door.check_password(NAME, PASSWORD).needs_code and house.factors.codes_left(house.id) == 0
    with pytest.raises(NoSecondFactor):
        house.factors.renew_codes(house.id, new_form_key())


# -- once more, before something grave ---------------------------------------------------------------------------


def test_a_browser_left_open_is_no_place_to_guess(house: House) -> None:
    house.door.confirm_own(house.id, PASSWORD)
    for _ in range(FREE_FAILURES):
        with pytest.raises(WrongOwnPassword):
            house.door.confirm_own(house.id, "wrong")
    with pytest.raises(WrongOwnPassword):
        house.door.confirm_own(house.id, PASSWORD)
    house.clock.on(FIRST_WAIT)
    house.door.confirm_own(house.id, PASSWORD)
