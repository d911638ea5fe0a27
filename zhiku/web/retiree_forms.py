"""The forms of retirees, and of officers who act for them. What may be stored is decided by the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, StringField, TextAreaField

from zhiku.domain.experts import Availability, WayOfHelping
from zhiku.domain.on_behalf import Channel
from zhiku.services.on_behalf import CHOICES, MAX_OBJECTION, MAX_REASON, Errand, Willingness
from zhiku.services.suggestion_intake import MAX_CONTACT, SuggestionDraft
from zhiku.web.forms import SuggestionForm
from zhiku.web.lexicon_forms import number_of


class ChoiceField(StringField):
    """One of several values, whose radio buttons the templates draw (`_macros/retirees.html`); services judge it."""

    def __init__(self, label: str, choices: Sequence[tuple[str, str]], **options: Any) -> None:
        """`choices` are values with their labels."""
        super().__init__(label, **options)
        self.choices = choices


class ChoicesField(Field):
    """Any of several values, as `ChoiceField` with boxes to tick; its data is a list."""

    def __init__(self, label: str, choices: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(label, **options)
        self.choices = choices

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [str(value) for value in valuelist]


class EntryForm(FlaskForm):
    """An entry code as typed from a slip."""

    code = StringField(
        "进门码",
        description="纸条上的 8 个字母和数字。大小写、中间的空格都不要紧，O 和 0 分不清也没关系。",
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )


class OwnSuggestionForm(SuggestionForm):
    """A suggestion of a retiree who is signed in: the name is known, and how to reach them is on file."""

    name = None
    contact = StringField(
        "联系方式（可以不填）",
        description="不填就用智库里登记的。想换一个，就写在这里；只用于答复您，不公开。",
        render_kw={"autocomplete": "tel", "data-limit": MAX_CONTACT},
    )

    def draft(self, submission_key: str) -> SuggestionDraft:
        """What was typed; the name is the author's and comes later."""
        return SuggestionDraft(
            name="",
            contact=self.contact.data or "",
            subject=self.subject.data or "",
            situation=self.situation.data or "",
            proposal=self.proposal.data or "",
            submission_key=submission_key,
        )


class _ErrandFields(FlaskForm):
    """Why somebody acts for a retiree, and how the retiree told them."""

    channel = ChoiceField("老同志怎样告诉您的", [(channel.value, channel.label) for channel in Channel])
    why = StringField(
        "为什么代办",
        description=f"例如：本人不会用手机，口述后由我代写。本人会看到，最多 {MAX_REASON} 个字，不要写病情。",
        render_kw={"autocomplete": "off", "data-limit": MAX_REASON},
    )

    @property
    def errand(self) -> Errand:
        """What was typed."""
        return Errand(self.why.data or "", self.channel.data or "")

    def show(self, problems: Mapping[str, str]) -> None:
        """Put the service's sentences to their fields."""
        for name, problem in problems.items():
            if name in self:
                self[name].errors = [problem]


class SuggestionOnBehalfForm(OwnSuggestionForm, _ErrandFields):
    """A suggestion that a liaison files for a retiree."""

    contact = StringField(
        "联系方式（可以不填）",
        description="答复时怎样找到老同志。不填就用智库里登记的；也可以写由您转告。不公开。",
        render_kw={"autocomplete": "off", "data-limit": MAX_CONTACT},
    )


class WillingnessForm(_ErrandFields):
    """Whether a retiree may be asked, and what they are willing to do."""

    availability = ChoiceField("现在能不能联系", [(one.value, one.label) for one in CHOICES])
    ways = ChoicesField("愿意参加的方式", [(way.value, way.label) for way in WayOfHelping])
    version = HiddenField()

    def wanted(self, unchanged: Availability) -> Willingness:
        """What was chosen; what is no choice stays as it is."""
        availability = next((one for one in CHOICES if one.value == self.availability.data), unchanged)
        chosen = set(self.ways.data or [])
        return Willingness(
            availability, tuple(way for way in WayOfHelping if way.value in chosen), number_of(self.version.data)
        )

    def fill(self, willingness: Willingness) -> None:
        """Show what the profile says."""
        self.availability.data = willingness.availability.value
        self.ways.data = [way.value for way in willingness.ways]
        self.version.data = str(willingness.version)


class ObjectionForm(FlaskForm):
    """Why something done for a retiree is not what they meant."""

    reason = TextAreaField(
        "哪里不对",
        description="写一两句话就行，例如：我没有说过要提这条建议。老干部局会来问您。",
        render_kw={"rows": 4, "data-limit": MAX_OBJECTION},
    )


class SettlementForm(FlaskForm):
    """What the bureau found out about an act."""

    note = TextAreaField(
        "处理结果",
        description="例如：电话问过本人，确认是他的意思。本人和联络员都会看到。",
        render_kw={"rows": 3, "data-limit": MAX_OBJECTION},
    )


class DeedForm(FlaskForm):
    """A button: nothing but its CSRF token."""
