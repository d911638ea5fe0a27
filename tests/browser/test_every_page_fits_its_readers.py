"""Measured in the browser: nothing scrolls sideways, everything to press is big enough, nothing is too small to read,
the console is silent, and the keyboard reaches everything (PRODUCT, 适老化)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.web.county import store_lexicon
from zhiku.bootstrap import Zhiku

pytestmark = [pytest.mark.browser, pytest.mark.network]

MIN_TARGET = 44
MIN_TEXT = 18

PAGES = {
    "home": "/",
    "about": "/about",
    "fields": "/experts",
    "results": "/experts?q=水库",
    "many filters": "/experts?q=水库&field=水库堤防&township=漆河镇&township=陬市镇&unit=桃源县水利局&title=工程师",
    "pasted problem": "/experts?q=" + "我们村后山的水库大坝最近一下雨就冒浑水，想请人来看看" * 4,
    "conditions": "/experts?q=“水库” -调度 乡镇:漆河",
    "a name or a topic": "/experts?q=解",
    "field for a problem": "/experts/problem",
    "nothing": "/experts?q=qqqxyz",
    "profile": "/experts/1?q=柑橘",
    "no such person": "/experts/999",
    "suggestions": "/suggestions",
    "suggestions found": "/suggestions?q=苗圃",
    "suggestion": "/suggestions/2026-0003",
    "form": "/suggestions/new",
    "form with problems": "/suggestions/new#send",
    "receipt": "/suggestions/new#submit",
    "one like it": "/suggestions/new#again",
    "status form": "/suggestions/status",
    "wrong code": "/suggestions/status#send",
    "progress": "/suggestions/new#progress",
    "lexicon": "/bureau/lexicon",
    "lexicon, done": "/bureau/lexicon?show=done",
    "group of synonyms": "/bureau/lexicon/groups/1",
    "group in question": "/bureau/lexicon/groups/new?unanswered=1#question",
    "deleting a group": "/bureau/lexicon/groups/1/delete",
    "deleting a word": "/bureau/lexicon/words/1/delete",
    "people's records": "/experts/records",
    "a person's records": "/experts/1/records",
    "looking at a contact": "/experts/1/records/contact/reveal",
    "a consent": "/experts/1/records/consents",
    "erasing a person": "/experts/1/records/erase",
    "who looked": "/bureau/reveals",
    "changing a photo": "/experts/1/photo/change",
    "a file that is no photo": "/experts/1/photo/change#send",
    "about the API": "/api/v1/docs",
}


@pytest.fixture(autouse=True)
def lexicon(zhiku: Zhiku) -> None:
    """Something on the bureau's pages."""
    store_lexicon(zhiku.sessions)


#: Everything that can be pressed and is seen, with its box. A target hidden behind a closed <details> has none; a link
#: inside a sentence is exempt (WCAG 2.5.8), ours only stand on lines of their own.
TARGETS = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary')]
  .map(element => [element, element.getBoundingClientRect()])
  .filter(([element, box]) => box.width > 0 && element.checkVisibility() && !element.classList.contains('skip-link'))
  .map(([element, box]) => [element.outerHTML.slice(0, 120), Math.round(box.height * 10) / 10])"""

SMALL_TEXT = """least => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.checkVisibility() || parent.closest('.visually-hidden')) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    if (size < least) small.push([walker.currentNode.data.trim().slice(0, 40), size]);
  }
  return small;
}"""

BODY = """() => { const style = getComputedStyle(document.body);
  return [parseFloat(style.fontSize), parseFloat(style.lineHeight) / parseFloat(style.fontSize)]; }"""

#: Of radio buttons one of a group is reached by Tab, and the others from there by the arrows.
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary')]
  .filter(element => element.checkVisibility() && element.getBoundingClientRect().width > 0)
  .filter(element => element.type !== 'radio' || element ===
    (document.querySelector(`input[type=radio][name=${element.name}]:checked`) ||
     document.querySelector(`input[type=radio][name=${element.name}]`))).length"""


def fill(page: Page) -> None:
    for name, text in {
        "subject": "老街夜里没有路灯", "situation": "从桥头到卫生院没有一盏灯。", "proposal": "先装十盏太阳能路灯。",
        "name": "王大爷", "contact": "13807360001",
    }.items():  # fmt: skip
        page.locator(f"[name={name}]").fill(text)


