"""One's own account, and the accounts that an administrator keeps."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.web.pages import fields_of, open_form
from tests.web.signing_in import account_of, browser_of, sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import Role, Scope
from zhiku.services.account_list import AccountPage
from zhiku.services.accounts import AccountDraft, StepNotAllowed
from zhiku.services.given_codes import new_form_key
from zhiku.services.passwords import Passwords
from zhiku.services.sign_in import SignInRefused

PASSWORD = "houshanjuzijinnianhongle"
OTHER = "zhenbadadiaolewanggaisha"
PAGE = "/admin/accounts"
CODES = re.compile(r"<li>([0-9A-Z-]{19})</li>")


@pytest.fixture
def zhiku(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> Zhiku:
    """The county, with hashes that cost nothing."""
    for service in (zhiku.accounts, zhiku.staff_sign_in):
        monkeypatch.setattr(service, "_passwords", Passwords(CHEAPEST))
    return zhiku


@pytest.fixture
def clerk(zhiku: Zhiku) -> int:
    """An account of the bureau with a password."""
    return add(zhiku, "liuxiaoyan", "刘小燕")


@pytest.fixture
def own(app: Flask, clerk: int) -> FlaskClient:
    """That clerk's browser."""
    return sign_in(app.test_client(), clerk)


@pytest.fixture
def keeper(signed_in_as: Callable[[Role], FlaskClient]) -> FlaskClient:
    """The administrator's browser."""
    return signed_in_as(Role.ADMINISTRATOR)


def add(zhiku: Zhiku, name: str, person: str, role: Role = Role.BUREAU, prefix: str = "430725") -> int:
    return zhiku.accounts.add(
        Scope(), AccountDraft(name, person, role.value, prefix), new_form_key(), PASSWORD
    ).account_id


def lets_in(zhiku: Zhiku, name: str, password: str) -> bool:
    try:
        zhiku.staff_sign_in.check_password(name, password)
    except SignInRefused:
        return False
    return True


def events(zhiku: Zhiku, account_id: int) -> list[tuple[str, str]]:
    """Action and actor of what the audit has about an account."""
    with zhiku.sessions() as session:
        rows = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_kind == "account", AuditEvent.subject_id == str(account_id))
            .order_by(AuditEvent.id)
        )
        return [(row.action, row.actor_name) for row in rows]


def send(client: FlaskClient, address: str, **typed: str) -> TestResponse:
    """Open a page with a form, change what is typed, send it there."""
    return client.post(address, data=open_form(client, address) | typed)


def deed(client: FlaskClient, account_id: int, name: str) -> TestResponse:
    return send(client, f"{PAGE}/{account_id}/{name}")


def set_up_factor(zhiku: Zhiku, account_id: int) -> pyotp.TOTP:
    app = pyotp.TOTP(zhiku.second_factors.set_up(account_id).secret.replace(" ", ""))
    zhiku.second_factors.confirm(account_id, app.now(), new_form_key())
    return app


# -- one's own account -------------------------------------------------------------------------------------------


def test_a_new_password_signs_out_every_other_browser(zhiku: Zhiku, app: Flask, own: FlaskClient, clerk: int) -> None:
    other = sign_in(app.test_client(), clerk)
    answer = send(own, "/account/password", old_password=PASSWORD, new_password=OTHER, new_password_again=OTHER)
    assert answer.status_code == 303
    assert "另外 1 处登录已经退出" in own.get("/account").text
    assert other.get("/account").status_code == 303
    assert lets_in(zhiku, "liuxiaoyan", OTHER) and not lets_in(zhiku, "liuxiaoyan", PASSWORD)
    assert ("changed", "刘小燕") in events(zhiku, clerk)


def test_a_password_of_ones_own_name_is_refused(own: FlaskClient) -> None:
    answer = send(
        own,
        "/account/password",
        old_password=PASSWORD,
        new_password="liuxiaoyan2026",
        new_password_again="liuxiaoyan2026",
    )
    assert answer.status_code == 422 and "登录名" in answer.text
    answer = send(
        own,
        "/account/password",
        old_password=PASSWORD,
        new_password="Taoyuan@2026!",
        new_password_again="Taoyuan@2026!",
    )
    assert answer.status_code == 422 and "太好猜" in answer.text


