"""The forms of a person's records. What may be stored is decided by the services; a form only carries and shows it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from zhiku.domain.base import DomainError
from zhiku.domain.consents import ConsentForm, ConsentPurpose
from zhiku.services import contacts, erasure, standing
from zhiku.services.reveals import MAX_WORDS, RevealPurpose
from zhiku.services.sensitive import MAX_NOTE, SensitiveKind

_DATE = re.compile(r"(\d{4})\D+(\d{1,2})\D+(\d{1,2})\D*")

#: What the field of each kind says.
_HINTS = {
    SensitiveKind.CONTACT: (
        f"手机、座机都可以；家人的电话请写明称呼，例如：13800000000（女儿）。最多 {contacts.MAX_LENGTH} 个字。"
    ),
    SensitiveKind.IDENTITY: "18 位号码，最后一位是 X 的照写。保存后只显示前 4 位和后 4 位。",
    SensitiveKind.HEALTH: f"只写走访时必须知道的，例如：听力不好，说话要慢。最多 {MAX_NOTE} 个字。",
    SensitiveKind.HARDSHIP: f"例如：独居，儿女在外地。最多 {MAX_NOTE} 个字。",
}


class ChosenField(StringField):
    """One of several, as (value, label), which the page shows as radio buttons; what was sent may be anything.

    No RadioField: the form in which that takes its choices changed with WTForms 3.3.
    """

    def __init__(self, label: str, choices: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.choices = choices


class PurposeForm(FlaskForm):
    """What a value is looked at for, or taken out for."""

    purpose = ChosenField("用途", choices=[(one.value, one.label) for one in RevealPurpose])
    words = StringField(
        "具体事由",
        description=f"一句话写明是什么事，最多 {MAX_WORDS} 个字。会记入审计，本人也看得到。",
        render_kw={"autocomplete": "off", "data-limit": MAX_WORDS},
    )

    @property
    def chosen(self) -> RevealPurpose | None:
        """What was chosen."""
        return next((one for one in RevealPurpose if one.value == self.purpose.data), None)

    def show(self, refused: DomainError) -> None:
        """Put the service's sentence to the field that it is about."""
        (self.purpose if self.chosen is None else self.words).errors = [str(refused)]


class LineForm(FlaskForm):
    """A contact or an identity number."""

    value = StringField("", render_kw={"autocomplete": "off", "spellcheck": "false"})

    def label_for(self, kind: SensitiveKind) -> None:
        """Say what is asked for."""
        self.value.label.text, self.value.description = kind.label, _HINTS[kind]


class NoteForm(LineForm):
    """A note on health or hardship."""

    value = TextAreaField("", render_kw={"rows": 4, "autocomplete": "off"})


class ConsentGivenForm(FlaskForm):
    """A consent: for what, how, and when."""

    purpose = ChosenField("同意什么")
    form = ChosenField("怎样同意的", choices=[(one.value, one.label) for one in ConsentForm])
    on = StringField(
        "同意的日期",
        description="书面的写签字那天，例如 2026-05-04。",
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )

    @property
    def chosen_purpose(self) -> ConsentPurpose | None:
        """What was chosen."""
        return next((one for one in ConsentPurpose if one.value == self.purpose.data), None)

    @property
    def chosen_form(self) -> ConsentForm | None:
        """How it was given."""
        return next((one for one in ConsentForm if one.value == self.form.data), None)

    @property
    def day(self) -> date | None:
        """The day, however it is written; None where it is none."""
        return read_day(self.on.data or "")


class StandingForm(FlaskForm):
    """Why somebody leaves, or comes back."""

    reason = StringField(
        "原因",
        description=f"例如：本人来电要求退出；家属告知。最多 {standing.MAX_REASON} 个字，会记入审计。",
        render_kw={"autocomplete": "off", "data-limit": standing.MAX_REASON},
    )


class ErasureForm(FlaskForm):
    """Who asked for it, and the name once more."""

    request_note = StringField(
        "谁、用什么方式提出的",
        description=f"例如：本人 5 月 4 日书面申请。最多 {erasure.MAX_REASON} 个字，会记入审计。",
        render_kw={"autocomplete": "off", "data-limit": erasure.MAX_REASON},
    )
    typed_name = StringField(
        "再输入一次这位老同志的姓名",
        description="输对了才会删除，防止开错了页面。",
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )

    def show(self, refused: DomainError) -> None:
        """Put the service's sentence to the field that it is about."""
        field = self.typed_name if isinstance(refused, erasure.NameNotTyped) else self.request_note
        field.errors = [str(refused)]


class AuthorForm(FlaskForm):
    """The name and a contact by which somebody without a profile is found."""

    name = StringField("署名的姓名", render_kw={"autocomplete": "off", "spellcheck": "false"})
    contact = StringField(
        "提建议时留的联系方式",
        description="照本人说的写，例如手机号码。空格和横线不要紧。",
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


def read_day(text: str) -> date | None:
    """2026-05-04, 2026.5.4, 2026年5月4日."""
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
