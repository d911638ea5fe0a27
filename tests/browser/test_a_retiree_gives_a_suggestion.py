"""A retiree gives a suggestion and sees what becomes of it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.network]


def write(page: Page) -> None:
    page.get_by_label("事由").fill("陬市镇老街夜里没有路灯")
    page.get_by_label("情况").fill("从桥头到卫生院没有一盏灯，去年有三位老人摔跤。")
    page.get_by_label("建议", exact=True).fill("先在桥头和学校门口装十盏太阳能路灯。")
    page.get_by_label("您的姓名").fill("王大爷")
    page.get_by_label("联系方式").fill("13807360001")


def receipt(page: Page) -> tuple[str, str]:
    return (
        page.locator('[data-receipt="number"]').inner_text().strip(),
        page.locator('[data-receipt="code"]').inner_text().strip(),
    )


def see_status(page: Page, number: str, code: str) -> None:
    page.get_by_role("navigation", name="主要栏目").get_by_role("link", name="查进度").click()
    page.get_by_label("编号").fill(number)
    page.get_by_label("查询码").fill(code)
    page.get_by_role("button", name="查看进度").click()
    expect(page.get_by_role("heading", name="陬市镇老街夜里没有路灯")).to_be_visible()
    current = page.locator('[aria-current="step"]')
    expect(current).to_contain_text("已收到")


def test_a_retiree_submits_a_suggestion_sees_its_number_and_status_and_a_clerk_finds_it(
    visitor: Page, page: Page
) -> None:
    clerk, page = page, visitor
    page.goto("/")
    page.get_by_role("link", name=re.compile("我要提建议")).first.click()
    write(page)
    page.get_by_role("button", name="提交建议").click()

    expect(page.get_by_role("heading", name="您的建议已经收到")).to_be_visible()
    number, code = receipt(page)
    assert re.fullmatch(r"20\d\d-\d{4}", number) and re.fullmatch(r"[0-9A-Z]{6}", code)
    assert code not in page.url
    page.reload()
    assert receipt(page) == (number, code)

    see_status(page, number, code.lower())

    # The drainer brings it into the index; PRODUCT gives it two seconds.
    deadline = time.monotonic() + 10
    while True:
        clerk.goto("/suggestions?q=太阳能路灯")
        if clerk.get_by_role("link", name="陬市镇老街夜里没有路灯").count():
            break
        assert time.monotonic() < deadline, "not found ten seconds after it was submitted"
        time.sleep(0.1)


def test_everything_works_without_javascript(browser: Browser, server: str, zhiku: Zhiku) -> None:
    context = browser.new_context(base_url=server, java_script_enabled=False)
    sign_in(context, zhiku, server, Role.LIAISON)
    page = context.new_page()
    page.goto("/experts?q=水库")
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_role("button", name="文字更大").click()
    assert page.locator("html").get_attribute("class") == "text-26"
    page.goto("/suggestions/new")
    page.get_by_role("button", name="提交建议").click()
    expect(page.get_by_role("alert")).to_contain_text("5 处需要补充")
    write(page)
    page.get_by_role("button", name="提交建议").click()
    number, code = receipt(page)
    see_status(page, number, code)
    context.close()


def test_an_unfinished_text_is_there_again_and_is_gone_after_it_was_sent(visitor: Page) -> None:
    page = visitor
    page.goto("/suggestions/new")
    page.get_by_label("情况").fill("从桥头到卫生院没有一盏灯。")
    page.get_by_label("您的姓名").fill("王大爷")
    expect(page.locator('[data-counter-for="situation"]')).to_contain_text("已写 13 个字")
    page.goto("/about")
    page.goto("/suggestions/new")
    expect(page.get_by_label("情况")).to_have_value("从桥头到卫生院没有一盏灯。")
    expect(page.get_by_text("已经恢复您上次没写完的内容")).to_be_visible()
    # The computer may be a shared one.
    expect(page.get_by_label("您的姓名")).to_have_value("")
    write(page)
    page.get_by_role("button", name="提交建议").click()
    expect(page.get_by_role("heading", name="您的建议已经收到")).to_be_visible()
    page.goto("/suggestions/new")
    expect(page.get_by_label("情况")).to_have_value("")


def test_the_summary_of_problems_has_the_focus_and_leads_to_the_field(visitor: Page) -> None:
    page = visitor
    page.goto("/suggestions/new")
    page.get_by_role("button", name="提交建议").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("link", name=re.compile("^建议：")).click()
    expect(page.get_by_label("建议", exact=True)).to_be_focused()