def test_a_browser_left_open_cannot_be_used_to_guess_the_password(zhiku: Zhiku, own: FlaskClient, clerk: int) -> None:
    form = open_form(own, "/account/password")
    for number in range(6):
        answer = own.post(
            "/account/password",
            data=form | {"old_password": f"x{number}", "new_password": OTHER, "new_password_again": OTHER},
        )
        assert answer.status_code == 422
    answer = own.post(
        "/account/password", data=form | {"old_password": PASSWORD, "new_password": OTHER, "new_password_again": OTHER}
    )
    assert answer.status_code == 422 and "现在的密码不对" in answer.text


def test_a_second_factor_is_set_up_with_the_password_and_a_first_code(
    zhiku: Zhiku, own: FlaskClient, clerk: int
) -> None:
    page = own.get("/account/second-factor").text
    secret = re.search(r'qr-secret">([A-Z2-7 ]+)<', page)
    assert secret and 'src="data:image/svg+xml' in page
    app, form = pyotp.TOTP(secret[1].replace(" ", "")), fields_of(page)
    for typed in ({"code": app.now(), "password": "wrong"}, {"code": "000000", "password": PASSWORD}):
        assert own.post("/account/second-factor", data=form | typed).status_code == 422
    done = own.post("/account/second-factor", data=form | {"code": app.now(), "password": PASSWORD})
    codes = CODES.findall(done.text)
    assert len(codes) == 8 and done.headers["Cache-Control"] == "no-store"
    assert "备用码还剩 8 个" in own.get("/account").text
    renewed = send(own, "/account/recovery-codes", password=PASSWORD)
    assert len(CODES.findall(renewed.text)) == 8 and not set(CODES.findall(renewed.text)) & set(codes)
    assert send(own, "/account/second-factor/remove", password="wrong").status_code == 422
    assert send(own, "/account/second-factor/remove", password=PASSWORD).status_code == 303
    assert "设置动态口令" in own.get("/account").text
    for gone in ("/account/second-factor/remove", "/account/recovery-codes"):
        assert own.get(gone).status_code == 404


def test_an_administrator_cannot_remove_the_second_factor(zhiku: Zhiku, keeper: FlaskClient) -> None:
    set_up_factor(zhiku, account_of(zhiku, Role.ADMINISTRATOR))
    assert "关掉动态口令" not in keeper.get("/account").text
    assert keeper.get("/account/second-factor/remove").status_code == 404


def test_ones_own_sign_ins_are_listed_and_ended(app: Flask, own: FlaskClient, clerk: int) -> None:
    others = [sign_in(app.test_client(), clerk) for _ in range(3)]
    page = own.get("/account").text
    assert page.count("就是这里") == 1 and "4 处" in page
    form = fields_of(page)
    first = re.findall(r"/account/sign-ins/(\d+)/end", page)
    this = re.search(r"就是这里.*?/account/sign-ins/(\d+)/end", page, re.DOTALL)
    assert this
    ended = next(key for key in first if key != this[1])
    own.post(f"/account/sign-ins/{ended}/end", data=form)
    assert sum(other.get("/account").status_code == 200 for other in others) == 2
    own.post("/account/sign-ins/end-others", data=form)
    assert [other.get("/account").status_code for other in others] == [303] * 3
    assert own.post(f"/account/sign-ins/{this[1]}/end", data=form).status_code == 303
    assert own.get("/account").status_code == 303


def test_nobody_ends_anothers_sign_in(zhiku: Zhiku, app: Flask, own: FlaskClient, keeper: FlaskClient) -> None:
    (theirs,) = zhiku.sign_ins.listed(account_of(zhiku, Role.ADMINISTRATOR))
    own.post(f"/account/sign-ins/{theirs.id}/end", data=fields_of(own.get("/account").text))
    assert keeper.get("/account").status_code == 200


