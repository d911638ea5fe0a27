"""A whole installation on PostgreSQL: the demo county imported, indexed, searched, written to and drained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import URL, func, select

from zhiku.bootstrap import Zhiku
from zhiku.cli.database import database_group
from zhiku.cli.demo import demo_group, demo_password
from zhiku.config import Settings
from zhiku.domain.accounts import SignInKind
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import Suggestion
from zhiku.services import contacts
from zhiku.services.sign_in import SignInRefused
from zhiku.services.suggestion_intake import SuggestionDraft, new_submission_key


@pytest.fixture(scope="module")
def app(new_database: Callable[[str], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zhiku]:
    """The demo county, loaded once for this file."""
    home: Path = tmp_path_factory.mktemp("installation")
    address = new_database("template0").render_as_string(hide_password=False)
    opened = Zhiku.open(Settings(home=home, database_url=address, index_dir=home / "index", encoder="none"))
    for group, word in ((database_group, "init"), (demo_group, "load")):
        done = CliRunner().invoke(group, [word], obj=opened, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    opened.indexing.rebuild()
    yield opened
    opened.close()


@pytest.mark.slow
def test_the_demo_is_there_and_again_nothing_new(app: Zhiku) -> None:
    def counted() -> tuple[int, int]:
        with app.sessions() as session:
            one, other = (
                session.scalar(select(func.count()).select_from(model)) or 0 for model in (Expert, Suggestion)
            )
            return one, other

    before = counted()
    assert before[0] > 250 and before[1] > 400
    again = CliRunner().invoke(demo_group, ["load"], obj=app, catch_exceptions=False)
    assert again.exit_code == 0 and "新增 0" in again.output and counted() == before
    app.indexing.drain()
    report = app.indexing.verify()
    assert (report.missing, report.stale, report.orphaned) == ((), (), ())


@pytest.mark.slow
def test_what_is_written_is_found_after_the_outbox_was_drained(app: Zhiku) -> None:
    with app.sessions() as session, session.begin():
        expert = session.scalars(select(Expert).where(Expert.status == ExpertStatus.PUBLISHED).limit(1)).one()
        expert.summary = "会修青铜编钟架"
        name = expert.name
    with app.sessions() as session:
        assert session.scalar(select(func.count()).select_from(OutboxEntry))
    app.indexing.drain()
    found = app.expert_search.search("青铜编钟架")
    assert [person.name for person in found.people][:1] == [name]


@pytest.mark.slow
def test_a_suggestion_is_taken_in_once_however_often_it_is_sent(app: Zhiku) -> None:
    draft = SuggestionDraft(
        subject="老街夜里没有路灯",
        situation="从桥头到卫生院没有一盏灯。",
        proposal="先装十盏太阳能路灯。",
        name="王大爷",
        contact="13800001234",
        submission_key=new_submission_key(),
    )
    numbers = {app.suggestion_intake.submit(draft).number for _ in range(2)}
    assert len(numbers) == 1
    with app.sessions() as session:
        stored = session.scalars(select(Suggestion).where(Suggestion.number == numbers.pop())).one()
        assert contacts.of(session, contacts.SUGGESTION, stored.id) == ["13800001234"]


@pytest.mark.slow
def test_the_staff_signs_in_and_is_refused_after_a_reset(app: Zhiku) -> None:
    with pytest.raises(SignInRefused):
        app.staff_sign_in.check_password("ganbuju", "wrong password")
    passed = app.staff_sign_in.check_password("ganbuju", demo_password(app.settings.home))
    token = app.sign_ins.begin(passed.account_id, SignInKind.PASSWORD, passed=passed)
    found = app.sign_ins.find(token)
    assert found is not None and found.sign_in_name == "ganbuju"
    app.sign_ins.end(token)
    assert app.sign_ins.find(token) is None


@pytest.mark.slow
def test_keys_are_rotated(app: Zhiku) -> None:
    before = app.key_rotation.verify()
    assert before.damaged == () and app.key_rotation.rotate().damaged == ()
    assert app.key_rotation.verify() == before