def open_page(page: Page, address: str) -> None:
    """Open one of `PAGES`; what stands after # is done there: send it as it is, fill it in, follow it to its status."""
    path, _, then = address.partition("#")
    page.goto(path)
    send = page.locator("main form button[type=submit]").last
    if then == "send":
        send.click()
    if then == "question":
        page.locator("[name=members]").fill("筑坝")
        page.locator("main form button[type=submit]").last.click()
    if then in ("submit", "again", "progress"):
        fill(page)
        send.click()
    if then in ("submit", "progress") and page.locator("[value=submit-anyway]").count():
        # Somebody has submitted the same before.
        page.locator("[value=submit-anyway]").click()
    if then == "progress":
        number = page.locator('[data-receipt="number"]').inner_text()
        code = page.locator('[data-receipt="code"]').inner_text()
        page.goto("/suggestions/status")
        page.locator("[name=number]").fill(number)
        page.locator("[name=code]").fill(code)
        page.locator("main form button[type=submit]").click()
    page.wait_for_load_state("load")


def use_text_size(context: BrowserContext, server: str, size: int) -> None:
    context.add_cookies([{"name": "zhiku_text_size", "value": str(size), "url": server}])


@pytest.fixture(params=[(375, 18), (375, 30), (1280, 18), (1280, 30)], ids=lambda pair: f"{pair[0]}px-text{pair[1]}")
def reader(request: pytest.FixtureRequest, context: BrowserContext, server: str) -> Iterator[Page]:
    width, size = request.param
    use_text_size(context, server, size)
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 740})
    yield page


def test_no_page_scrolls_sideways_and_everything_to_press_and_read_is_big_enough(reader: Page) -> None:
    wrong: list[Any] = []
    for name, address in PAGES.items():
        open_page(reader, address)
        width, shown = reader.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if width > shown:
            wrong.append((name, "scrolls sideways", width))
        for details in reader.locator("main details:visible > summary").all():
            details.click()
        wrong += [(name, "too low", *target) for target in reader.evaluate(TARGETS) if target[1] < MIN_TARGET]
        wrong += [(name, "too small", *text) for text in reader.evaluate(SMALL_TEXT, MIN_TEXT)]
        size, line_height = reader.evaluate(BODY)
        if size < MIN_TEXT or line_height < 1.5:
            wrong.append((name, "body text", size, line_height))
    assert wrong == []


def test_no_page_complains_on_the_console_or_asks_another_host_for_anything(page: Page, server: str) -> None:
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for address in PAGES.values():
        open_page(page, address)
    # Chromium itself notes every document that is no 2xx: ours are the 404 and the two refused forms.
    assert [text for text in said if "the server responded with a status of 4" not in text] == []
    assert asked and [url for url in asked if not url.startswith((server + "/", "data:"))] == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    for name, address in PAGES.items():
        open_page(page, address)
        page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
        expected = page.evaluate(REACHABLE)
        seen = set()
        without_ring = []
        for _ in range(expected + 3):
            page.keyboard.press("Tab")
            found = page.evaluate(
                """() => { const e = document.activeElement; if (!e || e === document.body) return null;
                  e.dataset.seen ||= String(Math.random());
                  const own = getComputedStyle(e);
                  const around = getComputedStyle(e.closest('.search-box') || e.parentElement);
                  return [e.dataset.seen, own.outlineStyle !== 'none' || own.boxShadow !== 'none'
                    || around.boxShadow !== 'none', e.outerHTML.slice(0, 100)]; }"""
            )
            if found:
                seen.add(found[0])
                if not found[1]:
                    without_ring.append(found[2])
        assert len(seen) >= expected, f"{name}: {len(seen)} of {expected} reached"
        assert without_ring == [], name


def test_the_skip_link_leads_past_the_header(page: Page) -> None:
    page.goto("/experts?q=水库")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_the_receipt_prints_without_header_and_buttons(page: Page) -> None:
    open_page(page, PAGES["receipt"])
    page.emulate_media(media="print")
    assert not page.locator(".site-header").is_visible() and not page.locator(".button-row").is_visible()
    assert page.locator('[data-receipt="code"]').is_visible()
