"""The forms of the bureau's lexicon. What may be stored is decided by `zhiku.services.lexicon`."""

from __future__ import annotations

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField

from zhiku.domain.lexicon import MAX_MEMBERS, MAX_NOTE, MAX_TEXT
from zhiku.services.lexicon import split_members

#: Fields of a form that name a row; a longer number names none.
_MAX_DIGITS = 9


class GroupForm(FlaskForm):
    """A group of synonyms: what people say, and what it means."""

    said = StringField(
        "大家这样说",
        description=f"整个当作一种说法，最多 {MAX_TEXT} 个字；长的请只留要紧的词。",
        render_kw={"autocomplete": "off"},
    )
    members = TextAreaField(
        "意思就是",
        description=f"档案里的说法，例如：水库除险加固。几种说法用顿号或换行隔开，一组最多 {MAX_MEMBERS} 种。",
        render_kw={"rows": 3, "autocomplete": "off"},
    )
    note = StringField(
        "备注（可以不写）",
        description=f"给同事看的，例如为什么加、问过谁；最多 {MAX_NOTE} 个字。",
        render_kw={"autocomplete": "off"},
    )
    #: Id of the query without an answer that the group is for.
    unanswered = HiddenField()
    #: Of the group that is edited.
    version = HiddenField()

    @property
    def chosen(self) -> list[str]:
        """The hints that were ticked."""
        return request.form.getlist("chosen")

    def all_members(self) -> list[str]:
        """What was typed and ticked."""
        said = (self.said.data or "").strip()
        typed = [member for text in (self.members.data or "", *self.chosen) for member in split_members(text)]
        return [said, *typed] if said else typed

    @property
    def unanswered_id(self) -> int:
        """0 for none."""
        return number_of(self.unanswered.data)


class WordsForm(FlaskForm):
    """Words for the segmenter, as many as somebody pastes."""

    words = TextAreaField(
        "加词语",
        # "words" is the section of the page.
        id="new-words",
        description=f"本县特有的地名、物产、叫法，2 到 {MAX_TEXT} 个汉字，一行一个或用顿号隔开。",
        render_kw={"rows": 3, "autocomplete": "off"},
    )


class DeedForm(FlaskForm):
    """A button: nothing but its CSRF token."""


def number_of(text: str | None) -> int:
    """A number of a form or an address; 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0