def test_a_retiree_has_devices_and_neither_password_nor_second_factor(app: Flask) -> None:
    retiree = browser_of(app, Role.RETIREE)
    page = retiree.get("/account").text
    assert "进门码登录" in page and "修改密码" not in page and "动态口令" not in page
    for address in ("password", "second-factor", "second-factor/remove", "recovery-codes"):
        assert retiree.get(f"/account/{address}").status_code == 404


# -- the list ----------------------------------------------------------------------------------------------------


def test_the_list_is_searched_filtered_and_paged(zhiku: Zhiku, keeper: FlaskClient, clerk: int) -> None:
    page = keeper.get(PAGE).text
    assert "刘小燕" in page and "联络员账号" in page
    found = keeper.get(f"{PAGE}?q=LiuXiao").text
    assert "刘小燕" in found and "联络员账号" not in found and "找到 1 个" in found
    assert "刘小燕" not in keeper.get(f"{PAGE}?role=leader").text
    assert "没有这样的账号" in keeper.get(f"{PAGE}?state=closed").text
    for number in range(20):
        add_quickly(zhiku, f"clerk.{number}")
    assert "page=2" in keeper.get(PAGE).text
    for odd in ("page=99", "page=x", "page=-1", "role=king", "state=x", "q=" + "长" * 300, "q=%25_", "q=%00"):
        assert keeper.get(f"{PAGE}?{odd}").status_code == 200


def add_quickly(zhiku: Zhiku, name: str) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        now = zhiku.clock()
        session.add(Account(sign_in_name=name, name="小王", role=Role.LEADER, division_prefix="430725",
                            created_at=now, updated_at=now))  # fmt: skip


def test_accounts_of_another_scope_do_not_exist(zhiku: Zhiku, keeper: FlaskClient) -> None:
    theirs = add(zhiku, "prefecture", "市里的人", prefix="4307")
    everywhere = add(zhiku, "province", "省里的人", prefix="")
    assert "市里的人" not in keeper.get(PAGE).text and "省里的人" not in keeper.get(f"{PAGE}?q=province").text
    token = open_form(keeper, f"{PAGE}/new")["csrf_token"]
    for account_id in (theirs, everywhere, 99999, 2**40):
        assert keeper.get(f"{PAGE}/{account_id}").status_code == 404
        for step in ("close", "password", "unlock", "sign-ins", "second-factor", "open"):
            answer = keeper.post(f"{PAGE}/{account_id}/{step}", data={"csrf_token": token})
            assert answer.status_code == 404, step
    assert lets_in(zhiku, "prefecture", PASSWORD)


def test_a_retirees_account_is_closed_here_but_not_edited(zhiku: Zhiku, app: Flask, keeper: FlaskClient) -> None:
    retiree = browser_of(app, Role.RETIREE)
    account_id = account_of(zhiku, Role.RETIREE)
    page = keeper.get(f"{PAGE}/{account_id}").text
    assert "跟着档案走" in page and 'name="sign_in_name"' not in page
    assert keeper.get(f"{PAGE}/{account_id}/password").status_code == 404
    assert deed(keeper, account_id, "close").status_code == 303
    assert retiree.get("/account").status_code == 303
    page = keeper.get(f"{PAGE}/{account_id}").text
    token = fields_of(page)["csrf_token"]
    assert keeper.post(f"{PAGE}/{account_id}", data={"csrf_token": token, "name": "x"}).status_code == 422


# -- adding ------------------------------------------------------------------------------------------------------


def new_account(client: FlaskClient, **typed: str) -> TestResponse:
    filled = {"name": "赵 芳", "sign_in_name": "ZhaoFang", "role": "leader", "division_prefix": "430725", **typed}
    return send(client, f"{PAGE}/new", **filled)


def test_a_new_account_has_a_password_that_is_shown_once_and_must_be_changed(zhiku: Zhiku, keeper: FlaskClient) -> None:
    answer = new_account(keeper)
    code = re.search(r"<dt>一次性密码</dt><dd>([0-9A-Z-]{19})<", answer.text)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store" and code
    account = zhiku.accounts.find("zhaofang")
    assert (account.name, account.role, account.must_change_password) == ("赵 芳", Role.LEADER, True)
    assert lets_in(zhiku, "zhaofang", code[1])
    assert code[1] not in keeper.get(f"{PAGE}/{account.id}").text
    assert events(zhiku, account.id)[0] == ("created", "系统管理员账号")


