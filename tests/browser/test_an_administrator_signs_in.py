"""The first administrator: a password, a phone, and then an account for a clerk, who chooses their own password."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Scope
from zhiku.services.accounts import AccountDraft
from zhiku.services.given_codes import new_form_key

pytestmark = [pytest.mark.browser, pytest.mark.network]

PASSWORD = "houshanjuzijinnianhongle"


def type_in(page: Page, name: str, password: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="登录").first.click()
    page.get_by_label("登录名").fill(name)
    page.get_by_label("密码", exact=True).fill(password)
    page.get_by_role("button", name="登录").click()


def test_an_administrator_signs_in_and_lets_a_clerk_in(zhiku: Zhiku, visiting: BrowserContext, visitor: Page) -> None:
    draft = AccountDraft("wangli", "王丽", "administrator", "430725")
    zhiku.accounts.add(Scope(), draft, new_form_key(), PASSWORD)
    problems: list[str] = []
    visitor.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    type_in(visitor, "wangli", PASSWORD)
    expect(visitor.get_by_role("heading", name="先设置动态口令")).to_be_visible()
    # The picture is there, and not stopped by the Content-Security-Policy.
    assert visitor.evaluate("document.querySelector('.qr').naturalWidth") > 100
    secret = visitor.locator(".qr-secret").inner_text().replace(" ", "")
    visitor.get_by_label("手机上显示的 6 位数字").fill(pyotp.TOTP(secret).now())
    visitor.get_by_role("button", name="设置好了").click()
    expect(visitor.locator(".codes li")).to_have_count(8)
    visitor.get_by_role("link", name="已经记下").click()

    visitor.get_by_role("link", name="新增账号").click()
    visitor.get_by_label("姓名").fill("刘小燕")
    visitor.get_by_label("登录名").fill("liuxiaoyan")
    visitor.get_by_label("角色").select_option(label="老干部局")
    visitor.get_by_role("button", name="保存").click()
    given = visitor.locator(".given dd").nth(1).inner_text()
    visitor.get_by_role("button", name="退出").click()

    type_in(visitor, "liuxiaoyan", given)
    expect(visitor.get_by_role("heading", name="请先换成自己的密码")).to_be_visible()
    visitor.get_by_label("现在的密码").fill(given)
    visitor.get_by_label("新密码", exact=True).fill(PASSWORD)
    visitor.get_by_label("再输入一遍新密码").fill(PASSWORD)
    visitor.get_by_role("button", name="保存新密码").click()
    expect(visitor.get_by_text("密码已经改好")).to_be_visible()
    expect(visitor.get_by_text("就是这里")).to_be_visible()
    assert problems == []
