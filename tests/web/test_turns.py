"""Pages that only compute take turns; what is quick or waits for others does not."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.signing_in import browser_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role
from zhiku.web import shares
from zhiku.web.shares import ABSENT, Share
from zhiku.web.turns import COMPUTING


def test_searches_take_turns_and_completions_go_past_them(
    app: Flask, zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = []
    most: list[int] = []
    is_asked, may_answer = threading.Event(), threading.Event()
    experts = zhiku.searches.within("430725").experts
    search = experts.search
    clerk = browser_of(app, Role.BUREAU)

    def watched(*args: Any, **kwargs: Any) -> Any:
        at_work.append(1)
        most.append(len(at_work))
        is_asked.set()
        may_answer.wait(30)
        try:
            return search(*args, **kwargs)
        finally:
            at_work.pop()

    monkeypatch.setattr(experts, "search", watched)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda browser: statuses.append(browser.get("/experts?q=水库").status_code), args=[one])
        for one in [browser_of(app, Role.BUREAU) for _ in range(4)]
    ]
    for thread in threads:
        thread.start()
    assert is_asked.wait(30)
    time.sleep(0.1)
    assert clerk.get("/api/complete?q=水").status_code == 200
    assert clerk.get("/suggestions/new").status_code == 200
    may_answer.set()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 4 and max(most) == 1


def test_a_page_that_fails_gives_its_turn_back(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, zhiku: Zhiku
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(zhiku.searches.within("430725").experts, "search", fail)
        assert client.get("/experts?q=水库").status_code == 500
    assert client.get("/experts?q=水库").status_code == 200


def test_no_page_that_writes_waits_for_a_turn(app: Flask) -> None:
    methods = {rule.endpoint: rule.methods or set() for rule in app.url_map.iter_rules()}
    # The lookup of similar suggestions is a POST because what is typed shall stand in no address; it writes nothing.
    assert [name for name in COMPUTING if "POST" in methods[name]] == ["similar.lookup"]


def test_who_has_more_connections_than_another_hesitates(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(shares.time, "sleep", slept.append)
    numbers = [ABSENT, ABSENT]
    first, second = Share(numbers, 0), Share(numbers, 1)
    first.tell(3)
    # The other one is still getting ready: nobody waits for it.
    first.hesitate()
    assert slept == []
    second.tell(3)
    first.hesitate()
    assert slept == []
    second.tell(2)
    first.hesitate()
    second.hesitate()
    assert len(slept) == 1
