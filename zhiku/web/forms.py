"""The forms, with CSRF. What may be stored is decided by the services; a form only carries and shows it."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField

from zhiku.domain.suggestions import MAX_PROPOSAL, MAX_SITUATION, MAX_SUBJECT
from zhiku.services.suggestion_intake import MAX_CONTACT, MAX_NAME, DraftNotAcceptable, SuggestionDraft


class SuggestionForm(FlaskForm):
    """A suggestion in three fields, a name and a way to be reached."""

    subject = StringField(
        "事由",
        description=f"一句话说清是什么事，最多 {MAX_SUBJECT} 个字。例如：陬市镇老街夜里没有路灯",
        render_kw={"autocomplete": "off", "data-limit": MAX_SUBJECT},
    )
    situation = TextAreaField(
        "情况",
        description=f"现在是什么样子、在哪里、影响哪些人，最多 {MAX_SITUATION} 个字。",
        render_kw={"rows": 7, "data-limit": MAX_SITUATION},
    )
    proposal = TextAreaField(
        "建议",
        description=f"您认为该怎么办，最多 {MAX_PROPOSAL} 个字。",
        render_kw={"rows": 7, "data-limit": MAX_PROPOSAL},
    )
    name = StringField(
        "您的姓名", description="公开时只显示姓氏。", render_kw={"autocomplete": "name", "data-limit": MAX_NAME}
    )
    contact = StringField(
        "联系方式",
        description="电话、微信号，或者联络员的姓名都可以。只用于答复您，不公开，也搜不到。",
        render_kw={"autocomplete": "tel", "data-limit": MAX_CONTACT},
    )
    #: Not "csrf_token": it stays the same when the page is shown again with its errors.
    submission_key = HiddenField()

    def draft(self, submission_key: str) -> SuggestionDraft:
        """What was typed."""
        return SuggestionDraft(
            name=self.name.data or "",
            contact=self.contact.data or "",
            subject=self.subject.data or "",
            situation=self.situation.data or "",
            proposal=self.proposal.data or "",
            submission_key=submission_key,
        )

    def show_problems(self, refused: DraftNotAcceptable) -> None:
        """Put the service's sentences to their fields."""
        for name, problem in refused.problems.items():
            self[name].errors = [problem]


class StatusForm(FlaskForm):
    """Number and code of a suggestion."""

    number = StringField(
        "编号",
        description="提交后得到的编号，例如 2026-0042。",
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    code = StringField(
        "查询码",
        description="和编号一起得到的 6 位查询码，大小写都可以。",
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
