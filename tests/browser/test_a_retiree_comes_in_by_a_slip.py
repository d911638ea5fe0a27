"""“小燕给我一张纸条。” A retiree of 74 comes in with the phone, says what was not so, and the bureau hears of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from tests.browser.conftest import sign_in
from tests.browser.test_every_page_fits_its_readers import SMALL_TEXT, TARGETS, use_text_size
from tests.web.signing_in import account_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role, Scope

pytestmark = [pytest.mark.browser, pytest.mark.network]

#: Of the pages of retirees (PRODUCT, 适老化: the elder view).
MIN_TARGET = 60
MIN_TEXT = 20


@pytest.fixture
def zeng(zhiku: Zhiku) -> int:
    """曾繁柑, with a liaison."""
    with zhiku.sessions() as session:
        expert_id = session.scalars(select(Expert.id).where(Expert.name == "曾繁柑")).one()
    zhiku.liaisons.assign([expert_id], account_of(zhiku, Role.LIAISON), Scope("430725"))
    return expert_id


def opened(browser: Browser, server: str, width: int = 1280) -> BrowserContext:
    context = browser.new_context(base_url=server, viewport={"width": width, "height": 740}, locale="zh-CN")
    context.set_default_timeout(15_000)
    return context


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Page]:
    context = opened(browser, server, 375)
    yield context.new_page()
    context.close()


@pytest.fixture
def officer(browser: Browser, server: str, zhiku: Zhiku, zeng: int) -> Iterator[Page]:
    """The liaison, at a desk."""
    context = opened(browser, server)
    sign_in(context, zhiku, server, Role.LIAISON)
    yield context.new_page()
    context.close()


def print_slip(officer: Page) -> tuple[str, str]:
    """The liaison prints a slip for 曾繁柑; gives the code and where its picture leads to."""
    officer.goto("/liaison")
    officer.get_by_role("link", name="曾繁柑").click()
    officer.get_by_role("button", name="印进门码").click()
    expect(officer.get_by_role("button", name="打印")).to_be_visible()
    code = officer.locator("[data-slip-code]").inner_text()
    officer.emulate_media(media="print")
    assert officer.locator("svg.qr").is_visible() and not officer.locator(".site-header").is_visible()
    assert not officer.get_by_role("button", name="打印").is_visible()
    officer.emulate_media(media="screen")
    officer.get_by_role("button", name="印好了，收起来").click()
    expect(officer.get_by_text("有一张还没用的纸条")).to_be_visible()
    return code, f"/in/{code.replace(' ', '')}"


def test_a_retiree_comes_in_and_says_that_it_was_not_what_they_meant(
    officer: Page, phone: Page, page: Page, zhiku: Zhiku
) -> None:
    # The liaison files what they believe to have heard, and prints a slip.
    officer.goto("/liaison")
    officer.get_by_label("按姓名找").fill("zfg")
    officer.get_by_role("button", name="搜索").click()
    officer.get_by_role("link", name="曾繁柑").click()
    officer.get_by_role("link", name="替他提建议").click()
    officer.get_by_label("事由").fill("给漆河镇修一个农贸市场")
    officer.get_by_label("情况").fill("赶集的人都挤在马路边上，车子过不去。")
    officer.get_by_label("建议", exact=True).fill("在老粮站那块地上建一个。")
    officer.get_by_label("电话", exact=True).check()
    officer.get_by_label("为什么代办").fill("本人不会打字，电话里说的")
    officer.get_by_role("button", name="替曾繁柑提交").click()
    expect(officer.get_by_text("已经替曾繁柑提交建议")).to_be_visible()
    code, _ = print_slip(officer)

    # “我照着纸条一个一个输，字母我打的小写。”
    phone.goto("/")
    phone.get_by_role("link", name=re.compile("老同志凭进门码进入")).click()
    phone.get_by_label("进门码").fill(code.lower())
    phone.get_by_role("button", name="下一步").click()
    expect(phone.get_by_role("heading", name="您是曾繁柑老同志吗？")).to_be_visible()
    phone.get_by_role("button", name="是，我是曾繁柑").click()

    # “它说小燕替我办了一件事，叫我看一看。这不是我说的，是我邻居说的。”
    expect(phone.get_by_text("有 1 件事等您看一看")).to_be_visible()
    phone.get_by_role("link", name=re.compile("看一看，对不对")).click()
    expect(phone.get_by_text("在老粮站那块地上建一个。")).to_be_visible()
    phone.locator("summary", has_text="不是我的意思").click()
    phone.get_by_label("哪里不对").fill("这话是我邻居说的，不是我。")
    phone.get_by_role("button", name="告诉老干部局").click()
    expect(phone.get_by_text("已经告诉老干部局，他们会来问您")).to_be_visible()
    phone.get_by_role("link", name=re.compile("别人替我办的事")).click()
    expect(phone.get_by_text("本人有异议")).to_be_visible()

    # The bureau asks, and writes it down; the retiree reads it.
    page.goto("/bureau/liaisons")
    page.get_by_role("link", name="代办记录：1 件要处理").click()
    expect(page.get_by_text("这话是我邻居说的，不是我。")).to_be_visible()
    page.locator("summary", has_text="写处理结果").click()
    page.get_by_label("处理结果").fill("电话问过本人，由老干部局撤回这条建议。")
    page.get_by_role("button", name="记下处理结果").click()
    expect(page.get_by_text("没有本人提出异议、还没处理的事")).to_be_visible()
    phone.get_by_role("link", name=re.compile("看详细")).click()
    expect(phone.get_by_text("由老干部局撤回这条建议")).to_be_visible()


def test_the_next_day_the_phone_is_still_known_and_a_lost_one_is_not(
    officer: Page, phone: Page, browser: Browser, server: str
) -> None:
    _, scanned = print_slip(officer)
    phone.goto(scanned)
    phone.get_by_role("button", name=re.compile("^是")).click()
    expect(phone.get_by_role("heading", name="曾繁柑老同志，您好")).to_be_visible()
    # What a phone keeps when the browser is closed: cookies with a date.
    kept = [cookie for cookie in phone.context.cookies() if cookie["expires"] > 0]
    next_day = opened(browser, server, 375)
    next_day.add_cookies(kept)  # type: ignore[arg-type]
    again = next_day.new_page()
    again.goto("/mine")
    expect(again.get_by_role("heading", name="曾繁柑老同志，您好")).to_be_visible()
    # “手机丢了。”
    officer.reload()
    officer.get_by_role("button", name="手机丢了：全部退出").click()
    expect(officer.get_by_text("1 台设备都已退出")).to_be_visible()
    again.goto("/mine")
    expect(again.get_by_text("这台设备还不认得您，或者已经退出")).to_be_visible()
    next_day.close()


def test_it_works_without_javascript(browser: Browser, server: str, officer: Page) -> None:
    code, _ = print_slip(officer)
    context = browser.new_context(base_url=server, java_script_enabled=False)
    page = context.new_page()
    page.goto("/in")
    page.get_by_label("进门码").fill(code)
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name=re.compile("^是")).click()
    page.get_by_role("link", name="提一条建议").click()
    page.get_by_label("事由").fill("老街夜里没有路灯")
    page.get_by_label("情况").fill("从桥头到卫生院没有一盏灯。")
    page.get_by_label("建议", exact=True).fill("先装十盏太阳能路灯。")
    page.get_by_role("button", name="提交建议").click()
    expect(page.get_by_role("heading", name="您的建议已经收到")).to_be_visible()
    page.goto("/mine")
    expect(page.get_by_role("link", name="老街夜里没有路灯")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("width", "size"), [(375, 18), (375, 30), (1280, 18)])
def test_everything_a_retiree_presses_is_as_large_as_a_thumb_and_everything_they_read_is_large(
    browser: Browser, server: str, officer: Page, zhiku: Zhiku, zeng: int, width: int, size: int
) -> None:
    officer.goto(f"/liaison/{zeng}/willingness")
    officer.get_by_label("仅电话").check()
    officer.get_by_label("上门走访").check()
    officer.get_by_label("为什么代办").fill("本人当面说的")
    officer.get_by_role("button", name="保存").click()
    _, scanned = print_slip(officer)
    context = opened(browser, server, width)
    use_text_size(context, server, size)
    phone = context.new_page()
    wrong: list[Any] = []

    def look(name: str) -> None:
        phone.wait_for_load_state("load")
        across, shown = phone.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if across > shown:
            wrong.append((name, "scrolls sideways", across))
        for details in phone.locator("main details:not([open]) > summary").all():
            details.click()
        wrong.extend((name, "too low", *target) for target in phone.evaluate(TARGETS) if target[1] < MIN_TARGET)
        wrong.extend((name, "too small", *text) for text in phone.evaluate(SMALL_TEXT, MIN_TEXT))

    phone.goto("/in")
    look("code")
    phone.get_by_role("button", name="下一步").click()
    expect(phone.get_by_role("alert")).to_be_visible()
    look("no code")
    phone.goto(scanned)
    look("question")
    phone.get_by_role("button", name=re.compile("^是")).click()
    # Something waits for a word from them, so this comes first.
    expect(phone.get_by_text("曾繁柑老同志，您好")).to_be_visible()
    look("what waits")
    phone.goto("/mine")
    look("first page")
    act = zhiku.on_behalf.waiting_for(zeng)[0].id
    for path in ("suggestions/2026-0001", "acts", f"acts/{act}", "looks", "profile", "devices"):
        phone.goto(f"/mine/{path}")
        look(path)
    phone.goto("/suggestions/new")
    look("form")
    context.close()
    assert wrong == []
