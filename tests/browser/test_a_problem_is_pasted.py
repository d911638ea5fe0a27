"""A clerk pastes a letter, mends its key words, and asks why; with and without JavaScript."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from tests.web.signing_in import cookie_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role
from zhiku.web.app import create_app

pytestmark = [pytest.mark.browser, pytest.mark.network]

LETTER = (
    "尊敬的领导：\n您好！我家二十多亩柑橘园，今年开春以来叶子发黄、果子变小，听人说是黄龙病，请问砍不砍？\n"
    "有没有懂行的老同志能来看看？谢谢！"
)


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(browser: Browser, server: str, zhiku: Zhiku, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(base_url=server, java_script_enabled=request.param, locale="zh-CN")
    sign_in(context, zhiku, server, Role.DEPARTMENT)
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_a_letter_is_pasted_and_its_key_words_are_mended(page: Page) -> None:
    page.goto("/experts")
    page.get_by_text("粘贴一段情况").click()
    page.get_by_label("遇到的情况").fill(LETTER)
    page.get_by_role("button", name="按这段情况找人").click()

    expect(page.get_by_label("遇到的情况")).to_have_value(LETTER)
    expect(page.get_by_role("article").first.get_by_role("link", name="曾繁柑")).to_be_visible()
    words = page.get_by_role("region", name="取出的关键词")
    expect(words.get_by_role("button", name="黄龙病")).to_be_visible()

    words.get_by_role("button", name="黄龙病").click()
    expect(words.get_by_role("button", name="黄龙病")).to_have_count(0)
    words.get_by_label("加一个关键词").fill("大坝渗水")
    words.get_by_label("加一个关键词").press("Enter")
    expect(words.get_by_role("button", name="大坝渗水")).to_be_visible()
    expect(page.get_by_role("article").get_by_role("link", name="李水生")).to_be_visible()
    words.get_by_role("link", name="恢复自动取出的关键词").click()
    expect(words.get_by_role("button", name="黄龙病")).to_be_visible()


def test_two_thousand_characters_and_more_are_cut_with_a_sentence(page: Page) -> None:
    page.goto("/experts/problem")
    page.get_by_label("遇到的情况").fill("渠道漏水，" * 1_000)
    page.get_by_role("button", name="按这段情况找人").click()
    expect(page.get_by_text("只用了前 2000 个字")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()
    page.get_by_role("link", name="下一页").click()
    expect(page.get_by_role("article").first).to_be_visible()


def test_a_name_and_a_topic_are_one_click_apart(page: Page) -> None:
    page.goto("/experts?q=解")  # a surname, and a part of 调解
    page.get_by_role("navigation", name="按姓名还是按专长").get_by_role("link", name="按姓名").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("navigation", name="按姓名还是按专长").locator("[aria-current]")).to_contain_text("按姓名")


def test_conditions_are_taken_off_and_the_reasons_opened(page: Page) -> None:
    page.goto(f"/experts?q={quote('“水库” -调度 乡镇:漆河')}")
    chips = page.get_by_role("group", name="已选的条件")
    expect(chips.get_by_role("link")).to_have_count(4)
    chips.get_by_role("link", name="乡镇：漆河镇").click()
    expect(chips.get_by_role("link", name="乡镇：漆河镇")).to_have_count(0)
    why = page.get_by_role("article").first.get_by_text("为什么推荐")
    why.click()
    expect(page.get_by_role("article").first.get_by_text("出现在：")).to_be_visible()
    chips.get_by_role("link", name="全部去掉").click()
    expect(page.get_by_role("searchbox").or_(page.get_by_role("combobox"))).to_have_value("水库")


def test_an_address_of_ten_thousand_words_is_answered(server: str, zhiku: Zhiku) -> None:
    cookie = cookie_of(create_app(zhiku), Role.DEPARTMENT)
    host = urlsplit(server)
    with socket.create_connection((host.hostname, host.port), timeout=30) as connection:
        address = "/experts?q=" + quote("渠道漏水 " * 10_000)
        connection.sendall(f"GET {address} HTTP/1.0\r\nHost: zhiku\r\nCookie: zhiku_session={cookie}\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    assert answer.startswith(b"HTTP/1.0 200") and "只用了前 2000 个字".encode() in answer
