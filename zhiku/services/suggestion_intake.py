"""Taking in suggestions (建言献策) from the form: one transaction, a number, and a short code for the status page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, selectinload, sessionmaker

from zhiku.analysis.normalize import clean
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.redaction import has_private_number
from zhiku.domain.suggestions import (
    MAX_PROPOSAL,
    MAX_SITUATION,
    MAX_SUBJECT,
    Suggestion,
    SuggestionAuthor,
    SuggestionStatus,
    SuggestionStep,
)
from zhiku.services import contacts, numbering

#: Shortest texts that say something; "装路灯" is a subject, "修好那段路" a proposal.
MIN_SUBJECT = 2
MIN_TEXT = 5
#: The columns' widths (suggestion_authors.name, contact_details.value).
MAX_NAME = 40
MAX_CONTACT = 200
MIN_CONTACT = 2

#: The code is copied by hand and read out on the phone, so of each pair that looks alike (0O 1IL 2Z 5S 8B UV) none is
#: in it. 23 characters make 1.5 * 10^8 codes.
CODE_ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
CODE_LENGTH = 6

#: Cost of scrypt (RFC 7914): 2^14 * 8 * 128 bytes = 16 MiB and some 50 ms a guess. Hard for memory like the Argon2id of
#: passwords, and in the standard library; the codes are random, so no cheaper guess than all of them is to be had.
SCRYPT_N = 2**14
SCRYPT_R = 8
SCRYPT_P = 1

_NUMBER = re.compile(r"([0-9]{4})[^0-9]*([0-9]{1,8})")


@dataclass(frozen=True, slots=True)
class SuggestionDraft:
    """What a form sends, as typed. `submission_key` is random and the same for every sending of one page."""

    name: str
    contact: str
    subject: str
    situation: str
    proposal: str
    submission_key: str

    def cleaned(self) -> SuggestionDraft:
        """The draft in the form in which it is stored; the one-line values without line breaks."""
        return SuggestionDraft(
            name=_one_line(self.name),
            contact=_one_line(self.contact),
            subject=_one_line(self.subject),
            situation=clean(self.situation).strip(),
            proposal=clean(self.proposal).strip(),
            submission_key=self.submission_key,
        )


@dataclass(frozen=True, slots=True)
class KnownAuthor:
    """An author who is known to be that person: signed in, or named by the liaison who files for them."""

    expert_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the author keeps. `code` is None when this page was sent before and its code cannot be known any more."""

    number: str
    code: str | None


#: Stores what belongs to a new suggestion, in its transaction.
Beside = Callable[[Session, Suggestion], None]


class DraftNotAcceptable(DomainError):
    """The draft must be completed first. `problems` has a Chinese sentence per field, in the order of the form."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("建议还没有提交：请按提示补充后再提交。")
        self.problems = dict(problems)


class IntakeBusy(DomainError):
    """The database did not take the suggestion now: a long import holds it, or the disk is full."""


class SuggestionIntake:
    """Stores suggestions and checks the codes they were given."""

    def __init__(
        self, sessions: sessionmaker[Session], clock: Callable[[], datetime], zone: ZoneInfo, division: str
    ) -> None:
        """`clock` gives aware UTC times; `zone` decides the day and the year of the number; `division` is the county's
        GB/T 2260 code."""
        self._sessions = sessions
        self._clock = clock
        self._zone = zone
        self._division = division

    def submit(
        self,
        draft: SuggestionDraft,
        code: str | None = None,
        author: KnownAuthor | None = None,
        beside: Beside | None = None,
    ) -> Receipt:
        """Store a suggestion with its author, first step and contact, in one transaction.

        A known `author` takes the place of the name that was typed, is linked to the suggestion, and need not give a
        contact: it is on file. `beside` is called with the session and the new suggestion before the transaction ends,
        and not when the draft was stored before: what it stores is there if and only if the suggestion is.

        The same draft sent twice (equal `submission_key`) is stored once, and both get the same number. `code` is the
        one the caller proposes, from `new_code()`: proposing the same again is how the second sending can show it.

        Raises `DraftNotAcceptable`, and `IntakeBusy` when the database cannot take it now; then nothing was stored.
        """
        cleaned = (draft if author is None else replace(draft, name=author.name)).cleaned()
        problems = find_problems(cleaned, is_known=author is not None)
        if problems:
            raise DraftNotAcceptable(problems)
        code = code or new_code()
        # Hashing takes a while on purpose; not while the write lock is held.
        code_hash = hash_code(code)
        try:
            try:
                return self._store(cleaned, code, code_hash, author, beside)
            except IntegrityError:
                # Where writers do not wait for each other (PostgreSQL) the same page, sent twice at once, meets itself
                # in the unique key; by now the first one is stored and is found.
                return self._store(cleaned, code, code_hash, author, beside)
        except OperationalError as error:
            raise IntakeBusy(
                "系统正忙，这条建议还没有收下。写好的文字都在，请过一两分钟再点一次“提交建议”。"
            ) from error

    def check_code(self, number: str, code: str) -> str | None:
        """The suggestion's number in its stored form when the code is its code, else None. As slow either way."""
        wanted = normalize_number(number)
        with self._sessions() as session:
            stored = session.scalar(select(Suggestion.access_code_hash).where(Suggestion.number == wanted))
        # A number that does not exist costs the same time, so that numbers cannot be told apart by it.
        is_right = is_code_of_hash(normalize_code(code), stored or _HASH_OF_NOTHING)
        return wanted if stored and is_right else None

    def _store(
        self,
        draft: SuggestionDraft,
        code: str,
        code_hash: str,
        author: KnownAuthor | None,
        beside: Beside | None,
    ) -> Receipt:
        with self._sessions() as session, session.begin():
            begin_writing(session)
            earlier = session.scalar(
                select(Suggestion)
                .where(Suggestion.submission_key == draft.submission_key)
                .options(selectinload(Suggestion.authors))
            )
            if earlier is not None:
                if _is_same_text(earlier, draft, author):
                    is_known = is_code_of_hash(code, earlier.access_code_hash or _HASH_OF_NOTHING)
                    return Receipt(earlier.number, code if is_known else None)
                # Somebody went back in the browser, wrote something else on the old page and sent it: that is another
                # suggestion, and must not be lost for having an old key.
                draft = replace(draft, submission_key=new_submission_key())
            suggestion = self._insert(session, draft, code_hash, author)
            if beside is not None:
                beside(session, suggestion)
            return Receipt(suggestion.number, code)

    def _insert(
        self, session: Session, draft: SuggestionDraft, code_hash: str, author: KnownAuthor | None
    ) -> Suggestion:
        now = self._clock()
        today = now.astimezone(self._zone).date()
        serial = numbering.next_serial(session, today.year)
        suggestion = Suggestion(
            year=today.year,
            serial=serial,
            number=Suggestion.format_number(today.year, serial),
            division_code=self._division,
            subject=draft.subject,
            situation=draft.situation,
            proposal=draft.proposal,
            status=SuggestionStatus.SUBMITTED,
            submitted_on=today,
            access_code_hash=code_hash,
            submission_key=draft.submission_key,
            created_at=now,
            updated_at=now,
            # Of a name that was typed never the `expert_id`: anybody can type an expert's name, and a linked suggestion
            # speaks for that expert in the search. The bureau links the author when it accepts the suggestion.
            authors=[SuggestionAuthor(position=0, name=draft.name, expert_id=author.expert_id if author else None)],
            steps=[SuggestionStep(status=SuggestionStatus.SUBMITTED, on=today)],
        )
        session.add(suggestion)
        session.flush()
        contacts.add(session, contacts.SUGGESTION, suggestion.id, draft.contact, at=now)
        return suggestion


