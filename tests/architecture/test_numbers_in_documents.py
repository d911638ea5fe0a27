"""Numbers that the documents name are those of the code: each sentence is made anew from the constants."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.architecture.source import ROOT
from zhiku.domain.accounts import FIRST_WAIT, FREE_FAILURES, LONGEST_WAIT
from zhiku.domain.audit import MAX_VALUE
from zhiku.domain.lexicon import (
    MAX_GROUPS,
    MAX_MEMBERS,
    MAX_QUERY_TEXT,
    MAX_TEXT,
    MAX_UNANSWERED,
    MAX_WORDS,
    MIN_MEMBERS,
    UNANSWERED_DAYS,
)
from zhiku.domain.on_behalf import CONFIRMABLE_FOR
from zhiku.domain.permissions import FOR_TOKENS
from zhiku.persistence.session import SQLITE_BUSY_TIMEOUT_MS
from zhiku.search.query import MAX_QUERY
from zhiku.services.api_tokens import MAX_DAYS
from zhiku.services.drainer import MAX_WAIT
from zhiku.services.entry_codes import CODE_ALPHABET, CODE_LENGTH, MOST_AT_ONCE, VALID_FOR
from zhiku.services.passwords import MIN_LENGTH
from zhiku.services.pictures import LARGE, MAX_BYTES, MAX_PIXELS, SMALL
from zhiku.services.reveals import MOST_A_DAY, MOST_AN_HOUR
from zhiku.services.second_factors import RECOVERY_CODES
from zhiku.services.sign_in import GIVEN_HOLDS
from zhiku.services.sign_ins import DEVICE_END, IDLE_END, PASSWORD_END
from zhiku.web.guesses import MANY, WRONG_CODES, WRONG_CODES_WHILE_MANY, WRONG_OF_A_BEGINNING
from zhiku.web.limits import ACCOUNTS_OF_AN_ADDRESS, BUSY_MINUTES_OF_AN_HOUR
from zhiku.web.security import MAX_ADDRESS, MAX_BODY, MAX_UPLOAD_BODY
from zhiku.web.serving import GRACE
from zhiku.web.slips import SLIP_SHOWN_FOR
from zhiku.web.views.audit import MOST_EXPORTED
from zhiku.web.views.sign_in import CODES, SIGN_INS
from zhiku.web.workers import MAX_DEATHS, PATIENCE

#: Numbers that read better as words.
ENGLISH = {3: "three", 5: "five", 6: "six", 10: "ten"}
CHINESE = {5: "五", 7: "七", 8: "八", 12: "十二"}

SECURITY, OPERATIONS, MANUAL = "docs/security.md", "docs/operations.md", "docs/使用手册.md"

SENTENCES = (
    (
        SECURITY,
        f"{SIGN_INS[0].amount} tries a minute and {SIGN_INS[1].amount} an hour per address and per account, "
        f"of second factors {CODES[0].amount} and {CODES[1].amount}",
    ),
    (SECURITY, f"after {FREE_FAILURES} failures each further one doubles the wait, from {FIRST_WAIT.seconds} seconds"),
    (SECURITY, f"{VALID_FOR.days} days, keyed hash; {WRONG_CODES[1].amount} wrong ones an hour per address"),
    (SECURITY, f"{WRONG_OF_A_BEGINNING[0].amount} with the same first half"),
    (SECURITY, f"[an alarm](#wrong-entry-codes) at {MANY.amount} an hour"),
    (SECURITY, f"At {MANY.amount} wrong ones an hour from all addresses"),
    (SECURITY, f"{WRONG_CODES_WHILE_MANY[0].amount} wrong ones an hour instead of {WRONG_CODES[1].amount}"),
    (SECURITY, f"{MAX_BODY >> 20} MB of body ({MAX_UPLOAD_BODY >> 20} MB where a file is taken)"),
    (SECURITY, f"where a file is taken), {MAX_ADDRESS >> 20} MB of head"),
    (SECURITY, f"scope, {ENGLISH[len(FOR_TOKENS)]} permissions at most"),
    (OPERATIONS, f"some of {ENGLISH[len(FOR_TOKENS)]} permissions"),
    (OPERATIONS, f"for {MAX_DAYS} days at most"),
    (OPERATIONS, f"held the lock for more than {SQLITE_BUSY_TIMEOUT_MS // 1000} seconds"),
    (OPERATIONS, f"waits after a failure (at most {MAX_WAIT:.0f} s)"),
    (OPERATIONS, f"{ENGLISH[MAX_DEATHS + 1]} deaths within a minute end the service"),
    (OPERATIONS, f"gets the rest: {ENGLISH[int(GRACE)]} seconds, {ENGLISH[int(PATIENCE)]} at most"),
    (OPERATIONS, f"{MAX_GROUPS:,} groups ({MIN_MEMBERS} to {MAX_MEMBERS} members of up to {MAX_TEXT} characters)"),
    (OPERATIONS, f"{MAX_WORDS:,} words (2 to {MAX_TEXT} Chinese characters)"),
    (OPERATIONS, f"at most {MAX_QUERY_TEXT} characters, phone"),
    (OPERATIONS, f"At most {MAX_UNANSWERED:,}, the least asked go first; each for {UNANSWERED_DAYS} days"),
    (OPERATIONS, f"a pasted problem of {MAX_QUERY:,} characters"),
    (OPERATIONS, f"a minute, {ENGLISH[BUSY_MINUTES_OF_AN_HOUR]} times as many an hour"),
    (OPERATIONS, f"an address {ENGLISH[ACCOUNTS_OF_AN_ADDRESS]} times as many"),
    (MANUAL, f"一次性密码（{CHINESE[GIVEN_HOLDS.days]}天内有效）"),
    (MANUAL, f"至少 {MIN_LENGTH} 个字符"),
    (MANUAL, f"**输错{CHINESE[FREE_FAILURES]}次**"),
    (MANUAL, f"最长{CHINESE[PASSWORD_END // timedelta(hours=1)]}小时"),
    (MANUAL, f"{CHINESE[RECOVERY_CODES]}个备用码"),
    (MANUAL, f"一小时最多看 {MOST_AN_HOUR} 次，一天最多 {MOST_A_DAY} 次"),
    (MANUAL, f"（一小时 {MOST_AN_HOUR} 次，一天 {MOST_A_DAY} 次）"),
    (MANUAL, f"进门码 {VALID_FOR.days} 天内有效"),
    (MANUAL, f"{SLIP_SHOWN_FOR // timedelta(minutes=1)} 分钟内，在同一台电脑上"),
    (MANUAL, f"（最多 {MOST_AT_ONCE} 位）"),
    (MANUAL, f"最多 {MOST_EXPORTED} 条；"),
    (MANUAL, f"改动处的 {MAX_VALUE} 个字"),
    (MANUAL, f"不超过 {MAX_BYTES >> 20} MB"),
    (MANUAL, f"（最多 {MAX_QUERY} 个字）"),
    (
        "docs/adr/0014-photos-drawn-anew-in-the-database.md",
        f"{MAX_BYTES >> 20} MB, {MAX_PIXELS // 1_000_000} million points",
    ),
    ("docs/adr/0014-photos-drawn-anew-in-the-database.md", f"{LARGE[0]}×{LARGE[1]} and cut to a square of {SMALL[0]}"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "sentence"), SENTENCES)
def test_a_document_has_the_number_of_the_code(path: str, sentence: str) -> None:
    assert sentence in (ROOT / path).read_text(encoding="utf-8")


def test_times_that_the_documents_say_in_words() -> None:
    """半分钟, 半小时, 最长一小时, 半年, 30 天, "2 × 10⁸"."""
    assert (FIRST_WAIT, LONGEST_WAIT) == (timedelta(seconds=30), timedelta(hours=1))
    assert (IDLE_END, DEVICE_END) == (timedelta(minutes=30), timedelta(days=180))
    assert CONFIRMABLE_FOR == timedelta(days=30)
    assert 2.0e8 < len(CODE_ALPHABET) ** CODE_LENGTH / 1000 < 2.2e8
