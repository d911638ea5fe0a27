"""A clerk writes for an hour; the sign-in has ended meanwhile, and nothing of the text is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import update

from tests.web.signing_in import account_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account, SignIn
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import Role
from zhiku.services.passwords import Passwords

pytestmark = [pytest.mark.browser, pytest.mark.network]

PASSWORD = "heshui-bian-de-lao-shu"


@pytest.fixture(autouse=True)
def password(zhiku: Zhiku) -> None:
    """The clerk has one."""
    with zhiku.sessions.begin() as session:
        clerk = session.get_one(Account, account_of(zhiku, Role.BUREAU))
        clerk.password_hash, clerk.password_set_at = Passwords().hash(PASSWORD), zhiku.clock()


def an_hour_goes_by(zhiku: Zhiku) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.execute(update(SignIn).values(seen_at=zhiku.clock() - timedelta(hours=1)))


def test_what_was_written_is_sent_after_signing_in_again_in_another_tab(
    zhiku: Zhiku, context: BrowserContext, page: Page
) -> None:
    page.goto("/bureau/lexicon/groups/new")
    page.locator("[name=members]").fill("坼坝\n垮坝")
    page.locator("[name=note]").fill("水利局的老李说的")
    an_hour_goes_by(zhiku)
    page.locator("main form button[type=submit]").last.click()

    expect(page.get_by_role("heading", name="请重新登录")).to_be_visible()
    expect(page.get_by_text("水利局的老李说的")).to_be_visible()
    with context.expect_page() as opened:
        page.get_by_role("link", name="去登录").click()
    tab = opened.value
    tab.get_by_label("登录名").fill("bureau")
    tab.get_by_label("密码", exact=True).fill(PASSWORD)
    tab.get_by_role("button", name="登录").click()
    expect(tab.get_by_role("heading", name="登录好了")).to_be_visible()
    tab.close()

    page.get_by_role("button", name="再提交一次").click()
    expect(page.get_by_role("heading", name="检索用词")).to_be_visible()
    expect(page.get_by_text("坼坝").first).to_be_visible()


def test_who_reads_on_after_an_hour_signs_in_and_is_back_where_they_were(zhiku: Zhiku, page: Page) -> None:
    page.goto("/experts?q=水库")
    an_hour_goes_by(zhiku)
    page.get_by_role("link", name="下一页").click()
    page.get_by_label("登录名").fill("bureau")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("水库")

    page.get_by_role("button", name="退出").click()
    expect(page.get_by_role("link", name="登录", exact=True).first).to_be_visible()
    page.goto("/experts?q=水库")
    expect(page.get_by_label("登录名")).to_be_visible()
