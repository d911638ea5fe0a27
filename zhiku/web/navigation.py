"""The ways through the pages: what stands in the header, on the home page and in the footer, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from zhiku.domain.permissions import Permission
from zhiku.services.sign_ins import SignedIn
from zhiku.web import access
from zhiku.web.access import let_in


@dataclass(frozen=True, slots=True)
class Way:
    """A page that a header, or a door of the home page, leads to."""

    endpoint: str
    icon: str
    #: In the header: few characters.
    label: str
    #: On the door.
    title: str
    text: str


#: In the order of the header. Who has not the permission of a page does not see the way to it.
WAYS = (
    Way("own.home", "person-lines-fill", "我的", "我的资料和建议", "看自己的档案，看联络员替您办了什么，并确认。"),
    Way("experts.search", "people", "找专家", "找专家", "用平常话写下问题，找到能帮忙的老同志。"),
    Way(
        "suggestions.search", "chat-square-text", "看建议", "看看大家的建议", "老同志们为县里的发展出了哪些主意。"
    ),
    Way(
        "suggestions.new", "pencil-square", "提建议", "我要提建议", "事由、情况、建议，三格写完就好，不用注册。"
    ),
    Way(
        "suggestions.status", "clock-history", "查进度", "我的建议办到哪一步了", "用编号和查询码，看现在由哪个单位办理。"
    ),
    Way("liaison.overview", "person-hearts", "我联系的", "我联系的老同志", "印进门码，代老同志提建议、改档案。"),
    Way("persons.overview", "folder2-open", "人员资料", "人员资料", "联系方式、本人的同意、退出和去世；看之前先写用途。"),
    Way("lexicon.overview", "book", "检索用词", "检索用词", "大家怎么说，档案怎么写，在这里对上。"),
    Way("assignments.overview", "diagram-3", "联络员", "谁联系谁", "给老同志指定联络员。"),
    Way("accounts.overview", "person-gear", "账号", "账号", "新增、停用账号，重设密码。"),
    Way("tokens.overview", "key", "令牌", "接口令牌", "别的系统凭令牌查找，随时可以收回。"),
    Way("audit.overview", "journal-text", "审计", "审计记录", "谁、什么时候、看了什么、改了什么。"),
)  # fmt: skip

#: For everybody, but of no use to who keeps accounts.
_FOR_CONTRIBUTORS = frozenset({"suggestions.new", "suggestions.status"})


def install(app: Flask) -> None:
    """Let the templates ask for the ways."""
    app.jinja_env.globals.update(
        ways=ways, doors=doors, may=may, account_here=account_here, is_let_in=lambda: let_in() is not None
    )


def ways() -> list[Way]:
    """Those that open for whoever looks."""
    return [way for way in WAYS if is_open(way.endpoint)]


def doors() -> list[Way]:
    """The ways as doors of the home page: without that which the page itself begins with."""
    return [way for way in ways() if way.endpoint != "experts.search"]


def is_open(endpoint: str) -> bool:
    """Whether a page opens for whoever looks."""
    required = access.required_by(current_app.view_functions[endpoint])
    found = let_in()
    if required is not None:
        return found is not None and found.may(required)
    is_keeper = found is not None and found.may(Permission.MANAGE_ACCOUNTS)
    return not (is_keeper and endpoint in _FOR_CONTRIBUTORS)


def may(name: str) -> bool:
    """Whether whoever looks has a permission, by its value: for links within pages."""
    return access.may(Permission.from_value(name))


def account_here() -> SignedIn | None:
    """Who is signed in, for the header; None for visitors."""
    found = let_in()
    return found if isinstance(found, SignedIn) else None
