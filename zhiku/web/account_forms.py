"""The forms of the sign-in and of accounts. What may be stored is decided by the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from zhiku.domain.permissions import Role
from zhiku.services.accounts import AccountDraft
from zhiku.services.passwords import MAX_LENGTH, MIN_LENGTH

_NOT_COMPLETED = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
_CODE = {"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false", "autocapitalize": "characters"}

#: Fields of a form that name a row; a longer number names none.
_MAX_DIGITS = 9


class SignInForm(FlaskForm):
    """Name and password, and where somebody wanted to go."""

    name = StringField(
        "登录名",
        description="系统管理员给您的名字，大小写都可以。",
        render_kw={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"},
    )
    password = PasswordField(
        "密码",
        description="第一次登录，请用管理员给的一次性密码。",
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class CodeForm(FlaskForm):
    """The second factor."""

    code = StringField(
        "验证码", description="手机验证器上现在显示的 6 位数字；手机不在身边，输入一个备用码。", render_kw=_CODE
    )


class SetUpForm(FlaskForm):
    """The first code of an authenticator app."""

    code = StringField("手机上显示的 6 位数字", description="扫描以后，验证器里会多出一行“智库”。", render_kw=_CODE)
    #: Not "csrf_token": it stays the same when the page is shown again.
    form_key = HiddenField()


class OwnSetUpForm(SetUpForm):
    """The same by somebody who is signed in: with the password, since the browser may have been left open."""

    password = PasswordField(
        "现在的密码", description="再输入一次，确认是您本人。", render_kw={"autocomplete": "current-password"}
    )


class OwnPasswordForm(FlaskForm):
    """A grave step of one's own: the password once more."""

    password = PasswordField(
        "现在的密码", description="再输入一次，确认是您本人。", render_kw={"autocomplete": "current-password"}
    )
    form_key = HiddenField()


class NewPasswordForm(FlaskForm):
    """Another password of one's own. Its fields are named so that no page shows them again (web/interrupted.py)."""

    old_password = PasswordField(
        "现在的密码",
        description="如果是管理员刚给的，就是那个一次性密码。",
        render_kw={"autocomplete": "current-password"},
    )
    new_password = PasswordField(
        "新密码",
        description=f"至少 {MIN_LENGTH} 个字符，最多 {MAX_LENGTH} 个。不要求大小写和符号：想一句只有自己知道的话，打出它的拼音，六个字以上，又长又好记。",
        render_kw={"autocomplete": "new-password"},
    )
    new_password_again = PasswordField(
        "再输入一遍新密码", description="防止打错。", render_kw={"autocomplete": "new-password"}
    )


@dataclass(frozen=True, slots=True)
class AccountChoices:
    """What an administrator may choose from: value and text, in order."""

    role: tuple[tuple[str, str], ...]
    division_prefix: tuple[tuple[str, str], ...]
    department_id: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls, divisions: Sequence[tuple[str, str]], departments: Sequence[tuple[int, str]], has_all: bool
    ) -> AccountChoices:
        """From the divisions and departments of their scope; `has_all` offers everything, too."""
        # A province's code has 2 digits, a county's 6, a township's 9: what is below stands further in.
        shortest = min((len(code) for code, _ in divisions), default=0)
        places = [(code, "\u3000" * ((len(code) - shortest + 1) // 2) + name) for code, name in divisions]
        return cls(
            (("", "请选择"), *((role.value, role.label) for role in Role if role.is_staff)),
            ((("", "全部"),) if has_all else ()) + tuple(places),
            (("", "不选"), *((str(key), name) for key, name in departments)),
        )


class AccountForm(FlaskForm):
    """An account as an administrator decides about it."""

    name = StringField("姓名", description="真实姓名，审计记录里显示的就是它。", render_kw=_NOT_COMPLETED)
    sign_in_name = StringField(
        "登录名", description="例如姓名的拼音，不分大小写；请不要用手机号或身份证号。", render_kw=_NOT_COMPLETED
    )
    # Chosen from lists that the page has (`AccountChoices`); what was chosen is judged by the service.
    role = StringField("角色", description="决定这个人能做什么。", render_kw={})
    division_prefix = StringField("管辖范围", description="只能看到这个地方和它下面各处的人和建议。", render_kw={})
    department_id = StringField("所属部门", description="角色是“部门”的才要选。", render_kw={})
    #: Of the form: an account that is sent twice is made once.
    form_key = HiddenField()
    #: What the account was when the form was opened.
    was_name = HiddenField()
    was_sign_in_name = HiddenField()
    was_role = HiddenField()
    was_division_prefix = HiddenField()
    was_department_id = HiddenField()

    def show(self, draft: AccountDraft) -> None:
        """Begin with an account as it is."""
        for name in ("name", "sign_in_name", "role", "division_prefix"):
            self[name].data = getattr(draft, name)
        self.department_id.data = str(draft.department_id or "")
        self.remember(draft)

    def remember(self, draft: AccountDraft) -> None:
        """What the next try is against."""
        for name in ("name", "sign_in_name", "role", "division_prefix"):
            self[f"was_{name}"].data = getattr(draft, name)
        self.was_department_id.data = str(draft.department_id or "")

    def draft(self) -> AccountDraft:
        """What was typed."""
        return self._draft("")

    def before(self) -> AccountDraft:
        """What the form began with."""
        return self._draft("was_")

    def show_problems(self, problems: dict[str, str]) -> None:
        """Put the service's sentences to their fields."""
        for name, problem in problems.items():
            self[name].errors = [problem]

    def _draft(self, prefix: str) -> AccountDraft:
        def typed(name: str) -> str:
            return self[f"{prefix}{name}"].data or ""

        department = typed("department_id")
        is_number = department.isascii() and department.isdecimal() and len(department) <= _MAX_DIGITS
        return AccountDraft(
            typed("sign_in_name"),
            typed("name"),
            typed("role"),
            typed("division_prefix"),
            int(department) if is_number else None,
        )


class DeedForm(FlaskForm):
    """A button: its CSRF token, and a key where it makes something."""

    form_key = HiddenField()