def test_a_form_sent_twice_makes_one_account_and_shows_the_same_password(zhiku: Zhiku, keeper: FlaskClient) -> None:
    form = open_form(keeper, f"{PAGE}/new") | {
        "name": "赵芳", "sign_in_name": "zhaofang", "role": "leader", "division_prefix": "430725",
    }  # fmt: skip
    shown = [re.findall(r"<dd>([^<]+)</dd>", keeper.post(f"{PAGE}/new", data=form).text) for _ in range(2)]
    assert shown[0] == shown[1] and zhiku.accounts.page(Scope(), "zhaofang").total == 1
    zhiku.accounts.change_own_password(zhiku.accounts.find("zhaofang").id, OTHER)
    late = keeper.post(f"{PAGE}/new", data=form)
    assert "以前已经提交过" in late.text and lets_in(zhiku, "zhaofang", OTHER)


def test_two_forms_at_the_same_moment_make_one_account(zhiku: Zhiku) -> None:
    key, given = new_form_key(), []
    draft = AccountDraft("zhaofang", "赵芳", "leader", "430725")
    threads = [threading.Thread(target=lambda: given.append(zhiku.accounts.add(Scope(), draft, key))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4 and len(set(given)) == 1 and lets_in(zhiku, "zhaofang", given[0].password)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"sign_in_name": ""}, "请填写登录名"),
        ({"sign_in_name": "ab"}, "3 到 40"),
        ({"sign_in_name": "a" * 41}, "3 到 40"),
        ({"sign_in_name": "zhao fang"}, "中间不能有空格"),
        ({"sign_in_name": "-zhao"}, "开头和结尾"),
        ({"sign_in_name": "13807361111"}, "手机号"),
        ({"sign_in_name": "bureau"}, "已经有人用了"),
        ({"sign_in_name": "ＢＵＲＥＡＵ"}, "已经有人用了"),
        ({"name": ""}, "请填写姓名"),
        ({"name": "长" * 41}, "姓名太长"),
        ({"role": ""}, "请选择角色"),
        ({"role": "retiree"}, "进门码"),
        ({"role": "king"}, "请选择角色"),
        ({"role": "department"}, "所属部门"),
        ({"role": "department", "department_id": "99"}, "所属部门"),
        ({"role": "department", "department_id": "x" * 50}, "所属部门"),
        ({"division_prefix": ""}, "管辖范围"),
        ({"division_prefix": "43"}, "管辖范围"),
        ({"division_prefix": "999999"}, "管辖范围"),
    ],
)
def test_what_cannot_be_an_account_is_told_at_its_field_and_nothing_is_lost(
    zhiku: Zhiku, keeper: FlaskClient, typed: dict[str, str], said: str
) -> None:
    before = zhiku.accounts.page(Scope()).total
    answer = new_account(keeper, **typed)
    assert answer.status_code == 422 and said in answer.text
    if "name" not in typed:
        assert 'value="赵 芳"' in answer.text
    if "role" not in typed:
        assert '<option value="leader" selected>' in answer.text
    assert zhiku.accounts.page(Scope()).total == before


def test_an_account_of_a_department_belongs_to_one_and_others_to_none(zhiku: Zhiku, keeper: FlaskClient) -> None:
    (department_id, name), *_ = zhiku.accounts.departments(Scope())
    new_account(keeper, role="department", department_id=str(department_id))
    assert zhiku.accounts.find("zhaofang").department == name
    new_account(keeper, sign_in_name="chenming", role="leader", department_id=str(department_id))
    assert zhiku.accounts.find("chenming").department == ""


# -- changing ----------------------------------------------------------------------------------------------------


def test_another_role_signs_out_and_a_corrected_name_does_not(
    zhiku: Zhiku, keeper: FlaskClient, own: FlaskClient, clerk: int
) -> None:
    assert send(keeper, f"{PAGE}/{clerk}", name="刘晓燕").status_code == 303
    assert "刘晓燕" in own.get("/account").text
    assert send(keeper, f"{PAGE}/{clerk}", role="leader").status_code == 303
    assert own.get("/account").status_code == 303
    assert ("changed", "系统管理员账号") in events(zhiku, clerk)


