"""Somebody types into the search box: with the keyboard, the mouse, an input method, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Event

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, Route, expect

from tests.browser.conftest import sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role

pytestmark = [pytest.mark.browser, pytest.mark.network]

PAGES = ("/", "/experts?q=高血压")


@pytest.fixture(autouse=True)
def prepared(zhiku: Zhiku) -> None:
    """The lists, which a server has ready some moments after its start."""
    searches = zhiku.searches.within("430725")
    searches.completer.prepare()
    searches.did_you_mean.prepare()


@pytest.fixture
def box(page: Page) -> Iterator[Locator]:
    page.goto("/")
    box = page.get_by_role("combobox")
    box.click()
    yield box


def options(page: Page) -> Locator:
    return page.get_by_role("option")


@pytest.mark.parametrize("address", PAGES)
def test_what_is_typed_is_completed_and_enter_searches_for_what_was_chosen(page: Page, address: str) -> None:
    page.goto(address)
    box = page.get_by_role("combobox")
    box.fill("")
    box.press_sequentially("zengf")
    expect(page.get_by_role("listbox", name="可以这样接着写")).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(options(page)).to_have_text([re.compile(r"曾繁柑\s+姓名")])

    box.press("ArrowDown")
    chosen = options(page).first
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    box.press("Enter")
    expect(page.get_by_role("article").get_by_role("link", name="曾繁柑")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("曾繁柑")


def test_the_arrows_go_round_and_come_back_to_what_was_typed(page: Page, box: Locator) -> None:
    box.press_sequentially("水")
    expect(options(page).nth(3)).to_be_visible()
    count = options(page).count()
    box.press("ArrowUp")
    expect(options(page).nth(count - 1)).to_have_attribute("aria-selected", "true")
    box.press("ArrowDown")
    expect(page.locator('[aria-selected="true"]')).to_have_count(0)
    assert box.get_attribute("aria-activedescendant") is None
    box.press("ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_value("水")


def test_escape_closes_the_list_and_leaves_the_text_and_an_arrow_opens_it_again(page: Page, box: Locator) -> None:
    box.press_sequentially("水库")
    expect(options(page).first).to_be_visible()
    box.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("水库")
    box.press("ArrowDown")
    expect(options(page).first).to_be_visible()


def test_tab_closes_the_list_and_goes_to_the_button(page: Page, box: Locator) -> None:
    box.press_sequentially("水库")
    expect(options(page).first).to_be_visible()
    box.press("Tab")
    expect(options(page)).to_have_count(0)
    expect(page.get_by_role("button", name="找专家")).to_be_focused()
    expect(box).to_have_value("水库")


def test_enter_without_a_choice_searches_for_what_was_typed(page: Page, box: Locator) -> None:
    box.press_sequentially("水库")
    expect(options(page).first).to_be_visible()
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"/experts\?q=%E6%B0%B4%E5%BA%93$"))


def test_a_click_takes_a_completion(page: Page, box: Locator) -> None:
    box.press_sequentially("漆河镇 zeng")
    options(page).first.click()
    expect(page.get_by_role("combobox")).to_have_value("漆河镇 曾繁柑")


@pytest.fixture
def input_method(page: Page) -> CDPSession:
    """What an input method does to the page, by Chromium's own commands."""
    return page.context.new_cdp_session(page)


def test_an_input_method_is_left_alone_until_it_has_ended(page: Page, box: Locator, input_method: CDPSession) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/complete" in request.url else None)
    for typed in ("s", "sh", "shui"):
        input_method.send("Input.imeSetComposition", {"text": typed, "selectionStart": 4, "selectionEnd": 4})
    page.wait_for_timeout(400)
    assert asked == []
    expect(options(page)).to_have_count(0)
    # The Enter that takes the letters as they are, and the arrows among its candidates, belong to the input method.
    for key, code in (("ArrowDown", 40), ("Enter", 13)):
        event = {
            "type": "rawKeyDown",
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": 229,
            "nativeVirtualKeyCode": code,
        }
        input_method.send("Input.dispatchKeyEvent", event)
    assert page.url.endswith("/")

    input_method.send("Input.insertText", {"text": "水"})
    expect(options(page).first).to_be_visible()
    expect(box).to_have_value("水")
    assert len(asked) == 1


def test_the_enter_that_ends_a_composition_after_its_end_sends_nothing(page: Page, box: Locator) -> None:
    # As Safari does it: compositionend first, then the key, marked 229.
    box.press_sequentially("水库")
    sent = box.evaluate("""input => !input.dispatchEvent(new KeyboardEvent("keydown",
             {key: "Enter", keyCode: 229, bubbles: true, cancelable: true}))""")
    assert sent, "the key's own work must be prevented"
    assert page.url.endswith("/")


def test_an_answer_that_comes_late_is_dropped(page: Page, box: Locator) -> None:
    first_came = Event()

    def slow(route: Route) -> None:
        if not first_came.is_set():
            first_came.set()
            page.wait_for_timeout(600)
        try:
            route.continue_()
        except Exception as error:  # the page has aborted it: just what it should do
            assert "abort" in str(error).lower() or "handled" in str(error).lower() or "closed" in str(error).lower()

    page.route("**/api/complete**", slow)
    box.press_sequentially("水")
    page.wait_for_timeout(200)
    box.fill("zengf")
    expect(options(page)).to_have_text([re.compile("曾繁柑")])
    page.wait_for_timeout(800)
    expect(options(page)).to_have_text([re.compile("曾繁柑")])


def test_a_failing_server_leaves_an_ordinary_search_box(page: Page, box: Locator) -> None:
    page.route("**/api/complete**", lambda route: route.abort())
    box.press_sequentially("水库")
    page.wait_for_timeout(400)
    expect(options(page)).to_have_count(0)
    box.press("Enter")
    expect(page.get_by_role("article").first).to_be_visible()


def test_without_javascript_it_is_an_ordinary_search_box(browser: Browser, server: str, zhiku: Zhiku) -> None:
    context = browser.new_context(base_url=server, java_script_enabled=False)
    sign_in(context, zhiku, server, Role.DEPARTMENT)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("水库")
    page.get_by_role("button", name="找专家").click()
    expect(page.get_by_role("article").first).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("address", PAGES)
def test_the_list_moves_nothing_and_its_lines_are_big_enough(page: Page, width: int, address: str) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(address)
    box = page.get_by_role("combobox")
    where = (
        "() => [...document.querySelectorAll('main button, main a, footer')].map(e => e.getBoundingClientRect().top)"
    )
    box.fill("")
    before = page.evaluate(where)
    box.press_sequentially("水")
    expect(options(page).first).to_be_visible()
    assert page.evaluate(where) == before
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('[role=option]')].map(e => [e.getBoundingClientRect().height,
             Math.min(...[...e.children].map(c => parseFloat(getComputedStyle(c).fontSize)))])"""
    )
    assert all(height >= 44 and size >= 18 for height, size in sizes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_slip_of_the_pen_is_offered_above_the_results(page: Page) -> None:
    page.goto("/experts?q=水酷大坝")
    line = page.locator(".did-you-mean")
    expect(line).to_have_text(re.compile(r"您是不是要找：\s*水库大坝"))
    line.get_by_role("link").click()
    expect(page.get_by_role("combobox")).to_have_value("水库大坝")
    expect(page.locator(".did-you-mean")).to_have_count(0)
