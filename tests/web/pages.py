"""What a browser does with our pages: reads the fields of a form and sends them back."""

from __future__ import annotations

from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

DRAFT = {
    "name": "王大爷",
    "contact": "13807360001",
    "subject": "陬市镇老街夜里没有路灯",
    "situation": "从桥头到卫生院没有一盏灯，去年有三位老人摔跤。",
    "proposal": "先在桥头和学校门口装十盏太阳能路灯。",
}


class _Form(HTMLParser):
    """Collects the fields of a page's forms that are sent by POST."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._is_post = False
        self._textarea = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._is_post = given.get("method") == "post"
        elif self._is_post and tag == "input":
            self.fields[given.get("name") or ""] = given.get("value") or ""
        elif self._is_post and tag == "textarea":
            self._textarea = given.get("name") or ""
            self.fields[self._textarea] = ""
        elif self._is_post and tag == "select":
            self._select = given.get("name") or ""
        elif self._select and tag == "option" and ("selected" in given or self._select not in self.fields):
            # Without one that is selected a browser sends the first.
            self.fields[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._textarea:
            # A browser drops the line break that stands directly after <textarea>.
            self.fields[self._textarea] = self.fields[self._textarea].removeprefix("\r").removeprefix("\n")
            self._textarea = ""
        if tag == "select":
            self._select = ""
        if tag == "form":
            self._is_post = False

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea] += data


def fields_of(page: str) -> dict[str, str]:
    """The fields of the page's POST forms, hidden ones too, with their values."""
    parser = _Form()
    parser.feed(page)
    return parser.fields


def open_form(client: FlaskClient, address: str) -> dict[str, str]:
    """Open a page with a form and give its fields."""
    answer = client.get(address)
    assert answer.status_code == 200
    return fields_of(answer.text)


def submit(client: FlaskClient, **typed: str) -> TestResponse:
    """Open the form for suggestions, fill it in and send it."""
    return client.post("/suggestions/new", data=open_form(client, "/suggestions/new") | (typed or DRAFT))


def receipt_of(client: FlaskClient) -> tuple[str, str | None]:
    """Number and code on the receipt that this browser can see."""

    class Receipt(HTMLParser):
        found: dict[str, str] = {}
        name = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.name = dict(attrs).get("data-receipt") or ""

        def handle_data(self, data: str) -> None:
            if self.name:
                self.found[self.name] = data
                self.name = ""

    parser = Receipt()
    parser.found = {}
    answer = client.get("/suggestions/submitted")
    assert answer.status_code == 200
    parser.feed(answer.text)
    return parser.found["number"], parser.found.get("code")