def test_the_second_of_two_editors_sees_what_the_first_changed(zhiku: Zhiku, keeper: FlaskClient, clerk: int) -> None:
    form = open_form(keeper, f"{PAGE}/{clerk}")
    assert keeper.post(f"{PAGE}/{clerk}", data=form | {"name": "刘晓燕", "role": "leader"}).status_code == 303
    late = keeper.post(f"{PAGE}/{clerk}", data=form | {"sign_in_name": "xiaoyan"})
    assert late.status_code == 409 and 'value="xiaoyan"' in late.text
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', late.text)
    assert rows == [("姓名", "刘小燕", "刘晓燕"), ("角色", "老干部局", "领导")]
    assert zhiku.accounts.get(Scope(), clerk).draft.name == "刘晓燕"
    again = fields_of(late.text) | {"role": "leader", "name": "刘晓燕"}
    assert keeper.post(f"{PAGE}/{clerk}", data=again).status_code == 303
    assert zhiku.accounts.get(Scope(), clerk).draft.sign_in_name == "xiaoyan"


def test_a_sign_in_meanwhile_is_no_other_editor(zhiku: Zhiku, keeper: FlaskClient, clerk: int) -> None:
    form = open_form(keeper, f"{PAGE}/{clerk}")
    assert not lets_in(zhiku, "liuxiaoyan", "wrong") and lets_in(zhiku, "liuxiaoyan", PASSWORD)
    assert keeper.post(f"{PAGE}/{clerk}", data=form | {"name": "刘晓燕"}).status_code == 303


def test_a_reset_gives_a_password_once_and_ends_what_was(
    zhiku: Zhiku, keeper: FlaskClient, own: FlaskClient, clerk: int
) -> None:
    for _ in range(5):
        lets_in(zhiku, "liuxiaoyan", "wrong")
    form = open_form(keeper, f"{PAGE}/{clerk}/password")
    shown = [re.findall(r"<dd>([^<]+)</dd>", keeper.post(f"{PAGE}/{clerk}/password", data=form).text) for _ in range(2)]
    assert shown[0] == shown[1] and lets_in(zhiku, "liuxiaoyan", shown[0][1])
    assert own.get("/account").status_code == 303 and not lets_in(zhiku, "liuxiaoyan", PASSWORD)
    zhiku.accounts.change_own_password(clerk, OTHER)
    assert "以前已经提交过" in keeper.post(f"{PAGE}/{clerk}/password", data=form).text
    assert lets_in(zhiku, "liuxiaoyan", OTHER)


def test_a_closed_account_is_out_at_once_and_comes_back(
    zhiku: Zhiku, keeper: FlaskClient, own: FlaskClient, clerk: int
) -> None:
    assert "要停用这个账号吗" in keeper.get(f"{PAGE}/{clerk}/close").text and own.get("/account").status_code == 200
    deed(keeper, clerk, "close")
    assert own.get("/account").status_code == 303 and not lets_in(zhiku, "liuxiaoyan", PASSWORD)
    deed(keeper, clerk, "open")
    assert lets_in(zhiku, "liuxiaoyan", PASSWORD)


def test_a_locked_account_is_shown_and_unlocked(zhiku: Zhiku, keeper: FlaskClient, clerk: int) -> None:
    assert f"{PAGE}/{clerk}/unlock" not in keeper.get(f"{PAGE}/{clerk}").text
    for _ in range(5):
        lets_in(zhiku, "liuxiaoyan", "wrong")
    assert "锁定到" in keeper.get(f"{PAGE}/{clerk}").text and not lets_in(zhiku, "liuxiaoyan", PASSWORD)
    deed(keeper, clerk, "unlock")
    assert lets_in(zhiku, "liuxiaoyan", PASSWORD)
    assert events(zhiku, clerk)[-1] == ("changed", "系统管理员账号")


