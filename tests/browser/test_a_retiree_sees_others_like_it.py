"""Somebody writes what another has suggested before: shown while writing, asked about once when submitting."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.network]

WRITTEN = {
    "事由": "统一供苗防住黄龙病",
    "情况": "各乡镇自己从外地买苗，带病的多，我们村也是这样。",
    "建议": "由县里建一个无病毒苗圃，统一供苗。",
    "您的姓名": "王大爷",
    "联系方式": "13807360001",
}


def write(page: Page) -> None:
    for label, text in WRITTEN.items():
        page.get_by_label(label, exact=True).fill(text)


def test_what_others_have_suggested_appears_while_writing_and_goes_when_it_is_something_else(page: Page) -> None:
    asked: list[Request] = []
    page.on(
        "request", lambda request: asked.append(request) if "similar" in request.url and request.post_data else None
    )
    page.goto("/suggestions/new")
    box = page.locator("[data-similar]")
    expect(box).to_be_hidden()
    page.get_by_label("事由").press_sequentially("统一供苗防住黄龙病", delay=20)
    expect(box).to_be_visible()
    assert len(asked) == 1, "one question for all that was typed without a pause"
    link = box.get_by_role("link").first
    expect(link).to_contain_text("统一供苗防住黄龙病")
    with page.expect_popup() as opened:
        link.click()
    expect(opened.value.get_by_role("heading", name="统一供苗防住黄龙病")).to_be_visible()
    expect(page.get_by_label("事由")).to_have_value("统一供苗防住黄龙病")
    page.get_by_label("事由").fill("漆河镇老街夜里没有路灯")
    expect(box).to_be_hidden()


def test_a_copy_is_asked_about_once_and_can_be_submitted_all_the_same(page: Page) -> None:
    page.goto("/suggestions/new")
    write(page)
    page.get_by_role("button", name="提交建议").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_text("看看这条").first.click()
    expect(page.get_by_text("由县里建一个无病毒苗圃，统一供苗。", exact=True).first).to_be_visible()
    page.get_by_role("button", name="仍然提交我的").click()
    expect(page.get_by_role("heading", name="您的建议已经收到")).to_be_visible()


def test_without_javascript_nothing_typed_is_lost_on_the_way_back(browser: Browser, server: str, zhiku: Zhiku) -> None:
    context = browser.new_context(
        base_url=server, java_script_enabled=False, viewport={"width": 375, "height": 740}, locale="zh-CN"
    )
    sign_in(context, zhiku, server, Role.LIAISON)
    page = context.new_page()
    page.goto("/suggestions/new")
    write(page)
    page.get_by_role("button", name="提交建议").click()
    page.get_by_text("看看这条").first.click()
    page.get_by_role("button", name="回去修改").click()
    for label, text in WRITTEN.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(text)
    context.close()
