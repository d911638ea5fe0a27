"""Who does the same at the same moment, on PostgreSQL: the tests that SQLite passes, whose writers wait for each other.

They are imported as they are; `database` and `sessions` are those of this folder.
"""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tests.unit.test_liaisons import (  # noqa: F401
    clock,
    liaisons,
    test_two_who_assign_at_the_same_moment_leave_one_liaison,
)
from tests.unit.test_staff_sign_in import (  # noqa: F401
    house,
    test_a_password_reset_before_the_sign_in_began_lets_the_old_one_begin_nothing,
    test_no_commit_leaves_a_reset_password_and_a_sign_in_of_the_old_one,
    test_tries_at_the_same_moment_count_each,
)
from tests.unit.test_suggestion_intake import (  # noqa: F401
    county,
    intake,
    test_people_who_submit_at_the_same_moment_get_different_numbers,
    test_two_clicks_at_the_same_moment_store_one_suggestion,
)
from zhiku.domain.base import begin_writing


def test_who_will_not_wait_is_told_at_once_and_readers_wait_for_nobody(
    database: Engine, sessions: sessionmaker[Session]
) -> None:
    with sessions() as first, first.begin():
        begin_writing(first)
        began = time.monotonic()
        with sessions() as second, pytest.raises(OperationalError):
            begin_writing(second, 0)
        with database.connect() as reader:
            assert reader.scalar(text("SELECT count(*) FROM experts")) == 0
        assert time.monotonic() - began < 5
    with sessions() as third, third.begin():
        begin_writing(third, 0)