def test_a_lost_phone_and_open_sign_ins_are_ended(
    zhiku: Zhiku, app: Flask, keeper: FlaskClient, own: FlaskClient, clerk: int
) -> None:
    set_up_factor(zhiku, clerk)
    deed(keeper, clerk, "second-factor")
    assert own.get("/account").status_code == 303
    assert not zhiku.staff_sign_in.check_password("liuxiaoyan", PASSWORD).needs_code
    other = sign_in(app.test_client(), clerk)
    deed(keeper, clerk, "sign-ins")
    assert other.get("/account").status_code == 303


def test_an_administrator_always_remains(zhiku: Zhiku, keeper: FlaskClient) -> None:
    me = account_of(zhiku, Role.ADMINISTRATOR)
    answer = deed(keeper, me, "close")
    assert answer.status_code == 422 and "自己的账号" in answer.text
    assert send(keeper, f"{PAGE}/{me}", role="leader").status_code == 422
    # Nobody could open the whole county again.
    narrowed = send(keeper, f"{PAGE}/{me}", division_prefix="430725105")
    assert narrowed.status_code == 422 and "范围" in narrowed.text
    other = add(zhiku, "wangli", "王丽", Role.ADMINISTRATOR)
    assert deed(keeper, other, "close").status_code == 303
    assert deed(keeper, me, "close").status_code == 422
    assert keeper.get(PAGE).status_code == 200


def test_two_administrators_who_close_each_other_leave_one(zhiku: Zhiku) -> None:
    one, other = account_of(zhiku, Role.ADMINISTRATOR), add(zhiku, "wangli", "王丽", Role.ADMINISTRATOR)
    refused: list[int] = []
    barrier = threading.Barrier(2)

    def close(actor: int, account_id: int) -> None:
        with acting_as(Actor(actor, "x", "administrator")):
            barrier.wait()
            try:
                zhiku.accounts.set_active(Scope(), account_id, False)
            except StepNotAllowed:
                refused.append(account_id)

    threads = [threading.Thread(target=close, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page: AccountPage = zhiku.accounts.page(Scope(), role=Role.ADMINISTRATOR, is_active=True)
    assert page.total == 1 and len(refused) == 1


def test_a_form_that_lost_its_token_keeps_its_text(zhiku: Zhiku, keeper: FlaskClient, clerk: int) -> None:
    for address in (f"{PAGE}/new", f"{PAGE}/{clerk}"):
        answer = keeper.post(address, data={"name": "赵芳", "sign_in_name": "zhaofang"})
        assert answer.status_code == 403 and 'value="赵芳"' in answer.text
    for step in ("close", "password"):
        assert keeper.post(f"{PAGE}/{clerk}/{step}").status_code == 403
    assert lets_in(zhiku, "liuxiaoyan", PASSWORD)


def test_the_pages_are_well_formed(zhiku: Zhiku, keeper: FlaskClient, own: FlaskClient, clerk: int) -> None:
    addresses = [PAGE, f"{PAGE}/new", f"{PAGE}/{clerk}", f"{PAGE}/{clerk}/close", f"{PAGE}/{clerk}/password"]
    pages = [keeper.get(address).text for address in addresses]
    pages += [own.get(f"/account{address}").text for address in ("", "/password", "/second-factor")]
    for page in pages:
        assert page.count("<h1") == 1 and not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
        ids = [name for name in re.findall(r'\sid="([^"]+)"', page) if name != "csrf_token"]
        assert len(ids) == len(set(ids))
        for field in re.findall(r"<(?:input|select|textarea)(?![^>]*hidden)[^>]*>", page):
            name = re.search(r'\sid="([^"]+)"', field)
            assert name and f'for="{name[1]}"' in page


def test_the_last_sign_in_is_shown_in_the_countys_time(zhiku: Zhiku, keeper: FlaskClient, own: FlaskClient) -> None:
    now = zhiku.clock().astimezone(zhiku.settings.zone)
    days = {f"{day.year}年{day.month}月{day.day}日" for day in (now, now - timedelta(minutes=5))}
    found = re.search(r"最近登录 (\d+年\d+月\d+日)", keeper.get(f"{PAGE}?q=liuxiaoyan").text)
    assert found and found[1] in days
