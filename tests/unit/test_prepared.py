"""A value made aside: kept while its source is the same, made anew when it changed, missing when it cannot be made."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from zhiku.services.prepared import Prepared


class Source:
    """Something that changes, with a clock."""

    def __init__(self) -> None:
        self.version = 1
        self.now = 0.0
        self.made = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def make(self) -> str:
        self.gate.wait(timeout=10)
        if self.error:
            raise self.error
        self.made += 1
        return f"of version {self.version}"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def prepared(source: Source) -> Iterator[Prepared[str]]:
    prepared = Prepared(source.make, lambda: source.version, max_age=30, clock=lambda: source.now)
    yield prepared
    source.gate.set()
    prepared.close()


def wait_until_idle(prepared: Prepared[str]) -> None:
    thread = prepared._thread
    if thread is not None:
        thread.join(timeout=10)


def test_the_first_user_waits_for_it_and_the_next_ones_share_it(prepared: Prepared[str], source: Source) -> None:
    assert prepared.get(wait=10) == "of version 1"
    assert prepared.get(wait=0) == "of version 1"
    assert source.made == 1


def test_nobody_waits_longer_than_he_wants(prepared: Prepared[str], source: Source) -> None:
    source.gate.clear()
    assert prepared.get(wait=0.01) is None
    source.gate.set()
    assert prepared.get(wait=10) == "of version 1"


def test_an_old_value_answers_while_a_new_one_is_made(prepared: Prepared[str], source: Source) -> None:
    prepared.get(wait=10)
    wait_until_idle(prepared)
    source.version, source.now = 2, 31.0
    source.gate.clear()
    assert prepared.get(wait=10) == "of version 1"
    source.gate.set()
    wait_until_idle(prepared)
    assert prepared.get(wait=0) == "of version 2"


def test_a_source_that_has_not_changed_is_only_looked_at(prepared: Prepared[str], source: Source) -> None:
    prepared.get(wait=10)
    wait_until_idle(prepared)
    source.now = 31.0
    prepared.get(wait=10)
    wait_until_idle(prepared)
    assert source.made == 1


def test_a_change_is_not_looked_for_before_its_time(prepared: Prepared[str], source: Source) -> None:
    prepared.get(wait=10)
    wait_until_idle(prepared)
    source.version, source.now = 2, 29.0
    prepared.get(wait=10)
    wait_until_idle(prepared)
    assert prepared.get(wait=0) == "of version 1"
    assert prepared.prepare() == "of version 2"


def test_a_failure_is_said_once_without_its_message_and_tried_again_later(
    prepared: Prepared[str], source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.error = ValueError("曾繁柑")
    assert prepared.get(wait=10) is None
    wait_until_idle(prepared)
    assert prepared.get(wait=10) is None
    assert caplog.text.count("ValueError") == 1 and "曾繁柑" not in caplog.text
    source.error, source.now = None, 6.0
    assert prepared.get(wait=10) == "of version 1"


def test_who_prepares_it_hears_of_the_failure(prepared: Prepared[str], source: Source) -> None:
    source.error = ValueError("no database")
    with pytest.raises(ValueError, match="no database"):
        prepared.prepare()


def test_many_threads_have_it_made_once(prepared: Prepared[str], source: Source) -> None:
    source.gate.clear()
    seen: list[str | None] = []
    threads = [threading.Thread(target=lambda: seen.append(prepared.get(wait=10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    source.gate.set()
    for thread in threads:
        thread.join()
    assert seen == ["of version 1"] * 8 and source.made == 1


def test_nothing_is_made_after_the_end(prepared: Prepared[str], source: Source) -> None:
    prepared.close()
    assert prepared.get(wait=1) is None and source.made == 0
