"""Who may do what: the one table of roles and permissions.

Every route of the pages and of the API names one `Permission`, or says that it is for everybody (web/access.py). What
somebody may do *to which rows* is their `Scope`: a prefix of division codes, and for some roles one department or one
person. Rows out of scope do not exist for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zhiku.domain.base import LabelledEnum


class Role(LabelledEnum):
    """What an account is for. One each: who wears two hats has two accounts, and the audit tells them apart."""

    DEPARTMENT = "department", "部门"
    RETIREE = "retiree", "老同志"
    LIAISON = "liaison", "联络员"
    BUREAU = "bureau", "老干部局"
    LEADER = "leader", "领导"
    ADMINISTRATOR = "administrator", "系统管理员"

    @property
    def is_staff(self) -> bool:
        """Whether such accounts sign in with a password; retirees come by a code from their liaison."""
        return self is not Role.RETIREE


class Permission(LabelledEnum):
    """One thing that somebody may do."""

    SEARCH_EXPERTS = "search_experts", "查找专家，看公开的档案"
    SEARCH_SUGGESTIONS = "search_suggestions", "查找建议"
    ROUTE_SUGGESTIONS = "route_suggestions", "看建议宜交给哪些部门"
    MAINTAIN_LEXICON = "maintain_lexicon", "维护词库"
    REVEAL_CONTACT = "reveal_contact", "说明用途后查看联系方式"
    REVEAL_IDENTITY = "reveal_identity", "说明用途后查看身份证号"
    REVEAL_CARE = "reveal_care", "说明用途后查看健康和困难情况"
    OVERSEE_REVEALS = "oversee_reveals", "看谁查看过敏感资料"
    RECORD_SENSITIVE = "record_sensitive", "登记联系方式、身份证号、健康和困难情况"
    KEEP_PHOTOS = "keep_photos", "更换档案照片"
    RECORD_CONSENT = "record_consent", "登记本人的同意"
    CHANGE_STANDING = "change_standing", "登记退出、去世和恢复"
    EXPORT_PERSON = "export_person", "导出一个人的全部资料"
    ERASE_PERSON = "erase_person", "按本人要求删除资料"
    ISSUE_ENTRY_CODES = "issue_entry_codes", "给老同志印进门码"
    ACT_ON_BEHALF = "act_on_behalf", "代老同志办理"
    SEE_OWN_RECORDS = "see_own_records", "看自己的资料和别人代办的事项，确认代办"
    ASSIGN_LIAISONS = "assign_liaisons", "指定联络员"
    MANAGE_ACCOUNTS = "manage_accounts", "管理账号"
    MANAGE_TOKENS = "manage_tokens", "管理接口令牌"
    READ_AUDIT = "read_audit", "查看和导出审计记录"
    OWN_ACCOUNT = "own_account", "管理自己的密码、动态口令和登录"


_STAFF = frozenset({Permission.SEARCH_EXPERTS, Permission.SEARCH_SUGGESTIONS, Permission.OWN_ACCOUNT})

#: The table. The administrator keeps accounts and reads the audit, and sees nobody's sensitive data; the bureau sees
#: those, and neither makes accounts nor reads what was noted of it. Nobody can do both.
TABLE: Mapping[Role, frozenset[Permission]] = {
    Role.DEPARTMENT: _STAFF,
    Role.LEADER: _STAFF,
    Role.RETIREE: frozenset({Permission.SEE_OWN_RECORDS, Permission.OWN_ACCOUNT}),
    Role.LIAISON: _STAFF
    | {
        Permission.REVEAL_CONTACT,
        Permission.RECORD_SENSITIVE,
        Permission.RECORD_CONSENT,
        Permission.KEEP_PHOTOS,
        Permission.ISSUE_ENTRY_CODES,
        Permission.ACT_ON_BEHALF,
    },
    Role.BUREAU: _STAFF
    | {
        Permission.ROUTE_SUGGESTIONS,
        Permission.MAINTAIN_LEXICON,
        Permission.REVEAL_CONTACT,
        Permission.REVEAL_IDENTITY,
        Permission.REVEAL_CARE,
        Permission.OVERSEE_REVEALS,
        Permission.RECORD_SENSITIVE,
        Permission.RECORD_CONSENT,
        Permission.KEEP_PHOTOS,
        Permission.CHANGE_STANDING,
        Permission.EXPORT_PERSON,
        Permission.ERASE_PERSON,
        Permission.ISSUE_ENTRY_CODES,
        Permission.ASSIGN_LIAISONS,
    },
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.OWN_ACCOUNT,
            Permission.MANAGE_ACCOUNTS,
            Permission.MANAGE_TOKENS,
            Permission.READ_AUDIT,
        }
    ),
}

#: Permissions that a token of the API may carry.
FOR_TOKENS = frozenset({Permission.SEARCH_EXPERTS, Permission.SEARCH_SUGGESTIONS, Permission.ROUTE_SUGGESTIONS})


def may(role: Role, permission: Permission) -> bool:
    """Whether the table gives it to the role."""
    return permission in TABLE[role]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows somebody may see."""

    #: Prefix of division codes: 430725 for the county with all its townships, "" for everything.
    division: str = ""
    #: Of an account of a department: of what departments handle, only what that one does (`covers_department`).
    department_id: int | None = None
    #: Of a retiree: the profile that is theirs.
    expert_id: int | None = None

    def holds_division(self, code: str) -> bool:
        """Whether a place lies within it."""
        return code.startswith(self.division)

    def covers_department(self, *handled_by: int | None) -> bool:
        """Whether what these departments handle is theirs: everything, unless the scope is that of one department."""
        return self.department_id is None or self.department_id in handled_by