def find_problems(draft: SuggestionDraft, is_known: bool = False) -> dict[str, str]:
    """What a cleaned draft lacks: field name -> a sentence that says what to do, in the order of the form. The contact
    of an author who `is_known` may be empty."""
    found = {
        "subject": _length_problem(draft.subject, "事由", MIN_SUBJECT, MAX_SUBJECT),
        "situation": _length_problem(draft.situation, "情况", MIN_TEXT, MAX_SITUATION),
        "proposal": _length_problem(draft.proposal, "建议", MIN_TEXT, MAX_PROPOSAL),
        "name": _length_problem(draft.name, "姓名", 1, MAX_NAME),
        "contact": (
            ""
            if is_known and not draft.contact
            else _length_problem(draft.contact, "联系方式", MIN_CONTACT, MAX_CONTACT)
        ),
    }
    if not found["name"] and not any(character.isalpha() for character in draft.name):
        found["name"] = "请填写姓名，里面至少要有一个汉字或字母。"
    for name in ("subject", "situation", "proposal", "name"):
        if not found[name] and has_private_number(getattr(draft, name)):
            found[name] = "这里会公开，请删去电话、身份证号或电子邮箱；电话请写在“联系方式”里。"
    return {name: problem for name, problem in found.items() if problem}


def new_code() -> str:
    """A fresh random code for a status page."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def new_submission_key() -> str:
    """A fresh random key for one page of the form; 24 characters."""
    return secrets.token_urlsafe(18)


def hash_code(code: str) -> str:
    """The salted slow hash of a code, with its parameters: `scrypt$N$r$p$salt$digest` (base64)."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(code, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    parts = (base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
    return f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}${parts[0]}${parts[1]}"


def is_code_of_hash(code: str, stored: str) -> bool:
    """Whether `stored` (from `hash_code`) is a hash of this code."""
    _, n, r, p, salt, digest = stored.split("$")
    return hmac.compare_digest(_scrypt(code, base64.b64decode(salt), int(n), int(r), int(p)), base64.b64decode(digest))


def normalize_code(code: str) -> str:
    """A code as typed from paper: any case, full-width, with spaces or dashes between."""
    return "".join(character for character in unicodedata.normalize("NFKC", code).upper() if character.isalnum())


def normalize_number(number: str) -> str:
    """A number as typed from paper in its stored form: "2026 — 42" is 2026-0042; "" when it cannot be one."""
    found = _NUMBER.fullmatch("".join(unicodedata.normalize("NFKC", number).split()))
    return Suggestion.format_number(int(found[1]), int(found[2])) if found else ""


def _scrypt(code: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(code.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, dklen=32)


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _length_problem(text: str, label: str, least: int, most: int) -> str:
    if not text:
        return f"请填写{label}。"
    if len(text) < least:
        return f"{label}太短，请至少写 {least} 个字。"
    if len(text) > most:
        return f"{label}最多 {most} 个字，现在有 {len(text)} 个字，请删去 {len(text) - most} 个字。"
    return ""


def _is_same_text(stored: Suggestion, draft: SuggestionDraft, author: KnownAuthor | None) -> bool:
    # Of an author who is not known the link does not count: the bureau may have made it meanwhile.
    if author is not None and author.expert_id not in [one.expert_id for one in stored.authors]:
        return False
    stored_text = (stored.subject, stored.situation, stored.proposal, [author.name for author in stored.authors])
    return stored_text == (draft.subject, draft.situation, draft.proposal, [draft.name])


FORM_FIELDS = tuple(field.name for field in fields(SuggestionDraft) if field.name != "submission_key")

#: Compared with when there is nothing to compare with; no code has this hash.
_HASH_OF_NOTHING = f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}${'A' * 22}==${'A' * 43}="
