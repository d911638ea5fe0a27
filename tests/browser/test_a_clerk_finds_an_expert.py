"""A clerk types a problem and opens the person."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.network]


def test_a_clerk_types_a_problem_and_opens_the_person(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox", name="遇到的问题，或者老同志的姓名").fill("懂柑橘黄龙病的人")
    page.get_by_role("button", name="找专家").click()

    first = page.get_by_role("article").first
    expect(first.get_by_role("link", name="曾繁柑")).to_be_visible()
    expect(first.locator("mark").first).to_be_visible()
    expect(first.get_by_text("可联系")).to_be_visible()

    first.get_by_role("link", name="曾繁柑").click()
    expect(page.get_by_role("heading", name="曾繁柑", level=1)).to_be_visible()
    expect(page.get_by_text("漆河公社农技站技术员")).to_be_visible()
    expect(page.get_by_text("通过联络员刘小燕")).to_be_visible()

    page.get_by_role("link", name="返回搜索结果").click()
    expect(page.get_by_role("combobox")).to_have_value("懂柑橘黄龙病的人")


def test_a_clerk_narrows_to_a_township_and_takes_the_filter_off_again(page: Page) -> None:
    page.goto("/experts?q=水库")
    facets = page.get_by_role("complementary", name="缩小范围")
    facets.get_by_role("link", name=re.compile("^陬市镇")).click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article").get_by_role("link", name="李长河")).to_be_visible()
    page.get_by_role("link", name=re.compile("乡镇：陬市镇")).click()
    expect(page.get_by_role("article")).to_have_count(3)
    page.get_by_role("link", name="下一页").click()
    expect(page).to_have_url(re.compile(r"page=2"))


def test_on_a_phone_the_filters_wait_behind_one_line(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    page.goto("/experts?q=水库")
    township = page.locator(".facets-narrow").get_by_role("link", name=re.compile("^陬市镇"))
    expect(township).to_be_hidden()
    page.get_by_text("缩小范围").click()
    township.click()
    expect(page.get_by_role("article")).to_have_count(1)
